//! What a reading must be before it leaves, be it on its own or in a report. Pure; knows no model but the labels it is told.

use std::collections::BTreeSet;

use crate::reading::{ActivationMap, AnalysedRegion, Finding, ReadingTimes};

/// What is wrong with a reading.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ReadingFlaw {
    /// The model said nothing.
    #[error("has no findings")]
    NoFindings,
    /// A label that can't be shown or looked up.
    #[error("has the label {label:?}: labels are words with single spaces between them")]
    Label {
        /// As it is.
        label: String,
    },
    /// Two findings of one label.
    #[error("has two findings of {label:?}")]
    LabelTwice {
        /// The label.
        label: String,
    },
    /// No number.
    #[error("has the logit {logit} for {label:?}, which is not a finite number")]
    Logit {
        /// The label.
        label: String,
        /// As it is.
        logit: f32,
    },
    /// No probability.
    #[error("has the probability {probability} for {label:?}, which is not from 0 to 1")]
    Probability {
        /// The label.
        label: String,
        /// As it is.
        probability: f32,
    },
    /// No score.
    #[error("has the operating-point score {score} for {label:?}, which is not from 0 to 1")]
    Score {
        /// The label.
        label: String,
        /// As it is.
        score: f32,
    },
    /// A label of the model about which nothing is said.
    #[error("has no finding of {label:?}, which the model gives")]
    LabelMissing {
        /// The label.
        label: String,
    },
    /// A finding that the model can't have made.
    #[error("has a finding of {label:?}, which the model does not give")]
    LabelUnknown {
        /// The label.
        label: String,
    },
    /// A map of nothing.
    #[error("has an activation map of {label:?} and no such finding, or two maps of it")]
    MapOfNoFinding {
        /// The label.
        label: String,
    },
    /// A map that can't be laid out.
    #[error("has an activation map of {label:?} with {values} values for {rows} rows and {columns} columns")]
    MapShape {
        /// The label.
        label: String,
        /// Its rows.
        rows: u32,
        /// Its columns.
        columns: u32,
        /// How many values it has.
        values: usize,
    },
    /// A map with no numbers in it.
    #[error("has an activation map of {label:?} with a value that is not a finite number")]
    MapValue {
        /// The label.
        label: String,
    },
    /// The model saw what is not in the picture.
    #[error("was made of the square {region:?}, which is empty or not within the picture")]
    Region {
        /// As it is.
        region: AnalysedRegion,
    },
    /// A time that can't have passed.
    #[error("took {milliseconds} ms for one of its steps, which is not a time")]
    Time {
        /// As it is.
        milliseconds: f32,
    },
}

/// Looks for flaws in what a model said of an image: of any event or answer that carries it.
///
/// # Errors
/// The first flaw.
pub fn check_reading(
    findings: &[Finding],
    activation_maps: &[ActivationMap],
    region: AnalysedRegion,
    times: ReadingTimes,
) -> Result<(), ReadingFlaw> {
    check_findings(findings)?;
    check_maps(findings, activation_maps)?;
    if !is_within(region) {
        return Err(ReadingFlaw::Region { region });
    }
    let steps = [times.fetch_ms, times.decode_ms, times.preprocess_ms, times.forward_ms];
    match steps.into_iter().find(|step| !(step.is_finite() && *step >= 0.0)) {
        Some(milliseconds) => Err(ReadingFlaw::Time { milliseconds }),
        None => Ok(()),
    }
}

/// Compares the labels of findings without other flaws with those that the model gives, whatever their order.
///
/// # Errors
/// The first label that only one of them has.
pub fn check_labels<'a>(
    findings: &[Finding],
    labels: impl IntoIterator<Item = &'a str>,
) -> Result<(), ReadingFlaw> {
    let mut found: BTreeSet<&str> = findings.iter().map(|finding| finding.label.as_str()).collect();
    for label in labels {
        if !found.remove(label) {
            return Err(ReadingFlaw::LabelMissing { label: label.to_owned() });
        }
    }
    match found.first() {
        Some(label) => Err(ReadingFlaw::LabelUnknown { label: (*label).to_owned() }),
        None => Ok(()),
    }
}

/// Whether a model's label can be shown and looked up: words with single spaces between them.
pub fn is_label(label: &str) -> bool {
    let word = |word: &str| !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || c.is_control());
    label.split(' ').all(word)
}

fn check_findings(findings: &[Finding]) -> Result<(), ReadingFlaw> {
    if findings.is_empty() {
        return Err(ReadingFlaw::NoFindings);
    }
    let mut labels = BTreeSet::new();
    for finding in findings {
        check_finding(finding)?;
        if !labels.insert(finding.label.as_str()) {
            return Err(ReadingFlaw::LabelTwice { label: finding.label.clone() });
        }
    }
    Ok(())
}

fn check_maps(findings: &[Finding], activation_maps: &[ActivationMap]) -> Result<(), ReadingFlaw> {
    let mut labels: BTreeSet<&str> = findings.iter().map(|finding| finding.label.as_str()).collect();
    for map in activation_maps {
        // Each label is taken out by its map, so that a second one finds none.
        if !labels.remove(map.label.as_str()) {
            return Err(ReadingFlaw::MapOfNoFinding { label: map.label.clone() });
        }
        check_map(map)?;
    }
    Ok(())
}

fn check_finding(finding: &Finding) -> Result<(), ReadingFlaw> {
    let Finding { label, logit, probability, operating_point_score } = finding;
    if !is_label(label) {
        return Err(ReadingFlaw::Label { label: label.clone() });
    }
    if !logit.is_finite() {
        return Err(ReadingFlaw::Logit { label: label.clone(), logit: *logit });
    }
    // Of NaN neither holds.
    if !(0.0..=1.0).contains(probability) {
        return Err(ReadingFlaw::Probability { label: label.clone(), probability: *probability });
    }
    match operating_point_score {
        Some(score) if !(0.0..=1.0).contains(score) => {
            Err(ReadingFlaw::Score { label: label.clone(), score: *score })
        }
        _ => Ok(()),
    }
}

fn check_map(map: &ActivationMap) -> Result<(), ReadingFlaw> {
    let ActivationMap { label, rows, columns, values } = map;
    if values.is_empty() || u64::from(*rows) * u64::from(*columns) != values.len() as u64 {
        let values = values.len();
        return Err(ReadingFlaw::MapShape { label: label.clone(), rows: *rows, columns: *columns, values });
    }
    if values.iter().all(|value| value.is_finite()) {
        Ok(())
    } else {
        Err(ReadingFlaw::MapValue { label: label.clone() })
    }
}

fn is_within(region: AnalysedRegion) -> bool {
    let fits = |start: u32, whole: u32| start.checked_add(region.side).is_some_and(|end| end <= whole);
    region.side > 0 && fits(region.x, region.picture_width) && fits(region.y, region.picture_height)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Event, InferenceCompleted, samples};

    /// What the story's reading becomes by `break_it`.
    fn checked(break_it: impl FnOnce(&mut InferenceCompleted)) -> Result<(), ReadingFlaw> {
        let Event::InferenceCompleted(mut reading) = samples::inference_completed(1, "a", 0).event else {
            unreachable!("it is that event")
        };
        break_it(&mut reading);
        check_reading(&reading.findings, &reading.activation_maps, reading.region, reading.times)
    }

    fn flaw(break_it: impl FnOnce(&mut InferenceCompleted)) -> ReadingFlaw {
        checked(break_it).expect_err("it has a flaw")
    }

    #[test]
    fn the_reading_of_the_story_has_no_flaw() {
        assert_eq!(checked(|_| {}), Ok(()));
        assert_eq!(checked(|reading| reading.activation_maps.clear()), Ok(()));
    }

    #[test]
    fn a_reading_has_findings() {
        assert_eq!(flaw(|reading| reading.findings.clear()), ReadingFlaw::NoFindings);
    }

    #[test]
    fn a_label_is_words_and_there_once() {
        for label in ["", " ", " Mass", "Mass ", "Lung  Lesion", "Lung\tLesion", "Ma\u{7}ss"] {
            let found = flaw(|reading| reading.findings[1].label = label.to_owned());
            assert_eq!(found, ReadingFlaw::Label { label: label.to_owned() });
        }
        let twice = flaw(|reading| reading.findings[1].label = "Effusion".to_owned());
        assert_eq!(twice, ReadingFlaw::LabelTwice { label: "Effusion".to_owned() });
    }

    #[test]
    fn the_labels_are_those_of_the_model() {
        let Event::InferenceCompleted(reading) = samples::inference_completed(1, "a", 0).event else {
            unreachable!("it is that event")
        };
        let check = |labels: &[&str]| check_labels(&reading.findings, labels.iter().copied());
        assert_eq!(check(&["Mass", "Effusion"]), Ok(()));
        let (missing, unknown) = ("Hernia".to_owned(), "Mass".to_owned());
        assert_eq!(check(&["Effusion", "Mass", "Hernia"]), Err(ReadingFlaw::LabelMissing { label: missing }));
        assert_eq!(check(&["Effusion"]), Err(ReadingFlaw::LabelUnknown { label: unknown }));
    }

    #[test]
    fn what_a_model_says_is_numbers_in_their_range() {
        for logit in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let found = flaw(|reading| reading.findings[0].logit = logit);
            assert!(matches!(found, ReadingFlaw::Logit { .. }), "{found}");
        }
        for number in [f32::NAN, -0.01, 1.000_1, 1.5, f32::INFINITY] {
            let found = flaw(|reading| reading.findings[0].probability = number);
            assert!(matches!(found, ReadingFlaw::Probability { .. }), "{found}");
            let found = flaw(|reading| reading.findings[0].operating_point_score = Some(number));
            assert!(matches!(found, ReadingFlaw::Score { .. }), "{found}");
        }
        for number in [0.0, 1.0] {
            let set = |finding: &mut Finding| {
                (finding.probability, finding.operating_point_score) = (number, Some(number));
            };
            assert_eq!(checked(|reading| set(&mut reading.findings[0])), Ok(()));
        }
    }

    #[test]
    fn an_activation_map_has_its_rows_and_columns_of_numbers() {
        let label = || "Effusion".to_owned();
        let shape = |rows, values| ReadingFlaw::MapShape { label: label(), rows, columns: 7, values };
        assert_eq!(flaw(|reading| reading.activation_maps[0].rows = 8), shape(8, 49));
        assert_eq!(flaw(|reading| reading.activation_maps[0].values.truncate(48)), shape(7, 48));
        let empty = |reading: &mut InferenceCompleted| {
            (reading.activation_maps[0].rows, reading.activation_maps[0].values) = (0, Vec::new());
        };
        assert_eq!(flaw(empty), shape(0, 0));
        let no_number = |reading: &mut InferenceCompleted| reading.activation_maps[0].values[8] = f32::NAN;
        assert_eq!(flaw(no_number), ReadingFlaw::MapValue { label: label() });
    }

    #[test]
    fn an_activation_map_is_of_a_finding_and_the_only_one_of_it() {
        let found = flaw(|reading| reading.activation_maps[0].label = "Hernia".to_owned());
        assert_eq!(found, ReadingFlaw::MapOfNoFinding { label: "Hernia".to_owned() });
        let found = flaw(|reading| reading.activation_maps.push(reading.activation_maps[0].clone()));
        assert_eq!(found, ReadingFlaw::MapOfNoFinding { label: "Effusion".to_owned() });
    }

    #[test]
    fn what_the_model_saw_is_within_the_picture() {
        for (x, side) in [(58, 0), (117, 524), (u32::MAX, 524)] {
            let found = flaw(|reading| (reading.region.x, reading.region.side) = (x, side));
            assert!(matches!(found, ReadingFlaw::Region { .. }), "{found}");
        }
    }

    #[test]
    fn a_step_takes_a_time() {
        for milliseconds in [-1.0, f32::NAN, f32::INFINITY] {
            let found = flaw(|reading| reading.times.forward_ms = milliseconds);
            assert!(matches!(found, ReadingFlaw::Time { .. }), "{found}");
        }
    }
}
