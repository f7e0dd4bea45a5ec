//! Wiring of the DICOM door. Decides nothing.

use std::process::ExitCode;

use anyhow::Context as _;
use hilum_dicom_door::{Config, Door, Entities, Server, Tls};
use hilum_intake::{Intake, OLD_NAMES};
use hilum_log::Log;
use hilum_runtime::{Service, exit_code, parse_with_old_names};

#[tokio::main]
async fn main() -> ExitCode {
    exit_code(run(parse_with_old_names(&OLD_NAMES)).await.map(|()| ExitCode::SUCCESS))
}

async fn run(config: Config) -> anyhow::Result<()> {
    let entities = Entities::read(config.dicom_aes.as_deref())?;
    let tls = Tls::prepare(&config, &entities)?;
    let sites = config.intake.read_sites()?;
    if config.check {
        return Ok(());
    }
    let service = Service::start("hilum-dicom", &config.service)?;
    let log = Log::connect(&config.service.nats_url, "hilum-dicom").await?;
    let intake = Intake::open(&config.intake, sites, &service, log)?;
    let server = Server::bind(&config, Door::new(&config, entities, intake.clone()), tls).await?;
    let shutdown = service.shutdown.clone();
    let watching = intake.keep_watch(&service);
    let serving = async {
        let (watched, ()) = tokio::join!(watching, server.run(&shutdown));
        watched
    };
    service.run(axum::Router::new(), config.service.drain_limit(), serving).await.context("hilum-dicom ended")
}
