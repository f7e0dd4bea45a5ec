//! Reads images with a model. The model side: a verified folder becomes an engine on its own thread that forms
//! batches from what is waiting. Everything that calls libtorch is in `tch_engine`, `densenet…`, `torchscript`,
//! `tensors` and `bench`, everything that calls OpenVINO in `openvino`.

mod asked;
mod batcher;
pub mod bench;
mod calibrate;
mod candidates;
mod chosen;
mod config;
mod densenet;
mod densenet_product;
mod densenet_weights;
pub mod engine;
mod engine_options;
mod engine_settings;
pub mod environment;
pub mod import;
mod import_python;
pub mod load;
mod memory;
mod model_check;
pub mod model_command;
mod model_printer;
mod model_thread;
mod openvino;
mod plausibility;
pub mod preparation;
mod prepare;
mod reading;
mod replicas;
pub mod scores;
mod select;
mod self_check;
pub mod service;
mod shell;
mod simulated;
mod tch_engine;
mod tensors;
mod torchscript;
mod worker;

pub use crate::openvino::use_library as use_openvino_library;
pub use asked::{is_wanted, tell};
pub use batcher::BatchSettings;
pub use candidates::Wanted;
pub use chosen::{Candidate, Chosen, SelectError};
pub use config::Config;
pub use engine::{ActivationMaps, Engine, EngineDescription, EngineError, Output};
pub use engine_options::EngineOptions;
pub use engine_settings::{
    Choice, DeviceChoice, EngineKind, EngineSettings, Precision, Simulation, all_cores,
};
pub use load::{LoadError, load_engine};
pub use memory::ByteSize;
pub use scores::{Finding, findings, top_finding};
pub use select::choose;
pub use self_check::{
    CheckError, CheckReport, HALF_LOGIT_TOLERANCE, HALF_MAP_TOLERANCE, HALF_PROBABILITY_TOLERANCE,
    LOGIT_TOLERANCE, MAP_TOLERANCE, PROBABILITY_TOLERANCE, SCORE_TOLERANCE, self_check,
};
pub use worker::{Announced, ModelWorker};
