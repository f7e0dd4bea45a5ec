//! `hilum report`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use hilum_client::{Client, FetchedReport, ReportFormat, ReportLanguage, ReportQuery};
use hilum_terminal::Output;
use serde_json::json;

use super::StackArgs;
use super::duration::duration;
use crate::error::Error;

/// What one request waits.
const WAIT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The study's id, or the name its sender gave it
    study: String,
    /// The form; by default as the file's name ends
    #[arg(long = "as", alias = "format", value_name = "FORM")]
    format: Option<ReportFormat>,
    /// Where to write it; without it, or with -, it goes to the standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Which revision; by default the latest
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    revision: Option<u32>,
    /// The language of forms for people
    #[arg(long, value_name = "LANGUAGE")]
    lang: Option<ReportLanguage>,
    /// The site, if several have a study of that name
    #[arg(long)]
    site: Option<String>,
    /// How long to wait for it
    #[arg(long, default_value = "30s", value_parser = duration)]
    wait: Duration,
    #[command(flatten)]
    stack: StackArgs,
}

pub(super) async fn run(args: &ReportArgs, output: Output) -> Result<ExitCode, Error> {
    let file = args.output.as_deref().filter(|file| file.as_os_str() != "-");
    let format = args.format.or_else(|| ReportFormat::of_file(file?));
    let format = format
        .ok_or_else(|| Error::Usage(format!("say which form you want: --as {}", ReportFormat::words())))?;
    check_place(args, format, output)?;
    let client = args.stack.client()?;
    let query = ReportQuery {
        study: &args.study,
        site: args.site.as_deref(),
        revision: args.revision,
        format,
        language: args.lang,
        part: 1,
    };
    let report = fetch(&client, query, args.wait).await?;
    let Some(file) = file else {
        output.bytes(&report.bytes);
        return Ok(ExitCode::SUCCESS);
    };
    write(file, &report, format, output)?;
    for part in 2..=report.parts {
        // Of the same revision, whatever was issued meanwhile.
        let query = ReportQuery { part, revision: report.revision.or(args.revision), ..query };
        let report = fetch(&client, query, args.wait).await?;
        write(&numbered(file, part), &report, format, output)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The name of a further file of a form: `sc.dcm` is followed by `sc-2.dcm`.
fn numbered(file: &Path, part: usize) -> PathBuf {
    let mut name = file.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{part}"));
    if let Some(extension) = file.extension() {
        name.push(".");
        name.push(extension);
    }
    file.with_file_name(name)
}

/// Refuses what would mix two answers or fill a terminal with what is no text.
fn check_place(args: &ReportArgs, format: ReportFormat, output: Output) -> Result<(), Error> {
    let hint = |why: String| Err(Error::Usage(format!("{why}; say where to write it: -o FILE")));
    match args.output {
        Some(_) => Ok(()),
        None if output.is_json() => hint("with --json the answer says what was written".to_owned()),
        None if !format.is_text() => hint(format!("{} is no text for the standard output", format.name())),
        None => Ok(()),
    }
}

/// Writes it and says so.
pub(super) fn write(
    file: &Path,
    report: &FetchedReport,
    format: ReportFormat,
    output: Output,
) -> Result<(), Error> {
    std::fs::write(file, &report.bytes).map_err(Error::file("write", file))?;
    output.say(format_args!("report: {}", file.display()));
    output.object(&json!({
        "event": "written",
        "file": file,
        "format": format.name(),
        "media_type": report.media_type,
        "revision": report.revision,
        "size_bytes": report.bytes.len(),
    }));
    Ok(())
}

/// Fetches a report, waiting for it for `limit`.
///
/// # Errors
/// When it does not come in time.
pub(super) async fn fetch(
    client: &Client,
    query: ReportQuery<'_>,
    limit: Duration,
) -> Result<FetchedReport, Error> {
    let deadline = Instant::now() + limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if let Some(report) = client.report(query, left.min(WAIT)).await? {
            return Ok(report);
        }
        if left.is_zero() {
            return Err(Error::NoReport { study: query.study.to_owned(), limit_s: limit.as_secs() });
        }
    }
}
