//! Ports on loopback: those of the last run if they are still free, else others. They are taken from below the
//! range from which the kernel gives ports to outgoing connections, so that a server that is started again
//! finds its port free.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use hilum_servers::free_port;

use crate::error::Error;

/// Ports that are looked at before the kernel is asked for one.
const TRIES: u16 = 200;
/// How many ports below the kernel's range are considered.
const SPAN: u16 = 12_000;
/// Below are well-known ports.
const LOWEST: u16 = 5_000;

/// Where a part listens now; it may listen elsewhere after a restart. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub(crate) struct PortCell(Arc<AtomicU16>);

impl PortCell {
    /// A known port.
    pub(crate) fn at(port: u16) -> Self {
        Self(Arc::new(AtomicU16::new(port)))
    }

    /// The port; `None` while the part was never started.
    pub(crate) fn get(&self) -> Option<u16> {
        Some(self.0.load(Ordering::Relaxed)).filter(|port| *port != 0)
    }

    /// Tells everybody.
    pub(crate) fn set(&self, port: u16) {
        self.0.store(port, Ordering::Relaxed);
    }
}

/// Gives out ports, none twice.
#[derive(Debug, Default)]
pub(crate) struct PortPicker {
    given: HashSet<u16>,
}

impl PortPicker {
    /// `wish` if it is free, else any.
    pub(crate) fn pick(&mut self, wish: Option<u16>) -> Result<u16, Error> {
        let candidates = wish.into_iter().chain(random_ports());
        for port in candidates.filter(|port| is_free(*port)) {
            if self.given.insert(port) {
                return Ok(port);
            }
        }
        free_port().map_err(Error::NoPort)
    }
}

/// Whether one can listen there right now.
pub(crate) fn is_free(port: u16) -> bool {
    port != 0 && TcpListener::bind(("127.0.0.1", port)).is_ok()
}

fn random_ports() -> impl Iterator<Item = u16> {
    let end = kernel_range_start();
    let start = end.saturating_sub(SPAN).max(LOWEST);
    let span = end.saturating_sub(start);
    let offset = RandomState::new().hash_one(()) % u64::from(span.max(1));
    (0..TRIES.min(span))
        .map(move |step| start + (u32::from(step) + offset as u32).rem_euclid(u32::from(span)) as u16)
}

fn kernel_range_start() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    range.split_ascii_whitespace().next().and_then(|start| start.parse().ok()).unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_granted_while_the_port_is_free() {
        let held = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = held.local_addr().unwrap().port();
        let mut picker = PortPicker::default();
        assert_ne!(picker.pick(Some(port)).unwrap(), port);
        drop(held);
        assert_eq!(picker.pick(Some(port)).unwrap(), port);
        assert_ne!(picker.pick(Some(port)).unwrap(), port);
    }

    #[test]
    fn ports_lie_below_those_of_outgoing_connections() {
        let end = kernel_range_start();
        assert!(random_ports().all(|port| (LOWEST..end).contains(&port)));
    }
}
