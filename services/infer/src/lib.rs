//! Reads images with a model. The model side: a verified folder becomes an engine on its own thread that forms
//! batches from what is waiting. Everything that calls libtorch is in `densenet`, `torchscript` and `tensors`.

mod batcher;
mod config;
mod densenet;
mod densenet_weights;
pub mod engine;
pub mod environment;
pub mod import;
mod import_python;
pub mod load;
pub mod model_command;
mod model_thread;
mod reading;
pub mod scores;
mod self_check;
pub mod service;
mod shell;
mod tensors;
mod torchscript;
mod worker;

pub use batcher::BatchSettings;
pub use config::Config;
pub use engine::{ActivationMaps, Engine, EngineDescription, EngineError, Output};
pub use load::{DeviceChoice, EngineSettings, LoadError, Precision, load_engine, warm_up};
pub use scores::{Finding, findings, top_finding};
pub use self_check::{CheckError, CheckReport, LOGIT_TOLERANCE, MAP_TOLERANCE, SCORE_TOLERANCE, self_check};
pub use worker::{Announced, ModelWorker};
