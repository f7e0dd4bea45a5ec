//! The sentences in English.

use hilum_events::ReportCause;

use super::{NAME, Words};
use crate::document::{ChangeKind, DISCLAIMER, ImageStatus, UNTRAINED_NOTICE};

pub(super) static WORDS: Words = Words {
    kicker: NAME,
    study: "Study",
    revision: |number| format!("revision {number}"),
    title: |study, revision| format!("Study {study}, revision {revision}"),
    disclaimer: DISCLAIMER,
    untrained: UNTRAINED_NOTICE,
    untrained_in_short: "UNTRAINED network: numbers mean nothing",
    page: |number, of| format!("page {number} of {of}"),

    status: "Status",
    counts: |summary| {
        let mut text = format!("{}: {} read", counted(summary.images.into(), "image"), summary.completed);
        if summary.failed > 0 {
            text += &format!(", {} without a reading", summary.failed);
        }
        if summary.pending() > 0 {
            text += &format!(", {} without an outcome yet", summary.pending());
        }
        if summary.duplicates > 0 {
            text += &format!(" ({} with shared content)", summary.duplicates);
        }
        text
    },
    as_of: "As of",
    site: "Site",
    issued_because: "Issued because",
    cause: |cause| match cause {
        ReportCause::QuietTime => "all images had an outcome and no more came for a while",
        ReportCause::Closed => "all images had an outcome and the sender closed the study",
        ReportCause::Expected => "all images that the sender announced had an outcome",
        ReportCause::ExpectedSeries => "every expected series had come and all images had an outcome",
        ReportCause::TimeLimit => "the time for the study was over",
        ReportCause::ImageTakenOut => "an image was taken out of the study",
    },
    study_id: "Study id",
    changes_since: |revision| format!("Changes since revision {revision}"),
    change: |change| match change {
        ChangeKind::Added => ": added",
        ChangeKind::OutcomeChanged => ": has another outcome now",
    },

    doubts: "CHECK whose images these are",
    completeness: "Completeness",
    complete: "all that was expected is here",
    incomplete: "INCOMPLETE: not all that was expected is in this report",
    missing_images: |expected, arrived| {
        format!("{arrived} of {} arrived", counted(expected.into(), "expected image"))
    },
    missing_series: |name| format!("the series {name} did not arrive"),
    missing_beyond: |most| {
        format!("more than {most} images arrived; only the first {most} are in this report")
    },
    missing_outcome: |image| format!("{image} arrived and has no outcome yet"),
    flagged: "Flagged",
    flag_numbers: |score, probability, threshold| {
        let score = score.map(|score| format!("score {score:.2}, ")).unwrap_or_default();
        format!("{score}probability {probability:.4}, threshold {threshold:.2}")
    },
    flagged_by: |rule| format!("flagged by rule {rule}"),

    comparison: "Comparison with an earlier study",
    compared_with: |study, revision, as_of| {
        format!(
            "Study {study}, revision {revision}, as of {as_of}. Each number is the highest over the images of a study."
        )
    },
    other_model: "The two studies were read by different models, so their numbers cannot be compared.",
    nothing_in_both: "No finding was read in both studies, so there is nothing to compare.",
    earlier_score: "Earlier score",
    current_score: "Score",
    score_change: "Change",
    earlier_probability: "Earlier probability",
    current_probability: "Probability",

    image: |number| format!("Image {number}"),
    outcome_of: |status| match status {
        ImageStatus::Completed => "read",
        ImageStatus::Failed => "no reading",
        ImageStatus::Pending => "no outcome yet",
    },
    shared_with: ["Same content as job ", ", reading shared."],
    no_reading: "No reading: ",
    reason_not_recorded: "the reason was not recorded",
    what_to_do: "What to do: ",
    pending_means: "It had no outcome yet when this report had to be issued. The report is revised when it has one.",
    please_note: "Please note: ",
    original: "In the document: ",

    no_preview: "No preview: ",
    none_was_kept: "none was kept",
    not_fetched: "it was not fetched",
    not_a_picture: "what was stored as its picture is not one",
    picture: "The picture, reduced.",
    picture_of: |width, height| format!("The picture, reduced; {width} × {height} pixels as sent."),
    picture_alone: |number| format!("Image {number}, reduced, without overlay"),
    picture_without_reading: |number| format!("Image {number}, reduced; it has no reading"),
    picture_with_map: |number, label| format!("Image {number} with the activation map of {label}"),
    map_of: ["Activation map of ", ", ", " cells."],
    untrained_map: "Untrained: meaningless.",
    nothing_coloured: "No cell contributes positively: nothing is coloured.",
    colours: "Contribution of a cell to the logit before averaging; only positive ones are coloured.",
    not_analysed: "not analysed",

    findings: "Findings",
    finding: "Finding",
    score: "Score",
    tick: "tick at 0.5 = operating point",
    probability: "Probability",
    logit: "Logit",
    at_or_above: "at or above the operating point",
    no_operating_point: "the model has no operating point for it",
    none: "none",

    received: "Received",
    file_type: "Type",
    bytes: |bytes| {
        if bytes < 10_000 { format!("{bytes} bytes") } else { format!("{} kB", bytes.div_ceil(1000)) }
    },
    model: "Model",
    job: "Job",
    reading: "Reading",
    taken_from: "Taken from",
    same_pixels: ["reading ", " of the same pixels in another file"],
    sop_instance: "SOP instance",
    series: "Series",
    modality: "Modality",

    further_images: "Further images",
    only_in_json: "In full only in the machine-readable form.",
    image_column: "Image",
    outcome: "Outcome",

    how_to_read: "How to read this",
    untrained_means: "They show how the pipeline works, nothing else.",
    score_means: ": 0 to 1, with 0.5 at the model's operating point for that finding. It ranks; it is not the \
                  probability of disease. ",
    probability_means: " is the raw network output and not calibrated either.",
    activation_map: "Activation map",
    map_means: ": which parts of the picture raised the logit of one finding, in the network's own coarse cells. \
                Only positive contributions are coloured. It is not an outline of anything: a cell can light up for \
                what lies beside it.",
    hatched: "Hatched",
    hatched_means: ": cut off before the network saw the picture, so not analysed.",

    notice: "Notice",
    name: "Name",
    version: "Version",
    weights: "Weights SHA-256",
    preprocessing: "Preprocessing",
    engine: "Engine",
    provenance: "Provenance",
    made_of: |events| {
        let before = format!("Made of {} of the log; caused by ", counted(events as u64, "event"));
        [before, ". Machine-readable form: SHA-256 ".to_owned(), ".".to_owned()]
    },
    position: "Position",
    event: "Event",
    recorded: "Recorded",
    id: "Id",
    further_events: |events| format!("The other {events} are in the machine-readable form."),
};

fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
