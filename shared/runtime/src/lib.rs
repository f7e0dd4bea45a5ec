//! What every service is made of besides its work: settings, logs, traces, metrics, health, stopping. Knows
//! nothing of images or events.

mod causes;
mod health;
mod lingering;
mod log_writer;
mod problem;
mod service;
mod settings;
mod telemetry;

pub use causes::with_causes;
pub use health::{Health, Readiness};
pub use lingering::{LingeringBody, linger};
pub use problem::Problem;
pub use service::{Service, ServiceError};
pub use settings::ServiceSettings;
pub use telemetry::{Telemetry, TelemetryError};
