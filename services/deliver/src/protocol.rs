//! How a parcel gets to its target, one module for each protocol.

mod dicom;
mod fhir;
mod hl7;
pub(crate) mod http;
mod part10;
mod progress;
mod s3;
mod store_status;
mod stow;
mod webhook;

use std::error::Error;
use std::io;
use std::time::Duration;

use hilum_blobs::OpenError;
use hilum_events::{Matter, Site, StudyId};

use crate::forms::Object;
use crate::targets::{Address, Target};
use progress::{Halves, Progress};

/// What one delivery hands over.
#[derive(Debug, Clone)]
pub struct Parcel {
    /// Where the study came from.
    pub site: Site,
    /// The study.
    pub study_id: StudyId,
    /// Its report or a flag.
    pub matter: Matter,
    /// The objects, one at least.
    pub objects: Vec<Object>,
}

/// A way to a target.
#[derive(Debug)]
pub struct Transport {
    way: Way,
    timeout: Duration,
    halves: Halves,
}

#[derive(Debug)]
enum Way {
    Dicom(dicom::Peer),
    Stow(stow::Endpoint),
    Fhir(fhir::Endpoint),
    Hl7(hl7::Peer),
    Webhook(webhook::Endpoint),
    S3(s3::Place),
}

/// The target did not take the parcel. Nothing here is in a target's own words, which may name the patient: statuses and
/// codes only.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It is away, busy or failed: trying again later may help.
    #[error("{what}")]
    Failed {
        /// What happened.
        what: String,
        /// How the system names what happened to the connection, if it does.
        source: Option<io::Error>,
        /// How long it wants to be left alone.
        not_before: Option<Duration>,
    },
    /// It won't take this parcel, however often it is tried.
    #[error("{what}")]
    Refused {
        /// What it said.
        what: String,
    },
}

impl SendError {
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::Failed { what: what.into(), source: None, not_before: None }
    }

    /// Of `cause` is kept only what kind of error the system says it is: libraries put into their errors what was
    /// received.
    pub(crate) fn failed_because(what: &str, cause: &(dyn Error + 'static)) -> Self {
        let source = system_error(cause).map(io::Error::from);
        Self::Failed { what: what.to_owned(), source, not_before: None }
    }

    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self::Refused { what: what.into() }
    }
}

/// The kind of the system's error that led to this one.
fn system_error(error: &(dyn Error + 'static)) -> Option<io::ErrorKind> {
    let mut kind = None;
    let mut next = Some(error);
    while let Some(error) = next {
        kind = error.downcast_ref::<io::Error>().map(io::Error::kind).or(kind);
        next = error.source();
    }
    kind
}

/// Has a target `limit` for one object.
async fn within<T>(
    limit: Duration,
    sent: impl Future<Output = Result<T, SendError>>,
) -> Result<T, SendError> {
    let late = |_| SendError::failed(format!("it did not answer within {limit:?}"));
    tokio::time::timeout(limit, sent).await.map_err(late)?
}

/// The way to a target can't be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// No HTTP client can be made.
    #[error("cannot prepare an HTTP client")]
    Http(#[from] reqwest::Error),
    /// The storage can't be opened.
    #[error(transparent)]
    Store(#[from] OpenError),
}

impl Transport {
    /// Prepares the way to `target`; nothing is sent yet.
    ///
    /// # Errors
    /// When its settings can't be used.
    pub fn to(target: &Target) -> Result<Self, PrepareError> {
        let timeout = target.timeout;
        let way = match target.address.clone() {
            Address::Dicom { host, port, called_ae, calling_ae } => {
                Way::Dicom(dicom::Peer { host, port, called_ae, calling_ae, timeout })
            }
            Address::Stow { url, token } => Way::Stow(stow::Endpoint::new(url, token, timeout)?),
            Address::Fhir { url, token } => Way::Fhir(fhir::Endpoint::new(url, token, timeout)?),
            Address::Hl7 { host, port } => Way::Hl7(hl7::Peer { host, port }),
            Address::Webhook { url, token, secret } => {
                Way::Webhook(webhook::Endpoint::new(url, token, secret, timeout)?)
            }
            Address::S3 { store_url, prefix, options } => {
                Way::S3(s3::Place::open(&store_url, prefix, options)?)
            }
        };
        Ok(Self { way, timeout, halves: Halves::default() })
    }

    /// Hands the parcel over; how the target said that it took it. Each object has the target's time. Doing it again is
    /// harmless: bytes and identifiers are the same each time, and what was taken before a failure is left out.
    ///
    /// # Errors
    /// When the target did not take all of it, or did not say so in time.
    pub async fn send(&self, parcel: &Parcel) -> Result<String, SendError> {
        let progress = self.halves.of(parcel);
        let outcome = Box::pin(self.send_open(parcel, &progress)).await;
        match outcome {
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

    async fn send_open(&self, parcel: &Parcel, progress: &Progress<'_>) -> Result<(), SendError> {
        if let Way::Dicom(peer) = &self.way {
            return peer.store(progress).await;
        }
        for (number, object) in progress.open() {
            let receipt = within(self.timeout, self.way.send(parcel, object)).await?;
            progress.took(number, receipt);
        }
        Ok(())
    }
}

impl Way {
    /// Hands one object over.
    async fn send(&self, parcel: &Parcel, object: &Object) -> Result<String, SendError> {
        match self {
            Self::Dicom(_) => unreachable!("its objects share an association"),
            Self::Stow(endpoint) => endpoint.store(object).await,
            Self::Fhir(endpoint) => endpoint.post(object).await,
            Self::Hl7(peer) => peer.send(object).await,
            Self::Webhook(endpoint) => endpoint.post(parcel, object).await,
            Self::S3(place) => place.put(parcel, object).await,
        }
    }
}
