//! Ports on loopback. They are taken from below those that the kernel gives to outgoing connections, so that a server
//! that is started again finds its port free, and each is leased, so that nobody else is given it in the meantime.

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::sync::{Mutex, PoisonError};

/// How many ports below the kernel's are considered.
const SPAN: u16 = 12_000;
/// Below are well-known ports.
const LOWEST: u16 = 5_000;

/// The leases of this process: sockets of the same numbers on which nobody sends anything. The kernel ends them with the
/// process, however that ends.
static LEASES: Mutex<Vec<UdpSocket>> = Mutex::new(Vec::new());

/// A TCP port on loopback on which nobody listens, and which no other call gets while this process runs, wherever it is
/// made.
///
/// # Errors
/// When there is none.
pub fn free_port() -> io::Result<u16> {
    let end = kernel_range_start();
    let start = end.saturating_sub(SPAN).max(LOWEST);
    let span = end.saturating_sub(start);
    let first = RandomState::new().hash_one(()) % u64::from(span.max(1));
    let mut ports =
        (0..span).map(|step| start + (u64::from(step) + first).rem_euclid(u64::from(span)) as u16);
    ports.find(|port| lease_port(*port)).ok_or_else(|| io::ErrorKind::AddrInUse.into())
}

/// As [`free_port`], for a port that is wished for; whether it is had.
pub fn lease_port(port: u16) -> bool {
    let Ok(lease) = UdpSocket::bind((Ipv4Addr::LOCALHOST, port)) else { return false };
    let is_had = is_free(port);
    if is_had {
        LEASES.lock().unwrap_or_else(PoisonError::into_inner).push(lease);
    }
    is_had
}

/// Whether nobody listens there right now.
pub fn is_free(port: u16) -> bool {
    port != 0 && TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

fn kernel_range_start() -> u16 {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").unwrap_or_default();
    range.split_ascii_whitespace().next().and_then(|start| start.parse().ok()).unwrap_or(32_768)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_port_is_given_once_and_to_no_outgoing_connection() {
        let given: Vec<u16> = (0..200).map(|_| free_port().unwrap()).collect();
        assert_eq!(given.iter().collect::<HashSet<_>>().len(), given.len(), "{given:?}");
        assert!(given.iter().all(|port| (LOWEST..kernel_range_start()).contains(port)), "{given:?}");
        assert!(given.iter().all(|port| is_free(*port)), "a lease is in nobody's way");
        assert!(!lease_port(given[0]), "and is held");
    }

    #[test]
    fn a_wish_is_granted_when_nobody_listens() {
        let held = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let port = held.local_addr().unwrap().port();
        assert!(!lease_port(port));
        drop(held);
        assert!(lease_port(port));
    }
}
