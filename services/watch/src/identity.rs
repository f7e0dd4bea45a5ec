//! Which job an object is. It follows from what the store says of the object alone, whether that comes with its bytes or with a
//! list: notifications may come twice, late or never, and the job is the same.

use hilum_blobs::ForeignObject;
use hilum_events::{JobId, Sha256Digest};
use hilum_log::Notification;
use uuid::{Builder, Uuid};

/// The job that an object is: a UUID of version 7 with the second in which the object was last written, for jobs are listed by
/// their time, and a hash of its bucket, key, tag and length. Another version under the same key is another job. Without a tag, which
/// some stores only tell with the bytes, it is not known.
pub fn job_of(bucket: &str, object: &ForeignObject) -> Option<JobId> {
    let size = object.size_bytes.to_string();
    let words = ["hilum object 1", bucket, &object.key, object.e_tag.as_deref()?, &size];
    let mut identity = Vec::new();
    for word in words {
        identity.extend((word.len() as u64).to_be_bytes());
        identity.extend(word.as_bytes());
    }
    let digest = Sha256Digest::of(&identity);
    let mut random = [0; 10];
    random.copy_from_slice(&digest.as_bytes()[..10]);
    let milliseconds = u64::try_from(object.modified_at.as_second()).unwrap_or_default() * 1000;
    Some(JobId::from_uuid(Builder::from_unix_timestamp_millis(milliseconds, &random).into_uuid()))
}

/// The job that a file in an archive is, by its place in it: what is in an archive never changes under its job.
pub(crate) fn job_of_entry(archive: JobId, number: usize) -> JobId {
    let identity = format!("hilum entry 1/{archive}/{number}");
    let digest = Sha256Digest::of(identity.as_bytes());
    let mut bytes = *archive.as_uuid().as_bytes();
    // The second and the version stay.
    bytes[7] = digest.as_bytes()[0];
    bytes[9..].copy_from_slice(&digest.as_bytes()[1..8]);
    JobId::from_uuid(Uuid::from_bytes(bytes))
}

/// An id for an object that is given up before it was seen, the same each time that it comes.
pub(crate) fn id_of_name(notification: &Notification) -> JobId {
    let Notification { bucket, key, e_tag, .. } = notification;
    id_of_body(format!("{bucket}/{key}/{}", e_tag.as_deref().unwrap_or_default()).as_bytes(), 0)
}

/// An id for a body that is given up, or a record of it, the same each time that it comes.
pub(crate) fn id_of_body(body: &[u8], record: usize) -> JobId {
    let digest = Sha256Digest::of(body);
    JobId::from_uuid(Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("hilum body {digest} {record}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(key: &str, e_tag: &str, size_bytes: u64, second: i64) -> ForeignObject {
        let modified_at = jiff::Timestamp::from_second(second).unwrap();
        ForeignObject { key: key.to_owned(), size_bytes, e_tag: Some(e_tag.to_owned()), modified_at }
    }

    #[test]
    fn a_job_has_the_second_of_its_object_and_is_always_the_same() {
        let id = job_of("drop", &object("in/a.dcm", "e", 7, 1_700_000_000)).unwrap();
        assert_eq!(id, job_of("drop", &object("in/a.dcm", "e", 7, 1_700_000_000)).unwrap());
        assert_eq!(id.as_uuid().get_version_num(), 7);
        assert_eq!(id.as_uuid().get_timestamp().unwrap().to_unix(), (1_700_000_000, 0));
        assert_eq!(id.to_string(), "018bcfe5-6800-77a9-befe-56bbabaa1c2d", "released once, never changed");
    }

    #[test]
    fn whatever_differs_makes_another_job() {
        let first = object("in/a.dcm", "e", 7, 1_700_000_000);
        let mut ids =
            vec![job_of("drop", &first), job_of("dro", &object("pin/a.dcm", "e", 7, 1_700_000_000))];
        ids.extend([
            job_of("drop", &object("in/b.dcm", "e", 7, 1_700_000_000)),
            job_of("drop", &object("in/a.dcm", "f", 7, 1_700_000_000)),
            job_of("drop", &object("in/a.dcm", "e", 8, 1_700_000_000)),
            job_of("drop", &object("in/a.dcm", "e", 7, 1_700_000_001)),
        ]);
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 6);
        assert_eq!(job_of("drop", &ForeignObject { e_tag: None, ..first }), None);
    }

    #[test]
    fn each_file_in_an_archive_is_a_job_of_its_own_in_the_second_of_the_archive() {
        let archive = job_of("drop", &object("in/a.zip", "e", 7, 1_700_000_000)).unwrap();
        let mut ids: Vec<_> = (1..=1000).map(|number| job_of_entry(archive, number)).collect();
        assert_eq!(
            ids[0].to_string(),
            "018bcfe5-6800-7f55-a803-22eae8cad122",
            "released once, never changed"
        );
        assert!(ids.iter().all(|id| id.as_uuid().get_version_num() == 7));
        assert!(ids.iter().all(|id| id.as_uuid().get_timestamp().unwrap().to_unix().0 == 1_700_000_000));
        ids.push(archive);
        ids.sort();
        ids.dedup();
        assert_eq!(ids.len(), 1001);
    }

    #[test]
    fn later_objects_come_behind_earlier_ones() {
        let id = |second| job_of("drop", &object("in/a.dcm", "e", 7, second)).unwrap();
        assert!(id(1) < id(2) && id(2) < id(1_700_000_000) && id(-1) < id(2));
    }
}
