//! Reads images with a model. The model side: a verified folder becomes an engine on its own thread that forms
//! batches from what is waiting. Everything that calls libtorch is in `engine::tch` and `bench`, everything that calls
//! OpenVINO in `engine::openvino`.

mod asked;
pub mod bench;
mod choice;
mod config;
mod engine;
pub mod environment;
mod model_input;
mod plausibility;
mod queue;
mod reading;
pub mod scores;
pub mod service;
mod shell;
pub mod tools;

pub use asked::{is_wanted, tell};
pub use choice::candidates::Wanted;
pub use choice::chosen::{Candidate, Chosen, SelectError};
pub use choice::memory::ByteSize;
pub use choice::options::EngineOptions;
pub use choice::select::choose;
pub use choice::self_check::{
    CheckError, CheckReport, HALF_LOGIT_TOLERANCE, HALF_MAP_TOLERANCE, HALF_PROBABILITY_TOLERANCE,
    LOGIT_TOLERANCE, MAP_TOLERANCE, PROBABILITY_TOLERANCE, SCORE_TOLERANCE, self_check,
};
pub use config::{Config, OLD_NAMES};
pub use engine::load::load_engine;
pub use engine::load_error::LoadError;
pub use engine::openvino::use_library as use_openvino_library;
pub use engine::settings::{
    Choice, DeviceChoice, EngineKind, EngineSettings, Precision, Simulation, all_cores,
};
pub use engine::{ActivationMaps, Engine, EngineDescription, EngineError, Output};
pub use queue::batcher::BatchSettings;
pub use queue::worker::{Announced, ModelWorker};
pub use scores::{LabelScore, findings, top_finding};
