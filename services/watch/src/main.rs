//! Wiring of the watch service. Decides nothing.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser as _;
use hilum_intake::Intake;
use hilum_log::Log;
use hilum_runtime::{Service, exit_code};
use hilum_watch::{Config, OwnPlaces, WatchService, Watches};

/// What the client of object stores says of its tries names keys.
const QUIET: &str = "object_store=warn";

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(Config::parse()).await.map(|()| ExitCode::SUCCESS))
}

async fn run(mut config: Config) -> anyhow::Result<()> {
    let own = OwnPlaces::new(&config.intake.store_url, config.targets.as_deref())?;
    let watches = match config.watches.as_deref() {
        Some(path) => Watches::read(path, &own)?,
        None => Watches::default(),
    };
    let sites = config.intake.read_sites()?;
    if config.check {
        return Ok(());
    }
    config.service.frame.log = format!("{},{QUIET}", config.service.frame.log);
    let service = Service::start("hilum-watch", &config.service)?;
    let log = Log::connect(&config.service.nats_url, "hilum-watch").await?;
    let intake = Intake::open(&config.intake, sites, &service, log)?;
    let watch = WatchService::new(intake.clone(), watches, &config, service.health.clone())?;
    let (pages, shutdown) = (watch.pages(), service.shutdown.clone());
    let drain_limit = config.service.drain_limit();
    let kept = intake.keep_watch(&service);
    let run = Box::pin(async move {
        let (kept, ()) = tokio::join!(kept, watch.run(&shutdown, drain_limit));
        kept
    });
    service.run(pages, drain_limit, run).await.context("hilum-watch ended")
}
