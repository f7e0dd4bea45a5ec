//! The way of shipments to one target: by its protocol, and without what it took before.

use std::time::Duration;

use crate::progress::PartialShipments;
use crate::protocol::{SendError, Sender, SenderError};
use crate::shipment::Shipment;
use crate::targets::Target;

/// The way to a target.
#[derive(Debug)]
pub struct Transport {
    sender: Box<dyn Sender>,
    timeout: Duration,
    partial: PartialShipments,
}

impl Transport {
    /// Prepares the way to `target`; nothing is sent yet.
    ///
    /// # Errors
    /// When its settings can't be used.
    pub fn to(target: &Target) -> Result<Self, SenderError> {
        let sender = target.protocol.settings().sender(target.timeout)?;
        Ok(Self { sender, timeout: target.timeout, partial: PartialShipments::default() })
    }

    /// Hands the shipment over and returns how the target said that it took it. Each object has the target's time. Doing it
    /// again is harmless: bytes and identifiers are the same each time, and what was taken before a failure is left out.
    ///
    /// # Errors
    /// When the target did not take all of it, or did not say so in time.
    pub async fn send(&self, shipment: &Shipment) -> Result<String, SendError> {
        let progress = self.partial.of(shipment);
        match self.sender.send(&progress, self.timeout).await {
            Ok(()) => Ok(progress.end()),
            Err(error) => {
                // It is given up: a redrive begins with all of it.
                if let SendError::Refused { .. } = error {
                    progress.end();
                }
                Err(error)
            }
        }
    }
}
