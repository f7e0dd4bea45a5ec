//! Coded terms of DICOM's templates, and of our own scheme for what has no certain code elsewhere.

use hilum_reports::codes::{self, LOCAL_DESIGNATOR as LOCAL};

/// A code with its meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Code {
    pub(crate) value: String,
    pub(crate) scheme: &'static str,
    pub(crate) meaning: String,
}

/// A code that is known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term(pub(crate) &'static str, pub(crate) &'static str, pub(crate) &'static str);

impl From<Term> for Code {
    fn from(Term(value, scheme, meaning): Term) -> Self {
        Self { value: value.to_owned(), scheme, meaning: meaning.to_owned() }
    }
}

impl From<codes::Code> for Code {
    fn from(code: codes::Code) -> Self {
        Term(code.value, code.scheme.designator(), code.meaning).into()
    }
}

const DCM: &str = "DCM";

pub(crate) const MEASUREMENT_REPORT: Term = Term("126000", DCM, "Imaging Measurement Report");
pub(crate) const LANGUAGE: Term = Term("121049", DCM, "Language of Content Item and Descendants");
pub(crate) const ENGLISH: Term = Term("en", "RFC5646", "English");
pub(crate) const OBSERVER_TYPE: Term = Term("121005", DCM, "Observer Type");
pub(crate) const DEVICE: Term = Term("121007", DCM, "Device");
pub(crate) const OBSERVER_UID: Term = Term("121012", DCM, "Device Observer UID");
pub(crate) const OBSERVER_NAME: Term = Term("121013", DCM, "Device Observer Name");
pub(crate) const OBSERVER_MANUFACTURER: Term = Term("121014", DCM, "Device Observer Manufacturer");
pub(crate) const OBSERVER_MODEL: Term = Term("121015", DCM, "Device Observer Model Name");
pub(crate) const OBSERVER_SERIAL: Term = Term("121016", DCM, "Device Observer Serial Number");
pub(crate) const PROCEDURE_REPORTED: Term = Term("121058", DCM, "Procedure reported");
pub(crate) const IMAGING_PROCEDURE: Term = Term("363679005", "SCT", "Imaging procedure");
pub(crate) const IMAGE_LIBRARY: Term = Term("111028", DCM, "Image Library");
pub(crate) const IMAGE_LIBRARY_GROUP: Term = Term("126200", DCM, "Image Library Group");
pub(crate) const MODALITY: Term = Term("121139", DCM, "Modality");
pub(crate) const ROWS: Term = Term("110910", DCM, "Pixel Data Rows");
pub(crate) const COLUMNS: Term = Term("110911", DCM, "Pixel Data Columns");
pub(crate) const MEASUREMENTS: Term = Term("126010", DCM, "Imaging Measurements");
pub(crate) const MEASUREMENT_GROUP: Term = Term("125007", DCM, "Measurement Group");
pub(crate) const TRACKING_IDENTIFIER: Term = Term("112039", DCM, "Tracking Identifier");
pub(crate) const TRACKING_UID: Term = Term("112040", DCM, "Tracking Unique Identifier");
pub(crate) const FINDING: Term = Term("121071", DCM, "Finding");
pub(crate) const ALGORITHM_NAME: Term = Term("111001", DCM, "Algorithm Name");
pub(crate) const ALGORITHM_PARAMETERS: Term = Term("111002", DCM, "Algorithm Parameters");
pub(crate) const ALGORITHM_VERSION: Term = Term("111003", DCM, "Algorithm Version");
pub(crate) const SOURCE_OF_MEASUREMENT: Term = Term("121112", DCM, "Source of Measurement");
pub(crate) const QUALITATIVE_EVALUATIONS: Term = Term("C0034375", "UMLS", "Qualitative Evaluations");
pub(crate) const PROCESSING_EQUIPMENT: Term = Term("109102", DCM, "Processing Equipment");
pub(crate) const SOURCE_IMAGE: Term = Term("121322", DCM, "Source image for image processing operation");
pub(crate) const NO_UNITS: Term = Term("1", "UCUM", "no units");
pub(crate) const PIXELS: Term = Term("{pixels}", "UCUM", "Pixels");

pub(crate) const DISCLAIMER: Term = Term("disclaimer", LOCAL, "Disclaimer");
pub(crate) const REPORT: Term = Term("report", LOCAL, "Which report this is");
pub(crate) const UNTRAINED: Term = Term("untrained", LOCAL, "Network that was not trained");
pub(crate) const NOT_READ: Term = Term("not-read", LOCAL, "Image without a reading");
pub(crate) const DOUBT: Term = Term("doubt", LOCAL, "Doubt about whose the images are");
pub(crate) const MISSING: Term = Term("missing", LOCAL, "What was expected and is not there");
pub(crate) const FLAG: Term = Term("flag", LOCAL, "What a rule of the site pointed out");
pub(crate) const EARLIER: Term = Term("earlier", LOCAL, "Number of an earlier study");
pub(crate) const NOTICE: Term = Term("notice", LOCAL, "What to bear in mind about an image");
pub(crate) const NOT_TOLD: Term = Term("not-told", LOCAL, "What is not in this object");
pub(crate) const PROBABILITY: Term = Term("probability", LOCAL, "Network output, 0 to 1, not calibrated");
pub(crate) const SCORE: Term = Term("score", LOCAL, "Score, 0 to 1, with 0.5 at the operating point");
pub(crate) const OPERATING_POINT: Term = Term("operating-point", LOCAL, "Relation to the operating point");
pub(crate) const BELOW: Term = Term("below", LOCAL, "Below the operating point");
pub(crate) const AT_OR_ABOVE: Term = Term("at-or-above", LOCAL, "At or above the operating point");

/// The code of what a model calls `label`.
pub(crate) fn finding(label: &str) -> Code {
    let local = || Code { value: label.to_owned(), scheme: LOCAL, meaning: spoken(label) };
    codes::of_label(label).map_or_else(local, Code::from)
}

/// A modality code of DICOM as a coded term, for those that models here are made for.
pub(crate) fn modality(code: &str) -> Option<Term> {
    match code {
        "CR" => Some(Term("CR", DCM, "Computed Radiography")),
        "DX" => Some(Term("DX", DCM, "Digital Radiography")),
        _ => None,
    }
}

/// A label as it is read aloud.
pub(crate) fn spoken(label: &str) -> String {
    label.replace('_', " ")
}
