//! Lengths that lie, written by hand and by chance; the latter are held against what dicom-rs does with them.

use std::error::Error;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::LazyLock;

use dicom_core::value::Value;
use dicom_dictionary_std::{tags, uids};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::codec::dicom::parsed;

const EXPLICIT: &str = uids::EXPLICIT_VR_LITTLE_ENDIAN;
const BIG_ENDIAN: &str = "1.2.840.10008.1.2.2";
const UNDEFINED: u32 = u32::MAX;
/// What text and binary values, items and sequences may say of themselves.
const LENGTHS: [u32; 3] = [4, 0x7FFF_FFFE, 0xFFFF_FFF0];

fn file(syntax: &str, data_set: &[u8]) -> Vec<u8> {
    let mut uid = syntax.as_bytes().to_vec();
    uid.resize(uid.len().next_multiple_of(2), 0);
    let element = [b"\x02\0\x10\0UI", &(uid.len() as u16).to_le_bytes()[..], &uid].concat();
    let group_length = (element.len() as u32).to_le_bytes();
    [&[0; 128], &b"DICM\x02\0\0\0UL\x04\0"[..], &group_length, &element, data_set].concat()
}

fn deflated(data_set: &[u8]) -> Vec<u8> {
    let file = file(uids::DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN, &[]);
    let mut encoder = DeflateEncoder::new(file, Compression::fast());
    encoder.write_all(data_set).unwrap();
    encoder.finish().unwrap()
}

/// The header of a value, sequence or item of explicit VR, little endian.
fn header(tag: &[u8; 4], representation: &[u8], len: u32) -> Vec<u8> {
    [tag, representation, &len.to_le_bytes()].concat()
}

fn value(len: u32) -> Vec<u8> {
    [&header(b"\x08\0\x19\x01", b"UC\0\0", len)[..], b"abc"].concat()
}

fn sequence(len: u32) -> Vec<u8> {
    header(b"\x08\0\x40\x11", b"SQ\0\0", len)
}

fn item(len: u32) -> Vec<u8> {
    header(b"\xFE\xFF\0\xE0", b"", len)
}

fn pixels(len: u32) -> Vec<u8> {
    header(b"\xE0\x7F\x10\0", b"OB\0\0", len)
}

fn of_part(bytes: &[u8], part: Part) -> Option<RefusalCode> {
    check(bytes, part, &Limits::default()).err().map(|refusal| refusal.code)
}

fn of(bytes: &[u8]) -> Option<RefusalCode> {
    of_part(bytes, Part::Whole)
}

#[test]
fn a_value_longer_than_the_rest_is_refused_in_every_encoding() {
    let files = |len: u32| {
        let big_endian = [b"\0\x08\x01\x19UC\0\0", &len.to_be_bytes()[..], b"abc"].concat();
        let implicit = [&header(b"\x08\0\x19\x01", b"", len)[..], b"abc"].concat();
        [
            file(EXPLICIT, &value(len)),
            file(BIG_ENDIAN, &big_endian),
            file(uids::IMPLICIT_VR_LITTLE_ENDIAN, &implicit),
            deflated(&value(len)),
        ]
    };
    for len in LENGTHS {
        assert_eq!(files(len).map(|file| of(&file)), [Some(RefusalCode::Truncated); 4], "{len}");
    }
    assert_eq!(files(3).map(|file| of(&file)), [None; 4]);
}

#[test]
fn so_it_is_within_sequences_and_items_of_any_length() {
    for around in [UNDEFINED, 40] {
        let within = |len| file(EXPLICIT, &[sequence(around), item(around), value(len)].concat());
        for len in LENGTHS {
            assert_eq!(of(&within(len)), Some(RefusalCode::Truncated), "{len} within {around}");
        }
        assert_eq!(of(&within(3)), None);
    }
}

#[test]
fn pixels_and_fragments_longer_than_the_rest_are_refused() {
    for len in LENGTHS {
        let native = file(EXPLICIT, &[&pixels(len)[..], b"abc"].concat());
        let parts = [pixels(UNDEFINED), item(0), item(len), b"abc".to_vec()];
        let encapsulated = file(uids::RLE_LOSSLESS, &parts.concat());
        assert_eq!(
            (of(&native), of(&encapsulated)),
            (Some(RefusalCode::Truncated), Some(RefusalCode::Truncated))
        );
        // Its head may be all that is held.
        assert_eq!((of_part(&native, Part::Head), of_part(&encapsulated, Part::Head)), (None, None));
    }
    let header_cut = file(EXPLICIT, &value(0xFFFF_FFF0));
    assert_eq!(of_part(&header_cut, Part::Head), Some(RefusalCode::Truncated));
}

#[test]
fn a_value_of_the_meta_group_longer_than_the_rest_is_refused() {
    for len in LENGTHS {
        let value = header(b"\x02\0\x10\0", b"UT\0\0", len);
        let group_length = 0x7FFF_FFFFu32.to_le_bytes();
        let file = [&[0; 128], &b"DICM\x02\0\0\0UL\x04\0"[..], &group_length, &value, b"1.2"].concat();
        assert_eq!(of(&file), Some(RefusalCode::Truncated), "{len}");
    }
}

#[test]
fn sequences_lie_within_each_other_up_to_a_bound() {
    let nested = |levels: usize| {
        let begin = [sequence(UNDEFINED), item(UNDEFINED)].concat().repeat(levels);
        let end = b"\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0".repeat(levels);
        file(EXPLICIT, &[begin, end].concat())
    };
    let deepest = nested(walk::SEQUENCES_MAX);
    assert!(of(&deepest).is_none() && parsed(&deepest, Part::Whole).is_ok());
    assert_eq!(of(&nested(walk::SEQUENCES_MAX + 1)), Some(RefusalCode::Damaged));
}

#[test]
fn what_inflates_to_more_than_a_file_may_have_is_refused() {
    let bytes = deflated(&[&pixels(1000)[..], &[0; 1000]].concat());
    let code = |max_file_bytes| {
        let limits = Limits { max_file_bytes, ..Limits::default() };
        check(&bytes, Part::Whole, &limits).err().map(|refusal| refusal.code)
    };
    assert_eq!((code(1011), code(1012)), (Some(RefusalCode::FileTooLarge), None));
}

/// Small files of every structure there is.
static SAMPLES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let folders = ["images", "encodings", "windows", "hostile"].map(|folder| data.join(folder));
    let paths = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut paths: Vec<_> = paths.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "dcm"));
    paths.sort();
    let files = paths.into_iter().map(|path| fs::read(path).unwrap());
    files.filter(|file| file.len() < 16 << 10).collect()
});

/// What leads dicom-rs from one state to another.
const TURNS: [&[u8]; 10] = [
    b"\xFE\xFF\0\xE0\0\0\0\0",
    b"\xFE\xFF\x0D\xE0\0\0\0\0",
    b"\xFE\xFF\xDD\xE0\0\0\0\0",
    b"\xFE\xFF\0\xE0\xFF\xFF\xFF\xFF",
    b"\x08\0\x40\x11SQ\0\0\xFF\xFF\xFF\xFF",
    b"\xE0\x7F\x10\0OB\0\0\xFF\xFF\xFF\xFF",
    b"\x28\0\x03\x01US\x03\0\x01",
    b"\x28\0\x06\x01LT\x03\0",
    b"\x28\0\x06\x01SQ\0\0\x0A\0\0\0",
    b"\xFF\xFF\xFF\xFF",
];

fn is_too_short(error: &dyn Error) -> bool {
    error.to_string().contains("Could not read value from source") || error.source().is_some_and(is_too_short)
}

proptest! {
    // The same files each time: it is the fuzzer that looks for others.
    #![proptest_config(ProptestConfig { cases: 2000, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    #[test]
    fn what_dicom_rs_reads_is_not_refused_and_what_passes_is_long_enough_for_it(
        sample: prop::sample::Index,
        bytes in prop::collection::vec((0usize..1500, 0u8..=16), 0..3),
        turns in prop::collection::vec((0usize..1500, prop::sample::select(&TURNS[..])), 0..3),
        kept in prop_oneof![Just(usize::MAX), 140usize..12_000],
    ) {
        let mut file = sample.get(&SAMPLES).clone();
        for (at, byte) in bytes {
            file.get_mut(132 + at).into_iter().for_each(|old| *old = byte);
        }
        for (at, turn) in turns {
            file.splice((132 + at).min(file.len())..(132 + at).min(file.len()), turn.iter().copied());
        }
        file.truncate(kept);
        let limits = Limits { max_file_bytes: 1 << 20, ..Limits::default() };
        match check(&file, Part::Whole, &limits) {
            Ok(()) => {
                let error = parsed(&file, Part::Whole).err();
                prop_assert!(!error.as_ref().is_some_and(|error| is_too_short(error)), "{:?}", error);
            }
            Err(refusal) if refusal.code == RefusalCode::Truncated && !is_huge(&refusal) => {
                // Of a fragment dicom-rs takes what there is.
                let object = parsed(&file, Part::Whole).ok();
                let value = object.as_ref().and_then(|object| object.get(tags::PIXEL_DATA)).map(|found| found.value());
                let cut = matches!(value, Some(Value::PixelSequence(_)));
                prop_assert!(object.is_none() || cut, "{} refused", refusal);
            }
            Err(_) => {}
        }
    }
}

/// Whether dicom-rs would take more memory for it than a test should.
fn is_huge(refusal: &Refusal) -> bool {
    let text = refusal.to_string();
    let promised = text.split(" of ").nth(1).and_then(|end| end.split(' ').next());
    promised.unwrap().parse::<u64>().unwrap() > 1 << 24
}
