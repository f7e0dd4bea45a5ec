//! Writes a model folder: all of it or nothing, and not over something else.

use std::fs;
use std::path::{Path, PathBuf};

use crate::folder::sha256_hex;
use crate::{FileEntry, FileRole, MANIFEST_FILE, Manifest, ModelError, ModelFolder, UNTRAINED_NOTICE};

/// A file for a new model folder.
#[derive(Debug, Clone)]
pub struct NewFile {
    /// Path inside the folder, with `/`.
    pub name: String,
    /// What it is for.
    pub role: FileRole,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Writes `files` and a `model.toml` from `draft` (whose file list is replaced) to the folder `target`, and opens it.
/// If the same model is already there, it is opened and left alone, with the ONNX file that was added to it.
///
/// # Errors
/// When the draft breaks a rule of the manifest, something else is at `target`, or writing failed.
pub fn write_folder(target: &Path, draft: Manifest, files: &[NewFile]) -> Result<ModelFolder, ModelError> {
    let entry = |file: &NewFile| FileEntry {
        name: file.name.clone(),
        role: file.role,
        sha256: sha256_hex(&file.bytes),
    };
    let manifest = Manifest { files: files.iter().map(entry).collect(), ..draft };
    manifest.check()?;
    let text = manifest_text(&manifest)?;
    if is_occupied(target) {
        return open_same(target, &text);
    }
    let partial = partial_folder(target);
    let written = write_all(&partial, &text, files)
        .and_then(|()| fs::rename(&partial, target).map_err(failed_at(target)));
    if let Err(error) = written {
        // Only what was begun here is removed; the reason for the failure matters more than a left-over.
        let _ = fs::remove_dir_all(&partial);
        return Err(error);
    }
    ModelFolder::open(target)
}

fn manifest_text(manifest: &Manifest) -> Result<String, ModelError> {
    let body = toml::to_string(manifest).map_err(ModelError::Serialise)?;
    let head = if manifest.trained { String::new() } else { format!("# {UNTRAINED_NOTICE}\n") };
    Ok(head + &body)
}

fn is_occupied(target: &Path) -> bool {
    match fs::read_dir(target) {
        Ok(mut entries) => entries.next().is_some(),
        Err(_) => target.exists(),
    }
}

fn open_same(target: &Path, text: &str) -> Result<ModelFolder, ModelError> {
    let occupied = || ModelError::Occupied { path: target.to_owned() };
    let found = fs::read_to_string(target.join(MANIFEST_FILE)).map_err(|_| occupied())?;
    if found != text && without_onnx(&found).is_none_or(|found| found != text) {
        return Err(occupied());
    }
    ModelFolder::open(target)
}

/// The manifest as it was before `model prepare` added the ONNX file.
fn without_onnx(found: &str) -> Option<String> {
    let mut manifest = Manifest::parse(found).ok()?;
    manifest.files.retain(|file| file.role != FileRole::Onnx);
    manifest_text(&manifest).ok()
}

fn partial_folder(target: &Path) -> PathBuf {
    let name = target.file_name().unwrap_or_default().to_string_lossy().into_owned();
    target.with_file_name(format!(".{name}.partial-{}", std::process::id()))
}

fn write_all(folder: &Path, manifest: &str, files: &[NewFile]) -> Result<(), ModelError> {
    fs::create_dir_all(folder).map_err(failed_at(folder))?;
    for file in files {
        write_file(&folder.join(&file.name), &file.bytes)?;
    }
    write_file(&folder.join(MANIFEST_FILE), manifest.as_bytes())
}

pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(failed_at(parent))?;
    }
    fs::write(path, bytes).map_err(failed_at(path))
}

pub(crate) fn failed_at(path: &Path) -> impl FnOnce(std::io::Error) -> ModelError {
    let path = path.to_owned();
    |source| ModelError::Write { path, source }
}
