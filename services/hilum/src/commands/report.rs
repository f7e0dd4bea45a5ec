//! `hilum report`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use serde_json::json;

use super::StackArgs;
use super::wait::Wait;
use crate::client::{Client, ReportFormat};
use crate::error::Error;
use crate::output::Output;

/// What one request waits.
const WAIT: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    /// The study's id, or the name its sender gave it
    study: String,
    /// Where to write it; - for the standard output
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// html or json; by default as the file's name ends
    #[arg(long)]
    format: Option<ReportFormat>,
    /// The site, if several have a study of that name
    #[arg(long)]
    site: Option<String>,
    /// How long to wait for it
    #[arg(long, default_value = "30s")]
    wait: Wait,
    #[command(flatten)]
    stack: StackArgs,
}

pub(super) async fn run(args: &ReportArgs, output: Output) -> Result<ExitCode, Error> {
    let format = match args.format.or_else(|| format_of(&args.output)) {
        Some(format) => format,
        None => {
            return Err(Error::Usage("say which form you want: --format html or --format json".to_owned()));
        }
    };
    let wanted = Wanted { study: &args.study, site: args.site.as_deref(), limit: args.wait.0 };
    let report = fetch(&args.stack.client()?, wanted, format).await?;
    if args.output.as_os_str() == "-" {
        output.bytes(&report);
        return Ok(ExitCode::SUCCESS);
    }
    std::fs::write(&args.output, &report).map_err(Error::file("write", &args.output))?;
    output.say(format_args!("wrote {}", args.output.display()));
    output.object(&json!({ "event": "written", "file": args.output, "size_bytes": report.len() }));
    Ok(ExitCode::SUCCESS)
}

/// A report that is to be waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted<'a> {
    /// The study's id or name.
    pub(super) study: &'a str,
    /// Its site.
    pub(super) site: Option<&'a str>,
    /// How long it is waited for.
    pub(super) limit: Duration,
}

/// Fetches a report, waiting for it.
///
/// # Errors
/// When it does not come in time.
pub(super) async fn fetch(
    client: &Client,
    wanted: Wanted<'_>,
    format: ReportFormat,
) -> Result<Vec<u8>, Error> {
    let deadline = Instant::now() + wanted.limit;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if let Some(report) = client.report(wanted.study, wanted.site, format, left.min(WAIT)).await? {
            return Ok(report);
        }
        if left.is_zero() {
            return Err(Error::NoReport { study: wanted.study.to_owned(), limit_s: wanted.limit.as_secs() });
        }
    }
}

fn format_of(file: &Path) -> Option<ReportFormat> {
    match file.extension()?.to_str()? {
        "html" | "htm" => Some(ReportFormat::Html),
        "json" => Some(ReportFormat::Json),
        _ => None,
    }
}
