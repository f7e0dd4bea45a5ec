//! What any bytes make.

use dicom_ul::pdu::{
    AbortRQSource, PDataValue, PDataValueType, PresentationContextProposed, UserVariableItem, write_pdu,
};
use proptest::prelude::*;

use super::*;

const DATA_MAX: u32 = 4096;

fn written(pdu: &Pdu) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_pdu(&mut bytes, pdu).unwrap();
    bytes
}

fn request() -> AssociationRQ {
    AssociationRQ {
        protocol_version: 1,
        calling_ae_title: "CR1".to_owned(),
        called_ae_title: "HILUM".to_owned(),
        application_context_name: "1.2.840.10008.3.1.1.1".to_owned(),
        presentation_contexts: vec![PresentationContextProposed {
            id: 1,
            abstract_syntax: "1.2.840.10008.1.1".to_owned(),
            transfer_syntaxes: vec!["1.2.840.10008.1.2".to_owned()],
        }],
        user_variables: vec![UserVariableItem::MaxLength(16384)],
    }
}

fn conversation() -> Vec<Pdu> {
    let value = |value_type, is_last, data: &[u8]| PDataValue {
        presentation_context_id: 1,
        value_type,
        is_last,
        data: data.to_vec(),
    };
    vec![
        Pdu::AssociationRQ(request()),
        Pdu::PData {
            data: vec![
                value(PDataValueType::Command, true, b"command"),
                value(PDataValueType::Data, false, b"da"),
            ],
        },
        Pdu::PData { data: vec![value(PDataValueType::Data, true, b"")] },
        Pdu::ReleaseRQ,
        Pdu::ReleaseRP,
        Pdu::AbortRQ { source: AbortRQSource::ServiceUser },
    ]
}

/// All that comes of these pieces, and how it ended.
fn framed<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Incoming>, Option<Garbled>) {
    let (mut framer, mut all) = (Framer::new(DATA_MAX), Vec::new());
    for piece in pieces {
        framer.came().extend_from_slice(piece);
        loop {
            match framer.next() {
                Ok(Some(incoming)) => all.push(incoming),
                Ok(None) => break,
                Err(garbled) => return (all, Some(garbled)),
            }
        }
    }
    (all, None)
}

#[test]
fn a_conversation_is_the_same_in_whatever_pieces_it_comes() {
    let bytes: Vec<u8> = conversation().iter().flat_map(written).collect();
    let value = |is_command, is_last, bytes: &'static [u8]| {
        Incoming::Value(DataValue { context: 1, is_command, is_last, bytes: Bytes::from_static(bytes) })
    };
    let expected = vec![
        Incoming::Request(request()),
        value(true, true, b"command"),
        value(false, false, b"da"),
        value(false, true, b""),
        Incoming::ReleaseRequest,
        Incoming::ReleaseReply,
        Incoming::Abort,
    ];
    for len in [1, 2, 7, 100, bytes.len()] {
        assert_eq!(framed(bytes.chunks(len)), (expected.clone(), None), "{len}");
    }
}

#[test]
fn a_pdu_that_is_too_long_is_refused_by_its_head_alone() {
    let too_long = |announced, most| Some(Garbled::TooLong { announced, most });
    for (head, garbled) in [
        (b"\x04\0\xff\xff\xff\xff", too_long(u32::MAX, DATA_MAX)),
        (b"\x04\0\0\0\x10\x01", too_long(DATA_MAX + 1, DATA_MAX)),
        (b"\x01\0\0\x02\0\x01", too_long(REQUEST_MAX + 1, REQUEST_MAX)),
        (b"\x05\0\0\0\0\x05", too_long(5, 4)),
        (b"\x07\0\xff\0\0\0", too_long(0xff00_0000, 4)),
        (b"\x08\0\0\0\0\x04", Some(Garbled::UnknownType)),
        (b"GET / ", Some(Garbled::UnknownType)),
        (b"\x16\x03\x01\x02\0\x01", Some(Garbled::UnknownType)),
        (b"\x04\0\0\0\x10\0", None),
    ] {
        assert_eq!(framed([&head[..]]), (vec![], garbled), "{head:?}");
    }
}

#[test]
fn values_that_contradict_their_pdu_are_refused() {
    for content in [
        &b""[..],
        b"\0\0\0\x02\x01",
        b"\0\0\0\x00\x01\x03",
        b"\0\0\0\x01\x01\x03",
        b"\0\0\0\x03\x01\x03",
        b"\xff\xff\xff\xff\x01\x03abc",
    ] {
        let pdu = [&b"\x04\0"[..], &(content.len() as u32).to_be_bytes(), content].concat();
        assert_eq!(framed([&pdu[..]]), (vec![], Some(Garbled::Content)), "{content:?}");
    }
    // What came before the fault is handed out.
    let pdu = b"\x04\0\0\0\0\x08\0\0\0\x03\x01\x03x!";
    let (all, garbled) = framed([&pdu[..]]);
    assert_eq!((all.len(), garbled), (1, Some(Garbled::Content)));
}

proptest! {
    #[test]
    fn any_bytes_are_framed_or_refused_and_nothing_is_kept_beyond_the_bounds(
        mut bytes in prop::collection::vec(any::<u8>(), 0..2048),
        kind in 1_u8..9,
        len in 0_u32..3000,
        pieces in 1_usize..200,
    ) {
        if bytes.len() > 6 {
            bytes[0] = kind;
            bytes[2..6].copy_from_slice(&len.to_be_bytes());
        }
        let (mut framer, mut handed_out) = (Framer::new(DATA_MAX), 0);
        'all: for piece in bytes.chunks(pieces) {
            framer.came().extend_from_slice(piece);
            loop {
                match framer.next() {
                    Ok(Some(Incoming::Value(value))) => handed_out += value.bytes.len(),
                    Ok(Some(_)) => {}
                    Ok(None) => break,
                    Err(_) => break 'all,
                }
            }
            prop_assert!(framer.came.len() <= REQUEST_MAX as usize + HEAD_LEN + pieces);
        }
        prop_assert!(handed_out <= bytes.len());
    }

    #[test]
    fn a_request_that_was_tampered_with_ends_nothing(at in 0_usize..400, byte in any::<u8>(), cut in 0_usize..400) {
        let mut bytes = written(&Pdu::AssociationRQ(request()));
        let at = 6 + at % (bytes.len() - 6);
        bytes[at] = byte;
        let cut = bytes.len() - cut % (bytes.len() - 6);
        bytes.truncate(cut);
        let len = u32::try_from(bytes.len() - 6).unwrap();
        bytes[2..6].copy_from_slice(&len.to_be_bytes());
        let (all, garbled) = framed([&bytes[..]]);
        prop_assert_eq!(all.len() + usize::from(garbled.is_some()), 1);
    }
}
