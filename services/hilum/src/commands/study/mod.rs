//! `hilum study`: shows a study, and says what it consists of.

mod announce;

use std::process::ExitCode;

use clap::{Args, Subcommand};
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
    for field in ["study_id", "study_ref", "site", "created_at", "last_image_at", "closed_at"] {
        if let Some(value) = study[field].as_str() {
            output.say(format_args!("{field:<14} {value}"));
        }
    }
    output.table(
        &["job", "status", "created", "duplicate of", "reason"],
        entries(&study["jobs"]).map(|job| {
            ["job_id", "status", "created_at", "duplicate_of", "reason"]
                .map(|field| text(&job[field]))
                .to_vec()
        }),
    );
    say_taken_out(&study, output);
    say_flags(&study, output);
    say_deliveries(&study, output);
    let reports: Vec<_> = entries(&study["reports"]).collect();
    if reports.is_empty() {
        output.say("no report was issued yet");
        return Ok(ExitCode::SUCCESS);
    }
    output.table(
        &["report", "issued", "cause", "read", "failed", "pending", "complete"],
        reports.iter().map(|report| {
            ["revision", "issued_at", "cause", "completed", "failed", "pending", "complete"]
                .map(|field| text(&report[field]))
                .to_vec()
        }),
    );
    for doubt in reports.last().into_iter().flat_map(|report| entries(&report["doubts"])) {
        output.say(format_args!("doubt: {}", text(&doubt["text"])));
    }
    for missing in reports.last().into_iter().flat_map(|report| entries(&report["missing"])) {
        output.say(format_args!("missing: {}", what_is_missing(missing)));
    }
    Ok(ExitCode::SUCCESS)
}

fn say_taken_out(study: &Value, output: Output) {
    let rows: Vec<Vec<String>> = entries(&study["taken_out"])
        .map(|image| {
            ["job_id", "taken_out_at", "taken_out_by", "taken_out_why"]
                .map(|field| text(&image[field]))
                .to_vec()
        })
        .collect();
    if !rows.is_empty() {
        output.table(&["taken out", "when", "by", "why"], rows);
    }
}

fn say_flags(study: &Value, output: Output) {
    let rows: Vec<Vec<String>> = entries(&study["flags"])
        .map(|flag| {
            let mut row = ["rule", "flagged_at", "label", "measure", "value", "threshold"]
                .map(|field| text(&flag[field]))
                .to_vec();
            if !flag["notice"].is_null() {
                row[0] += " (UNTRAINED)";
            }
            row
        })
        .collect();
    if !rows.is_empty() {
        output.table(&["flagged by", "when", "label", "measure", "value", "threshold"], rows);
    }
}

fn say_deliveries(study: &Value, output: Output) {
    let rows: Vec<Vec<String>> = entries(&study["deliveries"])
        .map(|delivery| {
            let mut row = ["matter", "target", "state", "at"].map(|field| text(&delivery[field])).to_vec();
            row.push(what_was_said(delivery));
            row
        })
        .collect();
    if !rows.is_empty() {
        output.table(&["delivery of", "to", "state", "when", "what was said"], rows);
    }
}

/// The target's receipt, or why it was given up and what an operator decided then.
fn what_was_said(delivery: &Value) -> String {
    let said = if delivery["reason"].is_string() { "reason" } else { "receipt" };
    let said = text(&delivery[said]);
    match delivery["state"].as_str() {
        Some(state @ ("redriven" | "discarded")) => {
            let [by, why] = ["resolved_by", "resolved_why"].map(|field| text(&delivery[field]));
            format!("{said}; {state} by {by}: {why}")
        }
        _ => said,
    }
}

fn what_is_missing(missing: &Value) -> String {
    match missing["kind"].as_str() {
        Some("images") => {
            format!("of {} images {} came", text(&missing["expected"]), text(&missing["arrived"]))
        }
        Some("series") => format!("an image of the series {}", text(&missing["name"])),
        Some("beyond") => format!("images beyond the first {}", text(&missing["most"])),
        Some("outcome") => format!("the outcome of job {}", text(&missing["job_id"])),
        // Of a newer service.
        _ => missing.to_string(),
    }
}

fn entries(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A value of an answer as it stands in a table.
pub(super) fn cell(value: &impl Serialize) -> String {
    text(&json!(value))
}

/// A value as it stands in a table.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

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
        assert_eq!(what_was_said(&json!({"state": "delivered", "receipt": "HTTP 201"})), "HTTP 201");
        let mut delivery = json!({"state": "failed", "reason": "it answered HTTP 403"});
        assert_eq!(what_was_said(&delivery), "it answered HTTP 403");
        delivery["state"] = json!("discarded");
        (delivery["resolved_by"], delivery["resolved_why"]) = (json!("ada"), json!("it is gone"));
        assert_eq!(what_was_said(&delivery), "it answered HTTP 403; discarded by ada: it is gone");
        delivery["state"] = json!("redriven");
        assert_eq!(what_was_said(&delivery), "it answered HTTP 403; redriven by ada: it is gone");
    }

    #[test]
    fn what_is_missing_is_said_in_words() {
        let said = |missing: Value| what_is_missing(&missing);
        assert_eq!(said(json!({"kind": "images", "expected": 3, "arrived": 1})), "of 3 images 1 came");
        assert_eq!(said(json!({"kind": "series", "name": "lateral"})), "an image of the series lateral");
        assert_eq!(said(json!({"kind": "beyond", "most": 5000})), "images beyond the first 5000");
        assert_eq!(said(json!({"kind": "outcome", "job_id": "x"})), "the outcome of job x");
        assert_eq!(said(json!({"kind": "later"})), r#"{"kind":"later"}"#);
    }
}
