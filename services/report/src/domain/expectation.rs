//! What senders say a study consists of, as it stood at any position of the log, and how much of it had come.

use std::collections::HashMap;

use hilum_events::{Sha256Digest, StudyManifestReceived};

/// What was said, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Expectations {
    /// How many images, by position: with images and in manifests.
    counts: Vec<(u64, u32)>,
    manifests: Vec<Manifest>,
}

/// A manifest.
#[derive(Debug, Clone, PartialEq)]
struct Manifest {
    seq: u64,
    sha256: Vec<Sha256Digest>,
    sop_instance_uids: Vec<String>,
}

/// Which contents came, and where in the log.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Contents {
    sha256: HashMap<Sha256Digest, Positions>,
    sop_instance_uids: HashMap<Box<str>, Positions>,
}

/// Positions of the images with one content.
#[derive(Debug, Clone, PartialEq)]
struct Positions {
    first: u64,
    more: Vec<u64>,
}

impl Positions {
    fn of(first: u64) -> Self {
        Self { first, more: Vec::new() }
    }

    fn all(&self) -> impl Iterator<Item = u64> {
        std::iter::once(self.first).chain(self.more.iter().copied())
    }
}

/// How many images are expected, and how many of these came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Awaited {
    pub(crate) expected: u32,
    /// More than expected if more came.
    pub(crate) arrived: u32,
}

impl Awaited {
    /// Whether all of them came.
    pub(crate) fn is_met(self) -> bool {
        self.arrived >= self.expected
    }
}

impl Contents {
    /// Notes what came at `seq`.
    pub(super) fn add(&mut self, seq: u64, sha256: Sha256Digest, sop_instance_uid: Option<&str>) {
        let again = |known: &mut Positions| known.more.push(seq);
        self.sha256.entry(sha256).and_modify(again).or_insert_with(|| Positions::of(seq));
        if let Some(uid) = sop_instance_uid {
            self.sop_instance_uids.entry(uid.into()).and_modify(again).or_insert_with(|| Positions::of(seq));
        }
    }

    /// Different contents of those images, told by where they came, that are in the study.
    pub(super) fn of_images(&self, is_in: impl Fn(u64) -> bool) -> u32 {
        number(self.sha256.values().filter(|came| came.all().any(&is_in)).count())
    }

    /// Different contents: what is sent twice counts once.
    pub(super) fn len(&self) -> usize {
        self.sha256.len()
    }
}

impl Expectations {
    /// An image said how many there are.
    pub(super) fn counted(&mut self, seq: u64, images: u32) {
        if self.counts.last().is_none_or(|(_, count)| *count != images) {
            self.counts.push((seq, images));
        }
    }

    /// A manifest came.
    pub(super) fn received(&mut self, seq: u64, e: &StudyManifestReceived) {
        self.counted(seq, e.images);
        let (sha256, sop_instance_uids) = (e.sha256.clone(), e.sop_instance_uids.clone());
        self.manifests.push(Manifest { seq, sha256, sop_instance_uids });
    }

    /// Position of the newest manifest at position `seq`.
    pub(super) fn manifest_at(&self, seq: u64) -> Option<u64> {
        self.newest_manifest(seq).map(|manifest| manifest.seq)
    }

    /// How much of what was expected at position `seq` had come then: of images, told by where they came, those that were in
    /// the study; `arrived` contents were. `None` when nothing was expected.
    pub(super) fn awaited_at(
        &self,
        seq: u64,
        contents: &Contents,
        arrived: u32,
        is_in: impl Fn(u64) -> bool,
    ) -> Option<Awaited> {
        let (_, count) = self.counts.iter().rev().find(|(said, _)| *said <= seq)?;
        let Some(manifest) = self.newest_manifest(seq) else {
            return Some(Awaited { expected: *count, arrived });
        };
        let sha256 = manifest.sha256.iter().map(|sha256| contents.sha256.get(sha256));
        let uids = manifest.sop_instance_uids.iter().map(|uid| contents.sop_instance_uids.get(uid.as_str()));
        // One image may be named in both lists.
        let is_absent = |came: &Option<&Positions>| came.is_none_or(|came| !came.all().any(&is_in));
        let absent = sha256.filter(is_absent).count().max(uids.filter(is_absent).count());
        let named = manifest.sha256.len().max(manifest.sop_instance_uids.len());
        let expected = (*count).max(number(named));
        let arrived =
            if absent == 0 { arrived } else { arrived.min(expected.saturating_sub(number(absent))) };
        Some(Awaited { expected, arrived })
    }

    /// Forgets what is older than what stood at position `seq`.
    pub(super) fn forget_before(&mut self, seq: u64) {
        let stood = self.counts.partition_point(|(said, _)| *said <= seq);
        self.counts.drain(..stood.saturating_sub(1));
        let stood = self.manifests.partition_point(|manifest| manifest.seq <= seq);
        self.manifests.drain(..stood.saturating_sub(1));
    }

    fn newest_manifest(&self, seq: u64) -> Option<&Manifest> {
        self.manifests.iter().rev().find(|manifest| manifest.seq <= seq)
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
