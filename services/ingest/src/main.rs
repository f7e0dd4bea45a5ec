//! Wiring of the ingest service. Decides nothing.

mod api;
mod broken_off;
mod config;
mod form;
mod manifest;
mod upload;

use std::process::ExitCode;

use anyhow::Context as _;
use hilum_intake::{Intake, OLD_NAMES};
use hilum_log::Log;
use hilum_runtime::{Service, exit_code, parse_with_old_names};

use crate::config::Config;
use crate::upload::Uploads;

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(parse_with_old_names(&OLD_NAMES)).await.map(|()| ExitCode::SUCCESS))
}

async fn run(config: Config) -> anyhow::Result<()> {
    let sites = config.intake.read_sites()?;
    let service = Service::start("hilum-ingest", &config.service)?;
    let log = Log::connect(&config.service.nats_url, "hilum-ingest").await?;
    let intake = Intake::open(&config.intake, sites, &service, log)?;
    let door = Uploads { intake: intake.clone(), silence_limit: config.service.silence_limit() };
    let until_stopped = intake.keep_watch(&service);
    let drain_limit = config.service.drain_limit();
    service.run(api::router(door), drain_limit, until_stopped).await.context("hilum-ingest ended")
}
