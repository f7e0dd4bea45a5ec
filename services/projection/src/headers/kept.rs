//! Headers in memory, the ones that were used last. Bounded in number and bytes.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;
use hilum_events::Sha256Digest;

/// Headers that are kept. A search by a patient's attributes looks at no more studies than that.
pub(crate) const ENTRIES_MAX: usize = 20_000;
/// What they take up, bytes: some 8 KiB each.
const BYTES_MAX: usize = 160 << 20;

/// By content. The texts are of the decoder, and not looked at here.
#[derive(Default)]
pub(super) struct Kept {
    headers: HashMap<Sha256Digest, (u64, Bytes)>,
    by_use: BTreeMap<u64, Sha256Digest>,
    uses: u64,
    bytes: usize,
}

impl Kept {
    /// The header of a content, which counts as used.
    pub(super) fn get(&mut self, sha256: &Sha256Digest) -> Option<Bytes> {
        let (used, json) = self.headers.get_mut(sha256)?;
        self.uses += 1;
        self.by_use.remove(used);
        *used = self.uses;
        self.by_use.insert(self.uses, *sha256);
        Some(json.clone())
    }

    /// Keeps a header, and forgets what was not used for longest.
    pub(super) fn keep(&mut self, sha256: Sha256Digest, json: Bytes) {
        self.forget(&sha256);
        self.uses += 1;
        self.bytes += json.len();
        self.headers.insert(sha256, (self.uses, json));
        self.by_use.insert(self.uses, sha256);
        while self.headers.len() > ENTRIES_MAX || self.bytes > BYTES_MAX {
            let Some((_, oldest)) = self.by_use.first_key_value().map(|(used, sha256)| (*used, *sha256))
            else {
                break;
            };
            self.forget(&oldest);
        }
    }

    fn forget(&mut self, sha256: &Sha256Digest) {
        let Some((used, json)) = self.headers.remove(sha256) else { return };
        self.by_use.remove(&used);
        self.bytes -= json.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(number: usize) -> Sha256Digest {
        Sha256Digest::of(&number.to_le_bytes())
    }

    #[test]
    fn what_was_not_used_for_longest_is_forgotten_first() {
        let mut kept = Kept::default();
        for number in 0..ENTRIES_MAX {
            kept.keep(digest(number), Bytes::from_static(b"{}"));
        }
        assert!(kept.get(&digest(0)).is_some());
        kept.keep(digest(ENTRIES_MAX), Bytes::from_static(b"{}"));
        assert!(kept.get(&digest(0)).is_some() && kept.get(&digest(1)).is_none());
        assert_eq!(
            (kept.headers.len(), kept.by_use.len(), kept.bytes),
            (ENTRIES_MAX, ENTRIES_MAX, 2 * ENTRIES_MAX)
        );
    }

    #[test]
    fn there_is_room_for_so_many_bytes() {
        let mut kept = Kept::default();
        for number in 0..4 {
            kept.keep(digest(number), vec![b' '; BYTES_MAX / 3].into());
        }
        kept.keep(digest(3), Bytes::from_static(b"{}"));
        let found: Vec<_> = (0..4).filter(|number| kept.get(&digest(*number)).is_some()).collect();
        assert_eq!(found, [1, 2, 3]);
        assert_eq!(kept.bytes, 2 * (BYTES_MAX / 3) + 2);
    }
}
