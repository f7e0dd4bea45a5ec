//! How a parcel gets to its target, one module for each protocol.

mod dicom;
mod fhir;
mod hl7;
mod s3;
mod stow;
mod webhook;

use std::error::Error;
use std::time::Duration;

use hilum_blobs::OpenError;
use hilum_events::{Matter, Site, StudyId};

use crate::forms::Object;
use crate::targets::{Address, Target};

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

/// The target did not take the parcel.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It is away, busy or failed: trying again later may help.
    #[error("{what}")]
    Failed {
        /// What happened.
        what: String,
        /// Why, if more is known.
        source: Option<Box<dyn Error + Send + Sync>>,
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
        Self::Failed { what: what.into(), source: None }
    }

    pub(crate) fn failed_because<E>(what: &str, source: E) -> Self
    where
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        Self::Failed { what: what.to_owned(), source: Some(source.into()) }
    }

    pub(crate) fn refused(what: impl Into<String>) -> Self {
        Self::Refused { what: what.into() }
    }
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
        Ok(Self { way, timeout })
    }

    /// Hands the parcel over; how the target said that it took it. Doing it again is harmless: bytes and identifiers are
    /// the same each time.
    ///
    /// # Errors
    /// When the target did not take all of it, or did not say so in time.
    pub async fn send(&self, parcel: &Parcel) -> Result<String, SendError> {
        let limit = self.limit(parcel);
        let late = |_| SendError::failed(format!("it did not answer within {limit:?}"));
        tokio::time::timeout(limit, Box::pin(self.way.send(parcel))).await.map_err(late)?
    }

    /// Each object gets the time that the target has to answer.
    fn limit(&self, parcel: &Parcel) -> Duration {
        let objects = u32::try_from(parcel.objects.len().max(1)).unwrap_or(u32::MAX);
        self.timeout.saturating_mul(objects)
    }
}

impl Way {
    async fn send(&self, parcel: &Parcel) -> Result<String, SendError> {
        match self {
            Self::Dicom(peer) => peer.store(&parcel.objects).await,
            Self::Stow(endpoint) => endpoint.store(&parcel.objects).await,
            Self::Fhir(endpoint) => endpoint.post(&parcel.objects).await,
            Self::Hl7(peer) => peer.send(&parcel.objects).await,
            Self::Webhook(endpoint) => endpoint.post(parcel).await,
            Self::S3(place) => place.put(parcel).await,
        }
    }
}
