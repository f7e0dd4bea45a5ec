//! What a sender says a study consists of, and the bounds of it. Knows no log.

use hilum_api::Manifest;
use hilum_events::{StudyId, StudyManifestReceived};
use hilum_intake::Refusal;
use uuid::Uuid;

/// The longest body, bytes.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// Images that one list may name. Twice as many, written out, fit into an event.
const MAX_NAMED: usize = 4096;

/// Reads the body of `POST /v1/studies/{id}/manifest`; a study may have `most` images.
pub(crate) fn read(body: &[u8], most: u32) -> Result<Manifest, Refusal> {
    let manifest: Manifest = serde_json::from_slice(body).map_err(|error| {
        let example = r#"{"images": 2, "sha256": [], "sop_instance_uids": []}"#;
        Refusal::Malformed(format!("the body must be JSON such as {example}, both lists optional: {error}"))
    })?;
    match fault(&manifest, most) {
        None => Ok(manifest),
        Some(fault) => Err(Refusal::Malformed(fault)),
    }
}

fn fault(manifest: &Manifest, most: u32) -> Option<String> {
    let Manifest { images, sha256, sop_instance_uids } = manifest;
    let named = sha256.len().max(sop_instance_uids.len());
    if !(1..=most).contains(images) {
        Some(format!("images must be a number from 1 to {most}, the most that one report tells of"))
    } else if named > MAX_NAMED {
        Some(format!(
            "a list names more than {MAX_NAMED} images; leave it out and say only how many there are"
        ))
    } else if named > *images as usize {
        Some(format!(
            "images is {images}, and a list names {named}; say how many images the study has in all"
        ))
    } else if !sop_instance_uids.iter().all(|uid| is_uid(uid)) {
        Some("an entry of sop_instance_uids is no UID: 1 to 64 digits and dots".to_owned())
    } else {
        None
    }
}

/// The fact that a manifest was received.
pub(crate) fn received(manifest: Manifest, study_id: StudyId, request_id: Uuid) -> StudyManifestReceived {
    StudyManifestReceived {
        study_id,
        request_id,
        images: manifest.images,
        sha256: manifest.sha256.into_iter().collect(),
        sop_instance_uids: manifest.sop_instance_uids.into_iter().collect(),
    }
}

fn is_uid(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests {
    use hilum_events::{Envelope, Event, Sha256Digest, samples};
    use serde_json::json;

    use super::*;

    const MOST: u32 = 10_000;

    fn said(body: &serde_json::Value) -> String {
        read(body.to_string().as_bytes(), MOST).unwrap_err().to_string()
    }

    #[test]
    fn a_manifest_may_name_its_images_or_only_count_them() {
        let digest = Sha256Digest::of(b"a");
        let body = json!({ "images": 2, "sha256": [digest, digest], "sop_instance_uids": ["1.2.3"] });
        let manifest = read(body.to_string().as_bytes(), MOST).unwrap();
        let event = received(manifest, samples::study_id(), Uuid::from_u128(1));
        assert_eq!((event.images, event.sha256.as_slice()), (2, &[digest][..]));
        assert_eq!(event.sop_instance_uids, ["1.2.3"]);
        let counted = read(br#"{"images": 10000}"#, MOST).unwrap();
        assert_eq!((counted.images, counted.sha256.len()), (10_000, 0));
    }

    #[test]
    fn what_cannot_be_is_refused_and_says_what_to_do() {
        assert!(said(&json!({ "images": 0 })).contains("from 1 to 10000"));
        assert!(said(&json!({ "images": 10_001 })).contains("from 1 to 10000"));
        assert!(said(&json!({ "sha256": [] })).contains("missing field `images`"));
        assert!(said(&json!({ "images": 1, "patient": "x" })).contains("unknown field"));
        assert!(said(&json!({ "images": 1, "sha256": ["ab"] })).contains("64 hexadecimal digits"));
        assert!(said(&json!({ "images": 1, "sop_instance_uids": ["DOE"] })).contains("no UID"));
        assert!(said(&json!({ "images": 1, "sop_instance_uids": ["1.2", "1.3"] })).contains("names 2"));
        let many: Vec<_> = (0..=MAX_NAMED).map(|number| format!("1.{number}")).collect();
        assert!(said(&json!({ "images": 9999, "sop_instance_uids": many })).contains("more than 4096"));
        assert!(read(b"{", MOST).is_err());
    }

    #[test]
    fn the_longest_manifest_fits_into_an_event() {
        let digests: Vec<_> = (0..MAX_NAMED).map(|number| Sha256Digest::of(&number.to_le_bytes())).collect();
        let uids: Vec<_> = (0..MAX_NAMED).map(|number| format!("{number:064}")).collect();
        let body = json!({ "images": MAX_NAMED, "sha256": digests, "sop_instance_uids": uids }).to_string();
        assert!(body.len() < MAX_BYTES);
        let event = received(read(body.as_bytes(), MOST).unwrap(), samples::study_id(), Uuid::from_u128(1));
        let event = Event::StudyManifestReceived(event);
        let envelope = Envelope::first(Uuid::from_u128(1), samples::site(), samples::at(0), event);
        assert_eq!(Envelope::decode(&envelope.encode()), Ok(envelope));
    }
}
