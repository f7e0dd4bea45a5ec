//! The links between services and their servers: one proxy each, so that the weather can be bad for one alone.

use std::collections::BTreeMap;

use crate::proxy::{Proxy, Weather};

/// A server that services need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dependency {
    /// The event log.
    Nats,
    /// The object storage.
    S3,
    /// The database.
    Postgres,
}

/// All links; none when services reach their servers directly.
#[derive(Default)]
pub(crate) struct Links {
    proxies: BTreeMap<(String, Dependency), Proxy>,
}

impl Links {
    /// The port by which `service` reaches the server at `port`; its link is made when it is missing.
    pub(crate) async fn port(&mut self, service: &str, dependency: Dependency, port: u16) -> u16 {
        let link = (service.to_owned(), dependency);
        if let Some(proxy) = self.proxies.get(&link) {
            return proxy.port();
        }
        let proxy = Proxy::start(port).await;
        let port = proxy.port();
        self.proxies.insert(link, proxy);
        port
    }

    /// Changes the weather on the links to `dependency` of the services that `concerns` names.
    pub(crate) fn set(&self, dependency: Dependency, weather: Weather, concerns: impl Fn(&str) -> bool) {
        for ((service, to), proxy) in &self.proxies {
            if *to == dependency && concerns(service) {
                proxy.set(weather);
            }
        }
    }
}
