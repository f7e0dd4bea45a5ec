//! What the worker of a target needs of the world besides the log: forms of a report, and a way to hand them over.

use std::future::Future;

use hilum_blobs::BlobStore;
use hilum_events::ReportIssued;
use hilum_forms::Maker;

use crate::forms::{self, MakeError};
use crate::protocol::SendError;
use crate::shipment::{Object, Shipment};
use crate::targets::Target;
use crate::transport::Transport;

/// Makes what a target is given, and hands it over.
pub trait Outlet: Send + Sync + 'static {
    /// The report in the target's forms.
    fn make(
        &self,
        report: &ReportIssued,
        target: &Target,
    ) -> impl Future<Output = Result<Vec<Object>, MakeError>> + Send;

    /// Hands the shipment over and returns how the target said that it took it.
    fn send(&self, shipment: &Shipment) -> impl Future<Output = Result<String, SendError>> + Send;

    /// Asks the storage that forms are made from whether it answers. The error is a sentence.
    fn probe(&self) -> impl Future<Output = Result<(), String>> + Send;
}

/// Makes forms of stored documents and hands them over by the target's protocol.
pub(crate) struct StoredForms {
    pub(crate) store: BlobStore,
    pub(crate) maker: Maker,
    pub(crate) transport: Transport,
}

impl Outlet for StoredForms {
    async fn make(&self, report: &ReportIssued, target: &Target) -> Result<Vec<Object>, MakeError> {
        let mut objects = Vec::new();
        for form in &target.forms {
            objects.extend(forms::objects(&self.maker, report, *form, target).await?);
        }
        Ok(objects)
    }

    async fn send(&self, shipment: &Shipment) -> Result<String, SendError> {
        self.transport.send(shipment).await
    }

    async fn probe(&self) -> Result<(), String> {
        self.store.probe().await.map_err(|error| format!("object storage is away: {error}"))
    }
}
