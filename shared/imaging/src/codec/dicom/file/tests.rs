//! Headers that lie or are written otherwise than they say, by hand and by chance; the latter are held against what dicom-rs
//! makes of them.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::LazyLock;

use dicom_dictionary_std::{tags, uids};
use dicom_object::file::ReadPreamble;
use dicom_object::{InMemDicomObject, OpenFileOptions};
use flate2::Compression;
use flate2::write::DeflateEncoder;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use super::*;
use crate::codec::dicom::elements::SEQUENCES_MAX;
use crate::codec::dicom::object::object;

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

fn read(bytes: &[u8], part: Part, limits: &Limits) -> Result<InMemDicomObject, Refusal> {
    object(&File::open(bytes, part, limits)?)
}

fn of_part(bytes: &[u8], part: Part) -> Option<RefusalCode> {
    read(bytes, part, &Limits::default()).err().map(|refusal| refusal.code)
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
        assert_eq!(of(&within(3)), Some(RefusalCode::Truncated));
    }
    let whole = file(EXPLICIT, &[sequence(23), item(15), value(3)].concat());
    assert_eq!(of(&whole), None);
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
        // The beginning may be all that is there.
        assert_eq!((of_part(&native, Part::Head), of_part(&encapsulated, Part::Head)), (None, None));
    }
    // All of it is there, and the length of a fragment is wrong.
    let end = b"\xFE\xFF\xDD\xE0\0\0\0\0".to_vec();
    let parts = [pixels(UNDEFINED), item(0), item(5000), b"abcd".to_vec(), end];
    assert_eq!(of(&file(uids::RLE_LOSSLESS, &parts.concat())), Some(RefusalCode::Damaged));
    let header_cut = file(EXPLICIT, &value(0xFFFF_FFF0));
    assert_eq!(of_part(&header_cut, Part::Head), Some(RefusalCode::Truncated));
}

#[test]
fn a_value_of_the_meta_group_longer_than_the_rest_is_refused() {
    for len in LENGTHS {
        let value = header(b"\x02\0\x10\0", b"UT\0\0", len);
        let file = [&[0; 128], &b"DICM\x02\0\0\0UL\x04\0\0\0\0\0"[..], &value, b"1.2"].concat();
        assert_eq!(of(&file), Some(RefusalCode::Truncated), "{len}");
    }
}

/// Zero, too little, too much, and no element at all.
#[test]
fn the_meta_group_ends_where_it_ends_whatever_its_length_says() {
    let deflated = deflated(&value(3));
    let plain = file(EXPLICIT, &value(3));
    for whole in [plain, deflated] {
        let expected = read(&whole, Part::Whole, &Limits::default()).unwrap();
        assert_eq!(expected.iter().count(), 1);
        let with = |len: u32| [&whole[..140], &len.to_le_bytes(), &whole[144..]].concat();
        let without = [&whole[..132], &whole[144..]].concat();
        for changed in [with(0), with(12), with(1 << 20), with(u32::MAX), without] {
            assert_eq!(read(&changed, Part::Whole, &Limits::default()).unwrap(), expected);
        }
    }
}

#[test]
fn sequences_lie_within_each_other_up_to_a_bound() {
    let nested = |levels: usize| {
        let begin = [sequence(UNDEFINED), item(UNDEFINED)].concat().repeat(levels);
        let end = b"\xFE\xFF\x0D\xE0\0\0\0\0\xFE\xFF\xDD\xE0\0\0\0\0".repeat(levels);
        file(EXPLICIT, &[begin, end].concat())
    };
    assert_eq!(of(&nested(SEQUENCES_MAX)), None);
    assert_eq!(of(&nested(SEQUENCES_MAX + 1)), Some(RefusalCode::Damaged));
}

#[test]
fn what_inflates_to_more_than_a_file_may_have_is_refused() {
    let bytes = deflated(&[&pixels(1000)[..], &[0; 1000]].concat());
    let code = |max_file_bytes| {
        let limits = Limits { max_file_bytes, ..Limits::default() };
        read(&bytes, Part::Whole, &limits).err().map(|refusal| refusal.code)
    };
    assert_eq!((code(1011), code(1012)), (Some(RefusalCode::FileTooLarge), None));
}

/// Small files of every structure there is.
static SAMPLES: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let folders = ["images", "encodings", "windows", "hostile"].map(|folder| data.join(folder));
    let paths = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap());
    let mut paths: Vec<_> = paths.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "dcm"));
    paths.sort();
    let files = paths.into_iter().map(|path| (path.display().to_string(), fs::read(path).unwrap()));
    files.filter(|(_, file)| file.len() < 16 << 10).collect()
});

/// What leads from one state of a reader to another.
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

fn by_dicom_rs(bytes: &[u8]) -> Option<InMemDicomObject> {
    let options = OpenFileOptions::new().read_preamble(ReadPreamble::Always).read_to(tags::PIXEL_DATA);
    options.from_reader(bytes).ok().map(|object| object.into_inner())
}

/// What the picture depends on, as text: the same whatever type holds it.
fn essentials(object: &InMemDicomObject) -> Vec<Option<String>> {
    let tags = [
        tags::ROWS,
        tags::COLUMNS,
        tags::BITS_ALLOCATED,
        tags::BITS_STORED,
        tags::PIXEL_REPRESENTATION,
        tags::PHOTOMETRIC_INTERPRETATION,
        tags::SOP_INSTANCE_UID,
        tags::WINDOW_CENTER,
    ];
    let text = |tag| {
        object
            .get(tag)
            .and_then(|element| element.to_str().ok())
            .map(|text| text.trim_matches([' ', '\0']).to_owned())
    };
    tags.into_iter().map(text).map(|text| text.filter(|text| !text.is_empty())).collect()
}

#[test]
fn every_sample_says_what_dicom_rs_finds_in_it() {
    let mut compared = 0;
    for (name, sample) in SAMPLES.iter() {
        let (Ok(found), Some(expected)) =
            (read(sample, Part::Whole, &Limits::default()), by_dicom_rs(sample))
        else {
            continue;
        };
        assert_eq!(essentials(&found), essentials(&expected), "{name}");
        assert_eq!(found.get(tags::PIXEL_DATA).is_some(), expected.get(tags::PIXEL_DATA).is_some(), "{name}");
        compared += 1;
    }
    assert!(compared > 80, "{compared}");
}

proptest! {
    // The same files each time: it is the fuzzer that looks for others.
    #![proptest_config(ProptestConfig { cases: 2000, rng_seed: RngSeed::Fixed(1), ..ProptestConfig::default() })]

    /// What is announced is not believed before it is found: memory and stack are bounded by the file.
    #[test]
    fn spoilt_headers_are_read_or_refused_and_a_head_promises_no_less_than_the_whole(
        sample: prop::sample::Index,
        bytes in prop::collection::vec((0usize..1500, 0u8..=16), 0..3),
        turns in prop::collection::vec((0usize..1500, prop::sample::select(&TURNS[..])), 0..3),
        kept in prop_oneof![Just(usize::MAX), 140usize..12_000],
    ) {
        let mut file = sample.get(&SAMPLES).1.clone();
        for (at, byte) in bytes {
            file.get_mut(132 + at).into_iter().for_each(|old| *old = byte);
        }
        for (at, turn) in turns {
            file.splice((132 + at).min(file.len())..(132 + at).min(file.len()), turn.iter().copied());
        }
        file.truncate(kept);
        let limits = Limits { max_file_bytes: 1 << 20, ..Limits::default() };
        if let Ok(whole) = read(&file, Part::Whole, &limits)
            && whole.get(tags::PIXEL_DATA).is_some()
        {
            let head = read(&file, Part::Head, &limits);
            prop_assert_eq!(head.map(|head| essentials(&head)), Ok(essentials(&whole)));
        }
    }
}

/// An element of explicit VR with a length of 16 bits.
fn short(tag: [u8; 4], representation: &[u8; 2], value: &[u8]) -> Vec<u8> {
    [&tag[..], representation, &(value.len() as u16).to_le_bytes(), value].concat()
}

const MODALITY: [u8; 4] = [0x08, 0, 0x60, 0];
const NAME: [u8; 4] = [0x10, 0, 0x10, 0];
const ROWS: [u8; 4] = [0x28, 0, 0x10, 0];

/// A data set around an element that is not written as it should be.
fn around(odd: &[u8]) -> Vec<u8> {
    let pixels = [&pixels(4)[..], b"abcd"].concat();
    file(EXPLICIT, &[&short(MODALITY, b"CS", b"CR")[..], odd, &short(ROWS, b"US", &[2, 0]), &pixels].concat())
}

fn rows(file: &[u8]) -> Result<u16, Refusal> {
    let object = read(file, Part::Whole, &Limits::default())?;
    assert!(object.get(tags::PIXEL_DATA).is_some() && object.get(tags::MODALITY).is_some());
    Ok(object.get(tags::ROWS).unwrap().to_int().unwrap())
}

#[test]
fn a_representation_that_does_not_exist_is_read_as_the_only_way_on_says() {
    let long = |representation: &[u8; 2], value: &[u8]| {
        let header = [&NAME[..], representation, &[0, 0], &(value.len() as u32).to_le_bytes()].concat();
        [&header, value].concat()
    };
    let implicit = [&NAME[..], &6u32.to_le_bytes(), b"SHORT "].concat();
    let name = |odd: &[u8]| {
        let object = read(&around(odd), Part::Whole, &Limits::default()).unwrap();
        object.get(tags::PATIENT_NAME).unwrap().to_str().unwrap().into_owned()
    };
    for representation in [b"--", b"??", b"\0\0", b"pn", b"ZZ"] {
        for odd in [short(NAME, representation, b"SHORT "), long(representation, b"SHORT ")] {
            assert_eq!(rows(&around(&odd)), Ok(2), "{representation:?}");
            assert_eq!(name(&odd), "SHORT");
        }
    }
    // Without a representation, with two lengths mixed up, and twice in a row.
    assert_eq!((rows(&around(&implicit)), name(&implicit)), (Ok(2), "SHORT".into()));
    assert_eq!(rows(&around(&short(NAME, b"UN", b"SHORT "))), Ok(2));
    let twice =
        [short([0x10, 0, 0, 0x10], b"--", b"x "), short([0x10, 0, 0xB0, 0x21], b"--", b"history ")].concat();
    assert_eq!(rows(&around(&twice)), Ok(2));
}

#[test]
fn where_no_reading_leads_on_the_header_is_at_fault_and_not_the_end_of_the_file() {
    let expected = not_as_declared();
    let lies = [
        [&NAME[..], b"--\x40\x40"].concat(),
        // A length that leads far beyond the pixels, which are all there.
        [&NAME[..], b"PN\xF0\xFF"].concat(),
        header(b"\x09\0\x10\x10", b"OB\0\0", 0x7FFF_FFFE),
    ];
    for lie in lies {
        assert_eq!(rows(&around(&lie)), Err(expected.clone()), "{lie:?}");
    }
    // The same within a file that ends early.
    let mut cut = around(&header(b"\x09\0\x10\x10", b"OB\0\0", 0x7FFF_FFFE));
    cut.truncate(cut.len() - 1);
    assert_eq!(of(&cut), Some(RefusalCode::Truncated));
}

/// Words as they are in big endian.
fn swapped(data_set: &[u8]) -> Vec<u8> {
    data_set.chunks(2).flat_map(|pair| pair.iter().rev().copied()).collect()
}

#[test]
fn little_endian_is_read_with_and_without_representations_whichever_is_declared() {
    let explicit = around(&[])[file(EXPLICIT, &[]).len()..].to_vec();
    let implicit = [
        &header(&MODALITY, b"", 2)[..],
        b"CR",
        &header(&ROWS, b"", 2),
        &[2, 0],
        &header(b"\xE0\x7F\x10\0", b"", 4),
        b"abcd",
    ]
    .concat();
    for syntax in [EXPLICIT, uids::IMPLICIT_VR_LITTLE_ENDIAN, uids::RLE_LOSSLESS] {
        assert_eq!(rows(&file(syntax, &explicit)), Ok(2), "{syntax}");
        assert_eq!(rows(&file(syntax, &implicit)), Ok(2), "{syntax}");
        let big_endian =
            [&swapped(&MODALITY)[..], b"CS\0\x02CR", &swapped(&ROWS), b"US\0\x02\0\x02"].concat();
        assert_eq!(rows(&file(syntax, &big_endian)), Err(not_as_declared()), "{syntax}");
    }
    for little_endian in [explicit, implicit] {
        assert_eq!(rows(&file(BIG_ENDIAN, &little_endian)), Err(not_as_declared()));
    }
}

#[test]
fn unknown_sequences_are_read_without_representations_at_any_depth_in_every_syntax() {
    let end_of_item = b"\xFE\xFF\x0D\xE0\0\0\0\0".to_vec();
    let end = b"\xFE\xFF\xDD\xE0\0\0\0\0".to_vec();
    let implicit_value = [&header(b"\x09\0\x11\x10", b"", 4)[..], b"abcd"].concat();
    let items = |content: &[u8]| [&item(UNDEFINED)[..], content, &end_of_item].concat();
    let within = [header(b"\x09\0\x10\x10", b"", UNDEFINED), items(&implicit_value), end.clone()].concat();
    let mut deep = within.clone();
    for _ in 0..SEQUENCES_MAX - 3 {
        deep = [header(b"\x09\0\x10\x10", b"", UNDEFINED), items(&deep), end.clone()].concat();
    }
    let unknown =
        |content: &[u8]| [&header(b"\x09\0\x10\x10", b"UN\0\0", UNDEFINED)[..], content, &end].concat();
    let defined = [item(implicit_value.len() as u32), implicit_value.clone()].concat();
    let explicit_value = short([0x09, 0, 0x11, 0x10], b"LO", b"abcd");
    for content in
        [items(&implicit_value), items(&within), items(&deep), defined, items(&explicit_value), vec![]]
    {
        let known = [header(b"\x08\0\x40\x11", b"SQ\0\0", UNDEFINED), items(&unknown(&content)), end.clone()]
            .concat();
        for odd in [unknown(&content), known] {
            assert_eq!(rows(&around(&odd)), Ok(2), "{content:?}");
        }
        let deflated = deflated(&around(&unknown(&content))[file(EXPLICIT, &[]).len()..]);
        assert_eq!(rows(&deflated), Ok(2));
    }
    let big_endian = [
        &swapped(&MODALITY)[..],
        b"CS\0\x02CR\0\x09\x10\x10UN\0\0\xFF\xFF\xFF\xFF",
        &items(&implicit_value),
        &end,
        &swapped(&ROWS),
        b"US\0\x02\0\x02",
        b"\x7F\xE0\0\x10OB\0\0\0\0\0\x04abcd",
    ];
    assert_eq!(rows(&file(BIG_ENDIAN, &big_endian.concat())), Ok(2));
}

#[test]
fn two_values_of_one_element_are_none() {
    let code = |odd: &[u8]| rows(&around(odd)).map_err(|refusal| refusal.code);
    assert_eq!(code(&short(ROWS, b"US", &[2, 0])), Ok(2));
    assert_eq!(code(&short(ROWS, b"US", &[3, 0])), Err(RefusalCode::Damaged));
}

/// What is odd may be so because it is cut.
#[test]
fn a_head_that_can_not_be_followed_further_is_not_damaged() {
    let long = [&NAME[..], b"--\0\0", &5000u32.to_le_bytes(), &vec![b'x'; 5000]].concat();
    let whole = around(&long);
    assert_eq!(rows(&whole), Ok(2));
    for kept in [3000, whole.len() - 5020] {
        assert_eq!(of_part(&whole[..kept], Part::Head), Some(RefusalCode::Truncated));
    }
}
