//! Finds OpenVINO's C library and loads it, once per process: the first call decides for all, for a library can't be
//! unloaded. Knows no model.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hilum_runtime::{cache_folder, newest_version};

/// Where the library is, if nobody calls [`use_library`].
const VARIABLE: &str = "HILUM_OPENVINO_LIBRARY";
const ADVICE: &str = "infra/local/fetch.py fetches it and prints where it is, for HILUM_OPENVINO_LIBRARY or \
                      --openvino-library; or choose the engine tch";

static PATH: OnceLock<PathBuf> = OnceLock::new();
static LOADED: OnceLock<Result<String, String>> = OnceLock::new();

/// Names the library, `libopenvino_c.so` with its full path, before an engine is loaded. Without it the variable
/// `HILUM_OPENVINO_LIBRARY` counts, then OpenVINO's own variables and the places where its packages install it, then
/// what the setup has fetched.
pub fn use_library(path: &Path) {
    if !path.as_os_str().is_empty() {
        // The first path counts: the library may be loaded already.
        let _ = PATH.set(path.to_owned());
    }
}

/// The version of the loaded library, such as `2026.4.1`.
///
/// # Errors
/// Why it can't be used and what to do, in words for the operator.
pub(super) fn version() -> Result<&'static str, String> {
    LOADED.get_or_init(|| load(path())).as_deref().map_err(Clone::clone)
}

fn path() -> Option<PathBuf> {
    let by_variable = || std::env::var_os(VARIABLE).filter(|value| !value.is_empty()).map(PathBuf::from);
    PATH.get().cloned().or_else(by_variable)
}

fn load(path: Option<PathBuf>) -> Result<String, String> {
    let named = path.is_some();
    let fetched = || newest_version(&cache_folder()?, "openvino-", "libopenvino_c.so");
    let Some(path) = path.or_else(openvino_sys::library::find).or_else(fetched) else {
        return Err(format!("its library libopenvino_c.so was not found; {ADVICE}"));
    };
    let refused = |reason: String| {
        let source = if named { "" } else { ", which was found by itself," };
        format!("{}{source} could not be loaded: {}; {ADVICE}", path.display(), reason.trim())
    };
    // The crate panics if the file is some other library.
    let loaded = catch_unwind(AssertUnwindSafe(|| {
        openvino_sys::library::load_from(&path)?;
        Ok(openvino::version())
    }));
    let version =
        loaded.unwrap_or_else(|_| Err("it is not OpenVINO's C library".to_owned())).map_err(refused)?;
    Ok(version.parts().take(3).collect::<Vec<_>>().join("."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_library_is_refused_with_the_reason_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libopenvino_c.so");
        std::fs::write(&file, "not a library").unwrap();
        for path in [file, folder.path().join("missing.so")] {
            let reason = load(Some(path.clone())).unwrap_err();
            assert!(reason.starts_with(&format!("{} could not be loaded", path.display())), "{reason}");
            assert!(reason.contains("fetch.py") && reason.contains("engine tch"), "{reason}");
        }
    }
}
