//! From a verified model folder to an engine that is ready to read. Knows which engine reads what, and none of their
//! libraries; decides nothing about batches or replicas.

use hilum_models::ModelFolder;

use crate::engine::interface::Engine;
use crate::engine::load_error::LoadError;
use crate::engine::openvino;
use crate::engine::settings::{EngineKind, EngineSettings};
use crate::engine::simulated::Simulated;
use crate::engine::tch;

/// Loads the model of a folder. Blocks for a second or so; call it off the async threads.
///
/// # Errors
/// The weights changed, do not fit the network, or the engine or the device is missing.
pub fn load_engine(folder: &ModelFolder, settings: &EngineSettings) -> Result<Box<dyn Engine>, LoadError> {
    match settings.kind {
        EngineKind::Tch => tch::load(folder, settings),
        EngineKind::Openvino => openvino::load(folder, settings),
        EngineKind::Simulated(simulation) => Ok(Box::new(Simulated::new(folder.manifest(), simulation))),
    }
}
