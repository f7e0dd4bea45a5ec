//! The measurement groups (TID 1501): one per image and label.

use hilum_events::Finding;
use hilum_reports::{ReadingEntry, UNTRAINED_NOTICE};

use crate::content::{Relation, code, container, image, number, template, text, uid as uid_item};
use crate::data_set::DataSet;
use crate::subject::{Image, Subject};
use crate::{codes, uid};

pub(super) fn groups(subject: &Subject<'_>) -> Vec<DataSet> {
    let images = subject.images();
    let read = images.iter().filter_map(|image| image.entry.reading.as_ref().map(|reading| (image, reading)));
    read.flat_map(|(image, reading)| {
        reading.findings.iter().map(move |finding| group(subject, image, reading, finding))
    })
    .collect()
}

fn group(subject: &Subject<'_>, image: &Image<'_>, reading: &ReadingEntry, finding: &Finding) -> DataSet {
    let mut items = tracking(subject, image, finding);
    items.push(code(Relation::Contains, codes::FINDING, codes::finding(&finding.label)));
    items.extend(algorithm(reading));
    items.extend(image.header.map(|header| self::image(Some(codes::SOURCE_OF_MEASUREMENT), header)));
    items.extend(numbers(finding));
    if reading.trained {
        items.extend(relation_to_the_operating_point(finding));
    } else {
        items.push(text(Relation::Contains, codes::UNTRAINED, UNTRAINED_NOTICE));
    }
    container(codes::MEASUREMENT_GROUP, items).and(template("1501"))
}

fn tracking(subject: &Subject<'_>, image: &Image<'_>, finding: &Finding) -> Vec<DataSet> {
    const CONTEXT: Relation = Relation::ObservationContext;
    let again: String = image.again.iter().map(|number| format!(" = image {number}")).collect();
    let identifier = format!("Image {}{again}, {}", image.number, codes::spoken(&finding.label));
    let uid = uid::of_tracking(subject.report.study_id, &image.entry.sha256, &finding.label);
    vec![text(CONTEXT, codes::TRACKING_IDENTIFIER, identifier), uid_item(CONTEXT, codes::TRACKING_UID, &uid)]
}

/// TID 4019.
fn algorithm(reading: &ReadingEntry) -> Vec<DataSet> {
    const MODIFIER: Relation = Relation::ConceptModifier;
    let (model, engine) = (&reading.model, &reading.engine);
    let parameters = [
        format!("Weights SHA-256 {}", model.weights_sha256),
        format!("Preprocessing {}", model.preprocessing_id),
        format!("Engine {} {}, {}, {}", engine.engine, engine.version, engine.precision, engine.device),
    ];
    let names = [
        text(MODIFIER, codes::ALGORITHM_NAME, &model.name),
        text(MODIFIER, codes::ALGORITHM_VERSION, &model.version),
    ];
    let parameters = parameters.map(|parameter| text(MODIFIER, codes::ALGORITHM_PARAMETERS, parameter));
    names.into_iter().chain(parameters).collect()
}

fn numbers(finding: &Finding) -> impl Iterator<Item = DataSet> {
    let numbers =
        [(codes::PROBABILITY, Some(finding.probability)), (codes::SCORE, finding.operating_point_score)];
    numbers.into_iter().filter_map(|(name, value)| {
        let value = value.filter(|value| value.is_finite())?;
        Some(number(Relation::Contains, name, f64::from(value), codes::NO_UNITS))
    })
}

/// Says how a score is to be read, so that nobody takes the name of a finding for its presence. The score of a network that was
/// not trained means nothing.
fn relation_to_the_operating_point(finding: &Finding) -> Option<DataSet> {
    let relation = if finding.operating_point_score? >= 0.5 { codes::AT_OR_ABOVE } else { codes::BELOW };
    Some(code(Relation::Contains, codes::OPERATING_POINT, relation))
}
