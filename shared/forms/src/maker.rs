//! From a stored document to the files of a form.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use hilum_blobs::{BlobStore, GetError};
use hilum_dicom::{DicomError, Instance, Sources, encapsulated_pdf, secondary_captures, sr};
use hilum_events::BlobRef;
use hilum_imaging::DecoderPool;
use hilum_reports::{Choice, Language, Picture, Pictures, Report, check, fhir, hl7, html, pdf};

use crate::before::Before;
use crate::error::FormError;
use crate::format::Format;
use crate::headers::{self, Headers};
use crate::message::Message;
use crate::pictures;
use crate::turn::{Turn, Turns};

/// How long a form waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// Makes forms of stored reports, so many at a time. Cheap to clone; clones share their turns.
#[derive(Clone)]
pub struct Maker {
    blobs: BlobStore,
    decoder: DecoderPool,
    turns: Turns,
}

/// A form that was made. Its files may name a patient: `Debug` shows none of them.
#[derive(Clone, PartialEq, Eq)]
pub struct Made {
    /// Its files: one, or for a form of several objects each of them.
    pub files: Vec<Bytes>,
    /// Whether every picture, image and earlier document that it should be made of was to be had: only then are its bytes those that [`Format::tag`] names.
    pub is_whole: bool,
    /// Whether it names its patient by an id of ours, since no image tells one.
    pub has_own_id: bool,
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Made({} files, is_whole: {})", self.files.len(), self.is_whole)
    }
}

impl Made {
    fn one(file: impl Into<Bytes>) -> Self {
        Self { files: vec![file.into()], is_whole: true, has_own_id: false }
    }
}

impl Maker {
    /// A maker of forms of what is kept in `blobs`. `decoder` tells of DICOM images whose they are.
    pub fn new(blobs: BlobStore, decoder: DecoderPool) -> Self {
        Self { blobs, decoder, turns: Turns::default() }
    }

    /// The form of the stored document `json`, in this language if it has several. The document itself comes at once,
    /// verified; others wait for their turn for 10 s at most.
    ///
    /// # Errors
    /// See [`FormError`].
    pub fn make<'a>(
        &'a self,
        json: &'a BlobRef,
        format: Format,
        language: Language,
    ) -> BoxFuture<'a, Result<Made, FormError>> {
        Box::pin(async move {
            if format == Format::Json {
                return Ok(Made::one(self.document(json).await?));
            }
            let turn = self.turn().await?;
            self.make_at(turn, json, format, language).await
        })
    }

    /// The HL7 message for a receiver that wants more said than the form does. As [`Self::make`] otherwise.
    ///
    /// # Errors
    /// See [`FormError`].
    pub fn message<'a>(
        &'a self,
        json: &'a BlobRef,
        message: &'a Message,
    ) -> BoxFuture<'a, Result<Made, FormError>> {
        Box::pin(async move {
            let turn = self.turn().await?;
            let document = self.document(json).await?;
            let message = message.clone();
            if !message.names_patient {
                let make = move |report: &Report| hl7::oru_r01_to(report, &message.heading, None).into();
                return checked(&turn, document, make).await;
            }
            let whose = self.whose(&turn, document, no_pictures).await?;
            let make = move |whose: &Whose| {
                let report = &whose.sight.report;
                let patient = message.patient(report, &whose.headers.sources)?;
                Ok(vec![hl7::oru_r01_to(report, &message.heading, Some(&patient)).into()])
            };
            whose.made(&turn, make).await
        })
    }

    /// A turn, if one is free.
    pub fn free_turn(&self) -> Option<Turn> {
        self.turns.free()
    }

    /// A turn, waited for for 10 s at most.
    ///
    /// # Errors
    /// [`FormError::Busy`].
    pub fn turn(&self) -> BoxFuture<'_, Result<Turn, FormError>> {
        Box::pin(async move { self.turns.free_within(TURN_WITHIN).await })
    }

    /// As [`Self::make`], in a turn that was taken before.
    ///
    /// # Errors
    /// See [`FormError`].
    pub fn make_at<'a>(
        &'a self,
        turn: Turn,
        json: &'a BlobRef,
        format: Format,
        language: Language,
    ) -> BoxFuture<'a, Result<Made, FormError>> {
        Box::pin(async move {
            let document = self.document(json).await?;
            let json_sha256 = json.sha256;
            match format {
                Format::Json => Ok(Made::one(document)),
                Format::Html => {
                    let sight = self.sight(&turn, document, html::choice).await?;
                    let is_whole = sight.is_whole();
                    let Sight { report, pictures } = sight;
                    let page = move || html::render(&report, &pictures, &json_sha256, language);
                    Ok(Made { is_whole, ..Made::one(turn.work(page).await?) })
                }
                Format::Pdf => {
                    let sight = self.sight(&turn, document, pdf::choice).await?;
                    let is_whole = sight.is_whole();
                    let Sight { report, pictures } = sight;
                    let file = move || pdf::render(&report, &pictures, &json_sha256, language);
                    Ok(Made { is_whole, ..Made::one(turn.work(file).await?.map_err(FormError::Pdf)?) })
                }
                Format::Fhir => checked(&turn, document, |report| fhir::bundle(report).into()).await,
                Format::Hl7 => checked(&turn, document, |report| hl7::oru_r01(report).into()).await,
                Format::DicomSr => {
                    let whose = self.whose(&turn, document, no_pictures).await?;
                    let sources = &whose.headers.sources;
                    let before =
                        Before::of(&self.blobs, &self.decoder, &turn, &whose.sight.report, sources).await?;
                    let is_whole = before.is_whole;
                    let file = move |Whose { sight, headers }: &Whose| {
                        one(sr(&sight.report, &json_sha256, &headers.sources, before.predecessor().as_ref())?)
                    };
                    let made = whose.made(&turn, file).await?;
                    Ok(Made { is_whole: made.is_whole && is_whole, ..made })
                }
                Format::DicomSc => {
                    let whose = self.whose(&turn, document, hilum_dicom::choice).await?;
                    let files = move |Whose { sight, headers }: &Whose| {
                        let captures = secondary_captures(
                            &sight.report,
                            &sight.pictures,
                            &json_sha256,
                            &headers.sources,
                        )?;
                        let files = captures.map(|capture| Ok(capture?.file.into()));
                        Ok(files.collect::<Result<_, DicomError>>()?)
                    };
                    whose.made(&turn, files).await
                }
                Format::DicomPdf => {
                    let whose = self.whose(&turn, document, pdf::choice).await?;
                    let file = move |Whose { sight, headers }: &Whose| {
                        let pdf = pdf::render(&sight.report, &sight.pictures, &json_sha256, language);
                        let pdf = pdf.map_err(FormError::Pdf)?;
                        one(encapsulated_pdf(&sight.report, &json_sha256, &headers.sources, &pdf)?)
                    };
                    whose.made(&turn, file).await
                }
            }
        })
    }

    /// What a form that names its patient is made of. It is for programs too: of a document without flaws only.
    async fn whose(
        &self,
        turn: &Turn,
        document: Bytes,
        choice: fn(&Report) -> Choice,
    ) -> Result<Whose, FormError> {
        let sight = self.sight(turn, document, choice).await?;
        check(&sight.report).map_err(FormError::Flawed)?;
        let headers = headers::of(&self.blobs, &self.decoder, &sight.report, &Sources::default()).await?;
        Ok(Whose { sight, headers })
    }

    async fn document(&self, json: &BlobRef) -> Result<Bytes, FormError> {
        self.blobs.get(json).await.map_err(|error| match error {
            away @ GetError::Unavailable { .. } => FormError::Away(away),
            lost @ (GetError::Missing { .. } | GetError::Damaged { .. }) => FormError::Lost(lost),
        })
    }

    /// What a form for people shows: the document, and those of its pictures that `choice` wants.
    async fn sight(
        &self,
        turn: &Turn,
        document: Bytes,
        choice: fn(&Report) -> Choice,
    ) -> Result<Sight, FormError> {
        let read = move || {
            let report = Report::from_json(&document)?;
            let choice = choice(&report);
            Ok((report, choice))
        };
        let (report, choice) = turn.work(read).await?.map_err(FormError::Unreadable)?;
        let pictures = pictures::chosen(&self.blobs, turn, choice).await?;
        Ok(Sight { report, pictures })
    }
}

/// A document with the pictures that a form shows.
struct Sight {
    report: Report,
    pictures: Pictures,
}

impl Sight {
    fn is_whole(&self) -> bool {
        self.pictures.values().all(|picture| matches!(picture, Picture::Shown { .. }))
    }
}

/// A document with its pictures, and whose its images are.
struct Whose {
    sight: Sight,
    headers: Headers,
}

impl Whose {
    /// The files that `make` makes of it.
    async fn made(
        self,
        turn: &Turn,
        make: impl FnOnce(&Self) -> Result<Vec<Bytes>, FormError> + Send + 'static,
    ) -> Result<Made, FormError> {
        let is_whole = self.sight.is_whole() && self.headers.is_whole;
        let patient = self.headers.sources.patient(&self.sight.report);
        let has_own_id = !matches!(patient, Ok(Some(header)) if !header.patient_id.is_empty());
        Ok(Made { files: turn.work(move || make(&self)).await??, is_whole, has_own_id })
    }
}

fn no_pictures(_: &Report) -> Choice {
    Choice::Shown { previews: Vec::new(), max_side_px: 1 }
}

fn one(instance: Instance) -> Result<Vec<Bytes>, FormError> {
    Ok(vec![instance.file.into()])
}

/// A form for programs, which take what it says at its word: one of a document without flaws only.
async fn checked(
    turn: &Turn,
    document: Bytes,
    make: impl FnOnce(&Report) -> Bytes + Send + 'static,
) -> Result<Made, FormError> {
    let made = move || {
        let report = Report::from_json(&document).map_err(FormError::Unreadable)?;
        check(&report).map_err(FormError::Flawed)?;
        Ok(Made::one(make(&report)))
    };
    turn.work(made).await?
}
