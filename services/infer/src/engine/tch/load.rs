//! What the engines on libtorch have in common: device, arithmetic, threads. Builds no network itself.

use hilum_models::{Architecture, ModelFolder};
use std::cell::Cell;
use std::num::NonZeroUsize;
use tch::{Cuda, Device, Kind, TchError};

use crate::densenet::DenseNet121;
use crate::engine::{Engine, EngineDescription};
use crate::engine_settings::{DeviceChoice, EngineSettings, Precision};
use crate::load::LoadError;
use crate::tensors::first_line;
use crate::torchscript::TorchScript;

/// The libtorch that tch 0.26 links; its build accepts no other.
const LIBTORCH_VERSION: &str = "libtorch 2.13.0";

impl From<TchError> for LoadError {
    fn from(error: TchError) -> Self {
        Self::Library { library: "libtorch", reason: first_line(&error) }
    }
}

/// Where and how a network on libtorch computes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TchSettings {
    pub(crate) device: Device,
    pub(crate) precision: Precision,
    pub(crate) threads: NonZeroUsize,
}

impl TchSettings {
    /// The arithmetic of convolutions.
    pub(crate) fn kind(self) -> Kind {
        match self.precision {
            Precision::Fp32 => Kind::Float,
            Precision::Bf16 => Kind::BFloat16,
            Precision::Fp16 => Kind::Half,
        }
    }

    pub(crate) fn description(self) -> EngineDescription {
        let device = match self.device {
            Device::Cuda(index) => DeviceChoice::Cuda(index),
            _ => DeviceChoice::Cpu,
        };
        EngineDescription {
            engine: "tch".to_owned(),
            version: LIBTORCH_VERSION.to_owned(),
            precision: self.precision.as_str().to_owned(),
            device: device.to_string(),
        }
    }

    /// Makes the calling thread compute with as many threads as were set. libtorch keeps this number per thread.
    pub(crate) fn apply_threads(self) {
        thread_local!(static APPLIED: Cell<usize> = const { Cell::new(0) });
        if APPLIED.replace(self.threads.get()) != self.threads.get() {
            tch::set_num_threads(i32::try_from(self.threads.get()).unwrap_or(i32::MAX));
        }
    }
}

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
