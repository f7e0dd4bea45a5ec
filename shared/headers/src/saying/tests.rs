//! What values of the field mean to the rules of a network for frontal chest X-rays.

use super::*;
use crate::{Concept, HeaderValue};

const MODALITIES: &[&str] = &["CR", "DX", "DR", "RG"];
const CHEST: &[&str] = &["CHEST", "THORAX", "LUNG"];
const FRONTAL: &[&str] = &["PA", "AP"];

fn value(text: &str) -> HeaderValue {
    HeaderValue::of(text)
}

fn concept(code: &str, meaning: &str) -> Concept {
    Concept { code: value(code), meaning: value(meaning) }
}

fn body_part(text: &str) -> Saying {
    let header = ImageHeader { body_part: value(text), ..ImageHeader::default() };
    saying(HeaderAttribute::BodyPart, &header, CHEST)
}

fn view_of(header: &ImageHeader) -> Saying {
    saying(HeaderAttribute::View, header, FRONTAL)
}

fn view(text: &str) -> Saying {
    view_of(&ImageHeader { view_position: value(text), ..ImageHeader::default() })
}

#[track_caller]
fn all(say: impl Fn(&str) -> Saying, expected: Saying, texts: &[&str]) {
    for text in texts {
        assert_eq!(say(text), expected, "{text:?}");
    }
}

#[test]
fn a_body_part_is_told_however_it_is_written() {
    let meant = [
        "CHEST",
        "Chest",
        "chest ",
        "Chest PA",
        "CHEST, PORTABLE",
        "PORT CHEST",
        "CHEST_AP",
        "LUNGS",
        "torax",
        "CHEST\\THORAX",
        "CHEST\\",
        "CHEST 2 VIEWS",
        "CHEST LATERAL",
        "Lung (left)",
    ];
    all(body_part, Saying::Meant, &meant);
    let other = [
        "Abdomen",
        "T-SPINE",
        "TSPINE",
        "HAND, LEFT",
        "LUMBAR SPINE LATERAL",
        "Thoracic spine",
        "thorax spine",
        "CHEST\\ABDOMEN",
        "CHEST/ABDOMEN",
        "CHESTABDOMEN",
        "CHEST\\XYZ",
        "RIBS",
        "-",
        ".",
        "UNKNOWN",
        "Doe^John",
        "\u{bc30}",
        "CHEST AND RIBS",
    ];
    all(body_part, Saying::Other, &other);
    all(body_part, Saying::Nothing, &["", "  ", "\\", " \\ "]);
    assert_eq!(body_part(&"CHEST ".repeat(40)), Saying::Other, "longer than anybody writes");
    let unreadable = ImageHeader { body_part: HeaderValue::Unreadable, ..ImageHeader::default() };
    assert_eq!(saying(HeaderAttribute::BodyPart, &unreadable, CHEST), Saying::Other);
}

#[test]
fn a_view_is_told_however_it_is_written() {
    let meant = [
        "PA",
        "pa",
        "AP",
        "P.A.",
        "P-A",
        "A/P",
        "PA\\AP",
        "AP PORTABLE",
        "AP SUPINE",
        "Postero-Anterior",
        "FRONTAL",
        "PA erect",
        "ANTEROPOSTERIOR",
    ];
    all(view, Saying::Meant, &meant);
    let other = [
        "LL",
        "Left Lateral",
        "XTABLE LATERAL",
        "X-TABLE",
        "cross-table lat",
        "PA\\LAT",
        "PA/LAT",
        "PA AND LATERAL",
        "LAT",
        "LLD",
        "AP OBLIQUE",
        "LAO",
        "AP LORDOTIC",
        "Decub.",
        "seitlich",
        "?",
        "PA\\?",
        "AXIAL",
    ];
    all(view, Saying::Other, &other);
    all(view, Saying::Nothing, &["", " "]);
}

#[test]
fn a_modality_is_told_however_it_is_written() {
    let modality = |text: &str| {
        let header = ImageHeader { modality: value(text), ..ImageHeader::default() };
        saying(HeaderAttribute::Modality, &header, MODALITIES)
    };
    all(modality, Saying::Meant, &["CR", "dx", "Computed Radiography", "X-Ray", "CR\\DX", "DR"]);
    all(modality, Saying::Other, &["CT", "ct", "Computed Tomography", "CR\\CT", "US", "OT", "#"]);
    all(modality, Saying::Nothing, &["", " "]);
}

#[test]
fn the_sop_class_tells_the_modality_where_it_can() {
    let told = |modality: &str, class: &str| {
        let sop_class_uid = value(&format!("1.2.840.10008.5.1.4.1.1.{class}"));
        let header = ImageHeader { modality: value(modality), sop_class_uid, ..ImageHeader::default() };
        saying(HeaderAttribute::Modality, &header, MODALITIES)
    };
    assert_eq!(told("", "2"), Saying::Other, "CT");
    assert_eq!(told("CR", "4"), Saying::Other, "contradicts");
    assert_eq!(told("", "1"), Saying::Meant);
    assert_eq!(told("DX", "1.1.1"), Saying::Meant);
    assert_eq!(told("", "7"), Saying::Nothing, "a secondary capture may be anything");
    assert_eq!(told("CR", "7"), Saying::Meant);
    assert_eq!(told("OT", "1"), Saying::Other, "a modality that nobody knows is none that is meant");
}

#[test]
fn an_anatomic_region_is_heard_beside_the_body_part() {
    let told = |text: &str, regions: &[Concept]| {
        let header = ImageHeader {
            body_part: value(text),
            anatomic_regions: regions.to_vec(),
            ..ImageHeader::default()
        };
        saying(HeaderAttribute::BodyPart, &header, CHEST)
    };
    assert_eq!(told("", &[concept("72696002", "Knee")]), Saying::Other);
    assert_eq!(told("CHEST", &[concept("72696002", "Knee")]), Saying::Other, "they contradict each other");
    assert_eq!(told("", &[concept("51185008", "Brustkorb")]), Saying::Meant);
    assert_eq!(told("", &[concept("1", "Chest")]), Saying::Meant);
    assert_eq!(told("", &[concept("72696002", "Knie")]), Saying::Other, "it is there");
    assert_eq!(
        told("CHEST", &[concept("1", "Brustkorb")]),
        Saying::Meant,
        "what is not known contradicts nothing"
    );
    assert_eq!(told("", &[Concept::default()]), Saying::Other);
    assert_eq!(told("HEART", &[concept("51185008", "Chest")]), Saying::Other, "nor is such a body part");
}

#[test]
fn codes_orientation_and_body_part_tell_the_view_too() {
    let with_codes = |text: &str, codes: &[Concept]| {
        let (view_position, view_codes) = (value(text), codes.to_vec());
        view_of(&ImageHeader { view_position, view_codes, ..ImageHeader::default() })
    };
    assert_eq!(with_codes("", &[concept("399173006", "left lateral")]), Saying::Other);
    assert_eq!(with_codes("PA", &[concept("399173006", "links seitlich")]), Saying::Other);
    assert_eq!(with_codes("", &[concept("R-10214", "postero-anterior")]), Saying::Meant);
    assert_eq!(with_codes("", &[concept("272479007", "left lateral")]), Saying::Other, "of two minds");
    assert_eq!(with_codes("", &[concept("399182000", "")]), Saying::Other);
    let oriented = |text: &str, orientation: &str| {
        let (view_position, patient_orientation) = (value(text), value(orientation));
        view_of(&ImageHeader { view_position, patient_orientation, ..ImageHeader::default() })
    };
    assert_eq!(oriented("", "A\\F"), Saying::Other);
    assert_eq!(oriented("PA", "P\\F"), Saying::Other);
    assert_eq!(oriented("", "L\\F"), Saying::Meant);
    assert_eq!(oriented("?", "L\\F"), Saying::Other);
    assert_eq!(oriented("", "nonsense"), Saying::Nothing);
    assert_eq!(oriented("PA", "LE\\CD"), Saying::Meant);
    let of_body_part =
        |text: &str| view_of(&ImageHeader { body_part: value(text), ..ImageHeader::default() });
    assert_eq!(of_body_part("Chest PA"), Saying::Meant);
    assert_eq!(of_body_part("Chest lat"), Saying::Other);
    assert_eq!(of_body_part("CHEST"), Saying::Nothing);
}

#[test]
fn raw_data_of_a_detector_and_other_beings_are_told() {
    let intent = |text: &str, class: &str| {
        let header = ImageHeader {
            presentation_intent: value(text),
            sop_class_uid: value(&format!("1.2.840.10008.5.1.4.1.1.{class}")),
            ..ImageHeader::default()
        };
        saying(HeaderAttribute::Intent, &header, &["FOR PRESENTATION"])
    };
    assert_eq!(intent("FOR PROCESSING", "1"), Saying::Other);
    assert_eq!(intent("", "1.1.1"), Saying::Other);
    assert_eq!(intent("For Presentation", "1.1"), Saying::Meant);
    assert_eq!(intent("", "1"), Saying::Nothing);
    let species = |text: &str, codes: &[Concept], breed: &str| {
        let (species, species_codes, breed) = (value(text), codes.to_vec(), value(breed));
        saying(
            HeaderAttribute::Species,
            &ImageHeader { species, species_codes, breed, ..ImageHeader::default() },
            &["HUMAN"],
        )
    };
    assert_eq!(species("Canine", &[], "Beagle"), Saying::Other);
    assert_eq!(species("", &[concept("448771007", "Canis lupus familiaris")], ""), Saying::Other);
    assert_eq!(species("", &[], "Beagle"), Saying::Other);
    assert_eq!(species("Human", &[concept("337915000", "homo sapiens")], ""), Saying::Meant);
    assert_eq!(species("Non-human primate", &[], ""), Saying::Other);
    assert_eq!(species("", &[], ""), Saying::Nothing);
}
