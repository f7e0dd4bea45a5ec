//! What a message says besides its report: the systems that it goes between, and the patient. The report knows neither.

use std::fmt;

use super::segment::Segment;

/// The systems that send and receive a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heading {
    /// MSH-3; when empty, `HILUM`.
    pub sending_application: System,
    /// MSH-4; when empty, the site.
    pub sending_facility: System,
    /// MSH-5.
    pub receiving_application: System,
    /// MSH-6.
    pub receiving_facility: System,
}

/// The name of an application or a facility (HD): a name, or a name with an identifier and its type; may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct System(Vec<String>);

impl System {
    /// Reads `NAME` or `NAME^IDENTIFIER^TYPE`; `None` if it is neither, or has another separator of HL7 or a control character.
    pub fn new(text: &str) -> Option<Self> {
        let parts: Vec<String> = text.split('^').map(|part| part.trim().to_owned()).collect();
        let is_whole = matches!(parts.len(), 1 | 3) && parts.iter().all(|part| !part.is_empty());
        let is_plain = text.chars().all(|char| !char.is_control() && !"|~\\&".contains(char));
        (is_whole && is_plain).then_some(Self(parts))
    }

    /// Its components, or else `usual`.
    pub(super) fn or<'a>(&'a self, usual: &'a str) -> Vec<&'a str> {
        if self.0.is_empty() { vec![usual] } else { self.0.iter().map(String::as_str).collect() }
    }
}

/// The patient of a study. `Debug` shows nothing of it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Patient {
    /// Patient ID; every patient has one.
    pub id: String,
    /// Who gave the id; may be empty.
    pub assigner: String,
    /// As DICOM writes names: `Family^Given^Middle^Prefix^Suffix`, in up to three groups parted by `=`, alphabetic,
    /// ideographic and phonetic. Empty if it is not known.
    pub name: String,
    /// Whether the images have a name whose characters can't be read for certain.
    pub is_name_unread: bool,
    /// `YYYYMMDD`, or empty.
    pub birth_date: String,
    /// As DICOM writes it, or empty.
    pub sex: String,
    /// Accession number of the study, or empty.
    pub accession_number: String,
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patient(..)")
    }
}

impl Patient {
    /// PID.
    pub(super) fn segment(&self) -> Segment {
        Segment::new("PID")
            .text(1, "1")
            .components(3, &[self.id.as_str(), "", "", &self.assigner])
            .repeated(5, &self.names())
            .text(7, &self.birth_date)
            .text(8, self.sex())
    }

    /// The name, one XPN for each group.
    fn names(&self) -> Vec<Vec<&str>> {
        let groups = self.name.split('=').zip(["A", "I", "P"]);
        let is_name = |group: &str| group.chars().any(|char| !char.is_whitespace() && char != '^');
        let groups: Vec<(&str, &str)> = groups.filter(|(group, _)| is_name(group)).collect();
        match &groups[..] {
            // The field is required. A name of the type *unspecified* (table 0200) says that there is none.
            [] => vec![vec!["", "", "", "", "", "", "U"]],
            [(group, _)] => vec![name(group, "")],
            several => several.iter().map(|(group, writing)| name(group, writing)).collect(),
        }
    }

    /// The code of table 0001, which has all codes of DICOM.
    fn sex(&self) -> &str {
        if matches!(self.sex.as_str(), "F" | "M" | "O") { &self.sex } else { "" }
    }
}

/// The XPN of a group of a PN, in which suffix and prefix are the other way round. `writing` is a code of table 4000.
fn name<'a>(group: &'a str, writing: &'a str) -> Vec<&'a str> {
    let mut parts = group.split('^').map(str::trim);
    let mut next = || parts.next().unwrap_or_default();
    let [family, given, middle, prefix, suffix] = [next(), next(), next(), next(), next()];
    vec![family, given, middle, suffix, prefix, "", "", writing]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(patient: &Patient) -> String {
        let mut message = String::new();
        patient.segment().write(&mut message);
        message
    }

    #[test]
    fn a_system_is_a_name_or_a_name_with_its_identifier() {
        let components = |text| System::new(text).map(|system| system.or("x").join("/"));
        assert_eq!(components("RIS").as_deref(), Some("RIS"));
        assert_eq!(components("RIS^1.2.3^ISO").as_deref(), Some("RIS/1.2.3/ISO"));
        for bad in ["", " ", "a^b", "a^b^c^d", "a^^ISO", "a|b", "a~b", "a&b", "a\\b", "a\rb"] {
            assert_eq!(components(bad), None, "{bad:?}");
        }
        assert_eq!(System::default().or("HILUM"), ["HILUM"]);
    }

    #[test]
    fn names_are_written_group_by_group_with_prefix_and_suffix_in_hl7s_order() {
        let patient =
            |name: &str| Patient { id: "1".to_owned(), name: name.to_owned(), ..Patient::default() };
        for (name, told) in [
            ("Doe^Jane", "Doe^Jane"),
            ("Doe^Jane^Q^Dr^Jr", "Doe^Jane^Q^Jr^Dr"),
            ("Hong^Gildong=洪^吉洞=홍^길동", "Hong^Gildong^^^^^^A~洪^吉洞^^^^^^I~홍^길동^^^^^^P"),
            ("=洪^吉洞=", "洪^吉洞"),
            ("O&B|C~D", "O\\T\\B\\F\\C\\R\\D"),
            ("", "^^^^^^U"),
            (" ^ ", "^^^^^^U"),
        ] {
            assert_eq!(written(&patient(name)), format!("PID|1||1||{told}|||\r"), "{name}");
        }
    }

    #[test]
    fn the_rest_is_told_as_far_as_it_is_known() {
        let patient = Patient {
            id: "P|1".to_owned(),
            assigner: "KLINIK&X".to_owned(),
            name: "Doe".to_owned(),
            birth_date: "19500101".to_owned(),
            sex: "F".to_owned(),
            ..Patient::default()
        };
        assert_eq!(written(&patient), "PID|1||P\\F\\1^^^KLINIK\\T\\X||Doe||19500101|F\r");
        assert!(written(&Patient { sex: "X".to_owned(), ..patient.clone() }).ends_with("|19500101|\r"));
        assert_eq!(format!("{patient:?}"), "Patient(..)");
    }
}
