//! What is in a zip archive that lies in a file, within limits. No name in it is used for anything: neither as a path nor in a word
//! that leaves here. Knows no store and no intake.

use std::fs::File;
use std::io::{self, Read};

use flate2::read::DeflateDecoder;
use rawzip::{CompressionMethod, FileReader, RECOMMENDED_BUFFER_SIZE, ZipArchive, ZipArchiveEntryWayfinder};

/// What every zip archive with something in it begins with.
pub(crate) const ZIP_MARK: [u8; 4] = *b"PK\x03\x04";
/// Files in one archive.
pub(crate) const ENTRIES_MAX: usize = 10_000;
/// All files together may be so many times as long as the archive.
pub(crate) const RATIO_MAX: u64 = 200;
/// What macOS adds beside each file.
const RESOURCE_FORKS: &[u8] = b"__MACOSX/";

/// An archive whose list of files was read.
pub(crate) struct Archive {
    archive: ZipArchive<FileReader>,
    /// Its files, in the order of the list; folders are left out.
    pub(crate) entries: Vec<Entry>,
}

/// A file in it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    /// Its place in the list of the archive, from 1.
    pub(crate) number: usize,
    place: ZipArchiveEntryWayfinder,
    is_deflated: bool,
}

/// Why nothing is taken out of an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ArchiveFault {
    #[error("the archive is damaged; make it anew")]
    Damaged,
    #[error("the archive has more than {ENTRIES_MAX} files; make several of it")]
    TooManyEntries,
    #[error("the files in the archive are more than {RATIO_MAX} times as long as it; send them as they are")]
    TooDense,
    #[error("files in the archive share their bytes; make it anew")]
    Overlap,
    #[error("file {number} in the archive is encrypted; send it without a password")]
    Encrypted { number: usize },
    #[error("file {number} in the archive is compressed in a way that is not known here; use deflate")]
    UnknownCompression { number: usize },
}

impl Archive {
    /// Reads the list of an archive of `len` bytes, and sees that it keeps to the limits.
    ///
    /// # Errors
    /// When it does not, or can't be read.
    pub(crate) fn open(file: File, len: u64) -> Result<Self, ArchiveFault> {
        let mut buffer = vec![0; RECOMMENDED_BUFFER_SIZE];
        let archive = ZipArchive::from_file(file, &mut buffer).map_err(|_| ArchiveFault::Damaged)?;
        if archive.entries_hint() > ENTRIES_MAX as u64 {
            return Err(ArchiveFault::TooManyEntries);
        }
        let (mut entries, mut total) = (Vec::new(), 0_u64);
        let mut list = archive.entries(&mut buffer);
        let mut number = 0;
        while let Some(listed) = list.next_entry().map_err(|_| ArchiveFault::Damaged)? {
            number += 1;
            // A list that is longer than it says.
            if number > ENTRIES_MAX {
                return Err(ArchiveFault::TooManyEntries);
            }
            if listed.is_dir() || listed.file_path().as_ref().starts_with(RESOURCE_FORKS) {
                continue;
            }
            if listed.flags().is_encrypted() {
                return Err(ArchiveFault::Encrypted { number });
            }
            let is_deflated = match listed.compression_method() {
                CompressionMethod::STORE => false,
                CompressionMethod::DEFLATE => true,
                _ => return Err(ArchiveFault::UnknownCompression { number }),
            };
            total = total.saturating_add(listed.uncompressed_size_hint());
            entries.push(Entry { number, place: listed.wayfinder(), is_deflated });
        }
        if total > len.saturating_mul(RATIO_MAX) {
            return Err(ArchiveFault::TooDense);
        }
        let opened = Self { archive, entries };
        opened.check_places()?;
        Ok(opened)
    }

    /// Files that lie in each other would be unpacked many times.
    fn check_places(&self) -> Result<(), ArchiveFault> {
        let mut places = Vec::with_capacity(self.entries.len());
        for entry in &self.entries {
            let found = self.archive.get_entry(entry.place).map_err(|_| ArchiveFault::Damaged)?;
            places.push(found.compressed_data_range());
        }
        places.sort_unstable();
        let overlap = places.windows(2).any(|pair| pair[0].1 > pair[1].0);
        if overlap { Err(ArchiveFault::Overlap) } else { Ok(()) }
    }

    /// The bytes of a file. Reading ends with an error when they are not as long or not the same as its list says.
    pub(crate) fn reader(&self, entry: &Entry) -> io::Result<Box<dyn Read + '_>> {
        let found = self.archive.get_entry(entry.place).map_err(io::Error::other)?;
        Ok(if entry.is_deflated {
            Box::new(found.verifying_reader(DeflateDecoder::new(found.reader())))
        } else {
            Box::new(found.verifying_reader(found.reader()))
        })
    }
}

#[cfg(test)]
mod tests;
