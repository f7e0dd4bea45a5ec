//! `hilum study`.

use std::process::ExitCode;

use clap::Args;
use serde_json::Value;

use super::StackArgs;
use crate::error::Error;
use crate::output::Output;

#[derive(Debug, Args)]
pub(super) struct StudyArgs {
    /// The study's id, or the name its sender gave it
    id: String,
    /// The site, if several have a study of that name
    #[arg(long)]
    site: Option<String>,
    #[command(flatten)]
    stack: StackArgs,
}

pub(super) async fn run(args: &StudyArgs, output: Output) -> Result<ExitCode, Error> {
    let study = args.stack.client()?.study(&args.id, args.site.as_deref()).await?;
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
    say_flags(&study, output);
    say_deliveries(&study, output);
    let reports: Vec<_> = entries(&study["reports"]).collect();
    if reports.is_empty() {
        output.say("no report was issued yet");
        return Ok(ExitCode::SUCCESS);
    }
    output.table(
        &["report", "issued", "cause", "read", "failed"],
        reports.into_iter().map(|report| {
            ["revision", "issued_at", "cause", "completed", "failed"]
                .map(|field| text(&report[field]))
                .to_vec()
        }),
    );
    Ok(ExitCode::SUCCESS)
}

fn say_flags(study: &Value, output: Output) {
    let rows: Vec<Vec<String>> = entries(&study["flags"])
        .map(|flag| {
            ["rule", "flagged_at", "label", "measure", "value", "threshold"]
                .map(|field| text(&flag[field]))
                .to_vec()
        })
        .collect();
    if !rows.is_empty() {
        output.table(&["flagged by", "when", "label", "measure", "value", "threshold"], rows);
    }
}

fn say_deliveries(study: &Value, output: Output) {
    let rows: Vec<Vec<String>> = entries(&study["deliveries"])
        .map(|delivery| {
            let said = if delivery["reason"].is_string() { "reason" } else { "receipt" };
            ["matter", "target", "state", "at", said].map(|field| text(&delivery[field])).to_vec()
        })
        .collect();
    if !rows.is_empty() {
        output.table(&["delivery of", "to", "state", "when", "what was said"], rows);
    }
}

fn entries(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// A value as it stands in a table.
pub(super) fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
