//! Pictures for a measurement: real files of which as many different ones can be made as are wanted. All made of one
//! file cost the same to decode, and no two have the same pixels, so that no reading is ever made use of twice.
//! Each is the file's own bytes around a few that differ; making one costs next to nothing. Knows no stack.

mod dicom;
mod jpeg;
mod jpeg2000;
mod png;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use clap::ValueEnum;
use hilum_client::samples;

use crate::error::Error;

/// What a file is, as far as its cost is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(super) enum Kind {
    /// PNG
    Png,
    /// JPEG
    Jpeg,
    /// DICOM, not compressed
    Dicom,
    /// DICOM with a JPEG in it
    DicomJpeg,
    /// DICOM with a lossy JPEG 2000 in it
    DicomJ2k,
}

/// One picture to send.
#[derive(Debug, Clone)]
pub(super) struct Content {
    /// Which of the files it was made of.
    pub(super) template: usize,
    /// The sender's name of its study.
    pub(super) study: String,
    pieces: [Bytes; 3],
}

/// The files, taken in turn.
#[derive(Debug)]
pub(super) struct Contents {
    templates: Vec<Template>,
    next: AtomicU64,
}

/// Images of one study, as of two views of a chest.
const STUDY_IMAGES: u64 = 2;

/// A file of which others can be made.
#[derive(Debug)]
struct Template {
    kind: Kind,
    before: Bytes,
    patch: Patch,
    after: Bytes,
}

/// How the bytes that differ are made of a number.
#[derive(Debug)]
enum Patch {
    /// The last row of a PNG, as a chunk of its own.
    Row(png::LastRow),
    /// Bytes to which the number is added in the given base, lowest digit first, so many bytes apart.
    Digits(Digits),
}

#[derive(Debug)]
struct Digits {
    bytes: Vec<u8>,
    base: u8,
    step: usize,
}

impl Kind {
    /// As on the command line.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::Dicom => "dicom",
            Self::DicomJpeg => "dicom-jpeg",
            Self::DicomJ2k => "dicom-j2k",
        }
    }
}

impl Content {
    /// All its bytes, in order.
    pub(super) fn pieces(&self) -> [Bytes; 3] {
        self.pieces.clone()
    }

    /// The length of the file, bytes.
    pub(super) fn len(&self) -> u64 {
        self.pieces.iter().map(|piece| piece.len() as u64).sum()
    }
}

impl Contents {
    /// The files that `place` names (a list or a folder; without one the samples of the checkout), of the given kinds
    /// or of all. Files of which no others can be made are left out.
    ///
    /// # Errors
    /// When a file can't be read or none is left.
    pub(super) fn of(place: Option<&Path>, kinds: &[Kind]) -> Result<Self, Error> {
        let mut files = samples(place)?;
        files.sort();
        files.dedup();
        let mut templates = Vec::new();
        for file in files {
            let bytes = std::fs::read(&file).map_err(Error::file("read", &file))?;
            let template = Template::of(&Bytes::from(bytes));
            templates.extend(template.filter(|it| kinds.is_empty() || kinds.contains(&it.kind)));
        }
        Self::with(templates)
    }

    fn with(templates: Vec<Template>) -> Result<Self, Error> {
        if templates.is_empty() {
            let what = "none of the images can be varied without changing what it costs: a PNG in grey or colour, a \
                        JPEG, or a DICOM file that is uncompressed or holds a JPEG or a lossy JPEG 2000 can";
            return Err(Error::Usage(what.to_owned()));
        }
        Ok(Self { templates, next: AtomicU64::new(0) })
    }

    /// Only the files that `keep` says, by their index.
    ///
    /// # Errors
    /// When none is left.
    pub(super) fn keep(self, keep: &[bool]) -> Result<Self, Error> {
        let kept = self.templates.into_iter().zip(keep).filter(|(_, keep)| **keep);
        let next = self.next;
        Ok(Self { next, ..Self::with(kept.map(|(template, _)| template).collect())? })
    }

    /// How many files there are.
    pub(super) fn templates(&self) -> usize {
        self.templates.len()
    }

    /// How many files of each kind.
    pub(super) fn kinds(&self) -> BTreeMap<Kind, usize> {
        let mut kinds = BTreeMap::new();
        for template in &self.templates {
            *kinds.entry(template.kind).or_default() += 1;
        }
        kinds
    }

    /// A picture that was never given out before; the files take turns.
    pub(super) fn next(&self) -> Content {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let template = (number % self.templates.len() as u64) as usize;
        // Number 0 is the file itself, which the measured stack may have read before.
        self.templates[template].content(template, number + 1)
    }

    /// Writes one picture of each file into `folder`.
    ///
    /// # Errors
    /// When a file can't be written.
    pub(super) fn write_to(&self, folder: &Path) -> Result<(), Error> {
        std::fs::create_dir_all(folder).map_err(Error::file("make the folder", folder))?;
        for (index, template) in self.templates.iter().enumerate() {
            let ending = match template.kind {
                Kind::Png => "png",
                Kind::Jpeg => "jpg",
                Kind::Dicom | Kind::DicomJpeg | Kind::DicomJ2k => "dcm",
            };
            let file = folder.join(format!("{index}.{ending}"));
            let bytes = template.content(index, 0).pieces().concat();
            std::fs::write(&file, bytes).map_err(Error::file("write", &file))?;
        }
        Ok(())
    }
}

impl Template {
    /// `None` when other pictures can't be made of this file.
    fn of(file: &Bytes) -> Option<Self> {
        png::template(file).or_else(|| jpeg::template(file)).or_else(|| dicom::template(file))
    }

    /// The bytes at `from..to` of `file` are what differs.
    fn around(kind: Kind, file: &Bytes, (from, to): (usize, usize), base: u8, step: usize) -> Option<Self> {
        let bytes = file.get(from..to)?.to_vec();
        let patch = Patch::Digits(Digits { bytes, base, step });
        Some(Self { kind, before: file.slice(..from), patch, after: file.slice(to..) })
    }

    fn content(&self, template: usize, number: u64) -> Content {
        let patched = match &self.patch {
            Patch::Row(row) => row.with(number),
            Patch::Digits(digits) => digits.with(number),
        };
        let pieces = [self.before.clone(), patched.into(), self.after.clone()];
        let study = format!("bench-{}", number / STUDY_IMAGES);
        Content { template, study, pieces }
    }
}

impl Digits {
    fn with(&self, number: u64) -> Vec<u8> {
        let mut bytes = self.bytes.clone();
        add_digits(bytes.iter_mut().step_by(self.step), self.base, number);
        bytes
    }
}

/// Adds the digits of `number` to `places`, one each, lowest digit first, modulo 256. A base of 0 means 256.
fn add_digits<'a>(places: impl Iterator<Item = &'a mut u8>, base: u8, mut number: u64) {
    let base = if base == 0 { 256 } else { u64::from(base) };
    for place in places {
        *place = place.wrapping_add((number % base) as u8);
        number /= base;
    }
}

/// Where `wanted` first comes in `bytes` at or after `from`.
fn find(bytes: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let at = bytes.get(from..)?.windows(wanted.len()).position(|window| window == wanted)?;
    Some(from + at)
}

#[cfg(test)]
mod tests;
