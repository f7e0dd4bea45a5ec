//! Which files are meant by the paths that were typed.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::Error;

/// The files among `paths` and all regular files below its folders, hidden ones left out; the entries of a
/// folder in the order of their names. A path that was typed is taken even if it is hidden.
///
/// # Errors
/// When a path is not there or can't be read, or when there is no file.
pub fn files_in(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Error> {
    let mut files = Vec::new();
    for path in paths {
        if fs::metadata(path).map_err(Error::file("read", path))?.is_dir() {
            collect(path, &mut files)?;
        } else {
            files.push(path.clone());
        }
    }
    if files.is_empty() {
        let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        return Err(Error::NoFiles { paths: paths.join(", ") });
    }
    Ok(files)
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Error> {
    let failed = || Error::file("read", folder);
    let entries = fs::read_dir(folder).map_err(failed())?;
    let mut entries = entries.collect::<Result<Vec<_>, _>>().map_err(failed())?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // Links to files are followed, links to folders are not: they could lead in a circle.
        let path = entry.path();
        if entry.file_type().map_err(failed())?.is_dir() {
            collect(&path, files)?;
        } else if fs::metadata(&path).is_ok_and(|found| found.is_file()) {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_in_order_and_hidden_files_are_left_out() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path();
        for name in ["b/2.png", "b/1.dcm", "b/.hidden/x.png", "a.jpg", ".DS_Store", "c"] {
            let path = root.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        std::os::unix::fs::symlink(root, root.join("d")).unwrap();
        let found = files_in(&[root.to_owned(), root.join(".DS_Store")]).unwrap();
        let names: Vec<_> =
            found.iter().map(|path| path.strip_prefix(root).unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.jpg", "b/1.dcm", "b/2.png", "c", ".DS_Store"]);
    }

    #[test]
    fn a_missing_path_and_an_empty_folder_are_named() {
        let place = tempfile::tempdir().unwrap();
        let missing = place.path().join("none.png");
        assert!(files_in(&[missing]).unwrap_err().to_string().contains("none.png"));
        assert!(matches!(files_in(&[place.path().to_owned()]), Err(Error::NoFiles { .. })));
    }
}
