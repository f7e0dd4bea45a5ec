//! What a courier needs of the world besides the log: forms of a report, and somebody who takes them.

use std::future::Future;

use hilum_events::ReportIssued;

use crate::forms::{MakeError, Maker, Object};
use crate::protocol::{Parcel, SendError, Transport};
use crate::targets::Target;

/// Makes what a target is given, and hands it over.
pub trait Outlet: Send + Sync + 'static {
    /// The report in the target's forms.
    fn make(
        &self,
        report: &ReportIssued,
        target: &Target,
    ) -> impl Future<Output = Result<Vec<Object>, MakeError>> + Send;

    /// Hands the parcel over; how the target said that it took it.
    fn send(&self, parcel: &Parcel) -> impl Future<Output = Result<String, SendError>> + Send;

    /// Whether what forms are made of is there, else a sentence.
    fn probe(&self) -> impl Future<Output = Result<(), String>> + Send;
}

/// Forms of stored documents, by the target's own protocol.
pub(crate) struct Stored {
    pub(crate) maker: Maker,
    pub(crate) transport: Transport,
}

impl Outlet for Stored {
    async fn make(&self, report: &ReportIssued, target: &Target) -> Result<Vec<Object>, MakeError> {
        let mut objects = Vec::new();
        for form in &target.forms {
            objects.extend(self.maker.make(report, *form, target).await?);
        }
        Ok(objects)
    }

    async fn send(&self, parcel: &Parcel) -> Result<String, SendError> {
        self.transport.send(parcel).await
    }

    async fn probe(&self) -> Result<(), String> {
        self.maker.probe().await
    }
}
