//! From a verified model folder to an engine that is ready to read. Decides nothing about batches or threads of the
//! service; the number of libtorch threads comes in.

use hilum_models::{Architecture, ModelError, ModelFolder};
use std::num::NonZeroUsize;
use tch::{Cuda, Device, Kind, TchError};

use crate::densenet::DenseNet121;
use crate::engine::{Engine, EngineDescription, EngineError};
use crate::tensors::first_line;
use crate::torchscript::TorchScript;

/// The libtorch that tch 0.26 links; its build accepts no other.
const LIBTORCH_VERSION: &str = "libtorch 2.13.0";

/// Where the network computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The processor.
    Cpu,
    /// A CUDA device by number.
    Cuda(usize),
}

impl std::str::FromStr for DeviceChoice {
    type Err = String;

    /// `cpu`, `cuda` (the first) or `cuda:N`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |text: &str| text.parse().ok();
        match text.split_once(':') {
            None if text == "cpu" => Some(Self::Cpu),
            None if text == "cuda" => Some(Self::Cuda(0)),
            Some(("cuda", index)) => number(index).map(Self::Cuda),
            _ => None,
        }
        .ok_or_else(|| format!("{text:?} is no device; write cpu, cuda or cuda:N"))
    }
}

/// In which arithmetic the network computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// 32-bit floats, as the reference.
    Fp32,
    /// 16-bit brain floats for convolutions and maps; the classifier stays in 32 bits. About three times as fast on
    /// processors with AMX, at a thousandth or so of a score; slow on those without AVX512-BF16 or AMX.
    Bf16,
}

impl Precision {
    /// As in settings and in the record of a reading.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
        }
    }

    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Fp32 => Kind::Float,
            Self::Bf16 => Kind::BFloat16,
        }
    }
}

impl std::str::FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = [Self::Fp32, Self::Bf16].into_iter().find(|precision| precision.as_str() == text);
        known.ok_or_else(|| format!("{text:?} is no precision; write fp32 or bf16"))
    }
}

/// How an engine computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSettings {
    /// libtorch threads within one operation; a setting of the whole process.
    pub threads: NonZeroUsize,
    /// Where it computes.
    pub device: DeviceChoice,
    /// In which arithmetic.
    pub precision: Precision,
}

/// One thread per core that this process may use.
pub fn all_cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// Why a model could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The folder was refused.
    #[error("the model folder was refused")]
    Folder(#[from] ModelError),
    /// The weights are no safetensors file.
    #[error("the weights are not a readable safetensors file")]
    Safetensors(#[source] safetensors::SafeTensorError),
    /// A tensor of the weights does not fit the network.
    #[error("the weights do not fit the network: {name} {reason}")]
    Tensor {
        /// As in the state dict.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The manifest asks for an input that the built-in network does not take.
    #[error("the built-in densenet121 takes {expected} pixels a side, model.toml says {found}")]
    InputSide {
        /// What the network takes.
        expected: usize,
        /// What the manifest says.
        found: u32,
    },
    /// The device is not there.
    #[error(
        "CUDA device {index} is not available to this libtorch; set the device to cpu or install the CUDA libtorch"
    )]
    NoCuda {
        /// As asked for.
        index: usize,
    },
    /// The engine has no such arithmetic.
    #[error("a TorchScript module computes as it was exported; set the precision to fp32")]
    Precision,
    /// libtorch failed.
    #[error("libtorch could not load the model: {reason}")]
    Torch {
        /// What libtorch said.
        reason: String,
    },
}

impl From<TchError> for LoadError {
    fn from(error: TchError) -> Self {
        Self::Torch { reason: first_line(&error) }
    }
}

/// Loads the model of a folder. Blocks for a second or so; call it off the async threads.
///
/// # Errors
/// The weights changed, do not fit the network, or the device is missing.
pub fn load_engine(folder: &ModelFolder, settings: &EngineSettings) -> Result<Box<dyn Engine>, LoadError> {
    let device = device(settings.device)?;
    tch::set_num_threads(i32::try_from(settings.threads.get()).unwrap_or(i32::MAX));
    let manifest = folder.manifest();
    let labels = manifest.labels.len();
    let weights = folder.read_weights()?;
    match manifest.architecture {
        Architecture::Densenet121 => {
            let expected = hilum_models::densenet121::INPUT_SIDE_PX;
            if manifest.input_side_px as usize != expected {
                return Err(LoadError::InputSide { expected, found: manifest.input_side_px });
            }
            Ok(Box::new(DenseNet121::load(&weights, labels, device, settings.precision)?))
        }
        Architecture::Torchscript => {
            if settings.precision != Precision::Fp32 {
                return Err(LoadError::Precision);
            }
            let side_px = manifest.input_side_px as usize;
            Ok(Box::new(TorchScript::load(&weights, side_px, labels, device)?))
        }
    }
}

/// Runs a single image and a full batch, so that the first real image does not pay for what libtorch sets up lazily.
/// Twice, because TorchScript compiles on the second run of a shape.
///
/// # Errors
/// The model fails.
pub fn warm_up(engine: &mut dyn Engine, max_batch: NonZeroUsize) -> Result<(), EngineError> {
    let blank = vec![0.0; engine.input_len()];
    for size in [1, max_batch.get()] {
        let batch = vec![blank.as_slice(); size];
        engine.forward(&batch)?;
        engine.forward(&batch)?;
    }
    Ok(())
}

fn device(choice: DeviceChoice) -> Result<Device, LoadError> {
    match choice {
        DeviceChoice::Cpu => Ok(Device::Cpu),
        DeviceChoice::Cuda(index) if Cuda::is_available() && (index as i64) < Cuda::device_count() => {
            Ok(Device::Cuda(index))
        }
        DeviceChoice::Cuda(index) => Err(LoadError::NoCuda { index }),
    }
}

pub(crate) fn description(device: Device, precision: Precision) -> EngineDescription {
    let device = match device {
        Device::Cuda(index) => format!("cuda:{index}"),
        _ => "cpu".to_owned(),
    };
    EngineDescription {
        engine: "tch".to_owned(),
        version: LIBTORCH_VERSION.to_owned(),
        precision: precision.as_str().to_owned(),
        device,
    }
}
