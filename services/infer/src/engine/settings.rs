//! What can be chosen about an engine: which one, where, in which arithmetic, on how many threads. Values only; knows
//! no library.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

/// The library that computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EngineKind {
    /// libtorch; reads every kind of model folder.
    Tch,
    /// OpenVINO, on processors only; wants its library and a network that it knows.
    Openvino,
    /// No network at all: answers after a fixed time. For tests and for planning capacity.
    Simulated(Simulation),
}

impl EngineKind {
    /// As in settings and in the record of a reading.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tch => "tch",
            Self::Openvino => "openvino",
            Self::Simulated(_) => "simulated",
        }
    }
}

impl FromStr for EngineKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = [Self::Tch, Self::Openvino, Self::Simulated(Simulation::default())];
        let known = known.into_iter().find(|kind| kind.as_str() == text);
        known.ok_or_else(|| format!("{text:?} is no engine; write tch, openvino or simulated"))
    }
}

/// What a simulated engine pretends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simulation {
    /// How long it takes for each image of a batch.
    pub time_per_image: Duration,
    /// The memory that one copy of it says it takes; nothing is allocated.
    pub footprint_bytes: u64,
}

impl Default for Simulation {
    /// 10 ms, 1 GB.
    fn default() -> Self {
        Self { time_per_image: Duration::from_millis(10), footprint_bytes: 1_000_000_000 }
    }
}

/// Where the network computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The processor.
    Cpu,
    /// A CUDA device by number.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
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

impl std::fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
        }
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
    /// 16-bit floats for convolutions and maps, on CUDA devices; the classifier stays in 32 bits.
    Fp16,
}

impl Precision {
    /// As in settings and in the record of a reading.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Fp32 => "fp32",
            Self::Bf16 => "bf16",
            Self::Fp16 => "fp16",
        }
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = [Self::Fp32, Self::Bf16, Self::Fp16];
        let known = known.into_iter().find(|precision| precision.as_str() == text);
        known.ok_or_else(|| format!("{text:?} is no precision; write fp32, bf16 or fp16"))
    }
}

/// How an engine computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSettings {
    /// The library that computes.
    pub kind: EngineKind,
    /// Where it computes.
    pub device: DeviceChoice,
    /// The arithmetic of convolutions.
    pub precision: Precision,
    /// Threads of one forward pass.
    pub threads: NonZeroUsize,
    /// How many forward passes will run at the same time; replicas × threads are not to be more than the cores.
    pub replicas: NonZeroUsize,
}

impl EngineSettings {
    /// libtorch in 32 bits on one thread of the processor: what every model folder can be read with.
    pub fn reference() -> Self {
        Self {
            kind: EngineKind::Tch,
            device: DeviceChoice::Cpu,
            precision: Precision::Fp32,
            threads: NonZeroUsize::MIN,
            replicas: NonZeroUsize::MIN,
        }
    }
}

/// A setting that may be left to the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Choice<T> {
    /// What is best here.
    #[default]
    Auto,
    /// This one or nothing.
    Only(T),
}

impl<T: Copy> Choice<T> {
    /// What was asked for.
    pub fn only(self) -> Option<T> {
        match self {
            Self::Auto => None,
            Self::Only(chosen) => Some(chosen),
        }
    }
}

impl<T: FromStr<Err = String>> FromStr for Choice<T> {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "auto" {
            return Ok(Self::Auto);
        }
        text.parse().map(Self::Only).map_err(|error: String| format!("{error}, or auto"))
    }
}

/// One thread per core that this process may use.
pub fn all_cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_as_they_are_written() {
        for device in ["cpu", "cuda:3"] {
            assert_eq!(device.parse::<DeviceChoice>().unwrap().to_string(), device);
        }
        assert_eq!("auto".parse::<Choice<Precision>>().unwrap(), Choice::Auto);
        assert_eq!("fp16".parse::<Choice<Precision>>().unwrap().only(), Some(Precision::Fp16));
        assert_eq!("openvino".parse::<Choice<EngineKind>>().unwrap().only(), Some(EngineKind::Openvino));
        let unknown = "onnx".parse::<Choice<EngineKind>>().unwrap_err();
        assert!(unknown.contains("openvino") && unknown.contains("auto"), "{unknown}");
    }
}
