//! What every service is made of besides its work: settings, logs, traces, metrics, health, stopping, and where the
//! setup keeps what it fetched. Knows nothing of images or events.

mod cache;
mod causes;
mod health;
mod held;
mod http_client;
mod lingering;
mod log_writer;
mod open_files;
mod problem;
mod service;
mod settings;
mod telemetry;

pub use cache::{cache_folder, newest_version};
pub use causes::with_causes;
pub use health::{Health, Progress, Readiness};
pub use held::holding;
pub use http_client::http_client;
pub use lingering::{LingeringBody, linger};
pub use open_files::{LEAST_OPEN_FILES, few_open_files, held_at_once, raise_open_files};
pub use problem::Problem;
pub use service::{Service, ServiceError};
pub use settings::ServiceSettings;
pub use telemetry::{Telemetry, TelemetryError};
