//! The engine on OpenVINO, for processors: its library is looked for when the program runs, and the network goes in as
//! an ONNX graph. Everything that calls OpenVINO is below here; knows nothing of libtorch.

#[cfg(feature = "openvino")]
mod contract;
#[cfg(feature = "openvino")]
mod engine;
#[cfg(feature = "openvino")]
mod head;
#[cfg(feature = "openvino")]
mod library;
#[cfg(feature = "openvino")]
mod load;

#[cfg(feature = "openvino")]
pub use library::use_library;
#[cfg(feature = "openvino")]
pub(crate) use load::{is_available, load};

#[cfg(not(feature = "openvino"))]
pub use without::use_library;
#[cfg(not(feature = "openvino"))]
pub(crate) use without::{is_available, load};

#[cfg(not(feature = "openvino"))]
mod without {
    use std::path::Path;

    use hilum_models::ModelFolder;

    use crate::engine::interface::Engine;
    use crate::engine::load_error::LoadError;
    use crate::engine::settings::EngineSettings;

    /// Does nothing: no library can be used.
    pub fn use_library(_path: &Path) {}

    pub(crate) fn is_available() -> Result<(), String> {
        Err("this program was built without the feature `openvino`; choose the engine tch".to_owned())
    }

    pub(crate) fn load(_: &ModelFolder, _: &EngineSettings) -> Result<Box<dyn Engine>, LoadError> {
        let reason = is_available().err().unwrap_or_default();
        Err(LoadError::Unavailable { engine: "openvino", reason })
    }
}
