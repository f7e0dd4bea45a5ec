//! A submission as a table for people or lines for programs.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use hilum_api::JobResult;
use hilum_client::{FileOutcome, Sent, Step};
use hilum_events::JobId;
use hilum_terminal::Output;
use indicatif::ProgressBar;

/// Findings named in the table.
const TOP: usize = 3;

/// How far a submission is, as bars on a terminal.
pub(crate) struct Bars {
    output: Output,
    bar: Mutex<ProgressBar>,
}

impl Bars {
    /// No bar before the first step.
    pub(crate) fn new(output: Output) -> Self {
        Self { output, bar: Mutex::new(ProgressBar::hidden()) }
    }

    /// Follows a step.
    pub(crate) fn show(&self, step: Step) {
        let mut bar = self.bar.lock().unwrap_or_else(PoisonError::into_inner);
        match step {
            Step::Sending(files) => *bar = self.output.progress(files, "sending"),
            Step::Reading(files) => *bar = self.output.progress(files, "reading"),
            Step::One => bar.inc(1),
            Step::All => bar.finish_and_clear(),
        }
    }
}

/// Shows what became of the files.
pub(crate) fn show(sent: &[Sent], output: Output) {
    for one in sent {
        output.object(&one.to_json());
    }
    let files: HashMap<_, _> =
        sent.iter().filter_map(|one| Some((one.outcome.job_id()?, one.file.as_path()))).collect();
    let rows = sent.iter().map(|one| {
        let job = one.outcome.job_id().map_or_else(|| "-".to_owned(), |id| id.to_string());
        vec![name(&one.file), job, in_words(&one.outcome, &files), format!("{:.2}", one.seconds)]
    });
    output.table(&["file", "job", "outcome", "seconds"], rows);
    if let Some(notice) = sent.iter().filter_map(|one| one.outcome.reading()).find_map(JobResult::notice) {
        output.say(notice);
    }
    let count = |of: fn(&FileOutcome) -> bool| sent.iter().filter(|one| of(&one.outcome)).count();
    let mut counts = vec![format!("{} sent", sent.len())];
    let kinds = [
        ("accepted", count(|it| matches!(it, FileOutcome::Accepted(_)) && it.reading().is_none())),
        ("read", count(|it| it.reading().is_some())),
        ("shared the reading of another", count(|it| it.duplicate_of().is_some())),
        ("failed", count(|it| matches!(it, FileOutcome::Failed(_)))),
        ("refused", count(|it| matches!(it, FileOutcome::Refused { .. }))),
        (
            "without an outcome yet",
            count(|it| matches!(it, FileOutcome::Unfinished(_) | FileOutcome::Unknown { .. })),
        ),
        ("not sent", count(|it| matches!(it, FileOutcome::NotSent { .. }))),
    ];
    counts
        .extend(kinds.iter().filter(|(_, count)| *count > 0).map(|(kind, count)| format!("{count} {kind}")));
    output.say(counts.join(", "));
}

fn in_words(outcome: &FileOutcome, files: &HashMap<JobId, &Path>) -> String {
    let what = match outcome {
        FileOutcome::Accepted(accepted) => {
            accepted.result.as_ref().map_or_else(|| "accepted".to_owned(), |reading| reading.top(TOP))
        }
        FileOutcome::Refused { status, reason } => format!("refused ({status}): {reason}"),
        FileOutcome::NotSent { reason } => format!("not sent: {reason}"),
        FileOutcome::Read { reading, .. } => reading.top(TOP),
        FileOutcome::Failed(job) => {
            format!("FAILED: {}", job.reason.as_deref().unwrap_or("no reason was given"))
        }
        FileOutcome::Unfinished(job) => format!("{}, no outcome yet", job.status.as_str()),
        FileOutcome::Unknown { reason, .. } => format!("accepted, but: {reason}"),
    };
    match outcome.duplicate_of() {
        Some(first) => {
            let first = files.get(&first).map_or_else(|| format!("job {first}"), |file| name(file));
            format!("duplicate of {first}: {what}")
        }
        None => what,
    }
}

fn name(file: &Path) -> String {
    file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use hilum_api::{Job, JobStatus, samples};
    use hilum_events::samples::job_id;
    use serde_json::json;

    use super::*;

    fn failed(first: Option<JobId>) -> FileOutcome {
        let reason = Some("torn".to_owned());
        let job = Job { status: JobStatus::Failed, reason, duplicate_of: first, ..samples::job() };
        FileOutcome::Failed(serde_json::from_value(json!(job)).unwrap())
    }

    #[test]
    fn a_duplicate_names_the_file_it_repeats_if_that_was_sent_with_it() {
        let files = HashMap::from([(job_id(3), Path::new("/x/a.png"))]);
        assert_eq!(in_words(&failed(Some(job_id(3))), &files), "duplicate of a.png: FAILED: torn");
        let elsewhere = format!("duplicate of job {}: FAILED: torn", job_id(9));
        assert_eq!(in_words(&failed(Some(job_id(9))), &files), elsewhere);
        assert_eq!(in_words(&failed(None), &files), "FAILED: torn");
    }

    #[test]
    fn content_that_was_read_before_is_shown_with_what_the_model_says() {
        let accepted = samples::accepted();
        let first = accepted.duplicate_of.unwrap();
        let files = HashMap::from([(first, Path::new("/x/a.png"))]);
        let expected = format!("duplicate of a.png: {}", samples::job_result().top(TOP));
        let outcome = FileOutcome::Accepted(serde_json::from_value(json!(accepted)).unwrap());
        assert_eq!(in_words(&outcome, &files), expected);
    }
}
