//! A panic, shown as any other error, without what only a developer understands.

use std::panic::PanicHookInfo;

/// A panic of a command.
#[derive(Debug, thiserror::Error)]
#[error("hilum came upon a fault of its own in {place} ({what}); please report it")]
pub(crate) struct Fault {
    place: String,
    what: String,
}

impl Fault {
    /// The place in the source and the message of a panic.
    pub(crate) fn of(panic: &PanicHookInfo<'_>) -> Self {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        Self { place, what: panic.payload_as_str().unwrap_or("without a message").to_owned() }
    }
}
