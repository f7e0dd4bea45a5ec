//! What the report says in sentences: what it is not, what was not read and why.

use hilum_reports::{Comparison, ImageEntry, Report, UNTRAINED_NOTICE, sentences};

use crate::codes::{self, Term};
use crate::content::{Relation, text};
use crate::data_set::DataSet;
use crate::subject::{Image, Subject};

pub(super) fn remarks(subject: &Subject<'_>) -> Vec<DataSet> {
    let report = subject.report;
    let remark = |name: Term, words: String| text(Relation::Contains, name, words);
    let mut remarks =
        vec![remark(codes::DISCLAIMER, report.disclaimer.clone()), remark(codes::REPORT, which(report))];
    if report.is_untrained() {
        remarks.push(remark(codes::UNTRAINED, UNTRAINED_NOTICE.to_owned()));
    }
    remarks.extend(report.doubts.iter().map(|doubt| remark(codes::DOUBT, doubt.text.clone())));
    remarks.extend(sentences::missing(report).into_iter().map(|words| remark(codes::MISSING, words)));
    remarks.extend(sentences::flags(report).into_iter().map(|words| remark(codes::FLAG, words)));
    remarks.extend(report.comparison.iter().flat_map(earlier).map(|words| remark(codes::EARLIER, words)));
    let images = subject.images();
    for image in &images {
        if image.entry.reading.is_none() {
            remarks.push(remark(codes::NOT_READ, format!("{}: {}", named(image), why(image.entry))));
        }
        let notices = image.entry.reading.iter().flat_map(|reading| &reading.notices);
        remarks.extend(
            notices.map(|notice| remark(codes::NOTICE, format!("{}: {}", named(image), notice.text))),
        );
    }
    let told: usize = images.iter().map(|image| 1 + image.again.len()).sum();
    if told < report.images.len() {
        let rest = report.images.len() - told;
        remarks.push(remark(
            codes::NOT_TOLD,
            format!(
                "{rest} further images are only in the report document with SHA-256 {}",
                subject.json_sha256
            ),
        ));
    }
    remarks
}

/// Study, revision and counts, and which revision it takes the place of.
fn which(report: &Report) -> String {
    let before = report.provenance.previous_revision;
    let before = before.map(|revision| format!(" It takes the place of revision {revision}."));
    format!("{}{}", sentences::summary(report), before.unwrap_or_default())
}

/// The numbers of an earlier study beside those of this one.
fn earlier(comparison: &Comparison) -> Vec<String> {
    let Comparison { study_id, study_ref, revision, same_model, findings, .. } = comparison;
    let name = study_ref.as_ref().map_or_else(|| study_id.to_string(), ToString::to_string);
    let study = format!("study {name}, revision {revision}");
    if !same_model {
        return vec![format!("Another model read the earlier {study}: its numbers can't be compared")];
    }
    let findings = findings.iter().map(|it| {
        let label = codes::spoken(&it.label);
        let scores = match (it.earlier_score, it.score) {
            (Some(earlier), Some(now)) => format!(", score {earlier:.2}, now {now:.2}"),
            _ => String::new(),
        };
        format!(
            "{label} in {study}: network output {:.3}, now {:.3}{scores}",
            it.earlier_probability, it.probability
        )
    });
    findings.collect()
}

/// Such as `Image 1 (and 3)`.
fn named(image: &Image<'_>) -> String {
    match image.again.as_slice() {
        [] => format!("Image {}", image.number),
        again => {
            let again: Vec<_> = again.iter().map(ToString::to_string).collect();
            format!("Image {} (and {})", image.number, again.join(", "))
        }
    }
}

fn why(image: &ImageEntry) -> String {
    let reason = image.reason.as_deref().unwrap_or("it has no outcome yet");
    let code = image.reason_code.as_ref().map(|code| format!(" [{code}]")).unwrap_or_default();
    let what_to_do = image.what_to_do.as_ref().map(|text| format!(". {text}")).unwrap_or_default();
    format!("{reason}{code}{what_to_do}")
}
