//! The filters by which facts are found, and what a filter finds.

use crate::event::Matter;
use crate::ids::{DeliveryTarget, JobId, ReadingId, RuleName, StudyId};

/// Filter that finds the request of a reading, whichever site, priority and lane it came with.
pub fn claim_filter(reading_id: ReadingId) -> String {
    format!("evt.inference-requested.*.{reading_id}.*")
}

/// Filter that finds the completed reading.
pub fn completed_filter(reading_id: ReadingId) -> String {
    format!("evt.inference-completed.*.{reading_id}")
}

/// Filter that finds the fact that this attempt at a reading failed.
pub fn failed_filter(reading_id: ReadingId, attempt: u32) -> String {
    format!("evt.inference-failed.*.{reading_id}.{attempt}")
}

/// Filter that finds the fact that work on a message was given up: `job_id` is the job of the message at
/// `stream_seq`.
pub fn dead_letter_filter(job_id: JobId, stream_seq: u64) -> String {
    format!("evt.job-dead-lettered.*.{job_id}.{stream_seq}")
}

/// Filter that finds what work on a job was given up.
pub fn job_dead_letters_filter(job_id: JobId) -> String {
    format!("evt.job-dead-lettered.*.{job_id}.*")
}

/// Filter that finds what operators decided about dead letters and failed readings of a job.
pub fn job_decisions_filter(job_id: JobId) -> String {
    format!("evt.dead-letter-resolved.*.{job_id}.*")
}

/// Filter that finds the reading that a job shares. The server walks all readings for it: keep it for the rare case.
pub fn job_link_filter(job_id: JobId) -> String {
    format!("evt.duplicate-linked.*.*.{job_id}")
}

/// Filter that finds the images of a study.
pub fn study_images_filter(study_id: StudyId) -> String {
    format!("evt.image-stored.*.{study_id}.*")
}

/// Filter that finds what senders said that a study consists of.
pub fn study_manifests_filter(study_id: StudyId) -> String {
    format!("evt.study-manifest-received.*.{study_id}.*")
}

/// Filter that finds the upload of a job when its study is not known. The server walks all studies for it:
/// keep it for the rare case.
pub fn job_image_filter(job_id: JobId) -> String {
    format!("evt.image-stored.*.*.{job_id}")
}

/// Filter that finds the jobs that share a reading.
pub fn links_filter(reading_id: ReadingId) -> String {
    format!("evt.duplicate-linked.*.{reading_id}.*")
}

/// Filter that finds a revision of a study's report.
pub fn report_filter(study_id: StudyId, revision: u32) -> String {
    format!("evt.report-issued.*.{study_id}.{revision}")
}

/// Filter that finds all revisions of a study's report.
pub fn study_reports_filter(study_id: StudyId) -> String {
    format!("evt.report-issued.*.{study_id}.*")
}

/// Filter that finds the flag of a rule on a study.
pub fn flag_filter(study_id: StudyId, rule: &RuleName) -> String {
    format!("evt.study-flagged.*.{study_id}.{rule}")
}

/// Filter that finds all flags of a study.
pub fn study_flags_filter(study_id: StudyId) -> String {
    format!("evt.study-flagged.*.{study_id}.*")
}

/// Filter that finds the fact that a target took something, in whichever round of tries.
pub fn delivered_filter(study_id: StudyId, matter: &Matter, target: &DeliveryTarget) -> String {
    format!("evt.report-delivered.*.{study_id}.{}.{target}.*", matter.token())
}

/// Filter that finds what was decided about failed deliveries to a target.
pub fn delivery_resolutions_filter(target: &DeliveryTarget) -> String {
    format!("evt.delivery-resolved.*.*.*.{target}.*")
}

/// Filter that finds all losses of the log that were accepted.
pub fn losses_filter() -> String {
    "evt.log-loss-accepted.*.*".to_owned()
}

/// Filter that finds every requested reading, in whichever lane it waits.
pub fn all_requests_filter() -> String {
    "evt.inference-requested.>".to_owned()
}

/// Filter that finds every completed reading.
pub fn all_completed_filter() -> String {
    "evt.inference-completed.>".to_owned()
}

/// Filter that finds every job that shares a reading.
pub fn all_links_filter() -> String {
    "evt.duplicate-linked.>".to_owned()
}

/// Filter that finds every revision of every report.
pub fn all_reports_filter() -> String {
    "evt.report-issued.>".to_owned()
}

/// Filter that finds every flag.
pub fn all_flags_filter() -> String {
    "evt.study-flagged.>".to_owned()
}

/// Whether `filter` finds `subject`, by the rules of NATS: `*` is any one token, `>` at the end one or more.
pub fn finds(filter: &str, subject: &str) -> bool {
    // Most filters are subjects, or differ from the subject before their first wildcard.
    let Some(wild) = filter.bytes().position(|byte| matches!(byte, b'*' | b'>')) else {
        return filter == subject;
    };
    if !subject.as_bytes().starts_with(&filter.as_bytes()[..wild]) {
        return false;
    }
    let (filter, subject) = (&filter[wild..], &subject[wild..]);
    let (mut wanted, mut found) = (filter.split('.'), subject.split('.'));
    loop {
        match (wanted.next(), found.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(want), Some(token)) if want == token => {}
            _ => return false,
        }
    }
}

/// The pattern of SQL's `LIKE` that finds at least the subjects that `filter` finds.
pub fn like_pattern(filter: &str) -> String {
    let mut pattern = String::with_capacity(filter.len());
    for letter in filter.chars() {
        match letter {
            '*' | '>' => pattern.push('%'),
            '%' | '_' | '\\' => pattern.extend(['\\', letter]),
            _ => pattern.push(letter),
        }
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_one_token_and_an_arrow_at_least_one() {
        for (filter, subject, is_found) in [
            ("evt.a.b", "evt.a.b", true),
            ("evt.a.b", "evt.a.bc", false),
            ("evt.*.b", "evt.a.b", true),
            ("evt.*", "evt.a.b", false),
            ("evt.a.*", "evt.a", false),
            ("evt.>", "evt.a.b", true),
            ("evt.>", "evt", false),
            (">", "evt", true),
        ] {
            assert_eq!(finds(filter, subject), is_found, "{filter} {subject}");
        }
    }

    #[test]
    fn a_pattern_has_the_wildcards_of_its_filter_and_no_others() {
        assert_eq!(like_pattern("evt.image-stored.*.*.7"), "evt.image-stored.%.%.7");
        assert_eq!(like_pattern(r"evt.a.north_1%\.>"), r"evt.a.north\_1\%\\.%");
    }
}
