//! What every service is made of besides its work: settings, logs, traces, metrics, health, stopping, and where the
//! setup keeps what it fetched. Knows nothing of images or events.

mod cache;
mod disk;
mod health;
mod held;
mod http_client;
mod last_words;
mod lingering;
mod log_writer;
mod metrics;
mod old_names;
mod open_files;
mod pages;
mod service;
mod serving;
mod settings;
mod strictness;
mod telemetry;
mod watched_body;

pub use cache::{cache_folder, newest_version};
pub use disk::free_bytes;
pub use health::Health;
pub use held::holding;
pub use hilum_causes::with_causes;
pub use http_client::http_client;
pub use last_words::exit_code;
pub use lingering::{LingeringBody, linger};
pub use old_names::{OldName, parse_with_old_names};
pub use open_files::{LEAST_OPEN_FILES, few_open_files, held_at_once, raise_open_files};
pub use service::{Service, ServiceError};
pub use serving::{ConnectionBounds, accept, find_out_the_dead, serve_http};
pub use settings::{FrameSettings, ServiceSettings};
pub use strictness::{is_encoded, no_query, strict};
pub use telemetry::{Telemetry, TelemetryError};
pub use watched_body::BodyFault;
