//! What is read as a request for commitment, and what tells a result.

use proptest::prelude::*;

use super::*;

fn reference(number: u32) -> InstanceReference {
    let sop_class = "1.2.840.10008.5.1.4.1.1.1".to_owned();
    InstanceReference { sop_class, sop_instance: format!("1.2.{number}") }
}

fn request(count: u32) -> CommitmentRequest {
    CommitmentRequest { transaction: "2.25.77".to_owned(), references: (0..count).map(reference).collect() }
}

/// A result in which all is held has the form of a request.
fn written(request: &CommitmentRequest, is_explicit: bool) -> Vec<u8> {
    let CommitmentRequest { transaction, references } = request.clone();
    report(&CommitmentResult { transaction, held: references, failed: Vec::new() }, is_explicit)
}

/// The same with undefined lengths, and with a sequence besides that nobody asked for.
fn with_undefined_lengths(request: &CommitmentRequest) -> Vec<u8> {
    let writer = Writer { is_explicit: true };
    let undefined = |(group, element): Tag, vr: &[u8], inner: &[u8], end: Tag| {
        let head = [group.to_le_bytes(), element.to_le_bytes()].concat();
        let end = [end.0.to_le_bytes(), end.1.to_le_bytes()].concat();
        [&head[..], vr, &[0xff; 4], inner, &end, &[0; 4]].concat()
    };
    let item = |inner: &[u8]| undefined(ITEM, b"", inner, ITEM_END);
    let foreign =
        undefined((0x0008, 0x1111), b"SQ\0\0", &item(&writer.uid((0x0008, 0x1155), "9.9")), SEQUENCE_END);
    let items = request.references.iter().map(|reference| {
        let (class, instance) = (&reference.sop_class, &reference.sop_instance);
        let inner =
            [&writer.uid(REFERENCED_CLASS, class)[..], &foreign, &writer.uid(REFERENCED_INSTANCE, instance)];
        item(&inner.concat())
    });
    let items: Vec<u8> = items.flatten().collect();
    [
        &foreign[..],
        &undefined(REFERENCED, b"SQ\0\0", &items, SEQUENCE_END),
        &writer.uid(TRANSACTION, &request.transaction),
    ]
    .concat()
}

#[test]
fn a_request_is_read_however_its_lengths_are_written() {
    for count in [1, 3, 700] {
        let request = request(count);
        for is_explicit in [false, true] {
            let bytes = written(&request, is_explicit);
            assert_eq!(CommitmentRequest::read(&bytes, is_explicit), Some(request.clone()));
            assert_eq!(CommitmentRequest::read(&bytes[..bytes.len() - 1], is_explicit), None);
        }
        let bytes = with_undefined_lengths(&request);
        assert_eq!(CommitmentRequest::read(&bytes, true), Some(request));
    }
}

#[test]
fn what_asks_for_nothing_for_too_much_or_in_endless_depth_is_none() {
    assert_eq!(CommitmentRequest::read(&written(&request(0), true), true), None);
    let most = u32::try_from(REFERENCES_MAX).unwrap();
    assert!(CommitmentRequest::read(&written(&request(most), false), false).is_some());
    assert_eq!(CommitmentRequest::read(&written(&request(most + 1), false), false), None);
    assert_eq!(CommitmentRequest::read(&[], true), None);
    // Sequences in sequences, up to the end of what may be sent.
    let level = [&[8, 0, 0x11, 0x11][..], b"SQ\0\0", &[0xff; 4], &[0xfe, 0xff, 0, 0xe0], &[0xff; 4]].concat();
    assert_eq!(CommitmentRequest::read(&level.repeat(REQUEST_MAX / level.len()), true), None);
}

#[test]
fn a_result_says_what_is_held_and_why_the_rest_is_not() {
    let result = CommitmentResult {
        transaction: "2.25.77".to_owned(),
        held: vec![reference(1)],
        failed: vec![(reference(2), 0x0112)],
    };
    let bytes = report(&result, true);
    let at = |tag: Tag| {
        let tag = [tag.0.to_le_bytes(), tag.1.to_le_bytes()].concat();
        bytes.windows(4).position(|window| window == tag).unwrap()
    };
    // In the order of their tags.
    assert!(
        at(TRANSACTION) < at(FAILED)
            && at(FAILED) < at(FAILURE_REASON)
            && at(FAILURE_REASON) < at(REFERENCED)
    );
    let reason = at(FAILURE_REASON);
    assert_eq!(bytes[reason + 4..reason + 10], [b'U', b'S', 2, 0, 0x12, 0x01]);
}

proptest! {
    #[test]
    fn any_bytes_are_a_request_or_none(
        bytes in prop::collection::vec(any::<u8>(), 0..400), is_explicit: bool, cut in 0_usize..400, at in 0_usize..400,
    ) {
        let _ = CommitmentRequest::read(&bytes, is_explicit);
        // And what is nearly one.
        let mut near = with_undefined_lengths(&request(2));
        let at = at % near.len();
        near.splice(at..(at + 4).min(near.len()), bytes.iter().copied().take(4));
        near.truncate(near.len().saturating_sub(cut % 40));
        let _ = CommitmentRequest::read(&near, true);
    }
}
