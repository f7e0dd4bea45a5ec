//! Settings that all services share. Each can be given as a flag or in the environment.

use std::net::SocketAddr;
use std::time::Duration;

use clap::Args;

/// Of every program that runs for itself and answers HTTP.
#[derive(Debug, Clone, Args)]
pub struct FrameSettings {
    /// Address of the service's own HTTP pages: its API if it has one, /livez, /readyz and /metrics
    #[arg(long, env = "HILUM_LISTEN", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// Where OpenTelemetry traces go, an OTLP/HTTP base address such as http://127.0.0.1:4318; none by default
    #[arg(long, env = "HILUM_OTLP_ENDPOINT")]
    pub otlp_endpoint: Option<String>,
    /// Which log lines are written, for example `info` or `info,hilum_log=debug`
    #[arg(long, env = "HILUM_LOG", default_value = "info")]
    pub log: String,
    /// Seconds that work in hand may take after a stop; the rest is left for others
    #[arg(long, env = "HILUM_DRAIN_LIMIT_S", default_value_t = 10)]
    pub drain_limit_s: u64,
    /// Seconds without a byte after which a request that is still coming is ended with 408, and a connection without one
    /// is closed. A balancer in front of this must let idle connections go sooner
    #[arg(long, env = "HILUM_SILENCE_LIMIT_S", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub silence_limit_s: u64,
}

/// Of every service: the frame and the event log. Flatten this into a service's own settings.
#[derive(Debug, Clone, Args)]
pub struct ServiceSettings {
    /// What all programs have.
    #[command(flatten)]
    pub frame: FrameSettings,
    /// Address of the NATS server, or of several of a cluster with commas between them
    #[arg(long, env = "HILUM_NATS_URL", default_value = "nats://127.0.0.1:4222")]
    pub nats_url: String,
}

impl FrameSettings {
    /// How long draining may take.
    pub fn drain_limit(&self) -> Duration {
        Duration::from_secs(self.drain_limit_s)
    }

    /// How long a client may be silent in the midst of a request, or without one.
    pub fn silence_limit(&self) -> Duration {
        Duration::from_secs(self.silence_limit_s)
    }
}

impl ServiceSettings {
    /// As [`FrameSettings::drain_limit`].
    pub fn drain_limit(&self) -> Duration {
        self.frame.drain_limit()
    }

    /// As [`FrameSettings::silence_limit`].
    pub fn silence_limit(&self) -> Duration {
        self.frame.silence_limit()
    }
}

impl AsRef<FrameSettings> for FrameSettings {
    fn as_ref(&self) -> &FrameSettings {
        self
    }
}

impl AsRef<FrameSettings> for ServiceSettings {
    fn as_ref(&self) -> &FrameSettings {
        &self.frame
    }
}
