//! An image on its way in, as far as it has come.

use hilum_blobs::Received;
use hilum_events::{ImageSource, MediaType};
use hilum_imaging::Inspected;

use crate::gate::Counted;
use crate::senders::UnderWay;
use crate::slots::Slot;

/// An image that was let in. It counts among those that wait, and holds a slot, until this is dropped.
pub struct Admitted {
    pub(crate) counted: Counted,
    pub(crate) source: ImageSource,
    pub(crate) slot: Slot,
    /// Absent where nobody knows who sends.
    pub(crate) under_way: Option<UnderWay>,
}

/// An image that came in and lies in storage under a temporary key.
pub struct StagedImage {
    pub(crate) media_type: MediaType,
    pub(crate) received: Received,
    pub(crate) admitted: Admitted,
    /// What its header says, once somebody has looked.
    pub(crate) inspected: Option<Inspected>,
}
