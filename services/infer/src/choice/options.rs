//! The settings of an engine as an operator writes them, the same for the service, the benchmarks and the checks.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::choice::candidates::Wanted;
use crate::choice::memory::ByteSize;
use crate::engine::openvino;
use crate::engine::settings::{Choice, DeviceChoice, EngineKind, Precision, Simulation, all_cores};

/// Which engine reads, and what it may use.
#[derive(Debug, Clone, Args)]
pub struct EngineOptions {
    /// What computes: auto (the fastest that proves itself on the golden cases), tch, openvino, or simulated (no
    /// network: fixed time, made-up numbers; for tests and planning)
    #[arg(long, env = "HILUM_ENGINE", default_value = "auto")]
    pub engine: Choice<EngineKind>,
    /// Where the model computes: auto (a CUDA device if there is one), cpu, cuda or cuda:N
    #[arg(long, env = "HILUM_DEVICE", default_value = "auto")]
    pub device: Choice<DeviceChoice>,
    /// In which arithmetic: auto, fp32, bf16 (processors with AVX512-BF16 or AMX, CUDA devices) or fp16 (CUDA devices)
    #[arg(long, env = "HILUM_PRECISION", default_value = "auto")]
    pub precision: Choice<Precision>,
    /// Cores for forward passes: replicas × threads are never more, except of simulated engines
    #[arg(long, value_name = "N", env = "HILUM_CORES", default_value_t = all_cores())]
    pub cores: NonZeroUsize,
    /// Threads of one forward pass; by default the cores shared among the replicas
    #[arg(long, value_name = "N", env = "HILUM_INFER_THREADS")]
    pub threads: Option<NonZeroUsize>,
    /// Forward passes at the same time; by default one for each core with OpenVINO, else one, as far as memory allows
    #[arg(long, value_name = "N", env = "HILUM_REPLICAS")]
    pub replicas: Option<NonZeroUsize>,
    /// Memory that all replicas together may take, such as 6GB; by default they are as many as the cores allow
    #[arg(long, value_name = "SIZE", env = "HILUM_MEMORY_LIMIT")]
    pub memory_limit: Option<ByteSize>,
    /// Most images in one forward pass; by default measured at start: the smallest that comes close to the best
    #[arg(long, value_name = "N", env = "HILUM_MAX_BATCH")]
    pub max_batch: Option<NonZeroUsize>,
    /// OpenVINO's libopenvino_c.so, if it is not where `make setup` puts it
    #[arg(long, value_name = "PATH", env = "HILUM_OPENVINO_LIBRARY")]
    pub openvino_library: Option<PathBuf>,
    /// What a simulated engine takes for each image, milliseconds
    #[arg(long, value_name = "MS", env = "HILUM_SIMULATED_MS", default_value_t = 10)]
    pub simulated_ms: u64,
    /// The memory that each copy of a simulated engine says it takes
    #[arg(long, value_name = "SIZE", env = "HILUM_SIMULATED_FOOTPRINT", default_value = "1GB")]
    pub simulated_footprint: ByteSize,
}

impl EngineOptions {
    /// Says where libraries are; call it before the first engine is looked for.
    pub fn use_libraries(&self) {
        if let Some(path) = &self.openvino_library {
            openvino::use_library(path);
        }
    }

    /// The options in the terms of the choice of an engine.
    pub fn wanted(&self) -> Wanted {
        let simulation = Simulation {
            time_per_image: Duration::from_millis(self.simulated_ms),
            footprint_bytes: self.simulated_footprint.0,
        };
        let engine = match self.engine {
            Choice::Only(EngineKind::Simulated(_)) => Choice::Only(EngineKind::Simulated(simulation)),
            other => other,
        };
        Wanted {
            engine,
            device: self.device,
            precision: self.precision,
            cores: self.cores,
            threads: self.threads,
            replicas: self.replicas,
            memory_limit: self.memory_limit,
            max_batch: self.max_batch,
        }
    }
}
