//! `hilum study`: shows a study, and says what it consists of.

mod announce;

use std::process::ExitCode;

use clap::{Args, Subcommand};
use hilum_api::{Delivery, DeliveryState, Flag, MaybeNewer, Missing, ReportRevision, StudySummary, TakenOut};
use hilum_terminal::Output;
use serde::Serialize;
use serde_json::{Value, json};

use self::announce::{CloseArgs, ManifestArgs};
use super::StackArgs;
use crate::error::Error;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(super) struct StudyArgs {
    #[command(subcommand)]
    action: Option<Action>,
    /// The study's id, or the name its sender gave it
    #[arg(required = true)]
    id: Option<String>,
    /// The site, if several have a study of that name
    #[arg(long)]
    site: Option<String>,
    #[command(flatten)]
    stack: StackArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Say that no more images will come: the report is issued when those that came are read
    Close(CloseArgs),
    /// Say which images it has: the report is issued when they are there and read; may be said before they are sent
    Manifest(ManifestArgs),
}

pub(super) async fn run(args: &StudyArgs, output: Output) -> Result<ExitCode, Error> {
    match (&args.action, &args.id) {
        (Some(Action::Close(close)), _) => announce::close(close, output).await,
        (Some(Action::Manifest(manifest)), _) => announce::manifest(manifest, output).await,
        (None, Some(id)) => show(args, id, output).await,
        (None, None) => Err(Error::Usage("name the study".to_owned())),
    }
}

async fn show(args: &StudyArgs, id: &str, output: Output) -> Result<ExitCode, Error> {
    let study = args.stack.client()?.study(id, args.site.as_deref()).await?;
    output.object(&study);
    say_summary(&study.summary, output);
    output.table(
        &["job", "status", "created", "duplicate of", "reason"],
        study.jobs.iter().map(|job| {
            let (id, created) = (job.job_id.to_string(), job.created_at.to_string());
            vec![id, cell(&job.status), created, cell(&job.duplicate_of), cell(&job.reason)]
        }),
    );
    say_taken_out(&study.taken_out, output);
    say_flags(&study.flags, output);
    say_deliveries(&study.deliveries, output);
    say_reports(&study.reports, output);
    Ok(ExitCode::SUCCESS)
}

fn say_summary(study: &StudySummary, output: Output) {
    output.say(format_args!("study_id       {}", study.study_id));
    if let Some(study_ref) = &study.study_ref {
        output.say(format_args!("study_ref      {study_ref}"));
    }
    output.say(format_args!("site           {}", study.site));
    output.say(format_args!("created_at     {}", study.created_at));
    output.say(format_args!("last_image_at  {}", study.last_image_at));
    if let Some(closed_at) = study.closed_at {
        output.say(format_args!("closed_at      {closed_at}"));
    }
}

fn say_reports(reports: &[ReportRevision], output: Output) {
    let Some(last) = reports.last() else {
        output.say("no report was issued yet");
        return;
    };
    output.table(
        &["report", "issued", "cause", "read", "failed", "pending", "complete"],
        reports.iter().map(|report| {
            let counts = [report.completed, report.failed, report.pending].map(|count| count.to_string());
            let mut row =
                vec![report.revision.to_string(), report.issued_at.to_string(), cell(&report.cause)];
            row.extend(counts);
            row.push(report.complete.to_string());
            row
        }),
    );
    for doubt in &last.doubts {
        output.say(format_args!("doubt: {}", doubt.text));
    }
    for missing in last.missing.iter().flatten() {
        output.say(format_args!("missing: {}", what_is_missing(missing)));
    }
}

fn say_taken_out(images: &[TakenOut], output: Output) {
    if !images.is_empty() {
        let rows = images.iter().map(|image| {
            let (id, at) = (image.job_id.to_string(), image.taken_out_at.to_string());
            vec![id, at, image.taken_out_by.clone(), image.taken_out_why.clone()]
        });
        output.table(&["taken out", "when", "by", "why"], rows);
    }
}

fn say_flags(flags: &[Flag], output: Output) {
    if !flags.is_empty() {
        let rows = flags.iter().map(|flag| {
            let untrained = if flag.notice.is_some() { " (UNTRAINED)" } else { "" };
            let numbers = [flag.value, flag.threshold].map(|number| format!("{number:?}"));
            let mut row = vec![format!("{}{untrained}", flag.rule), flag.flagged_at.to_string()];
            row.extend([flag.label.clone(), cell(&flag.measure)]);
            row.extend(numbers);
            row
        });
        output.table(&["flagged by", "when", "label", "measure", "value", "threshold"], rows);
    }
}

fn say_deliveries(deliveries: &[Delivery], output: Output) {
    if !deliveries.is_empty() {
        let rows = deliveries.iter().map(|delivery| {
            let (target, at) = (delivery.target.to_string(), delivery.at.to_string());
            let state = delivery.state.as_str().to_owned();
            vec![delivery.matter.clone(), target, state, at, what_was_said(delivery)]
        });
        output.table(&["delivery of", "to", "state", "when", "what was said"], rows);
    }
}

/// The target's receipt, or why it was given up and what an operator decided then.
fn what_was_said(delivery: &Delivery) -> String {
    let said = cell(&delivery.reason.as_ref().or(delivery.receipt.as_ref()));
    match delivery.state {
        state @ (DeliveryState::Redriven | DeliveryState::Discarded) => {
            let [by, why] = [&delivery.resolved_by, &delivery.resolved_why].map(cell);
            format!("{said}; {} by {by}: {why}", state.as_str())
        }
        DeliveryState::Delivered | DeliveryState::Failed => said,
    }
}

fn what_is_missing(missing: &MaybeNewer<Missing>) -> String {
    match missing {
        MaybeNewer::Known(Missing::Images { expected, arrived }) => {
            format!("of {expected} images {arrived} came")
        }
        MaybeNewer::Known(Missing::Series { name }) => format!("an image of the series {name}"),
        MaybeNewer::Known(Missing::Beyond { most }) => format!("images beyond the first {most}"),
        MaybeNewer::Known(Missing::Outcome { job_id }) => format!("the outcome of job {job_id}"),
        MaybeNewer::Newer(missing) => missing.to_string(),
    }
}

/// A value of an answer as it stands in a table.
pub(super) fn cell(value: &impl Serialize) -> String {
    match json!(value) {
        Value::Null => "-".to_owned(),
        Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use hilum_api::samples;

    #[derive(Debug, Parser)]
    struct Typed {
        #[command(flatten)]
        study: StudyArgs,
    }

    fn typed(words: &[&str]) -> Result<StudyArgs, clap::Error> {
        Typed::try_parse_from([&["study"], words].concat()).map(|typed| typed.study)
    }

    #[test]
    fn a_study_is_shown_by_its_name_and_announced_by_a_word_before_it() {
        let shown = typed(&["S-1", "--site", "north"]).unwrap();
        assert_eq!((shown.id.as_deref(), shown.site.as_deref()), (Some("S-1"), Some("north")));
        assert!(shown.action.is_none());
        let closed = typed(&["close", "S-1", "--url", "http://x"]).unwrap();
        assert!(matches!(closed.action, Some(Action::Close(_))), "{closed:?}");
        for good in [&["manifest", "S-1", "--images", "3"][..], &["manifest", "S-1", "a.png", "b"]] {
            assert!(matches!(typed(good).unwrap().action, Some(Action::Manifest(_))));
        }
        for bad in [&[][..], &["manifest", "S-1"], &["manifest", "S-1", "--images", "0"], &["close"]] {
            assert!(typed(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_was_said_of_a_delivery_tells_who_decided_and_why() {
        let mut delivery = samples::study().deliveries.remove(0);
        assert_eq!(what_was_said(&delivery), "HTTP 201");
        (delivery.receipt, delivery.reason) = (None, Some("it answered HTTP 403".to_owned()));
        delivery.state = DeliveryState::Failed;
        assert_eq!(what_was_said(&delivery), "it answered HTTP 403");
        delivery.state = DeliveryState::Discarded;
        delivery.resolved_by = Some("ada".to_owned());
        delivery.resolved_why = Some("it is gone".to_owned());
        assert_eq!(what_was_said(&delivery), "it answered HTTP 403; discarded by ada: it is gone");
        delivery.state = DeliveryState::Redriven;
        assert_eq!(what_was_said(&delivery), "it answered HTTP 403; redriven by ada: it is gone");
    }

    #[test]
    fn what_is_missing_is_said_in_words_and_as_it_came_when_a_newer_service_misses_it() {
        let said = |missing: Value| what_is_missing(&serde_json::from_value(missing).unwrap());
        assert_eq!(said(json!({"kind": "images", "expected": 3, "arrived": 1})), "of 3 images 1 came");
        assert_eq!(said(json!({"kind": "series", "name": "lateral"})), "an image of the series lateral");
        assert_eq!(said(json!({"kind": "beyond", "most": 5000})), "images beyond the first 5000");
        let job_id = samples::job().job_id;
        let outcome = json!({"kind": "outcome", "job_id": job_id});
        assert_eq!(said(outcome), format!("the outcome of job {job_id}"));
        assert_eq!(said(json!({"kind": "later"})), r#"{"kind":"later"}"#);
    }
}
