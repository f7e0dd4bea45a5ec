//! How long it waits before something is tried again.

use std::time::Duration;

use hilum_retry::Attempts;

use super::handle::AnyHandle;

/// Waits before it is looked again whether what is away has come back.
pub(super) const LOOK_AGAIN: Attempts = Attempts {
    first_wait: Duration::from_millis(200),
    longest_wait: Duration::from_secs(3),
    give_up_after: Duration::MAX,
};

/// Waits before a failed message is tried again.
pub(super) fn redelivery(handler: &dyn AnyHandle) -> Attempts {
    Attempts {
        first_wait: Duration::from_secs(1),
        longest_wait: handler.longest_wait(),
        give_up_after: Duration::MAX,
    }
}
