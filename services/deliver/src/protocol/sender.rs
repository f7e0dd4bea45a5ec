//! Sending by a protocol: object by object, unless the protocol has them share a conversation.

use std::fmt::Debug;
use std::time::Duration;

use futures::future::BoxFuture;

use super::error::SendError;
use crate::progress::Progress;
use crate::shipment::{Object, Shipment};

/// Hands over what a target has not taken yet.
pub(crate) trait Sender: Debug + Send + Sync {
    /// Sends the open objects, each within `limit`, and notes in `progress` which were taken.
    fn send<'a>(
        &'a self,
        progress: &'a Progress<'a>,
        limit: Duration,
    ) -> BoxFuture<'a, Result<(), SendError>>;
}

/// Hands over each object by itself.
pub(crate) trait ObjectSender: Debug + Send + Sync {
    /// Sends one object of the shipment. Returns the receipt: how the target said that it took it.
    fn send_object(
        &self,
        shipment: &Shipment,
        object: &Object,
    ) -> impl Future<Output = Result<String, SendError>> + Send;
}

impl<S: ObjectSender> Sender for S {
    fn send<'a>(
        &'a self,
        progress: &'a Progress<'a>,
        limit: Duration,
    ) -> BoxFuture<'a, Result<(), SendError>> {
        Box::pin(async move {
            for (number, object) in progress.open() {
                let receipt = within(limit, self.send_object(progress.shipment(), object)).await?;
                progress.took(number, receipt);
            }
            Ok(())
        })
    }
}

/// Gives a target `limit` to answer.
pub(crate) async fn within<T>(
    limit: Duration,
    sent: impl Future<Output = Result<T, SendError>>,
) -> Result<T, SendError> {
    let late = |_| SendError::failed(format!("it did not answer within {limit:?}"));
    tokio::time::timeout(limit, sent).await.map_err(late)?
}
