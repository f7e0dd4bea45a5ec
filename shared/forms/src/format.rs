//! The forms that a report can be given in, by the words that people and programs use for them.

use std::fmt;
use std::str::FromStr;

use hilum_events::Sha256Digest;
use hilum_reports::{Form, Language, fhir, hl7, html, pdf};
use serde::{Deserialize, Deserializer, de};

/// A form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// The stored document itself.
    Json,
    /// A page for people.
    Html,
    /// Sheets for people.
    Pdf,
    /// A FHIR R4 bundle.
    Fhir,
    /// An HL7 v2.5.1 message.
    Hl7,
    /// A DICOM structured report.
    DicomSr,
    /// A DICOM secondary capture of each image that was read.
    DicomSc,
    /// The sheets for people as a DICOM object.
    DicomPdf,
}

/// A word that names no form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a report comes as {}, not as {word:?}", Format::words())]
pub struct UnknownFormat {
    /// As it was given.
    pub word: String,
}

impl Format {
    /// All of them, the usual one first.
    pub const ALL: [Self; 8] = [
        Self::Json,
        Self::Html,
        Self::Pdf,
        Self::Fhir,
        Self::Hl7,
        Self::DicomSr,
        Self::DicomSc,
        Self::DicomPdf,
    ];

    /// A word for it, such as `html`.
    pub fn name(self) -> &'static str {
        self.form().map_or("json", |form| form.name)
    }

    /// Its media type, for HTTP.
    pub fn media_type(self) -> &'static str {
        self.form().map_or("application/json", |form| form.media_type)
    }

    /// How the name of a file of it ends, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Fhir => "fhir.json",
            Self::Hl7 => "hl7",
            Self::DicomSr | Self::DicomSc | Self::DicomPdf => "dcm",
        }
    }

    /// Whether it is for people, who are told in the language they ask for. Others are the same in every language.
    pub fn has_languages(self) -> bool {
        match self {
            Self::Html | Self::Pdf | Self::DicomPdf => true,
            Self::Json | Self::Fhir | Self::Hl7 | Self::DicomSr | Self::DicomSc => false,
        }
    }

    /// Whether its bytes name the patient. The others know none.
    pub fn names_patient(self) -> bool {
        matches!(self, Self::DicomSr | Self::DicomSc | Self::DicomPdf)
    }

    /// Names the bytes of this form of the document with this hash, without making them. What lacks a picture or an image
    /// that the document names has other bytes.
    pub fn tag(self, json_sha256: &Sha256Digest, language: Language) -> Sha256Digest {
        let tag = self.form().map_or(*json_sha256, |form| form.tag(json_sha256));
        if self.has_languages() && language != Language::default() {
            Sha256Digest::of(format!("{tag}/{}", language.tag()).as_bytes())
        } else {
            tag
        }
    }

    /// The form that is made of the document; `None` for the document itself.
    fn form(self) -> Option<Form> {
        match self {
            Self::Json => None,
            Self::Html => Some(html::FORM),
            Self::Pdf => Some(pdf::FORM),
            Self::Fhir => Some(fhir::FORM),
            Self::Hl7 => Some(hl7::FORM),
            Self::DicomSr => Some(hilum_dicom::SR),
            Self::DicomSc => Some(hilum_dicom::SECONDARY_CAPTURE),
            Self::DicomPdf => Some(hilum_dicom::ENCAPSULATED_PDF),
        }
    }

    fn words() -> String {
        let names = Self::ALL.map(Self::name);
        let (last, others) = names.split_last().map_or(("", &[][..]), |(last, others)| (*last, others));
        format!("{} or {last}", others.join(", "))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        let format = Self::ALL.into_iter().find(|format| format.name() == word);
        format.ok_or_else(|| UnknownFormat { word: word.to_owned() })
    }
}

impl<'de> Deserialize<'de> for Format {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_found_by_its_name() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
            assert_eq!(serde_json::from_value::<Format>(format.name().into()).unwrap(), format);
        }
        let refused = "doc".parse::<Format>().unwrap_err();
        assert_eq!(
            refused.to_string(),
            "a report comes as json, html, pdf, fhir, hl7, dicom-sr, dicom-sc or dicom-pdf, not as \"doc\""
        );
    }

    #[test]
    fn every_form_has_its_own_tag_in_each_of_its_languages_and_that_of_the_document_is_its_hash() {
        let json_sha256 = Sha256Digest::of(b"document");
        assert_eq!(Format::Json.tag(&json_sha256, Language::Korean), json_sha256);
        assert_eq!(Format::Html.tag(&json_sha256, Language::English), html::FORM.tag(&json_sha256));
        let tags = |format: Format| Language::ALL.map(|language| format.tag(&json_sha256, language));
        let mut tags = Format::ALL.map(tags).concat();
        tags.sort();
        tags.dedup();
        let of_people = Format::ALL.iter().filter(|format| format.has_languages()).count();
        assert_eq!((tags.len(), of_people), (Format::ALL.len() + of_people, 3));
    }
}
