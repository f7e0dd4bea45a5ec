//! Archives as others make them, and such as nobody should.

use std::io::{Cursor, Seek as _, Write as _};

use rawzip::{CompressionMethod, ZipArchiveWriter};

use super::*;

/// Files by name and bytes, deflated unless they are to be stored.
fn zip(files: &[(&str, &[u8], bool)]) -> Vec<u8> {
    let mut out = Cursor::new(Vec::new());
    let mut archive = ZipArchiveWriter::new(&mut out);
    for (name, bytes, is_deflated) in files {
        if name.ends_with('/') {
            archive.new_dir(name).create().unwrap();
            continue;
        }
        let method = if *is_deflated { CompressionMethod::DEFLATE } else { CompressionMethod::STORE };
        let (mut entry, config) = archive.new_file(name).compression_method(method).start().unwrap();
        let descriptor = if *is_deflated {
            let encoder = flate2::write::DeflateEncoder::new(&mut entry, flate2::Compression::default());
            let mut writer = config.wrap(encoder);
            writer.write_all(bytes).unwrap();
            let (encoder, descriptor) = writer.finish().unwrap();
            encoder.finish().unwrap();
            descriptor
        } else {
            let mut writer = config.wrap(&mut entry);
            writer.write_all(bytes).unwrap();
            writer.finish().unwrap().1
        };
        entry.finish(descriptor).unwrap();
    }
    archive.finish().unwrap();
    out.into_inner()
}

fn opened(bytes: &[u8]) -> Result<Archive, ArchiveFault> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    Archive::open(file, bytes.len() as u64)
}

fn fault(bytes: &[u8]) -> ArchiveFault {
    opened(bytes).err().expect("it is refused")
}

/// Changes the two bytes at `offset` of each header in the list.
fn with_listed(zip: &[u8], offset: usize, value: u16) -> Vec<u8> {
    let mut zip = zip.to_vec();
    let heads: Vec<usize> =
        zip.windows(4).enumerate().filter(|(_, it)| *it == b"PK\x01\x02").map(|(at, _)| at).collect();
    for at in heads {
        zip[at + offset..at + offset + 2].copy_from_slice(&value.to_le_bytes());
    }
    zip
}

#[test]
fn files_come_out_as_they_went_in_and_folders_and_resource_forks_do_not() {
    let long: Vec<u8> = (0..200_000_u32).flat_map(u32::to_le_bytes).collect();
    let files: [(&str, &[u8], bool); 5] = [
        ("a.dcm", &long, true),
        ("../../etc/b.dcm", b"stored", false),
        ("folder/", b"", false),
        ("__MACOSX/._a.dcm", b"fork", true),
        ("folder/empty", b"", true),
    ];
    let zip = zip(&files);
    assert!(zip.starts_with(&ZIP_MARK));
    let archive = opened(&zip).unwrap();
    let found: Vec<_> = archive.entries.iter().map(|entry| entry.number).collect();
    assert_eq!(found, [1, 2, 5]);
    for entry in &archive.entries {
        let mut bytes = Vec::new();
        archive.reader(entry).unwrap().read_to_end(&mut bytes).unwrap();
        assert!(bytes == files[entry.number - 1].1, "file {}", entry.number);
    }
}

#[test]
fn what_is_not_whole_is_damaged() {
    let whole = zip(&[("a.dcm", b"some bytes that are long enough", false)]);
    assert_eq!(fault(&whole[..whole.len() - 30]), ArchiveFault::Damaged);
    assert_eq!(fault(b"PK\x03\x04 and nothing of an archive"), ArchiveFault::Damaged);
    // A byte of the file itself: that is seen when it is read.
    let mut flipped = whole.clone();
    let at = flipped.windows(4).position(|part| part == b"some").unwrap();
    flipped[at] ^= 1;
    let archive = opened(&flipped).unwrap();
    assert!(archive.reader(&archive.entries[0]).unwrap().read_to_end(&mut Vec::new()).is_err());
}

#[test]
fn what_can_t_be_read_is_told_by_its_number() {
    let two = zip(&[("Doe Jane.dcm", b"one", true), ("b.dcm", b"two", true)]);
    assert_eq!(fault(&with_listed(&two, 8, 1)), ArchiveFault::Encrypted { number: 1 });
    let unknown = fault(&with_listed(&two, 10, 14));
    assert_eq!(unknown, ArchiveFault::UnknownCompression { number: 1 });
    assert!(!unknown.to_string().contains("Doe"));
}

#[test]
fn bombs_are_refused_before_anything_is_unpacked() {
    let zeros = vec![0; 8 << 20];
    assert_eq!(fault(&zip(&[("a", &zeros, true)])), ArchiveFault::TooDense);
    let names: Vec<String> = (0..=ENTRIES_MAX).map(|number| number.to_string()).collect();
    let many: Vec<(&str, &[u8], bool)> = names.iter().map(|name| (&**name, &b"x"[..], false)).collect();
    assert_eq!(fault(&zip(&many)), ArchiveFault::TooManyEntries);
    assert!(opened(&zip(&many[..ENTRIES_MAX])).is_ok());
    // A list whose second file lies where the first does.
    let mut overlapping = zip(&[("a", &[7; 1000], false), ("b", &[8; 1000], false)]);
    let second = overlapping.windows(4).rposition(|it| it == b"PK\x01\x02").unwrap();
    overlapping[second + 42..second + 46].fill(0);
    assert_eq!(fault(&overlapping), ArchiveFault::Overlap);
    // A file that is longer than the list says.
    let mut longer = zip(&[("a", &zeros[..100_000], true)]);
    let listed = longer.windows(4).rposition(|it| it == b"PK\x01\x02").unwrap();
    longer[listed + 24..listed + 28].copy_from_slice(&10_u32.to_le_bytes());
    let archive = opened(&longer).unwrap();
    let mut read = Vec::new();
    assert!(archive.reader(&archive.entries[0]).unwrap().read_to_end(&mut read).is_err());
    assert!(read.len() < zeros.len() / 10);
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_an_archive_or_none(
        at in 0_usize..400,
        value: u8,
        cut in 0_usize..400,
    ) {
        let mut bytes = zip(&[("a.dcm", &[1; 100], true), ("b.dcm", b"two", false)]);
        let len = bytes.len();
        bytes[at % len] = value;
        bytes.truncate(len - cut % len / 8);
        if let Ok(archive) = opened(&bytes) {
            for entry in &archive.entries {
                if let Ok(mut reader) = archive.reader(entry) {
                    let _ = reader.read_to_end(&mut Vec::new());
                }
            }
        }
    }
}
