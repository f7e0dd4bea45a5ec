//! `hilum up`: prepares the state folder, starts the gateway, has the parts supervised until a signal, and stops them.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use hilum_gateway::{Destination, Gateway, Limits, NOTIFICATIONS};
use hilum_runtime::{ConnectionBounds, serve_http, with_causes};
use jiff::Timestamp;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::checks::check_files;
use super::folder::{Lock, StateFolder};
use super::leftovers::{await_leftovers, holder};
use super::logs;
use super::plan::Plan;
use super::ports::pick_port;
use super::programs::{DICOMWEB, DOOR, MODEL_TOOLS, WATCH, sibling};
use super::settings::UpSettings;
use super::state::{StackState, Status};
use super::supervisor::Supervisor;
use super::versions::Versions;
use crate::error::Error;
use crate::news::{News, Observer};

/// As long as services let theirs be silent when nobody sets another limit.
const CLIENT_SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// Runs the whole stack in `folder` until SIGINT or SIGTERM.
///
/// # Errors
/// When one runs there already, or a part does not come up.
pub fn run<'a>(
    folder: StateFolder,
    settings: &'a UpSettings,
    observer: &'a dyn Observer,
) -> BoxFuture<'a, Result<(), Error>> {
    Box::pin(async move {
        folder.create()?;
        let _lock = take_lock(&folder).await?;
        logs::to_file(&folder.log_of("hilum"))?;
        let outcome = run_locked(folder.clone(), settings, observer).await;
        if let Err(error) = &outcome {
            tracing::error!(error = with_causes(error), "the stack ended");
        }
        mark_stopped(&folder);
        outcome
    })
}

async fn run_locked(
    folder: StateFolder,
    settings: &UpSettings,
    observer: &dyn Observer,
) -> Result<(), Error> {
    let shutdown = CancellationToken::new();
    stop_on_signal(&shutdown)?;
    let previous = StackState::read(&folder).ok().flatten();
    if let Some(previous) = &previous {
        tokio::select! {
            gone = await_leftovers(previous, observer) => gone?,
            () = shutdown.cancelled() => return Ok(()),
        }
    }
    let store_url = store_url(&folder);
    check_files(settings, &store_url).await?;
    let listener = listen(settings.port, previous.as_ref()).await?;
    let port = listener.local_addr().map_err(Error::NoPort)?.port();
    let state = first_state(&folder, settings, previous.as_ref(), port, store_url).await?;
    state.write(&folder)?;
    tracing::info!(base_url = state.base_url, version = state.versions.hilum, "starting");
    observer.notice(&News::Starting { folder: folder.path() });

    if settings.model.is_none() {
        tokio::select! {
            made = make_demo_model(&folder) => made?,
            () = shutdown.cancelled() => return Ok(()),
        }
    }
    let untrained = is_untrained(&state)?;
    let plan = Plan::new(&folder, settings, &state)?;
    let probes = Arc::new(plan.probes);
    let open_files = hilum_runtime::raise_open_files();
    let (ingest, projection) = (plan.ingest, plan.projection);
    let (watch, dicomweb) = (plan.watch, plan.dicomweb);
    let ingest = Destination::moving(DOOR, move || ingest.address());
    let projection = Destination::moving("projection", move || projection.address());
    let gateway = Gateway::new(ingest, projection, probes.clone(), Limits::within(open_files));
    let gateway = match &settings.watches {
        Some(_) => gateway.with_watch(Destination::moving(WATCH, move || watch.address())),
        None => gateway,
    };
    let gateway = match settings.takes_dicomweb() {
        true => gateway.with_dicomweb(Destination::moving(DICOMWEB, move || dicomweb.address())),
        false => gateway,
    };
    let metrics = PrometheusBuilder::new().install_recorder().ok();
    let metrics = move || metrics.as_ref().map(PrometheusHandle::render).unwrap_or_default();
    // A client's connection comes with one to a service.
    let bounds = ConnectionBounds::within(open_files, 2, CLIENT_SILENCE_LIMIT);
    let serving =
        tokio::spawn(serve_http(listener, gateway.router(metrics), bounds, CancellationToken::new()));

    let state = StackState { untrained, ..state };
    let mut supervisor = Supervisor { folder, parts: plan.parts, probes, state, observer };
    let outcome = supervisor.supervise(settings, &shutdown).await;
    supervisor.stop().await;
    serving.abort();
    outcome
}

/// For a start that ended before there was anything to stop. What an earlier run left is none of its business.
fn mark_stopped(folder: &StateFolder) {
    if let Ok(Some(state)) = StackState::read(folder)
        && state.pid == std::process::id()
        && state.status != Status::Stopped
    {
        // The next start finds out by itself that nothing runs.
        let _ = StackState { status: Status::Stopped, ..state }.write(folder);
    }
}

async fn take_lock(folder: &StateFolder) -> Result<Lock, Error> {
    if let Some(lock) = folder.lock().await? {
        return Ok(lock);
    }
    let path = folder.path().to_owned();
    let state = StackState::read(folder)?;
    Err(match state.filter(|state| holder(folder, state).is_some()) {
        Some(state) => Error::AlreadyRuns { folder: path, pid: state.pid, base_url: state.base_url },
        None => Error::Busy { folder: path },
    })
}

/// Listens where the settings say; without a wish where the last run did, so that bookmarks keep working.
async fn listen(wish: Option<u16>, previous: Option<&StackState>) -> Result<TcpListener, Error> {
    let port = match wish {
        Some(0) => pick_port(None)?,
        Some(port) => port,
        None => pick_port(previous.map(|state| state.port))?,
    };
    TcpListener::bind(("127.0.0.1", port)).await.map_err(|source| Error::Port { port, source })
}

/// Where images are kept.
fn store_url(folder: &StateFolder) -> String {
    let set = std::env::var("HILUM_STORE_URL").ok().filter(|url| !url.is_empty());
    set.unwrap_or_else(|| format!("file://{}", folder.objects().display()))
}

/// The port for DICOM, if it is taken; without a wish that of the last run, so that senders need not be told another.
fn dicom_port(settings: &UpSettings, previous: Option<&StackState>) -> Result<Option<u16>, Error> {
    if !settings.takes_dicom() {
        return Ok(None);
    }
    match settings.dicom_port {
        Some(0) => pick_port(None).map(Some),
        Some(port) => Ok(Some(port)),
        None => pick_port(previous.and_then(|state| state.dicom_port)).map(Some),
    }
}

async fn first_state(
    folder: &StateFolder,
    settings: &UpSettings,
    previous: Option<&StackState>,
    port: u16,
    store_url: String,
) -> Result<StackState, Error> {
    let model = settings.model.clone().unwrap_or_else(|| folder.model());
    Ok(StackState {
        status: Status::Starting,
        pid: std::process::id(),
        base_url: format!("http://127.0.0.1:{port}"),
        port,
        nats_port: pick_port(previous.map(|state| state.nats_port))?,
        postgres_port: pick_port(previous.map(|state| state.postgres_port))?,
        dicom_port: dicom_port(settings, previous)?,
        notifications_url: settings
            .takes_notifications()
            .then(|| format!("http://127.0.0.1:{port}{NOTIFICATIONS}")),
        dicomweb_url: settings
            .takes_dicomweb()
            .then(|| format!("http://127.0.0.1:{port}{}", hilum_gateway::DICOMWEB)),
        store_url,
        model: std::path::absolute(&model).map_err(Error::file("use", &model))?,
        untrained: false,
        started_at: Timestamp::now(),
        versions: Versions::ask().await,
        parts: Vec::new(),
    })
}

async fn make_demo_model(folder: &StateFolder) -> Result<(), Error> {
    if folder.model().join(hilum_models::MANIFEST_FILE).exists() {
        return Ok(());
    }
    let log = folder.plain_log_of("model");
    let mut command = Command::new(sibling(MODEL_TOOLS)?);
    command.arg("demo").arg(folder.model());
    let mut process = hilum_servers::Process::start(MODEL_TOOLS, command, &log)?;
    let ended = process.wait().await.map_err(Error::file("wait for hilum-model in", folder.path()))?;
    if ended.success() {
        return Ok(());
    }
    Err(Error::Model { what: ended.to_string(), log })
}

fn is_untrained(state: &StackState) -> Result<bool, Error> {
    let manifest = state.model.join(hilum_models::MANIFEST_FILE);
    let text = std::fs::read_to_string(&manifest).map_err(Error::file("read", &manifest))?;
    match hilum_models::Manifest::parse(&text) {
        Ok(manifest) => Ok(!manifest.trained),
        Err(error) => Err(Error::Content { path: manifest, reason: with_causes(&error) }),
    }
}

/// The first signal stops cleanly, a second one at once: the kernel then tells the children.
fn stop_on_signal(shutdown: &CancellationToken) -> Result<(), Error> {
    let failed = |source| Error::System { operation: "listen to signals", source };
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let shutdown = shutdown.clone();
    tokio::spawn(async move {
        let mut next = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        next().await;
        tracing::info!("asked to stop");
        shutdown.cancel();
        next().await;
        tracing::warn!("asked again: stopping at once");
        std::process::exit(130);
    });
    Ok(())
}
