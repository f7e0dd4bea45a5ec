//! Doubts about whose the images of a report are. They name no patient: they say where headers differ, not what they say.

use hilum_events::{JobId, Notice};
use serde::{Deserialize, Serialize};

use super::Report;

/// A doubt, as every form of the report tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// Its kind, for programs.
    pub code: DoubtCode,
    /// The sentence for people.
    pub text: String,
    /// The fields in which the headers differ.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<HeaderField>,
    /// The images' jobs; empty if it is about all of them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub job_ids: Vec<JobId>,
}

/// The kinds of doubts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoubtCode {
    /// The headers of the images say different things of the patient.
    HeadersDiffer,
    /// Pictures that name no patient stand beside images that do.
    WithoutPatient,
    /// Images with one SOP Instance UID have different contents.
    InstanceTwice,
    /// Images were taken out of the study.
    TakenOut,
}

/// A value of the patient in which headers can differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderField {
    /// The patient's number with its issuer.
    PatientId,
    /// The name.
    PatientName,
    /// The birth date.
    BirthDate,
    /// The sex.
    Sex,
}

/// Images that a sentence names by their numbers; of more it says how many.
const NUMBERS: usize = 12;

impl Doubt {
    /// The headers differ in `fields`.
    pub fn headers_differ(fields: Vec<HeaderField>) -> Self {
        let names: Vec<&str> = fields.iter().map(|field| field.english()).collect();
        let text = format!(
            "The headers of the images differ in what they say of the patient ({}): the images may be of different \
             people, and no form of this report names a patient.",
            names.join(", ")
        );
        Self { code: DoubtCode::HeadersDiffer, text, fields, job_ids: Vec::new() }
    }

    /// The images of these jobs, which have these numbers, are pictures without a patient.
    pub fn without_patient(images: &[(usize, JobId)]) -> Self {
        let (named, are) = named(images);
        let text = format!(
            "{named} {are} without a patient of its own: only the sender says that it belongs to the patient of this study."
        );
        Self { code: DoubtCode::WithoutPatient, text, fields: Vec::new(), job_ids: jobs(images) }
    }

    /// The images of these jobs, which have these numbers, have one SOP Instance UID.
    pub fn instance_twice(images: &[(usize, JobId)]) -> Self {
        let (named, _) = named(images);
        let text = format!(
            "{named} share a SOP Instance UID with an image of another content: it is not known which of them the UID means."
        );
        Self { code: DoubtCode::InstanceTwice, text, fields: Vec::new(), job_ids: jobs(images) }
    }

    /// The images of these jobs were taken out of the study, and are not among the report's.
    pub fn taken_out(job_ids: Vec<JobId>) -> Self {
        let jobs: Vec<String> = job_ids.iter().take(NUMBERS).map(ToString::to_string).collect();
        let rest = match job_ids.len().saturating_sub(NUMBERS) {
            0 => String::new(),
            rest => format!(" and {rest} more"),
        };
        let (images, are, them) = match job_ids.len() {
            1 => ("image was", "is", "it"),
            _ => ("images were", "are", "them"),
        };
        let text = format!(
            "{} {images} taken out of this study by an operator and {are} not told of any more (job {}{rest}): an earlier \
             revision may tell of {them}.",
            job_ids.len(),
            jobs.join(", ")
        );
        Self { code: DoubtCode::TakenOut, text, fields: Vec::new(), job_ids }
    }

    /// The field as events and answers name it.
    pub fn notice(&self) -> Notice {
        Notice { code: self.code.as_str().to_owned(), text: self.text.clone() }
    }
}

impl DoubtCode {
    /// Its word, as in the document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::HeadersDiffer => "headers_differ",
            Self::WithoutPatient => "without_patient",
            Self::InstanceTwice => "instance_twice",
            Self::TakenOut => "taken_out",
        }
    }
}

impl HeaderField {
    fn english(self) -> &'static str {
        match self {
            Self::PatientId => "patient ID",
            Self::PatientName => "name",
            Self::BirthDate => "birth date",
            Self::Sex => "sex",
        }
    }

    pub(crate) fn korean(self) -> &'static str {
        match self {
            Self::PatientId => "환자 번호",
            Self::PatientName => "이름",
            Self::BirthDate => "생년월일",
            Self::Sex => "성별",
        }
    }
}

impl Report {
    /// Whether its images may be of different people. Then no form of it may name a patient.
    pub fn may_be_of_several_patients(&self) -> bool {
        self.doubts.iter().any(|doubt| doubt.code == DoubtCode::HeadersDiffer)
    }

    /// The doubts that an image's own page has to state: those about it, and those about all images.
    pub fn doubts_about(&self, job_id: JobId) -> impl Iterator<Item = &Doubt> {
        self.doubts.iter().filter(move |doubt| doubt.job_ids.is_empty() || doubt.job_ids.contains(&job_id))
    }
}

fn jobs(images: &[(usize, JobId)]) -> Vec<JobId> {
    images.iter().map(|(_, job_id)| *job_id).collect()
}

/// Such as `Images 1, 2 and 4`, and what follows.
fn named(images: &[(usize, JobId)]) -> (String, &'static str) {
    let numbers: Vec<String> = images.iter().take(NUMBERS).map(|(number, _)| number.to_string()).collect();
    let rest = images.len().saturating_sub(NUMBERS);
    match numbers.as_slice() {
        [number] => (format!("Image {number}"), "is a picture"),
        numbers if rest > 0 => {
            (format!("Images {} and {rest} more", numbers.join(", ")), "are each a picture")
        }
        [numbers @ .., last] => (format!("Images {} and {last}", numbers.join(", ")), "are each a picture"),
        [] => ("No image".to_owned(), "is a picture"),
    }
}

#[cfg(test)]
mod tests {
    use hilum_events::samples::job_id;

    use super::*;

    #[test]
    fn a_doubt_is_a_sentence_that_names_images_by_their_numbers() {
        let differ = Doubt::headers_differ(vec![HeaderField::PatientName, HeaderField::BirthDate]);
        assert!(differ.text.starts_with(
            "The headers of the images differ in what they say of the patient (name, birth date): the images may be"
        ));
        let images: Vec<_> = (1..=15).map(|number| (number, job_id(number as u128))).collect();
        let told = |images: &[_]| Doubt::without_patient(images).text;
        assert!(told(&images[..1]).starts_with("Image 1 is a picture without a patient of its own: "));
        assert!(
            told(&images[..3])
                .starts_with("Images 1, 2 and 3 are each a picture without a patient of its own")
        );
        assert!(
            told(&images).starts_with("Images 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12 and 3 more are each")
        );
        assert!(Doubt::instance_twice(&images[..2]).text.starts_with("Images 1 and 2 share a SOP"));
    }
}
