//! JSON logs written by a background thread, so that a slow sink never holds up work (lines beyond its buffer
//! are dropped and counted), and OpenTelemetry traces with W3C context.

use std::io;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// Log lines kept while the sink is slow.
const BUFFERED_LINES: usize = 16_384;

/// Keeps the background writers alive; dropping it writes out what is left.
pub struct Telemetry {
    traces: SdkTracerProvider,
    dropped_lines: ErrorCounter,
    _log_writer: WorkerGuard,
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
            let exporter = SpanExporter::builder()
                .with_http()
                .with_protocol(Protocol::HttpBinary)
                .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
                .build()?;
            traces = traces.with_batch_exporter(exporter);
        }
        let traces = traces.build();
        opentelemetry::global::set_text_map_propagator(TraceContextPropagator::new());

        let (writer, guard) = NonBlockingBuilder::default()
            .buffered_lines_limit(BUFFERED_LINES)
            .lossy(true)
            .finish(io::stderr());
        let dropped_lines = writer.error_counter();
        let lines = tracing_subscriber::fmt::layer()
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(writer)
            .with_filter(EnvFilter::try_new(log)?);
        let spans = tracing_opentelemetry::layer()
            .with_tracer(traces.tracer("hilum"))
            .with_filter(EnvFilter::try_new("info")?);
        tracing_subscriber::registry().with(lines).with(spans).try_init()?;
        Ok(Self { traces, dropped_lines, _log_writer: guard })
    }

    /// Log lines dropped because the sink was too slow.
    pub fn dropped_lines(&self) -> usize {
        self.dropped_lines.dropped_lines()
    }
}

impl Drop for Telemetry {
    fn drop(&mut self) {
        // Nobody is left to tell when the last spans can't be sent.
        let _ = self.traces.shutdown();
    }
}
