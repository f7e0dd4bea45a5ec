//! What computes: the port behind which a network runs, and the engines. Decides nothing about batches or replicas.

pub(crate) mod interface;
pub(crate) mod load;
pub(crate) mod load_error;
pub(crate) mod openvino;
pub(crate) mod settings;
mod simulated;
pub(crate) mod tch;

pub use interface::{ActivationMaps, Engine, EngineDescription, EngineError, Output};
