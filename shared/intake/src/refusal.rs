//! Why an image is not taken, as its sender sees it. Nothing was stored then, save perhaps an object that no
//! event names.

use std::error::Error;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use hilum_api::{Problem, ProblemType};
use hilum_blobs::PutError;
use hilum_events::NameError;
use hilum_imaging::DecodeError;
use hilum_log::{AppendError, UnavailableError};
use hilum_runtime::BodyFault;

use crate::admission::{Cause, Declined};

/// Counts an image that is refused, by the last word of its problem's type.
pub fn count_refused(word: &'static str) {
    metrics::counter!("hilum_ingest_refused_total", "reason" => word).increment(1);
}

/// An upload or request that is not taken.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The request is not as the API says.
    #[error("{0}")]
    Malformed(String),
    /// A name breaks its rule.
    #[error(transparent)]
    Name(#[from] NameError),
    /// No byte came for so long.
    #[error("no byte of the upload came for {} s, so it was ended; send it again", .0.as_secs_f64())]
    Stalled(Duration),
    /// The sender is gone, or sent less than it had announced.
    #[error("the upload broke off before its end; send it again")]
    BrokenOff,
    /// A part of the form is not sent as it is.
    #[error(
        "a part of the form is encoded, as its Content-Encoding or Content-Transfer-Encoding says; send the bytes as they \
         are, without that header"
    )]
    Encoded,
    /// Too long.
    #[error("the image is longer than {limit_bytes} bytes, the most this site takes")]
    TooLong {
        /// The most.
        limit_bytes: u64,
    },
    /// Not PNG, JPEG or DICOM.
    #[error(
        "the file is neither PNG, JPEG nor DICOM (a DICOM file begins with 128 bytes and 'DICM'); send one of these"
    )]
    UnknownType,
    /// Not a multipart body.
    #[error("send the image as multipart/form-data in a field named image")]
    NotMultipart,
    /// A DICOM object that can't be read or has no picture.
    #[error("{reason}")]
    Unreadable {
        /// The decoder's word for it.
        code: String,
        /// In words.
        reason: String,
    },
    /// The study is not known.
    #[error("no image of study {0} was ever stored here; check the id, and the site if you gave a name")]
    UnknownStudy(String),
    /// The study has as many images as one report is about.
    #[error(
        "the study has {most} images, the most that one report tells of; send this one as part of another study, or \
         have the operator allow more with HILUM_STUDY_IMAGES_MAX"
    )]
    StudyFull {
        /// So many.
        most: u32,
    },
    /// All slots are taken.
    #[error("as many uploads are under way as this service takes; try again shortly")]
    Busy,
    /// Its sender has as many under way as it may.
    #[error(
        "as many images of this sender are under way as may be at a time; send the next when one is done"
    )]
    SenderBusy,
    /// Its sender sends more than it may.
    #[error("this sender sends more images a minute than it may; try again in {retry_after_s} s")]
    SenderTooFast {
        /// After so many seconds it may send the next.
        retry_after_s: u64,
    },
    /// Too many images wait already.
    #[error("more images wait for a reading than this site keeps waiting; try again in {retry_after_s} s")]
    Full {
        /// After so many seconds there may be room.
        retry_after_s: u64,
    },
    /// It would wait too long.
    #[error(
        "an image sent now would wait some {wait_s} s for its reading, longer than this site lets it; try again in \
         {retry_after_s} s; an urgent one may still be taken if the field priority=stat comes before the image"
    )]
    LongWait {
        /// So many seconds.
        wait_s: u64,
        /// After so many seconds there may be room.
        retry_after_s: u64,
    },
    /// Images of so many other sites wait.
    #[error(
        "images of {max_sites} other sites wait here, as many as may at a time; check the name in the field site and try \
         again later, or have the operator allow more with HILUM_MAX_SITES"
    )]
    TooManySites {
        /// So many.
        max_sites: usize,
    },
    /// There is no room for it.
    #[error(
        "the disk where images are kept is full; nothing was accepted. Have the operator make room; until then it is refused \
         again"
    )]
    DiskFull(#[source] Box<dyn Error + Send + Sync>),
    /// Storage, the log or the decoder is away.
    #[error("{0}; nothing was accepted, try again shortly")]
    Unavailable(&'static str, #[source] Box<dyn Error + Send + Sync>),
}

impl From<Declined> for Refusal {
    fn from(declined: Declined) -> Self {
        let Declined { cause, wait, retry_after_s, max_sites } = declined;
        match cause {
            Cause::TooMany => Self::Full { retry_after_s },
            Cause::TooSlow => Self::LongWait { wait_s: wait.as_secs(), retry_after_s },
            Cause::NewSite => Self::TooManySites { max_sites },
        }
    }
}

impl From<PutError> for Refusal {
    fn from(error: PutError) -> Self {
        let is_full = error.is_full();
        match error {
            PutError::TooLong { limit_bytes } => Self::TooLong { limit_bytes },
            PutError::Source(source) => Self::of_broken_body(&*source),
            PutError::Unavailable(source) if is_full => Self::DiskFull(source.into()),
            PutError::Unavailable(source) => Self::Unavailable("object storage is away", source.into()),
        }
    }
}

impl From<AppendError> for Refusal {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::OtherLog(_) => {
                Self::Unavailable("the event log is not the one that was in use", error.into())
            }
            AppendError::TooLong { .. } => Self::Malformed(error.to_string()),
            AppendError::Full(_) => Self::Unavailable("the event log is full", error.into()),
            AppendError::Refused(_) => Self::Unavailable("the event log refuses this", error.into()),
            error => Self::Unavailable("the event log is away", error.into()),
        }
    }
}

impl From<UnavailableError> for Refusal {
    fn from(error: UnavailableError) -> Self {
        Self::Unavailable("the event log is away", error.into())
    }
}

impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        if error.is_permanent() {
            Self::Unreadable { code: error.code().to_owned(), reason: error.to_string() }
        } else {
            Self::Unavailable("the DICOM reader did not answer", error.into())
        }
    }
}

impl Refusal {
    /// Of a form that did not come to its end.
    pub fn of_broken_body(error: &(dyn Error + 'static)) -> Self {
        match BodyFault::among(error) {
            Some(BodyFault::Stalled { limit }) => Self::Stalled(*limit),
            Some(BodyFault::BrokenOff(_)) => Self::BrokenOff,
            None => {
                Self::Malformed("the multipart body is broken or ends too early; send it again".to_owned())
            }
        }
    }

    /// The problem that it is for the sender; its word also counts it.
    pub fn kind(&self) -> ProblemType {
        match self {
            Self::Malformed(_) | Self::Name(_) => ProblemType::Malformed,
            Self::Stalled(_) => ProblemType::Stalled,
            Self::BrokenOff => ProblemType::BrokenOff,
            Self::Encoded => ProblemType::UnsupportedEncoding,
            Self::TooLong { .. } => ProblemType::TooLarge,
            Self::UnknownType | Self::NotMultipart => ProblemType::UnsupportedType,
            Self::Unreadable { .. } => ProblemType::UnreadableImage,
            Self::UnknownStudy(_) => ProblemType::NotFound,
            Self::StudyFull { .. } => ProblemType::StudyFull,
            Self::Busy => ProblemType::Busy,
            Self::SenderBusy | Self::SenderTooFast { .. } => ProblemType::SenderLimit,
            Self::Full { .. } => ProblemType::Full,
            Self::LongWait { .. } => ProblemType::LongWait,
            Self::TooManySites { .. } => ProblemType::TooManySites,
            Self::DiskFull(_) => ProblemType::DiskFull,
            Self::Unavailable(..) => ProblemType::Unavailable,
        }
    }

    /// Seconds after which the same request may be taken; `None` where that is not known.
    pub fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::Full { retry_after_s }
            | Self::SenderTooFast { retry_after_s }
            | Self::LongWait { retry_after_s, .. } => Some(*retry_after_s),
            Self::Busy | Self::SenderBusy | Self::Unavailable(..) => Some(2),
            Self::TooManySites { .. } => Some(10),
            Self::DiskFull(_) => Some(60),
            _ => None,
        }
    }

    /// Whether the same image may be taken later, without a change of it.
    pub fn is_for_now(&self) -> bool {
        self.retry_after_s().is_some() || matches!(self, Self::Stalled(_) | Self::BrokenOff)
    }

    /// Says in the service's log and metrics that an image or request was refused for this.
    pub fn note(&self) {
        let refusal = self.kind().slug();
        match self {
            // The gate says once that something is away.
            Self::Unavailable(_, source) | Self::DiskFull(source) => {
                tracing::debug!(error = &**source as &dyn Error, refusal, "request refused");
            }
            // Also of this: senders that are refused come again and again.
            Self::Full { .. } | Self::LongWait { .. } => tracing::debug!(refusal, "request refused"),
            Self::Unreadable { code, .. } => tracing::info!(code, refusal, "request refused"),
            _ => tracing::info!(refusal, "request refused"),
        }
        count_refused(refusal);
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.note();
        let retry_after_s = self.retry_after_s();
        Problem { retry_after_s, ..Problem::new(self.kind(), self.to_string()) }.into_response()
    }
}
