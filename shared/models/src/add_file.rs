//! Adds a file to a model folder that is in use: whenever it is cut, what is there can be opened. The rest of
//! `model.toml` stays as it was written, with its comments.

use std::fs;
use std::path::Path;

use toml_edit::{ArrayOfTables, DocumentMut, Item, Table, value};

use crate::folder::sha256_hex;
use crate::write::{failed_at, write_file};
use crate::{FileRole, MANIFEST_FILE, Manifest, ModelError, ModelFolder, NewFile};

/// What was done to the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Added {
    /// The file and its line in the manifest were written.
    Written,
    /// The very same file was listed already.
    Unchanged,
}

/// Writes `file` into `folder` and lists it with its hash, in the place of the one that had its role before.
///
/// # Errors
/// The manifest would break a rule (nothing is written then), or writing failed.
pub fn add_file(folder: &ModelFolder, file: &NewFile) -> Result<(ModelFolder, Added), ModelError> {
    let path = folder.path();
    let sha256 = sha256_hex(&file.bytes);
    let listed = |entry: &&crate::FileEntry| entry.role == file.role;
    if folder
        .manifest()
        .files
        .iter()
        .find(listed)
        .is_some_and(|entry| entry.name == file.name && entry.sha256 == sha256)
    {
        return Ok((folder.clone(), Added::Unchanged));
    }
    let manifest_path = path.join(MANIFEST_FILE);
    let failed = |source| ModelError::Read { path: manifest_path.clone(), source };
    let text = fs::read_to_string(&manifest_path).map_err(failed)?;
    let unlisted = edited(&text, file.role, None)?;
    let complete = edited(&text, file.role, Some((&file.name, &sha256)))?;
    Manifest::parse(&complete)?;
    if unlisted != text {
        // Between the new file and its line the old hash would be wrong.
        replace(&manifest_path, unlisted.as_bytes())?;
    }
    replace(&path.join(&file.name), &file.bytes)?;
    replace(&manifest_path, complete.as_bytes())?;
    Ok((ModelFolder::open(path)?, Added::Written))
}

/// The manifest's text without the file of this role, and with the new one if there is one.
fn edited(text: &str, role: FileRole, new: Option<(&str, &str)>) -> Result<String, ModelError> {
    let mut document: DocumentMut = text.parse().map_err(|error| ModelError::Edit(Box::new(error)))?;
    let files = document.entry("file").or_insert_with(|| Item::ArrayOfTables(ArrayOfTables::new()));
    let Some(files) = files.as_array_of_tables_mut() else {
        return Err(ModelError::Field { field: "file", reason: "is not written as [[file]]".to_owned() });
    };
    files.retain(|file| file.get("role").and_then(Item::as_str) != Some(role.as_str()));
    if let Some((name, sha256)) = new {
        let mut entry = Table::new();
        entry.insert("name", value(name));
        entry.insert("role", value(role.as_str()));
        entry.insert("sha256", value(sha256));
        files.push(entry);
    }
    Ok(document.to_string())
}

/// All of the file or what was there before.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), ModelError> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let partial = path.with_file_name(format!(".{name}.partial-{}", std::process::id()));
    let written =
        write_file(&partial, bytes).and_then(|()| fs::rename(&partial, path).map_err(failed_at(path)));
    if written.is_err() {
        // The reason for the failure matters more than a left-over.
        let _ = fs::remove_file(&partial);
    }
    written
}
