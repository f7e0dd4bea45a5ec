//! Wiring of the sweep. Decides nothing.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser as _;
use hilum_blobs::{BlobStore, StoreConfig};
use hilum_log::{CLOCK_NOTE, HoleError, Log};
use hilum_runtime::{Service, Telemetry, exit_code};
use hilum_sweep::{Config, Sweep, Swept, once};
use tokio_util::sync::CancellationToken;

/// How long an operator waits for the log.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_FOR_HOLE_EVERY: Duration = Duration::from_millis(500);

#[tokio::main]
async fn main() -> ExitCode {
    let config = Config::parse();
    if !config.once {
        return exit_code(serve(&config).await.map(|()| ExitCode::SUCCESS));
    }
    look_once(&config).await.unwrap_or_else(|error| {
        exit_code(Err(error));
        ExitCode::from(2)
    })
}

async fn serve(config: &Config) -> anyhow::Result<()> {
    let service = Service::start("hilum-sweep", &config.service)?;
    let log = Log::connect(&config.service.nats_url, "hilum-sweep").await?;
    let blobs = BlobStore::open(&StoreConfig::at(&config.store_url))?;
    let sweep = Sweep::new(log.clone(), blobs.clone(), service.health.clone(), config.pace()?);
    let clock = log.clock().clone();
    service.keep_note(CLOCK_NOTE, move || clock.note());
    service.watch("event log", &log, |log| async move { log.probe().await });
    service.watch("object storage", &blobs, |store| async move { store.probe().await });
    let shutdown = service.shutdown.clone();
    let run = Box::pin(async move { sweep.run(&shutdown).await.map_err(anyhow::Error::from) });
    let pages = axum::Router::new();
    service.run(pages, config.service.drain_limit(), run).await.context("hilum-sweep ended")
}

async fn look_once(config: &Config) -> anyhow::Result<ExitCode> {
    let _telemetry = Telemetry::start("hilum-sweep", "warn", config.service.frame.otlp_endpoint.as_deref())?;
    let log = Log::connect(&config.service.nats_url, "hilum-sweep").await?;
    let blobs = BlobStore::open(&StoreConfig::at(&config.store_url))?;
    let never = CancellationToken::new();
    let usable = tokio::time::timeout(PATIENCE, log.wait_until_usable(&never)).await;
    usable.with_context(|| format!("no event log at {}; is Hilum running?", config.service.nats_url))?;

    let mut settled = true;
    let mut count = 0;
    let mut out = std::io::stdout().lock();
    let mut written = Ok(());
    let tell = |swept: &Swept| {
        (settled, count) = (settled && swept.is_settled(), count + 1);
        let line = if config.json { json(swept) } else { line(swept) };
        written = std::mem::replace(&mut written, Ok(())).and_then(|()| writeln!(out, "{line}"));
    };
    let (mode, pace) = (config.mode(), config.pace()?);
    let looked = tokio::select! {
        looked = Box::pin(once(&log, &blobs, &pace, &mode, tell)) => looked?,
        hole = stand_at_hole(&log) => return Err(hole.into()),
    };
    written?;
    if count == 0 && !config.json {
        writeln!(out, "nothing found")?;
    }
    if mode.deep.is_some() && !config.json {
        let megabytes = looked.size_bytes as f64 / 1e6;
        writeln!(out, "{} objects of {megabytes:.1} MB were read", looked.objects)?;
    }
    Ok(if settled { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Ends when the log can't be read any further.
async fn stand_at_hole(log: &Log) -> HoleError {
    loop {
        if let Some(gap) = log.hole() {
            return HoleError(gap);
        }
        tokio::time::sleep(LOOK_FOR_HOLE_EVERY).await;
    }
}

fn json(swept: &Swept) -> String {
    serde_json::to_string(swept).expect("a discrepancy is text and numbers")
}

fn line(swept: &Swept) -> String {
    let discrepancy = &swept.discrepancy;
    let action = match (swept.done, discrepancy.action) {
        (false, action) if action != hilum_sweep::Action::Name => format!("to be {}", action.as_str()),
        (_, action) => action.as_str().to_owned(),
    };
    let position = discrepancy.position.map_or_else(|| "-".to_owned(), |position| position.to_string());
    let job = discrepancy.job_id.map_or_else(|| "-".to_owned(), |job_id| job_id.to_string());
    format!(
        "{action:<22}  {:<30}  {position:>10}  {job:<36}  {}",
        discrepancy.kind.as_str(),
        discrepancy.reason
    )
}
