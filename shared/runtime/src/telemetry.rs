//! JSON logs that never hold up work (`log_writer`), and OpenTelemetry traces with W3C context.

use std::fs::OpenOptions;
use std::panic::PanicHookInfo;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

use crate::http_client::use_ring;
use crate::log_writer::LogWriter;

/// What writing the last lines may take.
const LAST_LINES_LIMIT: Duration = Duration::from_secs(1);

/// Keeps the background writers alive; dropping it writes out what is left.
pub struct Telemetry {
    traces: SdkTracerProvider,
    lines: LogWriter,
}

/// Logs or traces could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The log setting is not understood.
    #[error("the log setting is not understood")]
    LogSetting(#[from] tracing_subscriber::filter::ParseError),
    /// The trace exporter can't be built.
    #[error("cannot send traces to the OTLP endpoint")]
    Exporter(#[from] opentelemetry_otlp::ExporterBuildError),
    /// The thread that writes logs can't be started.
    #[error("cannot write logs to standard error")]
    Lines(#[source] std::io::Error),
    /// It was set up before in this process.
    #[error("logs are set up already")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

impl Telemetry {
    /// Sets up logs to standard error and, with an endpoint, the export of traces. Without one, trace context
    /// is still made and passed on, so that every story has a trace id.
    ///
    /// # Errors
    /// When a setting can't be used.
    pub fn start(service: &str, log: &str, otlp_endpoint: Option<&str>) -> Result<Self, TelemetryError> {
        let resource = Resource::builder()
            .with_service_name(service.to_owned())
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        let mut traces = SdkTracerProvider::builder().with_resource(resource);
        if let Some(endpoint) = otlp_endpoint {
            use_ring();
            let exporter = SpanExporter::builder()
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
                .build()?;
            traces = traces.with_batch_exporter(exporter);
        }
        let traces = traces.build();
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());

        let writer = LogWriter::to_standard_error().map_err(TelemetryError::Lines)?;
        let lines = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(writer.clone())
            .with_filter(EnvFilter::try_new(log)?);
        let spans = tracing_opentelemetry::layer()
            .with_tracer(traces.tracer("hilum"))
            .with_filter(EnvFilter::try_new("info")?);
        tracing_subscriber::registry().with(lines).with(spans).try_init()?;
        std::panic::set_hook(Box::new(log_panic));
        Ok(Self { traces, lines: writer })
    }

    /// Log lines dropped because what takes them was too slow.
    pub fn dropped_lines(&self) -> u64 {
        self.lines.dropped_lines()
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        // Nobody is left to tell when the last spans can't be sent.
        let _ = self.traces.shutdown();
        if !self.lines.finish(LAST_LINES_LIMIT) {
            // Whoever still writes to standard error, such as `main` of its error, must not hang there.
            let nowhere = OpenOptions::new().write(true).open("/dev/null");
            let _ = nowhere.map(nix::unistd::dup2_stderr);
        }
    }
}

/// A panic is a line like any other: written directly, it would hang on a pipe that nobody reads.
fn log_panic(panic: &PanicHookInfo<'_>) {
    let what = panic.payload_as_str().unwrap_or("without a message");
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let thread = std::thread::current();
    let (thread, backtrace) = (thread.name().unwrap_or_default(), std::backtrace::Backtrace::capture());
    match backtrace.status() {
        std::backtrace::BacktraceStatus::Captured => {
            tracing::error!(what, place, thread, %backtrace, "a thread panicked");
        }
        _ => tracing::error!(what, place, thread, "a thread panicked"),
    }
}
