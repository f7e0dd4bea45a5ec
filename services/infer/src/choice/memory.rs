//! How much memory engines take and how many of them fit. The plan is arithmetic; the measurement asks the system.

#![allow(unsafe_code, reason = "malloc_trim is a C function")]

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

/// A number of bytes, written as `6GB`, `512 MiB` or plain digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub u64);

const UNITS: [(&str, u64); 10] = [
    ("KIB", 1 << 10),
    ("MIB", 1 << 20),
    ("GIB", 1 << 30),
    ("TIB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("B", 1),
    ("", 1),
];

impl FromStr for ByteSize {
    type Err = String;

    /// Decimals are allowed; a fraction of a byte is dropped.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = || format!("{text:?} is no size; write for example 6GB or 512MiB");
        let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let unit = unit.trim().to_ascii_uppercase();
        let (_, factor) = UNITS.into_iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?;
        let bytes = number.parse::<f64>().map_err(|_| refuse())? * factor as f64;
        // Where floats end; no machine has as much.
        if bytes < 9e15 { Ok(Self(bytes as u64)) } else { Err(refuse()) }
    }
}

impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            bytes @ 0..1_000_000 => write!(f, "{bytes} bytes"),
            bytes @ 1_000_000..1_000_000_000 => write!(f, "{:.0} MB", bytes as f64 / 1e6),
            bytes => write!(f, "{:.1} GB", bytes as f64 / 1e9),
        }
    }
}

impl ByteSize {
    /// How much more than before; nothing if it is less.
    pub(crate) fn since(self, before: Self) -> Self {
        Self(self.0.saturating_sub(before.0))
    }
}

/// The memory that copies of an engine take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footprint {
    /// The first, with the weights and the library's own needs.
    pub(crate) first: ByteSize,
    /// Each further one.
    pub(crate) further: ByteSize,
}

impl Footprint {
    /// How many of the wanted copies fit below the limit; 0 if not even one does.
    pub(crate) fn copies_within(self, limit: ByteSize, wanted: NonZeroUsize) -> usize {
        let Some(rest) = limit.0.checked_sub(self.first.0) else { return 0 };
        let further = rest.checked_div(self.further.0).unwrap_or(u64::MAX);
        usize::try_from(further).unwrap_or(usize::MAX).saturating_add(1).min(wanted.get())
    }
}

/// The memory of this process that is no file, as the system counts it; 0 where it does not say.
pub(crate) fn resident() -> ByteSize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let field = |name: &str| -> Option<u64> {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))?
            .trim()
            .trim_end_matches("kB")
            .trim()
            .parse()
            .ok()
    };
    ByteSize(field("RssAnon:").unwrap_or(0) * 1024)
}

/// Gives memory that was freed back to the system, which otherwise keeps it for the next forward pass.
pub(crate) fn give_back_freed() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it takes no pointer and only releases pages that the allocator itself knows to be free.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(text: &str) -> ByteSize {
        text.parse().unwrap()
    }

    #[test]
    fn sizes_are_read_in_the_units_people_write() {
        assert_eq!(size("6GB"), ByteSize(6_000_000_000));
        assert_eq!(size("5.6 gb"), ByteSize(5_600_000_000));
        assert_eq!(size("512MiB"), ByteSize(512 << 20));
        assert_eq!(size("1kB"), ByteSize(1000));
        assert_eq!(size("123"), ByteSize(123));
        for wrong in ["", "GB", "-1GB", "6 parsecs", "1e3", "99999TB"] {
            assert!(wrong.parse::<ByteSize>().is_err(), "{wrong}");
        }
        assert_eq!(size("5.6GB").to_string(), "5.6 GB");
    }

    #[test]
    fn as_many_copies_run_as_fit() {
        let copies = |limit: &str, first: &str, further: &str| {
            let footprint = Footprint { first: size(first), further: size(further) };
            footprint.copies_within(size(limit), NonZeroUsize::new(4).unwrap())
        };
        assert_eq!(copies("6GB", "5.6GB", "5.6GB"), 1);
        assert_eq!(copies("12GB", "5.6GB", "5.6GB"), 2);
        assert_eq!(copies("11.2GB", "5.6GB", "5.6GB"), 2);
        assert_eq!(copies("5GB", "5.6GB", "5.6GB"), 0);
        assert_eq!(copies("1GB", "400MB", "300MB"), 3);
        assert_eq!(copies("1GB", "400MB", "10MB"), 4, "no more than wanted");
        assert_eq!(copies("1GB", "400MB", "0"), 4);
    }

    #[test]
    fn memory_that_is_in_use_is_counted_and_memory_that_was_freed_is_not() {
        let before = resident().0;
        // So small that they lie on the heap, below one that stays.
        let mut taken: Vec<Vec<u8>> = (0..500).map(|_| vec![1; 64 << 10]).collect();
        let with = resident().0;
        assert!(with >= before + (28 << 20), "{before} {with}");
        let last = taken.pop();
        drop(taken);
        give_back_freed();
        let after = resident().0;
        assert!(after < with - (25 << 20), "{before} {with} {after} {}", last.map_or(0, |last| last.len()));
    }
}
