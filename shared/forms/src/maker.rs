//! From a stored document to the files of a form.

use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use hilum_blobs::{BlobStore, GetError};
use hilum_dicom::{DicomError, Instance, Sources, encapsulated_pdf, secondary_captures, sr};
use hilum_events::{BlobRef, Sha256Digest};
use hilum_imaging::DecoderPool;
use hilum_reports::{Choice, Language, Report, check, fhir, hl7, html, pdf};

use crate::before::Before;
use crate::error::FormError;
use crate::files::FormFiles;
use crate::format::Format;
use crate::headers;
use crate::inputs::{AttributedReport, IllustratedReport};
use crate::message::Message;
use crate::pictures;
use crate::turn::{Turn, Turns};

/// Longest wait of a form for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// Makes forms of stored reports, two at a time. Cheap to clone; clones share their turns.
#[derive(Clone)]
pub struct Maker {
    blobs: BlobStore,
    decoder: DecoderPool,
    turns: Turns,
}

impl Maker {
    /// Makes forms of what is kept in `blobs`; `decoder` reads the headers of DICOM images for the patient that they name.
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
    ) -> BoxFuture<'a, Result<FormFiles, FormError>> {
        Box::pin(async move {
            if format == Format::Json {
                return Ok(FormFiles::one(self.document(json).await?));
            }
            let turn = self.turn().await?;
            self.make_at(turn, json, format, language).await
        })
    }

    /// The HL7 message for a receiver that wants more said than [`Self::make`] does.
    ///
    /// # Errors
    /// See [`FormError`].
    pub fn message<'a>(
        &'a self,
        json: &'a BlobRef,
        message: &'a Message,
    ) -> BoxFuture<'a, Result<FormFiles, FormError>> {
        Box::pin(async move {
            let turn = self.turn().await?;
            let document = self.document(json).await?;
            let message = message.clone();
            if !message.names_patient {
                let make = move |report: &Report| hl7::oru_r01_to(report, &message.heading, None).into();
                return checked(&turn, document, make).await;
            }
            let report = self.attributed(&turn, document, no_pictures).await?;
            let make = move |AttributedReport { illustrated, headers }: &AttributedReport| {
                let report = &illustrated.report;
                let patient = message.patient(report, &headers.sources)?;
                Ok(vec![hl7::oru_r01_to(report, &message.heading, Some(&patient)).into()])
            };
            report.files(&turn, make).await
        })
    }

    /// A turn, if one is free.
    pub fn free_turn(&self) -> Option<Turn> {
        self.turns.free()
    }

    /// A turn. It is waited for, for 10 s at most.
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
    ) -> BoxFuture<'a, Result<FormFiles, FormError>> {
        Box::pin(async move {
            let document = self.document(json).await?;
            let json_sha256 = json.sha256;
            match format {
                Format::Json => Ok(FormFiles::one(document)),
                Format::Html => {
                    let render = move |IllustratedReport { report, pictures }: &_| {
                        Ok(html::render(report, pictures, &json_sha256, language).into())
                    };
                    self.shown(&turn, document, html::choice, render).await
                }
                Format::Pdf => {
                    let render = move |IllustratedReport { report, pictures }: &_| {
                        let pdf = pdf::render(report, pictures, &json_sha256, language);
                        Ok(pdf.map_err(FormError::Pdf)?.into())
                    };
                    self.shown(&turn, document, pdf::choice, render).await
                }
                Format::Fhir => checked(&turn, document, |report| fhir::bundle(report).into()).await,
                Format::Hl7 => checked(&turn, document, |report| hl7::oru_r01(report).into()).await,
                Format::DicomSr => self.structured_report(&turn, document, json_sha256).await,
                Format::DicomSc => self.captures(&turn, document, json_sha256).await,
                Format::DicomPdf => {
                    let report = self.attributed(&turn, document, pdf::choice).await?;
                    let file = move |AttributedReport { illustrated, headers }: &AttributedReport| {
                        let IllustratedReport { report, pictures } = illustrated;
                        let pdf = pdf::render(report, pictures, &json_sha256, language);
                        let pdf = pdf.map_err(FormError::Pdf)?;
                        one(encapsulated_pdf(report, &json_sha256, &headers.sources, &pdf)?)
                    };
                    report.files(&turn, file).await
                }
            }
        })
    }

    /// A form for people, which `render` makes of the document and of the pictures that `choice` wants.
    async fn shown(
        &self,
        turn: &Turn,
        document: Bytes,
        choice: fn(&Report) -> Choice,
        render: impl FnOnce(&IllustratedReport) -> Result<Bytes, FormError> + Send + 'static,
    ) -> Result<FormFiles, FormError> {
        let report = self.illustrated(turn, document, choice).await?;
        let is_whole = report.is_whole();
        Ok(FormFiles { is_whole, ..FormFiles::one(turn.work(move || render(&report)).await??) })
    }

    /// A structured report. It names the revision before, which has to be had, too.
    async fn structured_report(
        &self,
        turn: &Turn,
        document: Bytes,
        json_sha256: Sha256Digest,
    ) -> Result<FormFiles, FormError> {
        let report = self.attributed(turn, document, no_pictures).await?;
        let (own, sources) = (&report.illustrated.report, &report.headers.sources);
        let before = Before::of(&self.blobs, &self.decoder, turn, own, sources).await?;
        let is_whole = before.is_whole;
        let file = move |AttributedReport { illustrated, headers }: &AttributedReport| {
            let predecessor = before.predecessor();
            one(sr(&illustrated.report, &json_sha256, &headers.sources, predecessor.as_ref())?)
        };
        let files = report.files(turn, file).await?;
        Ok(FormFiles { is_whole: files.is_whole && is_whole, ..files })
    }

    /// A picture with its numbers of each image that was read.
    async fn captures(
        &self,
        turn: &Turn,
        document: Bytes,
        json_sha256: Sha256Digest,
    ) -> Result<FormFiles, FormError> {
        let report = self.attributed(turn, document, hilum_dicom::choice).await?;
        let files = move |AttributedReport { illustrated, headers }: &AttributedReport| {
            let IllustratedReport { report, pictures } = illustrated;
            let captures = secondary_captures(report, pictures, &json_sha256, &headers.sources)?;
            let files = captures.map(|capture| Ok(capture?.file.into()));
            Ok(files.collect::<Result<_, DicomError>>()?)
        };
        report.files(turn, files).await
    }

    /// What a form that names its patient is made of. Programs take it at its word, so a document with flaws is refused.
    async fn attributed(
        &self,
        turn: &Turn,
        document: Bytes,
        choice: fn(&Report) -> Choice,
    ) -> Result<AttributedReport, FormError> {
        let illustrated = self.illustrated(turn, document, choice).await?;
        check(&illustrated.report).map_err(FormError::Flawed)?;
        let headers =
            headers::of(&self.blobs, &self.decoder, &illustrated.report, &Sources::default()).await?;
        Ok(AttributedReport { illustrated, headers })
    }

    async fn document(&self, json: &BlobRef) -> Result<Bytes, FormError> {
        self.blobs.get(json).await.map_err(|error| match error {
            away @ GetError::Unavailable { .. } => FormError::Away(away),
            lost @ (GetError::Missing { .. } | GetError::Damaged { .. }) => FormError::Lost(lost),
        })
    }

    /// What a form for people shows: the document, and the pictures that `choice` wants.
    async fn illustrated(
        &self,
        turn: &Turn,
        document: Bytes,
        choice: fn(&Report) -> Choice,
    ) -> Result<IllustratedReport, FormError> {
        let read = move || {
            let report = Report::from_json(&document)?;
            let choice = choice(&report);
            Ok((report, choice))
        };
        let (report, choice) = turn.work(read).await?.map_err(FormError::Unreadable)?;
        let pictures = pictures::chosen(&self.blobs, turn, choice).await?;
        Ok(IllustratedReport { report, pictures })
    }
}

fn no_pictures(_: &Report) -> Choice {
    Choice::Shown { previews: Vec::new(), max_side_px: 1 }
}

fn one(instance: Instance) -> Result<Vec<Bytes>, FormError> {
    Ok(vec![instance.file.into()])
}

/// A form for programs. They take it at its word, so a document with flaws is refused.
async fn checked(
    turn: &Turn,
    document: Bytes,
    make: impl FnOnce(&Report) -> Bytes + Send + 'static,
) -> Result<FormFiles, FormError> {
    let made = move || {
        let report = Report::from_json(&document).map_err(FormError::Unreadable)?;
        check(&report).map_err(FormError::Flawed)?;
        Ok(FormFiles::one(make(&report)))
    };
    turn.work(made).await?
}
