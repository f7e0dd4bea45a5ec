//! Where the services behind the gateway are.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use http::Uri;
use http::uri::{Authority, Scheme};

/// A service, which may be somewhere else after a restart. Cheap to clone.
#[derive(Clone)]
pub struct Destination {
    name: &'static str,
    locate: Arc<dyn Fn() -> Option<Authority> + Send + Sync>,
}

impl Destination {
    /// The service `name`, always at the same place.
    pub fn fixed(name: &'static str, authority: Authority) -> Self {
        Self { name, locate: Arc::new(move || Some(authority.clone())) }
    }

    /// The service `name`, which is where `locate` says at the moment; nowhere before it was started.
    pub fn moving(
        name: &'static str,
        locate: impl Fn() -> Option<SocketAddr> + Send + Sync + 'static,
    ) -> Self {
        let authority = move || locate()?.to_string().parse().ok();
        Self { name, locate: Arc::new(authority) }
    }

    /// As metrics, logs and problems name it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Host and port, as long as it is anywhere.
    pub fn authority(&self) -> Option<Authority> {
        (self.locate)()
    }
}

impl fmt::Debug for Destination {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Destination").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Reads the URL of a service as it stands in a setting, such as `http://ingest:8080`.
///
/// # Errors
/// The rule that it breaks.
pub fn service_url(text: &str) -> Result<Authority, String> {
    let rule = || {
        "must be an address such as http://ingest:8080, without a path; the way to a service is plain HTTP"
            .to_owned()
    };
    let parts = text.parse::<Uri>().map_err(|_| rule())?.into_parts();
    let has_path = parts.path_and_query.is_some_and(|path| path.as_str() != "/");
    match (parts.scheme, parts.authority) {
        (Some(scheme), Some(authority)) if scheme == Scheme::HTTP && !has_path => Ok(authority),
        _ => Err(rule()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_host_and_no_path() {
        for good in ["http://ingest:8080", "http://ingest:8080/", "http://[::1]:80", "http://ingest"] {
            assert!(service_url(good).is_ok(), "{good}");
        }
        for bad in
            ["", "ingest:8080", "https://ingest", "http://", "http://ingest/v1", "nats://ingest", "/v1"]
        {
            assert!(service_url(bad).is_err(), "{bad}");
        }
    }
}
