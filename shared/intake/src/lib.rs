//! What an image passes before it is durable, whichever way it comes: the door may be closed, there may be no slot for it, its
//! bytes go to storage while they are hashed, its header is read in a cage, and the log is told. In this order, so that whoever
//! is told that an image was taken in can rely on both being durable.
//!
//! Each way in is a service of its own in front of this: what is particular to its protocol is there, nothing of it here.

mod admission;
mod dicom_status;
mod disk;
mod domain;
mod gate;
mod inspection;
mod intake;
mod known;
mod pace;
mod receiving;
mod refusal;
mod senders;
mod settings;
mod slots;
mod staging;
mod studies;
mod study_sizes;
mod token;

pub use admission::{Bounds, Lanes};
pub use dicom_status::{DicomStatus, NOT_UNDERSTOOD, OUT_OF_RESOURCES};
pub use disk::Disk;
pub use domain::Wishes;
pub use gate::Gate;
pub use inspection::{Inspector, ObjectNames};
pub use intake::{DurableImage, Intake, Upload};
pub use known::Readings;
pub use refusal::{Refusal, count_refused};
pub use senders::{SenderBounds, SenderLimits};
pub use settings::{IntakeSettings, OLD_NAMES};
pub use slots::{Hearing, Slot, Slots};
pub use staging::{Admitted, StagedImage};
pub use studies::MeantStudy;
pub use study_sizes::StudySizes;
pub use token::{Token, TokenError};
