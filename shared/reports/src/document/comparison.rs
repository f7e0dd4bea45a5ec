//! What the models said of a study beside what they said of an earlier one.

use std::collections::BTreeSet;

use hilum_events::{Sha256Digest, StudyId, StudyRef};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{ReadingEntry, Report};

/// The numbers of a report beside those of an earlier study's report.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The earlier study.
    pub study_id: StudyId,
    /// The sender's name for the earlier study, when it gave one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub study_ref: Option<StudyRef>,
    /// Which revision of the earlier study's report.
    pub revision: u32,
    /// The time whose state the earlier report gives.
    pub as_of: Timestamp,
    /// Whether all readings of both studies have the same weights and preprocessing. Numbers of different models
    /// can't be compared, and then `findings` is empty.
    pub same_model: bool,
    /// The labels that both studies have, in the model's order.
    pub findings: Vec<ComparedFinding>,
}

/// One label in both studies: the highest number over the images of each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComparedFinding {
    /// The model's name for it.
    pub label: String,
    /// The network's raw output in the earlier study, 0 to 1.
    pub earlier_probability: f32,
    /// The score in the earlier study, 0 to 1, with 0.5 at the operating point; `None` if the label has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub earlier_score: Option<f32>,
    /// The network's raw output in this study, 0 to 1.
    pub probability: f32,
    /// The score in this study, as `earlier_score`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
}

/// The highest numbers of a label.
#[derive(Debug, Clone, Copy, Default)]
struct Highest {
    probability: f32,
    score: Option<f32>,
}

impl Comparison {
    /// Compares `current` with the report of an earlier study.
    pub fn between(current: &Report, earlier: &Report) -> Self {
        let models: BTreeSet<_> = readings(current).chain(readings(earlier)).map(numbers_of).collect();
        let same_model = models.len() <= 1;
        Self {
            study_id: earlier.study_id,
            study_ref: earlier.study_ref.clone(),
            revision: earlier.revision,
            as_of: earlier.as_of,
            same_model,
            findings: if same_model { compared(current, earlier) } else { Vec::new() },
        }
    }
}

impl Comparison {
    /// The sender's name of the earlier study, or else its id.
    pub fn study_name(&self) -> String {
        self.study_ref.as_ref().map_or_else(|| self.study_id.to_string(), ToString::to_string)
    }
}

impl ComparedFinding {
    /// By how much the score is higher than it was, -1 to 1; `None` if the label has none.
    pub fn score_change(&self) -> Option<f32> {
        Some(self.score? - self.earlier_score?)
    }
}

fn readings(report: &Report) -> impl Iterator<Item = &ReadingEntry> {
    report.images.iter().filter_map(|image| image.reading.as_ref())
}

/// What the numbers of a reading depend on, beside the picture.
fn numbers_of(reading: &ReadingEntry) -> (Sha256Digest, &str) {
    (reading.model.weights_sha256, &reading.model.preprocessing_id)
}

fn compared(current: &Report, earlier: &Report) -> Vec<ComparedFinding> {
    let mut seen = BTreeSet::new();
    let labels = readings(current).flat_map(|reading| &reading.findings).map(|finding| &finding.label);
    labels
        .filter(|label| seen.insert(*label))
        .filter_map(|label| {
            let (now, before) = (highest(current, label)?, highest(earlier, label)?);
            Some(ComparedFinding {
                label: label.clone(),
                earlier_probability: before.probability,
                earlier_score: before.score,
                probability: now.probability,
                score: now.score,
            })
        })
        .collect()
}

/// The highest numbers of the label; `None` if no reading has it.
fn highest(report: &Report, label: &str) -> Option<Highest> {
    let findings = readings(report).flat_map(|reading| &reading.findings);
    findings.filter(|finding| finding.label == label).fold(None, |highest: Option<Highest>, finding| {
        let so_far = highest.unwrap_or_default();
        let score = match (so_far.score, finding.operating_point_score) {
            (Some(one), Some(other)) => Some(one.max(other)),
            (one, other) => one.or(other),
        };
        Some(Highest { probability: so_far.probability.max(finding.probability), score })
    })
}

#[cfg(test)]
mod tests {
    use hilum_events::Finding;

    use super::*;
    use crate::ImageEntry;
    use crate::samples::one_of_each;

    /// A report with one reading for each list of labels and their numbers.
    fn with_readings(readings: &[&[(&str, f32, Option<f32>)]]) -> Report {
        let mut report = one_of_each();
        let sample = report.images[0].clone();
        report.images = readings
            .iter()
            .map(|findings| {
                let mut reading = sample.reading.clone().unwrap();
                let finding = |(label, probability, score): &(&str, f32, Option<f32>)| Finding {
                    label: (*label).to_owned(),
                    logit: 0.0,
                    probability: *probability,
                    operating_point_score: *score,
                };
                reading.findings = findings.iter().map(finding).collect();
                ImageEntry { reading: Some(reading), ..sample.clone() }
            })
            .collect();
        report
    }

    fn compared(label: &str, earlier: (f32, Option<f32>), now: (f32, Option<f32>)) -> ComparedFinding {
        ComparedFinding {
            label: label.to_owned(),
            earlier_probability: earlier.0,
            earlier_score: earlier.1,
            probability: now.0,
            score: now.1,
        }
    }

    #[test]
    fn the_highest_numbers_of_each_study_stand_beside_each_other() {
        let current = with_readings(&[
            &[("Mass", 0.25, None), ("Effusion", 0.5, Some(0.75))],
            &[("Mass", 0.125, None), ("Effusion", 0.625, Some(0.875))],
        ]);
        let mut earlier = with_readings(&[
            &[("Effusion", 0.375, Some(0.5)), ("Mass", 0.5, None)],
            &[("Effusion", 0.25, Some(0.25)), ("Mass", 0.75, None)],
        ]);
        (earlier.revision, earlier.study_ref) = (3, Some("S-0".parse().unwrap()));
        let comparison = Comparison::between(&current, &earlier);
        assert!(comparison.same_model);
        assert_eq!((comparison.revision, comparison.as_of), (3, earlier.as_of));
        assert_eq!((comparison.study_id, &comparison.study_ref), (earlier.study_id, &earlier.study_ref));
        let expected = [
            compared("Mass", (0.75, None), (0.25, None)),
            compared("Effusion", (0.375, Some(0.5)), (0.625, Some(0.875))),
        ];
        assert_eq!(comparison.findings, expected);
    }

    #[test]
    fn a_label_that_only_one_study_has_is_not_compared() {
        let current = with_readings(&[&[("Mass", 0.25, None), ("Nodule", 0.5, None)]]);
        let earlier = with_readings(&[&[("Mass", 0.5, None), ("Hernia", 0.5, None)]]);
        let comparison = Comparison::between(&current, &earlier);
        assert_eq!(comparison.findings, [compared("Mass", (0.5, None), (0.25, None))]);
    }

    #[test]
    fn numbers_of_other_weights_or_another_preprocessing_are_not_compared() {
        let report = one_of_each();
        let other = |change: fn(&mut ReadingEntry)| {
            let mut earlier = report.clone();
            earlier.images.iter_mut().filter_map(|image| image.reading.as_mut()).take(1).for_each(change);
            Comparison::between(&report, &earlier)
        };
        let of_other_weights = other(|reading| reading.model.weights_sha256 = Sha256Digest::of(b"other"));
        let prepared_otherwise = other(|reading| reading.model.preprocessing_id = "other".to_owned());
        for comparison in [of_other_weights, prepared_otherwise] {
            assert!(!comparison.same_model);
            assert_eq!(comparison.findings, []);
        }
        // A version is only a name.
        let renamed = other(|reading| reading.model.version = "2".to_owned());
        assert!(renamed.same_model && renamed.findings.len() == 2);
    }

    #[test]
    fn a_study_without_a_reading_has_nothing_to_compare() {
        let report = one_of_each();
        let mut earlier = report.clone();
        earlier.images.retain(|image| image.reading.is_none());
        let comparison = Comparison::between(&report, &earlier);
        assert!(comparison.same_model);
        assert_eq!(comparison.findings, []);
    }
}
