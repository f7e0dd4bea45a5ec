//! Codes of standards for what a report says. A label that has no code here is given as text only: a code that is nearly
//! right is wrong. Those of findings are for chest radiographs, the only images that Hilum's models are for.

/// A coding scheme that is not ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// DICOM PS3.16.
    Dicom,
    /// LOINC.
    Loinc,
    /// SNOMED CT.
    Snomed,
}

impl Scheme {
    /// Its name in FHIR.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Dicom => "http://dicom.nema.org/resources/ontology/DCM",
            Self::Loinc => "http://loinc.org",
            Self::Snomed => "http://snomed.info/sct",
        }
    }

    /// Its name in HL7 v2 (table 0396) and in DICOM.
    pub fn designator(self) -> &'static str {
        match self {
            Self::Dicom => "DCM",
            Self::Loinc => "LN",
            Self::Snomed => "SCT",
        }
    }
}

/// A code with its meaning as the scheme words it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Code {
    /// The scheme that has it.
    pub scheme: Scheme,
    /// The code itself.
    pub value: &'static str,
    /// What it means, in the scheme's words.
    pub meaning: &'static str,
}

/// The kind of document that a report is.
pub const IMAGING_REPORT: Code = loinc("18748-4", "Diagnostic imaging study");
/// The department it belongs to.
pub const RADIOLOGY: Code = loinc("LP29684-5", "Radiology");
/// In HL7 v2: the value is a Study Instance UID.
pub const DICOM_STUDY: Code = dicom("113014", "DICOM Study");

/// The scheme of the model's own labels and of what else has no code elsewhere, as HL7 v2 and DICOM name it.
pub const LOCAL_DESIGNATOR: &str = "99HILUM";
/// The same as FHIR names it: an OID made of the namespace of [`crate::identity`].
pub const LOCAL_URI: &str = "urn:oid:2.25.125277674886478512621136209912966763494";

/// The code of what a model for chest radiographs calls `label`. Each was compared with the dictionary of DICOM
/// (PS3.16, CID 3700, 6102, 6104 and 8134) or with SNOMED CT as others publish it. For `Pleural_Thickening`, `Hernia`,
/// `Lung Lesion` and `Enlarged Cardiomediastinum` there is none that says the same.
pub fn of_label(label: &str) -> Option<Code> {
    let code = match label {
        "Atelectasis" => snomed("46621007", "Atelectasis"),
        "Cardiomegaly" => snomed("8186001", "Cardiomegaly"),
        "Consolidation" => snomed("95436008", "Lung consolidation"),
        "Edema" => snomed("19242006", "Pulmonary edema"),
        "Effusion" => snomed("60046008", "Pleural effusion"),
        "Emphysema" => snomed("87433001", "Pulmonary emphysema"),
        "Fibrosis" => snomed("51615001", "Fibrosis of lung"),
        "Fracture" => snomed("125605004", "Fracture of bone"),
        "Infiltration" => dicom("112121", "Infiltrate"),
        "Lung Opacity" => dicom("112001", "Opacity"),
        "Mass" => snomed("4147007", "Mass"),
        "Nodule" => snomed("27925004", "Nodule"),
        "Pneumonia" => snomed("233604007", "Pneumonia"),
        "Pneumothorax" => snomed("36118008", "Pneumothorax"),
        _ => return None,
    };
    Some(code)
}

const fn dicom(value: &'static str, meaning: &'static str) -> Code {
    Code { scheme: Scheme::Dicom, value, meaning }
}

const fn loinc(value: &'static str, meaning: &'static str) -> Code {
    Code { scheme: Scheme::Loinc, value, meaning }
}

const fn snomed(value: &'static str, meaning: &'static str) -> Code {
    Code { scheme: Scheme::Snomed, value, meaning }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{NAMESPACE, oid};

    /// The labels of torchxrayvision's densenet121-res224-all.
    const LABELS: [&str; 18] = [
        "Atelectasis",
        "Consolidation",
        "Infiltration",
        "Pneumothorax",
        "Edema",
        "Emphysema",
        "Fibrosis",
        "Effusion",
        "Pneumonia",
        "Pleural_Thickening",
        "Cardiomegaly",
        "Nodule",
        "Mass",
        "Hernia",
        "Lung Lesion",
        "Fracture",
        "Lung Opacity",
        "Enlarged Cardiomediastinum",
    ];

    #[test]
    fn a_label_without_a_certain_code_has_none() {
        let without: Vec<_> = LABELS.into_iter().filter(|label| of_label(label).is_none()).collect();
        assert_eq!(without, ["Pleural_Thickening", "Hernia", "Lung Lesion", "Enlarged Cardiomediastinum"]);
        assert_eq!(of_label("pneumothorax"), None);
    }

    #[test]
    fn no_two_labels_share_a_code() {
        let mut values: Vec<_> = LABELS.into_iter().filter_map(of_label).map(|code| code.value).collect();
        values.sort_unstable();
        values.dedup();
        assert_eq!(values.len(), 14);
    }

    #[test]
    fn every_snomed_code_has_its_check_digit() {
        let codes = LABELS.into_iter().filter_map(of_label).filter(|code| code.scheme == Scheme::Snomed);
        assert!(codes.clone().count() > 10);
        for code in codes {
            assert!(has_check_digit(code.value), "{code:?}");
        }
        assert!(!has_check_digit("36118009"));
    }

    #[test]
    fn the_local_scheme_is_named_after_the_namespace() {
        assert_eq!(LOCAL_URI, format!("urn:oid:{}", oid(NAMESPACE)));
    }

    /// Verhoeff's check over the whole identifier, as SNOMED CT has it.
    fn has_check_digit(identifier: &str) -> bool {
        // Multiplication in the dihedral group D5, and its permutation.
        let times = |a: usize, b: usize| match (a < 5, b < 5) {
            (true, true) => (a + b) % 5,
            (true, false) => 5 + (a + b) % 5,
            (false, true) => 5 + (a - b) % 5,
            (false, false) => (5 + a - b) % 5,
        };
        let once = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
        let digits = identifier.bytes().rev().map(|byte| usize::from(byte - b'0'));
        let check = digits.enumerate().fold(0, |check, (place, digit)| {
            times(check, (0..place % 8).fold(digit, |digit, _| once[digit]))
        });
        check == 0
    }
}
