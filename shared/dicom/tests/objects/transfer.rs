//! Files as an association hands them over.

use dicom_parser::dataset::read::{DataSetReaderOptions, ValueReadStrategy};
use dicom_parser::dataset::{DataSetReader, DataToken};
use dicom_transfer_syntax_registry::entries::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use hilum_dicom::{Instance, Transfer};
use hilum_events::Sha256Digest;
use hilum_imaging::HeaderText;

use crate::story::{Story, header};

/// Objects of every form, of a patient whose name is not in the character set that the header tells.
fn objects() -> Vec<Instance> {
    let mut story = Story::new();
    let mut latin = header(0);
    latin.specific_character_set = "ISO_IR 192".to_owned();
    latin.patient_name = HeaderText::new(b"M\xfcller^J\xf6rg");
    let contents = ["a", "b", "c"].map(|content| Sha256Digest::of(content.as_bytes()));
    story.sources = contents.into_iter().map(|content| (content, latin.clone())).collect();
    story.files().into_iter().map(|(_, object)| object).collect()
}

/// Every element with its bytes, and where sequences and items begin and end.
fn elements(data_set: &[u8], is_explicit: bool) -> Vec<String> {
    let syntax = match is_explicit {
        true => EXPLICIT_VR_LITTLE_ENDIAN.erased(),
        false => IMPLICIT_VR_LITTLE_ENDIAN.erased(),
    };
    let raw = DataSetReaderOptions::default().value_read(ValueReadStrategy::Raw);
    let tokens = DataSetReader::new_with_ts_options(data_set, &syntax, raw).unwrap();
    let told = |token| match token {
        DataToken::ElementHeader(header) => format!("{} {}", header.tag, header.len),
        DataToken::SequenceStart { tag, .. } => format!("{tag} begins"),
        DataToken::PrimitiveValue(value) => format!("{:?}", value.to_bytes()),
        DataToken::ItemStart { .. } => "item".to_owned(),
        other => format!("{other:?}"),
    };
    tokens.map(|token| told(token.unwrap())).collect()
}

#[test]
fn implicit_vr_says_the_same_byte_for_byte() {
    let objects = objects();
    assert!(objects.len() >= 3);
    for object in objects {
        let transfer = Transfer::of(&object.file).unwrap();
        assert_eq!(
            (transfer.sop_class.as_str(), transfer.sop_instance.as_str()),
            (object.sop_class_uid, object.sop_instance_uid.as_str())
        );
        let implicit = transfer.implicit().unwrap();
        let explicit = elements(transfer.data_set, true);
        assert!(explicit.iter().any(|element| element.contains("77, 252, 108")), "the name is in it");
        assert_eq!(elements(&implicit, false), explicit);
    }
}

#[test]
fn a_request_tells_its_length_and_the_object() {
    let object = objects().remove(0);
    let command = Transfer::of(&object.file).unwrap().store_request(7).unwrap();
    let padded = |uid: &str| {
        let mut bytes = uid.as_bytes().to_vec();
        bytes.resize(uid.len().next_multiple_of(2), 0);
        bytes
    };
    let element = |number: u16, value: &[u8]| {
        let length = u32::try_from(value.len()).unwrap();
        [&[0, 0][..], &number.to_le_bytes(), &length.to_le_bytes(), value].concat()
    };
    let elements = [
        element(0x0002, &padded(object.sop_class_uid)),
        element(0x0100, &[1, 0]),
        element(0x0110, &[7, 0]),
        element(0x0700, &[0, 0]),
        element(0x0800, &[1, 0]),
        element(0x1000, &padded(&object.sop_instance_uid)),
    ]
    .concat();
    let length = u32::try_from(elements.len()).unwrap().to_le_bytes();
    assert_eq!(command, [element(0, &length), elements].concat());
}

#[test]
fn what_is_cut_is_refused() {
    let object = objects().remove(0);
    let whole = Transfer::of(&object.file).unwrap();
    let meta = object.file.len() - whole.data_set.len();
    for length in 0..meta {
        assert!(Transfer::of(&object.file[..length]).is_err(), "{length} bytes");
    }
    // The content sequence goes to the end of a structured report.
    for length in [whole.data_set.len() - 1, whole.data_set.len() - 8, whole.data_set.len() / 2] {
        let cut = Transfer { data_set: &whole.data_set[..length], ..Transfer::of(&object.file).unwrap() };
        assert!(cut.implicit().is_err(), "{length} bytes");
    }
}
