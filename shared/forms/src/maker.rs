//! From a stored document to the files of a form.

use std::time::Duration;

use bytes::Bytes;
use hilum_blobs::{BlobStore, GetError};
use hilum_events::BlobRef;
use hilum_reports::{Choice, Language, Picture, Pictures, Report, check, fhir, hl7, html, pdf};

use crate::error::FormError;
use crate::format::Format;
use crate::pictures;
use crate::turn::{Turn, Turns};

/// How long a form waits for its turn.
const TURN_WITHIN: Duration = Duration::from_secs(10);

/// Makes forms of stored reports, so many at a time. Cheap to clone; clones share their turns.
#[derive(Debug, Clone)]
pub struct Maker {
    blobs: BlobStore,
    turns: Turns,
}

/// A form that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its files: one, or for a form of several objects each of them.
    pub files: Vec<Bytes>,
    /// Whether every picture that it should show was to be had: only then are its bytes those that [`Format::tag`] names.
    pub is_whole: bool,
}

impl Made {
    fn one(file: impl Into<Bytes>) -> Self {
        Self { files: vec![file.into()], is_whole: true }
    }
}

impl Maker {
    /// A maker of forms of what is kept in `blobs`.
    pub fn new(blobs: BlobStore) -> Self {
        Self { blobs, turns: Turns::default() }
    }

    /// The form of the stored document `json`, in this language if it has several. The document itself comes at once,
    /// verified; others wait for their turn for 10 s at most.
    ///
    /// # Errors
    /// See [`FormError`].
    pub async fn make(&self, json: &BlobRef, format: Format, language: Language) -> Result<Made, FormError> {
        if format == Format::Json {
            return Ok(Made::one(self.document(json).await?));
        }
        let turn = self.turn().await?;
        self.make_at(turn, json, format, language).await
    }

    /// A turn, if one is free.
    pub fn free_turn(&self) -> Option<Turn> {
        self.turns.free()
    }

    /// A turn, waited for for 10 s at most.
    ///
    /// # Errors
    /// [`FormError::Busy`].
    pub async fn turn(&self) -> Result<Turn, FormError> {
        self.turns.free_within(TURN_WITHIN).await
    }

    /// As [`Self::make`], in a turn that was taken before.
    ///
    /// # Errors
    /// See [`FormError`].
    pub async fn make_at(
        &self,
        turn: Turn,
        json: &BlobRef,
        format: Format,
        language: Language,
    ) -> Result<Made, FormError> {
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
        }
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

/// A form for programs, which take what it says at its word: one of a document without flaws only.
async fn checked(turn: &Turn, document: Bytes, make: fn(&Report) -> Bytes) -> Result<Made, FormError> {
    let made = move || {
        let report = Report::from_json(&document).map_err(FormError::Unreadable)?;
        check(&report).map_err(FormError::Flawed)?;
        Ok(Made::one(make(&report)))
    };
    turn.work(made).await?
}
