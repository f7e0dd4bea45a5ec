//! Wiring of the DICOMweb door. Decides nothing.

use std::process::ExitCode;

use anyhow::Context as _;
use hilum_dicomweb::{Callers, Config, Door, router};
use hilum_intake::{Intake, OLD_NAMES};
use hilum_log::Log;
use hilum_runtime::{Service, exit_code, parse_with_old_names};

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(parse_with_old_names(&OLD_NAMES)).await.map(|()| ExitCode::SUCCESS))
}

async fn run(config: Config) -> anyhow::Result<()> {
    let callers = Callers::read(config.dicomweb_senders.as_deref(), &config.dicomweb_site)?;
    let sites = config.intake.read_sites()?;
    if config.check {
        return Ok(());
    }
    let service = Service::start("hilum-dicomweb", &config.service)?;
    let log = Log::connect(&config.service.nats_url, "hilum-dicomweb").await?;
    let intake = Intake::open(&config.intake, sites, &service, log)?;
    let until_stopped = intake.keep_watch(&service);
    let pages = router(Door::new(intake, callers, config.parts_max));
    service.run(pages, config.service.drain_limit(), until_stopped).await.context("hilum-dicomweb ended")
}
