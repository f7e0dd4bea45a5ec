//! Storage commitment: which job an instance became that came by C-STORE, and what is to be told of a request for commitment.

use hilum_events::{JobId, Sha256Digest, Site};
use serde::{Deserialize, Serialize};

/// Under which results wait that are to be told.
pub const COMMITMENT_RESULTS: &str = "commitment.result";

/// Where it stands which job an instance of a site became.
pub fn held_instance_subject(site: &Site, sop_instance: &str) -> String {
    // An identifier has dots, which part the words of subjects.
    format!("held-instance.{}.{}", site.as_str(), Sha256Digest::of(sop_instance.as_bytes()))
}

/// The job that an instance became, CBOR-encoded. Written beside the fact, so it is true only if the log has the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldInstance {
    /// Its SOP class UID, as the command had it.
    pub sop_class: String,
    /// The job.
    pub job_id: JobId,
}

/// An instance, as requests for commitment and their results name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstanceReference {
    /// SOP Class UID.
    pub sop_class: String,
    /// SOP Instance UID.
    pub sop_instance: String,
}

/// The result of a request for commitment (PS3.4, J.3.3).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitmentResult {
    /// Transaction UID (0008,1195) of the request.
    pub transaction: String,
    /// What is durable.
    pub held: Vec<InstanceReference>,
    /// What is not, with its Failure Reason (0008,1197).
    pub failed: Vec<(InstanceReference, u16)>,
}

/// A result that waits to be told, and to whom; CBOR-encoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingResult {
    /// Host and port of the receiver.
    pub address: String,
    /// Its AE title.
    pub receiver_ae: String,
    /// The title that it called, and that calls back.
    pub own_ae: String,
    /// What it is told.
    pub result: CommitmentResult,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_has_one_subject_in_each_site() {
        let site = |name: &str| name.parse::<Site>().unwrap();
        let subject = held_instance_subject(&site("north"), "1.2.3");
        assert!(
            subject.starts_with("held-instance.north.") && subject.matches('.').count() == 2,
            "{subject}"
        );
        assert_ne!(subject, held_instance_subject(&site("south"), "1.2.3"));
        assert_ne!(subject, held_instance_subject(&site("north"), "1.2.30"));
    }
}
