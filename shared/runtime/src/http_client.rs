//! Where every HTTP client is begun.

/// Begins a client. Its TLS uses ring: a second library would be compiled for nothing (ADR 0025).
#[allow(clippy::disallowed_methods, reason = "this is where they are to be made")]
pub fn http_client() -> reqwest::ClientBuilder {
    use_ring();
    reqwest::Client::builder()
}

/// Chooses the library for all TLS of this process; making an HTTP client without one panics.
pub(crate) fn use_ring() {
    // Refused when it was chosen before, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
