//! What the forms for people say, in each language: one table of sentences, filled once per language. A sentence that
//! one of them lacks does not compile. Knows nothing of how the sentences are laid out.

mod english;
mod korean;
mod labels;
mod sentence;
#[cfg(test)]
mod tests;

use hilum_events::ReportCause;

use crate::document::{ChangeKind, FlagEntry, ImageEntry, ImageStatus, Missing, Report, Summary};
pub(crate) use sentence::Sentence;

/// A language that a form for people is given in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// English, in which the document itself is written.
    #[default]
    English,
    /// Korean. What the document says in words of its own stands beside its translation.
    Korean,
}

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::English, Self::Korean];

    /// Its tag after BCP 47, such as `ko`.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Korean => "ko",
        }
    }

    /// The language with this tag, or with one that narrows it down, such as `ko-KR`.
    pub fn from_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or(tag);
        Self::ALL.into_iter().find(|language| language.tag().eq_ignore_ascii_case(primary))
    }

    pub(crate) fn words(self) -> &'static Words {
        match self {
            Self::English => &english::WORDS,
            Self::Korean => &korean::WORDS,
        }
    }

    /// A model's label as it is read aloud, with the name that doctors here have for it.
    pub(crate) fn label(self, label: &str) -> String {
        let english = label.replace('_', " ");
        match self {
            Self::English => english,
            Self::Korean => match labels::korean(label) {
                Some(korean) => format!("{korean} ({english})"),
                None => english,
            },
        }
    }

    /// What a report lacks.
    pub(crate) fn missing(self, report: &Report, missing: &Missing) -> String {
        let words = self.words();
        match missing {
            Missing::Images { expected, arrived } => (words.missing_images)(*expected, *arrived),
            Missing::Series { name } => (words.missing_series)(name),
            Missing::Beyond { most } => (words.missing_beyond)(*most),
            Missing::Outcome { job_id } => (words.missing_outcome)(&match report.number_of(*job_id) {
                Some(number) => (words.image)(number),
                None => format!("{} {job_id}", words.job),
            }),
        }
    }

    /// What a rule pointed out, after the label.
    pub(crate) fn flag(self, report: &Report, flag: &FlagEntry) -> String {
        let words = self.words();
        let image = match report.number_of(flag.job_id) {
            Some(number) => (words.image)(number),
            None => format!("{} {}", words.job, flag.job_id),
        };
        let numbers = (words.flag_numbers)(flag.score, flag.probability, flag.threshold);
        let untrained = if flag.untrained { format!("; {}", words.untrained) } else { String::new() };
        format!(
            ": {numbers}; {}; {image}, {}{untrained}",
            (words.flagged_by)(&flag.rule),
            report.local_time(flag.at)
        )
    }

    /// What became of an image, where there is room for a line only.
    pub(crate) fn brief_outcome(self, image: &ImageEntry) -> String {
        let outcome = (self.words().outcome_of)(image.status).to_owned();
        match (&image.reading, image.status) {
            (Some(reading), _) => reading.ranked().first().map_or(outcome, |top| {
                let label = self.label(&top.label);
                match top.operating_point_score {
                    Some(score) => format!("{label} {score:.2}"),
                    None => label,
                }
            }),
            (None, ImageStatus::Failed) if image.reason.is_some() => self.reason(image).text,
            (None, _) => outcome,
        }
    }
}

/// The name of a report in every language, so that readers of two languages know that it is one document. It claims no use.
pub(crate) const NAME: &str = "Hilum image report";

/// Sentences with something of the document in between: what stands before it, and after.
pub(crate) type Around = [&'static str; 2];

/// All sentences. Those that take something of the document are functions.
pub(crate) struct Words {
    // What the report is, and is not.
    /// [`NAME`], and what that means.
    pub(crate) kicker: &'static str,
    pub(crate) study: &'static str,
    pub(crate) revision: fn(u32) -> String,
    /// Of the whole: the study's name and the revision.
    pub(crate) title: fn(&str, u32) -> String,
    /// The document's disclaimer, for the foot of a printed sheet.
    pub(crate) disclaimer: &'static str,
    /// Without a full stop, as the document has it.
    pub(crate) untrained: &'static str,
    pub(crate) untrained_in_short: &'static str,
    /// The page's number and how many there are.
    pub(crate) page: fn(usize, usize) -> String,

    // How things stand.
    pub(crate) status: &'static str,
    pub(crate) counts: fn(Summary) -> String,
    pub(crate) as_of: &'static str,
    pub(crate) site: &'static str,
    pub(crate) issued_because: &'static str,
    pub(crate) cause: fn(ReportCause) -> &'static str,
    pub(crate) study_id: &'static str,
    pub(crate) changes_since: fn(u32) -> String,
    pub(crate) change: fn(ChangeKind) -> &'static str,

    // Whose the images are, what is missing, and what was pointed out.
    pub(crate) doubts: &'static str,
    pub(crate) completeness: &'static str,
    pub(crate) complete: &'static str,
    pub(crate) incomplete: &'static str,
    /// How many were expected, and how many arrived.
    pub(crate) missing_images: fn(u32, u32) -> String,
    pub(crate) missing_series: fn(&str) -> String,
    /// The most images that a report tells of.
    pub(crate) missing_beyond: fn(u32) -> String,
    /// Takes what the image is called.
    pub(crate) missing_outcome: fn(&str) -> String,
    pub(crate) flagged: &'static str,
    /// Score, probability and the rule's threshold.
    pub(crate) flag_numbers: fn(Option<f32>, f32, f32) -> String,
    /// Takes the rule's name.
    pub(crate) flagged_by: fn(&str) -> String,

    // Beside an earlier study.
    pub(crate) comparison: &'static str,
    /// Takes the earlier study's name, its report's revision and when that was.
    pub(crate) compared_with: fn(&str, u32, &str) -> String,
    pub(crate) other_model: &'static str,
    pub(crate) nothing_in_both: &'static str,
    pub(crate) earlier_score: &'static str,
    pub(crate) current_score: &'static str,
    pub(crate) score_change: &'static str,
    pub(crate) earlier_probability: &'static str,
    pub(crate) current_probability: &'static str,

    // One image.
    pub(crate) image: fn(usize) -> String,
    pub(crate) outcome_of: fn(ImageStatus) -> &'static str,
    /// Around the job that brought the content first.
    pub(crate) shared_with: Around,
    pub(crate) no_reading: &'static str,
    pub(crate) reason_not_recorded: &'static str,
    pub(crate) what_to_do: &'static str,
    pub(crate) pending_means: &'static str,
    pub(crate) please_note: &'static str,
    /// Before what the document itself says, where it was translated.
    pub(crate) original: &'static str,

    // Pictures and maps.
    pub(crate) no_preview: &'static str,
    pub(crate) none_was_kept: &'static str,
    pub(crate) not_fetched: &'static str,
    pub(crate) not_a_picture: &'static str,
    pub(crate) picture: &'static str,
    /// Of so many pixels.
    pub(crate) picture_of: fn(u32, u32) -> String,
    pub(crate) picture_alone: fn(usize) -> String,
    pub(crate) picture_without_reading: fn(usize) -> String,
    /// For those who can't see it: the image's number and the label.
    pub(crate) picture_with_map: fn(usize, &str) -> String,
    /// Around the label, and around the number of cells.
    pub(crate) map_of: [&'static str; 3],
    pub(crate) untrained_map: &'static str,
    pub(crate) nothing_coloured: &'static str,
    pub(crate) colours: &'static str,
    pub(crate) not_analysed: &'static str,

    // Findings.
    pub(crate) findings: &'static str,
    pub(crate) finding: &'static str,
    pub(crate) score: &'static str,
    /// Stands after [`Self::score`] above the bars.
    pub(crate) tick: &'static str,
    pub(crate) probability: &'static str,
    pub(crate) logit: &'static str,
    pub(crate) at_or_above: &'static str,
    pub(crate) no_operating_point: &'static str,
    pub(crate) none: &'static str,

    // Where an image and its reading come from.
    pub(crate) received: &'static str,
    pub(crate) file_type: &'static str,
    pub(crate) bytes: fn(u64) -> String,
    pub(crate) model: &'static str,
    pub(crate) job: &'static str,
    pub(crate) reading: &'static str,
    pub(crate) taken_from: &'static str,
    /// Around the other reading.
    pub(crate) same_pixels: Around,
    pub(crate) sop_instance: &'static str,
    pub(crate) series: &'static str,
    pub(crate) modality: &'static str,

    // Images that are only listed.
    pub(crate) further_images: &'static str,
    pub(crate) only_in_json: &'static str,
    pub(crate) image_column: &'static str,
    pub(crate) outcome: &'static str,

    // How to read it.
    pub(crate) how_to_read: &'static str,
    pub(crate) untrained_means: &'static str,
    pub(crate) score_means: &'static str,
    pub(crate) probability_means: &'static str,
    pub(crate) activation_map: &'static str,
    pub(crate) map_means: &'static str,
    pub(crate) hatched: &'static str,
    pub(crate) hatched_means: &'static str,

    // What it was made of.
    pub(crate) notice: &'static str,
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) weights: &'static str,
    pub(crate) preprocessing: &'static str,
    pub(crate) engine: &'static str,
    pub(crate) provenance: &'static str,
    /// Around the causing event and the hash of the document; takes the number of events.
    pub(crate) made_of: fn(usize) -> [String; 3],
    pub(crate) position: &'static str,
    pub(crate) event: &'static str,
    pub(crate) recorded: &'static str,
    pub(crate) id: &'static str,
    pub(crate) further_events: fn(usize) -> String,
}
