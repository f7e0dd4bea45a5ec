//! From a verified model folder to an engine on libtorch. Builds no network itself.

use hilum_models::{Architecture, ModelFolder};
use tch::{Cuda, Device};

use crate::engine::interface::Engine;
use crate::engine::load_error::LoadError;
use crate::engine::settings::{DeviceChoice, EngineSettings, Precision};
use crate::engine::tch::densenet::DenseNet121;
use crate::engine::tch::settings::TchSettings;
use crate::engine::tch::torchscript::TorchScript;

/// True if this libtorch sees that CUDA device.
pub(crate) fn has_cuda(index: usize) -> bool {
    Cuda::is_available() && (index as i64) < Cuda::device_count()
}

pub(crate) fn load(folder: &ModelFolder, settings: &EngineSettings) -> Result<Box<dyn Engine>, LoadError> {
    let device = match settings.device {
        DeviceChoice::Cpu => Device::Cpu,
        DeviceChoice::Cuda(index) if has_cuda(index) => Device::Cuda(index),
        DeviceChoice::Cuda(index) => return Err(LoadError::NoCuda { index }),
    };
    if settings.precision == Precision::Fp16 && device == Device::Cpu {
        return Err(LoadError::Precision {
            reason: "fp16 is for CUDA devices; choose bf16 or fp32".to_owned(),
        });
    }
    let tch = TchSettings { device, precision: settings.precision, threads: settings.threads };
    tch.apply_threads();
    let manifest = folder.manifest();
    let labels = manifest.labels.len();
    let weights = folder.read_weights()?;
    match manifest.architecture {
        Architecture::Densenet121 => {
            let expected = hilum_models::densenet121::INPUT_SIDE_PX;
            if manifest.input_side_px as usize != expected {
                return Err(LoadError::InputSide { expected, found: manifest.input_side_px });
            }
            Ok(Box::new(DenseNet121::load(&weights, labels, tch)?))
        }
        Architecture::Torchscript if settings.precision != Precision::Fp32 => Err(LoadError::Precision {
            reason: "a TorchScript module computes as it was exported; set the precision to fp32".to_owned(),
        }),
        Architecture::Torchscript => {
            let side_px = manifest.input_side_px as usize;
            Ok(Box::new(TorchScript::load(&weights, side_px, labels, tch)?))
        }
    }
}
