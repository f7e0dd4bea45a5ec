//! Reports from the API, in any form.

use std::path::Path;
use std::time::Duration;

use clap::ValueEnum;
use futures::future::BoxFuture;
use hilum_api::ProblemType;
use reqwest::{Method, Response, header};

use crate::client::{Client, of_site, waiting};
use crate::error::Error;

/// Names the revision in an answer.
const REVISION: &str = "hilum-report-revision";
/// Tells how many files a form has.
const PARTS: &str = "hilum-report-parts";

/// The form of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// A page for people
    Html,
    /// Sheets for people
    Pdf,
    /// The document itself, for programs
    Json,
    /// A FHIR R4 bundle
    Fhir,
    /// An HL7 v2.5.1 message
    Hl7,
    /// A DICOM structured report
    DicomSr,
    /// A DICOM secondary capture of each image that was read
    DicomSc,
    /// The sheets for people as a DICOM object
    DicomPdf,
}

/// The language of a form for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ReportLanguage {
    /// English
    En,
    /// Korean
    Ko,
}

/// Which report is wanted.
#[derive(Debug, Clone, Copy)]
pub struct ReportQuery<'a> {
    /// The study's id, or the sender's name for it.
    pub study: &'a str,
    /// Its site.
    pub site: Option<&'a str>,
    /// The latest if `None`.
    pub revision: Option<u32>,
    /// In which form.
    pub format: ReportFormat,
    /// English if `None`. Only forms for people have several.
    pub language: Option<ReportLanguage>,
    /// Which of the form's files, from 1.
    pub part: usize,
}

/// A report as it came.
#[derive(Debug, Clone)]
pub struct FetchedReport {
    /// The file.
    pub bytes: Vec<u8>,
    /// As the answer names it.
    pub media_type: Option<String>,
    /// Which revision it is, if the answer tells.
    pub revision: Option<u32>,
    /// How many files the form has.
    pub parts: usize,
}

impl ReportFormat {
    /// The API's word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::Pdf => "pdf",
            Self::Json => "json",
            Self::Fhir => "fhir",
            Self::Hl7 => "hl7",
            Self::DicomSr => "dicom-sr",
            Self::DicomSc => "dicom-sc",
            Self::DicomPdf => "dicom-pdf",
        }
    }

    /// Whether it can be shown on a terminal.
    pub fn is_text(self) -> bool {
        match self {
            Self::Html | Self::Json | Self::Fhir | Self::Hl7 => true,
            Self::Pdf | Self::DicomSr | Self::DicomSc | Self::DicomPdf => false,
        }
    }

    /// The form that the file's name stands for.
    pub fn of_file(file: &Path) -> Option<Self> {
        let name = file.file_name()?.to_str()?.to_ascii_lowercase();
        let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
        match () {
            () if ends(&[".fhir.json", ".fhir"]) => Some(Self::Fhir),
            () if ends(&[".json"]) => Some(Self::Json),
            () if ends(&[".html", ".htm"]) => Some(Self::Html),
            () if ends(&[".pdf"]) => Some(Self::Pdf),
            () if ends(&[".hl7"]) => Some(Self::Hl7),
            () => None,
        }
    }

    /// All that can be typed.
    pub fn words() -> String {
        let names: Vec<&str> = Self::value_variants().iter().map(|format| format.name()).collect();
        names.join("|")
    }
}

impl ReportLanguage {
    fn tag(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ko => "ko",
        }
    }
}

impl Client {
    /// `GET /v1/studies/{id}/report`; `None` while there is none.
    pub fn report<'a>(
        &'a self,
        wanted: ReportQuery<'a>,
        wait: Duration,
    ) -> BoxFuture<'a, Result<Option<FetchedReport>, Error>> {
        Box::pin(async move {
            let mut query = waiting(Some(wait));
            query.extend(of_site(wanted.site));
            query.push(("format", wanted.format.name().to_owned()));
            query.extend(wanted.language.map(|language| ("lang", language.tag().to_owned())));
            query.extend(wanted.revision.map(|revision| ("revision", revision.to_string())));
            if wanted.part > 1 {
                query.push(("part", wanted.part.to_string()));
            }
            let path = ["v1", "studies", wanted.study, "report"];
            match self.send(|| self.request(Method::GET, &path, &query)).await {
                Ok(response) => {
                    let (media_type, revision) =
                        (said(&response, header::CONTENT_TYPE.as_str()), said(&response, REVISION));
                    let parts = said(&response, PARTS).and_then(|parts| parts.parse().ok()).unwrap_or(1);
                    let bytes = response.bytes().await.map_err(|source| self.unreachable(source))?;
                    let revision = revision.and_then(|revision| revision.parse().ok());
                    Ok(Some(FetchedReport { bytes: bytes.into(), media_type, revision, parts }))
                }
                Err(Error::Refused { problem }) if problem.is(ProblemType::ReportNotIssued) => Ok(None),
                Err(error) => Err(error),
            }
        })
    }
}

/// A header of the answer.
fn said(response: &Response, header: &str) -> Option<String> {
    response.headers().get(header)?.to_str().ok().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_form_is_told_by_the_end_of_the_file_s_name() {
        let of = |name: &str| ReportFormat::of_file(Path::new(name));
        assert_eq!(of("out/S-1.HTML"), Some(ReportFormat::Html));
        assert_eq!(of("report.json"), Some(ReportFormat::Json));
        assert_eq!(of("report.fhir.json"), Some(ReportFormat::Fhir));
        assert_eq!(of("report.pdf"), Some(ReportFormat::Pdf));
        assert_eq!(of("report.hl7"), Some(ReportFormat::Hl7));
        assert_eq!((of("report"), of("report.txt"), of("..")), (None, None, None));
    }
}
