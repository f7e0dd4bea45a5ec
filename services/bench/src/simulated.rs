//! Workers that pretend: each takes a fixed time for an image and no core. They show what the parts around them do, on
//! a machine of any size.

use std::time::Duration;

use clap::Args;

/// How long a simulated reading takes.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct SimulatedArgs {
    /// Milliseconds that each simulated reading takes
    #[arg(long, value_name = "N", default_value_t = 720, value_parser = clap::value_parser!(u64).range(1..))]
    reading_ms: u64,
}

impl SimulatedArgs {
    /// What one reading takes.
    pub(super) fn reading(self) -> Duration {
        Duration::from_millis(self.reading_ms)
    }

    /// Environment variables of a worker that reads so many images at a time, one in each batch.
    pub(super) fn environment(self, readings_at_once: u16) -> Vec<(&'static str, String)> {
        vec![
            ("HILUM_ENGINE", "simulated".to_owned()),
            ("HILUM_SIMULATED_MS", self.reading_ms.to_string()),
            // It takes no memory, so none bounds how many there are.
            ("HILUM_SIMULATED_FOOTPRINT", "0".to_owned()),
            ("HILUM_REPLICAS", readings_at_once.to_string()),
            ("HILUM_MAX_BATCH", "1".to_owned()),
        ]
    }
}
