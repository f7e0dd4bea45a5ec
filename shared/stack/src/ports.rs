//! Where the parts of a stack listen on loopback.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use hilum_servers::{free_port, lease_port};

use crate::error::Error;

/// Where a part listens now; it may listen elsewhere after a restart. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct PortCell(Arc<AtomicU16>);

impl PortCell {
    /// A part that listens on `port` already.
    pub(crate) fn at(port: u16) -> Self {
        Self(Arc::new(AtomicU16::new(port)))
    }

    /// The port; `None` while the part was never started.
    pub(crate) fn get(&self) -> Option<u16> {
        Some(self.0.load(Ordering::Relaxed)).filter(|port| *port != 0)
    }

    /// The same as an address.
    pub(crate) fn address(&self) -> Option<SocketAddr> {
        Some((Ipv4Addr::LOCALHOST, self.get()?).into())
    }

    /// Sets the port for everybody who has a copy of this.
    pub(crate) fn set(&self, port: u16) {
        self.0.store(port, Ordering::Relaxed);
    }
}

/// The port of the last run if it is still free, else any.
pub(crate) fn pick_port(wish: Option<u16>) -> Result<u16, Error> {
    wish.filter(|port| lease_port(*port)).map_or_else(|| free_port().map_err(Error::NoPort), Ok)
}
