//! Whether several headers can be of one patient. A number alone does not say so: numbers are typed wrongly, taken twice and
//! handed to the next. Of each value that two headers both have, both must say the same. Nothing here is kept in words:
//! only hashes of the values are compared, so that what compares may be held in memory.

use std::collections::BTreeSet;
use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::character_set::read;
use crate::study_header::StudyHeader;

/// A value of the patient that two headers can contradict each other in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PatientField {
    /// Patient ID (0010,0020) with its issuer (0010,0021).
    Id,
    /// Patient's Name (0010,0010).
    Name,
    /// Patient's Birth Date (0010,0030).
    BirthDate,
    /// Patient's Sex (0010,0040).
    Sex,
}

/// What a header says of its patient, as hashes; what it does not say is absent.
#[derive(Clone, PartialEq, Eq)]
pub struct Patient {
    id: Option<Hash>,
    /// Alphabetic, ideographic and phonetic.
    names: [Option<Name>; 3],
    birth_date: Option<Hash>,
    sex: Option<Hash>,
}

type Hash = [u8; 32];

/// One writing of a name.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Name {
    text: Hash,
    /// Such as Jr.: tells a son from his father where both are told.
    suffix: Option<Hash>,
    /// Characters that can't be read here: the bytes can be compared with bytes of this character set alone.
    unread_in: Option<Hash>,
}

impl fmt::Debug for Patient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Patient(..)")
    }
}

impl Patient {
    /// What `header` says. Hashes with another `salt` are other hashes: of one that nobody knows, nobody can tell what was
    /// hashed.
    pub fn of(header: &StudyHeader, salt: &[u8]) -> Self {
        let hash = |parts: &[&[u8]]| {
            let mut digest = Sha256::new_with_prefix(salt);
            for part in parts {
                digest.update((part.len() as u64).to_be_bytes());
                digest.update(part);
            }
            Hash::from(digest.finalize())
        };
        let text = |text: &str| (!text.is_empty()).then(|| hash(&[text.as_bytes()]));
        let id = header.patient_id.as_bytes();
        let set = &header.specific_character_set;
        let (written, is_read) = decoded(header.patient_name.as_bytes(), set);
        let mut groups = written.split('=');
        let mut name = || {
            let mut parts = groups.next()?.split('^');
            let main: String = parts.by_ref().take(3).map(folded).collect();
            let suffix = parts.nth(1).map(folded).unwrap_or_default();
            let unread_in = (!is_read && !main.is_ascii()).then(|| hash(&[set.as_bytes()]));
            Some(Name { text: text(&main)?, suffix: text(&suffix), unread_in })
        };
        Self {
            id: (!id.is_empty()).then(|| hash(&[id, header.issuer_of_patient_id.as_bytes()])),
            names: [name(), name(), name()],
            birth_date: text(&header.patient_birth_date),
            sex: text(&header.patient_sex),
        }
    }

    /// The values that both have and that are not the same.
    fn differences(&self, other: &Self) -> impl Iterator<Item = PatientField> {
        let differ =
            |one: Option<Hash>, other: Option<Hash>| one.is_some() && other.is_some() && one != other;
        let fields = [
            (PatientField::Id, differ(self.id, other.id)),
            (PatientField::Name, !self.may_have_one_name(other)),
            (PatientField::BirthDate, differ(self.birth_date, other.birth_date)),
            (PatientField::Sex, differ(self.sex, other.sex)),
        ];
        fields.into_iter().filter_map(|(field, differs)| differs.then_some(field))
    }

    /// A name can be written in several ways; those that both have must say the same. Where they have none in common, one
    /// may have in the first place what the other has in another; else only one number makes one person of them.
    fn may_have_one_name(&self, other: &Self) -> bool {
        let named = |patient: &Self| patient.names.iter().any(Option::is_some);
        if !named(self) || !named(other) {
            return true;
        }
        let pairs = self.names.iter().zip(&other.names);
        let same: Vec<bool> = pairs.filter_map(|(one, other)| one.as_ref()?.same(other.as_ref()?)).collect();
        if !same.is_empty() && same.iter().all(|same| *same) {
            return true;
        }
        let across = self.names.iter().enumerate().flat_map(|(place, one)| {
            let others = other.names.iter().enumerate().filter(move |(other, _)| *other != place);
            others.filter_map(|(_, other)| one.as_ref()?.same(other.as_ref()?))
        });
        let across = across.collect::<Vec<_>>().contains(&true);
        across || (same.is_empty() && self.id.is_some() && self.id == other.id)
    }
}

impl Name {
    /// Whether the two writings are of one name; `None` if that can't be told.
    fn same(&self, other: &Self) -> Option<bool> {
        if self.unread_in != other.unread_in {
            return None;
        }
        let suffixes = self.suffix.zip(other.suffix);
        Some(self.text == other.text && suffixes.is_none_or(|(one, other)| one == other))
    }
}

/// The values in which these headers contradict each other, whatever their order: none if all may be of one patient.
pub fn contradictions(patients: &[Patient]) -> BTreeSet<PatientField> {
    let mut distinct: Vec<&Patient> = Vec::new();
    for patient in patients {
        if !distinct.contains(&patient) {
            distinct.push(patient);
        }
    }
    let pairs = distinct.iter().enumerate();
    let pairs = pairs.flat_map(|(place, one)| distinct[..place].iter().map(move |other| (one, other)));
    pairs.flat_map(|(one, other)| one.differences(other)).collect()
}

/// The text without what some devices write and others don't: capitals, blanks, points, commas, hyphens.
fn folded(text: &str) -> String {
    let is_kept =
        |char: &char| !char.is_whitespace() && !char.is_control() && !".,-'`\u{b4}\u{2019}".contains(*char);
    text.chars().filter(is_kept).flat_map(char::to_lowercase).collect()
}

/// The text, and whether all of it could be read. What can't is one character for each byte.
fn decoded(bytes: &[u8], character_set: &str) -> (String, bool) {
    match read(bytes, character_set) {
        Some(text) => (text, true),
        None => (bytes.iter().map(|byte| char::from(*byte)).collect(), false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::study_header::HeaderText;

    fn header(id: &str, name: &[u8], birth_date: &str, sex: &str) -> StudyHeader {
        let text = |bytes: &[u8]| HeaderText::new(bytes);
        StudyHeader {
            patient_id: text(id.as_bytes()),
            patient_name: text(name),
            patient_birth_date: birth_date.to_owned(),
            patient_sex: sex.to_owned(),
            ..StudyHeader::default()
        }
    }

    fn between(headers: &[StudyHeader]) -> Vec<PatientField> {
        let mut patients: Vec<_> = headers.iter().map(|header| Patient::of(header, b"salt")).collect();
        let found = contradictions(&patients);
        patients.reverse();
        assert_eq!(contradictions(&patients), found, "whatever the order");
        found.into_iter().collect()
    }

    fn names(one: &[u8], other: &[u8]) -> Vec<PatientField> {
        between(&[header("1", one, "", ""), header("1", other, "", "")])
    }

    #[test]
    fn one_number_does_not_make_one_person_of_what_else_differs() {
        let one = header("1", b"Doe^Jane", "19500101", "F");
        let other = |id, name: &[u8], born, sex| between(&[one.clone(), header(id, name, born, sex)]);
        assert_eq!(other("1", b"Doe^Jane", "19500101", "F"), []);
        assert_eq!(other("1", b"Roe^Jane", "19500101", "F"), [PatientField::Name]);
        assert_eq!(other("1", b"Doe^Jane", "19510101", "F"), [PatientField::BirthDate]);
        assert_eq!(other("1", b"Doe^Jane", "19500101", "M"), [PatientField::Sex]);
        assert_eq!(other("2", b"Doe^Jane", "19500101", "F"), [PatientField::Id]);
        assert_eq!(other("", b"Roe^John", "", "M"), [PatientField::Name, PatientField::Sex]);
        assert_eq!(other("", b"", "", ""), []);
    }

    #[test]
    fn what_the_first_header_does_not_say_is_compared_between_the_others() {
        let empty = header("", b"", "", "");
        assert_eq!(
            between(&[empty.clone(), header("1", b"", "", ""), header("2", b"", "", "")]),
            [PatientField::Id]
        );
        assert_eq!(between(&[header("1", b"", "", ""), empty, header("1", b"Doe^Jane", "", "")]), []);
    }

    #[test]
    fn a_name_in_other_letters_or_more_writings_is_the_same_name() {
        for same in [
            &b"DOE^JANE"[..],
            b"Doe^Jane^^^",
            b"doe^jane^^Dr",
            b"Doe Jane",
            b"Doe, Jane",
            b"Doe^Jane=\x1b$)C",
            b"Doe^Jane=Doe^J.",
            b" Doe^Jane ",
        ] {
            assert_eq!(names(b"Doe^Jane", same), [], "{same:?}");
        }
        for other in [&b"Doe^John"[..], b"Jane^Doe", b"Doe", b"Doe^Jane^Mary", b"D^J"] {
            assert_eq!(names(b"Doe^Jane", other), [PatientField::Name], "{other:?}");
        }
        assert_eq!(names(b"Doe^John^^^Jr", b"Doe^John^^^Sr"), [PatientField::Name]);
        assert_eq!(names(b"A^B=C^D", b"A^B=E^F"), [PatientField::Name]);
        assert_eq!(names(b"A^B=C^D", b"C^D"), [], "what stands in another place");
        // Nothing in common: the number decides.
        assert_eq!(names(b"=C^D", b"A^B"), []);
        assert_eq!(between(&[header("", b"=C^D", "", ""), header("", b"A^B", "", "")]), [PatientField::Name]);
    }

    #[test]
    fn a_name_is_the_same_in_every_character_set() {
        let written = |set: &str, name: &[u8]| StudyHeader {
            specific_character_set: set.to_owned(),
            ..header("1", name, "", "")
        };
        let utf8 = |name: &str| written("ISO_IR 192", name.as_bytes());
        let one = |one: StudyHeader, other: StudyHeader| between(&[one, other]);
        assert_eq!(one(written("ISO_IR 100", b"M\xfcller^J"), utf8("MÜLLER^J")), []);
        assert_eq!(one(written("ISO_IR 100", b"M\xfcller^J"), utf8("Möller^J")), [PatientField::Name]);
        let korean =
            b"Hong^Gildong=\x1b$)C\xfb\xf3^\x1b$)C\xd1\xce\xd4\xd7=\x1b$)C\xc8\xab^\x1b$)C\xb1\xe6\xb5\xbf";
        let korean = || written("\\ISO 2022 IR 149", korean);
        assert_eq!(one(korean(), utf8("Hong^Gildong=洪^吉洞=홍^길동")), []);
        assert_eq!(one(korean(), utf8("홍^길동")), []);
        assert_eq!(one(korean(), utf8("Hong^Gildong=洪^吉童")), [PatientField::Name]);
        let japanese = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B";
        let japanese = || written("\\ISO 2022 IR 87", japanese);
        assert_eq!(one(japanese(), utf8("Yamada^Tarou=山田^太郎")), []);
        assert_eq!(one(japanese(), utf8("Yamada^Tarou=山田^次郎")), [PatientField::Name]);
        // Not known here: bytes of one set are compared, those of two sets are not.
        let turkish = |name: &[u8]| written("ISO_IR 148", name);
        assert_eq!(one(turkish(b"\xfeahin"), turkish(b"\xfeahin")), []);
        assert_eq!(one(turkish(b"\xfeahin"), turkish(b"\xfdahin")), [PatientField::Name]);
        assert_eq!(one(turkish(b"\xfeahin"), utf8("şahin")), []);
    }

    #[test]
    fn nothing_of_a_patient_shows_and_without_the_salt_nothing_can_be_told() {
        let header = header("4711", b"Doe^Jane", "19500101", "F");
        assert_eq!(format!("{:?}", Patient::of(&header, b"a")), "Patient(..)");
        assert_ne!(Patient::of(&header, b"a"), Patient::of(&header, b"b"));
    }
}
