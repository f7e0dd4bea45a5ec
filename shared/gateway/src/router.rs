//! The routing table.

use std::sync::Arc;

use axum::Router;
use axum::routing::{any, get, post};

use crate::gateway::Gateway;
use crate::{forward, pages};

/// Where objects are sent by DICOMweb.
pub const DICOMWEB: &str = "/dicom-web/studies";
/// Where object stores send what they have to tell.
pub const NOTIFICATIONS: &str = "/notifications";

impl Gateway {
    /// All routes: uploads and what is said of studies go to ingest, some pages are the gateway's own, the rest goes to
    /// projection. `metrics` writes the page of the gateway's numbers.
    pub fn router(self, metrics: impl Fn() -> String + Send + Sync + 'static) -> Router {
        let metrics = Arc::new(metrics);
        Router::new()
            .route("/v1/jobs", post(forward::to_ingest).fallback(forward::to_projection))
            .route("/v1/studies/{id}/close", post(forward::to_ingest).fallback(forward::to_projection))
            .route("/v1/studies/{id}/manifest", post(forward::to_ingest).fallback(forward::to_projection))
            .route(DICOMWEB, post(forward::to_dicomweb).fallback(forward::to_projection))
            .route("/dicom-web/studies/{study}", post(forward::to_dicomweb).fallback(forward::to_projection))
            .route(NOTIFICATIONS, any(forward::to_watch))
            .route("/", get(pages::index))
            .route("/livez", get(|| async { "ok\n" }))
            .route("/readyz", get(pages::readyz))
            .route("/readyz/uploads", get(pages::uploads))
            .route("/metrics", get(move || std::future::ready(metrics())))
            .fallback(forward::to_projection)
            .with_state(self)
    }
}

#[cfg(test)]
mod tests;
