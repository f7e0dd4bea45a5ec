//! What a stack consists of.

use hilum_log::{StreamDefinition, definitions};

/// Where the stack keeps images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// A folder.
    Folder,
    /// An S3 server.
    S3,
}

/// How services reach their servers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// On loopback.
    Direct,
    /// Each service through proxies of its own, whose weather can be changed.
    Proxied,
}

/// What to start.
#[derive(Debug, Clone)]
pub struct StackOptions {
    /// Where images are kept.
    pub store: StoreKind,
    /// Quiet time before a report, seconds.
    pub quiet_time_s: f64,
    /// Where traces go.
    pub otlp_endpoint: Option<String>,
    /// Copies of each service.
    pub copies: usize,
    /// Servers of the NATS cluster, each of which keeps all streams; 1 for no cluster.
    pub nats_nodes: usize,
    /// Seconds after which a message goes to another worker, if not as declared in `streams/`.
    pub ack_wait_s: Option<u64>,
    /// Seconds for which the server knows message ids, if not as declared in `streams/`.
    pub duplicate_window_s: Option<u64>,
    /// How services reach their servers.
    pub network: Network,
    /// Further settings of the services.
    pub environment: Vec<(&'static str, String)>,
}

impl Default for StackOptions {
    fn default() -> Self {
        Self {
            store: StoreKind::Folder,
            quiet_time_s: 0.5,
            otlp_endpoint: None,
            copies: 1,
            nats_nodes: 1,
            ack_wait_s: None,
            duplicate_window_s: None,
            network: Network::Direct,
            environment: Vec::new(),
        }
    }
}

impl StackOptions {
    /// The streams as declared, with what is different here.
    pub(crate) fn definitions(&self) -> Vec<StreamDefinition> {
        let mut definitions = definitions();
        for definition in &mut definitions {
            if let Some(seconds) = self.duplicate_window_s {
                definition.duplicate_window_s = seconds;
            }
            for consumer in &mut definition.consumers {
                consumer.ack_wait_s = self.ack_wait_s.unwrap_or(consumer.ack_wait_s);
            }
        }
        definitions
    }
}
