//! What the engines on libtorch have in common: device, arithmetic, threads.

use std::cell::Cell;
use std::num::NonZeroUsize;

use tch::{Device, Kind, TchError};

use crate::engine::interface::EngineDescription;
use crate::engine::load_error::LoadError;
use crate::engine::settings::{DeviceChoice, Precision};
use crate::engine::tch::tensors::first_line;

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
