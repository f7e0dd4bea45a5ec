//! What is read of which text, and what is said of a wrong one.

use super::*;
use crate::Header;
use hilum_headers::{HeaderValue, ImageHeader};

const WHOLE: &str = r#"
[default]
quiet_time_s = 20
expected_series = ["frontal", "lateral"]
pictures_join_patients = true
time_zone = "Asia/Seoul"

[site.north]
quiet_time_s = 0.5
time_limit_s = 600
pictures_join_patients = false
time_zone = "america/New_York"

[site.south]
time_limit_s = 0
expected_series = []

[[series]]
name = "frontal"
modality = ["CR", "DX"]
view_position = ["PA", "AP"]

[[series]]
name = "lateral"
view_position = ["LL", "RL"]

[[series]]
name = "lateral"
description = "(?i)\\blat"
"#;

fn site(name: &str) -> Site {
    name.parse().unwrap()
}

fn names(names: &[&str]) -> Vec<SeriesName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn image(modality: &str, body_part: &str, view: &str) -> ImageHeader {
    let value = HeaderValue::of;
    let (modality, body_part, view_position) = (value(modality), value(body_part), value(view));
    ImageHeader { modality, body_part, view_position, ..ImageHeader::default() }
}

/// The line that is blamed and what is said of it.
fn fault(text: &str) -> (usize, String) {
    let fault = parse(text).expect_err(text);
    (fault.line, fault.what)
}

#[test]
fn a_site_has_what_it_says_and_the_rest_from_the_default() {
    let sites = parse(WHOLE).unwrap();
    let rules = |name| sites.studies(&site(name)).clone();
    let both = names(&["frontal", "lateral"]);
    let seconds = |seconds| Some(Duration::from_secs_f64(seconds));
    let zone = |name: &str| Some(name.parse::<Zone>().unwrap());
    let expected = StudyRules {
        quiet_time: seconds(20.0),
        time_limit: None,
        expected_series: both.clone(),
        pictures_join_patients: true,
        time_zone: zone("Asia/Seoul"),
    };
    assert_eq!(rules("elsewhere"), expected);
    let north = StudyRules {
        quiet_time: seconds(0.5),
        time_limit: seconds(600.0),
        expected_series: both,
        pictures_join_patients: false,
        time_zone: zone("America/New_York"),
    };
    assert_eq!(rules("north"), north);
    let south = StudyRules {
        quiet_time: seconds(20.0),
        time_limit: None,
        expected_series: Vec::new(),
        pictures_join_patients: true,
        time_zone: zone("Asia/Seoul"),
    };
    assert_eq!(rules("south"), south);
}

#[test]
fn the_longest_wait_is_that_of_the_most_patient_site() {
    let wait =
        |text: &str, quiet_s| parse(text).unwrap().longest_wait(Duration::from_secs(quiet_s)).as_secs();
    assert_eq!(wait("", 10), 900);
    assert_eq!(wait("", 1000), 1000);
    assert_eq!(wait(WHOLE, 10), 900);
    assert_eq!(wait("[default]\ntime_limit_s = 5\n", 10), 10);
    assert_eq!(wait("[default]\ntime_limit_s = 5\n[site.north]\ntime_limit_s = 600\n", 10), 600);
}

#[test]
fn an_image_belongs_to_every_series_that_its_header_fits() {
    let sites = parse(WHOLE).unwrap();
    let series = |modality, view, description| {
        let image = image(modality, "", view);
        sites.series(&site("north"), &Header { image: &image, description })
    };
    assert_eq!(series("DX", "PA", None), names(&["frontal"]));
    assert_eq!(series("dx", "pa", None), names(&["frontal"]));
    assert_eq!(series("CT", "PA", None), names(&[]));
    assert_eq!(series("DX", "", None), names(&[]));
    assert_eq!(series("DX", "LL", Some("Chest LAT")), names(&["lateral"]), "once");
    assert_eq!(series("DX", "", Some("thorax lateral")), names(&["lateral"]));
    assert_eq!(series("DX", "", Some("translation")), names(&[]));
    assert_eq!(series("DX", "AP", Some("lat decubitus")), names(&["frontal", "lateral"]));
    assert_eq!(series("", "", None), names(&[]));
}

#[test]
fn a_series_is_told_however_its_codes_are_written() {
    let sites = parse(WHOLE).unwrap();
    for (view, series) in [
        ("Postero-Anterior", &["frontal"][..]),
        ("AP PORTABLE", &["frontal"]),
        ("Left Lateral", &["lateral"]),
        ("XTABLE LATERAL", &["lateral"]),
        ("lat", &["lateral"]),
        ("PA\\LAT", &[]),
        ("?", &[]),
    ] {
        let image = image("Digital Radiography", "", view);
        let header = Header { image: &image, description: None };
        assert_eq!(sites.series(&site("north"), &header), names(series), "{view}");
    }
}

#[test]
fn a_site_with_series_of_its_own_has_only_those() {
    let text = format!(
        "{WHOLE}\n[[site.north.series]]\nname = \"frontal\"\nbody_part = [\"CHEST\"]\n\
         [[site.north.series]]\nname = \"lateral\"\nbody_part = [\"RIB\"]\n"
    );
    let sites = parse(&text).unwrap();
    let image = image("DX", "CHEST", "LL");
    let header = Header { image: &image, description: None };
    assert_eq!(sites.series(&site("north"), &header), names(&["frontal"]));
    assert_eq!(sites.series(&site("south"), &header), names(&["lateral"]));
}

#[test]
fn a_key_that_nobody_knows_is_refused_with_its_line() {
    for (text, line, key) in [
        ("\n[default]\nquiet_time = 3\n", 3, "quiet_time"),
        ("[site.north]\ntime_limit_min = 3\n", 2, "time_limit_min"),
        ("[defaults]\n", 1, "defaults"),
        ("[[series]]\nname = \"a\"\nview = [\"PA\"]\n", 3, "view"),
        ("[default]\n[[default.series]]\nname = \"a\"\n", 2, "series"),
    ] {
        let (found, what) = fault(text);
        assert_eq!(found, line, "{text}: {what}");
        assert!(what.contains(&format!("unknown field `{key}`")), "{what}");
    }
}

#[test]
fn a_value_that_cannot_be_is_refused_with_its_line_and_key() {
    for (text, line, said) in [
        ("[default]\nquiet_time_s = -1\n", 2, "quiet_time_s must be a number of seconds from 0 to 86400"),
        ("[default]\nquiet_time_s = nan\n", 2, "quiet_time_s"),
        (
            "[default]\n\ntime_limit_s = 1e9\n",
            3,
            "time_limit_s must be a number of seconds from 0 to 2592000",
        ),
        ("[default]\nquiet_time_s = \"ten\"\n", 2, "expected f64"),
        (
            "[default]\ntime_zone = \"Asia/Seoul\"\n[site.north]\ntime_zone = \"KST\"\n",
            4,
            "time_zone must be the IANA name of a place, such as \"Asia/Seoul\"",
        ),
        ("[default]\ntime_zone = \"+09:00\"\n", 2, "time_zone must be"),
        ("[default]\ntime_zone = \"\"\n", 2, "time_zone must be"),
        ("[default]\ntime_zone = 9\n", 2, "expected a string"),
        ("[site.NORTH]\nquiet_time_s = 1\n", 1, "site must be 1 to 32"),
        ("[default]\nexpected_series = [\"a\"]\n", 2, "no [[series]] rule of that name"),
        ("[[series]]\nname = \"A b\"\nmodality = [\"CR\"]\n", 2, "series must be 1 to 32"),
        ("\n[[series]]\nname = \"a\"\n", 2, "would have every image"),
        ("[[series]]\nname = \"a\"\nmodality = []\n", 3, "modality must list 1 to 64 codes"),
        ("[[series]]\nname = \"a\"\nbody_part = [\" CHEST\"]\n", 3, "body_part must list"),
        ("[[series]]\nname = \"a\"\nview_position = [\"\"]\n", 3, "view_position must list"),
        ("[[series]]\nname = \"a\"\ndescription = \"(\"\n", 3, "description is no pattern"),
        ("[[series]]\nname = \"a\"\ndescription = \"\"\n", 3, "1 to 500 characters"),
        ("[[series]]\nmodality = [\"CR\"]\n", 1, "missing field `name`"),
        ("[default\n", 1, ""),
    ] {
        let (found, what) = fault(text);
        assert_eq!(found, line, "{text}: {what}");
        assert!(what.contains(said), "{text}: {what}");
    }
}

#[test]
fn a_series_that_is_expected_twice_or_by_a_site_that_cannot_have_it_is_refused() {
    let rule = "[[series]]\nname = \"a\"\nmodality = [\"CR\"]\n";
    let (line, what) = fault(&format!("[default]\nexpected_series = [\"a\", \"a\"]\n{rule}"));
    assert_eq!((line, what.as_str()), (2, "expected_series names a twice"));
    let own = "[[site.north.series]]\nname = \"b\"\nmodality = [\"DX\"]\n";
    let (line, what) = fault(&format!("[default]\nexpected_series = [\"a\"]\n{rule}{own}"));
    assert_eq!(line, 6, "{what}");
    assert!(what.starts_with("[default] expects the series a"), "{what}");
}

#[test]
fn a_pattern_that_would_take_too_much_memory_is_refused() {
    let (line, what) = fault("[[series]]\nname = \"a\"\ndescription = '(\\w{500}){500}'\n");
    assert_eq!(line, 3);
    assert!(what.contains("size limit"), "{what}");
}

#[test]
fn a_file_that_is_missing_or_wrong_is_named_and_none_means_no_rules() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("sites.toml");
    let missing = Sites::read(Some(&path)).unwrap_err();
    assert!(missing.to_string().contains("sites.toml"), "{missing}");
    std::fs::write(&path, "[default]\nquiet = 1\n").unwrap();
    let wrong = Sites::read(Some(&path)).unwrap_err();
    let cause = std::error::Error::source(&wrong).unwrap().to_string();
    assert!(wrong.to_string().contains("sites.toml") && cause.starts_with("line 2: "), "{wrong}: {cause}");
    std::fs::write(&path, WHOLE).unwrap();
    assert_eq!(Sites::read(Some(&path)).unwrap().by_site.len(), 2);
    assert_eq!(*Sites::read(None).unwrap().studies(&site("north")), StudyRules::default());
}

#[test]
fn the_example_of_the_documentation_can_be_used() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/studies.md");
    let text = std::fs::read_to_string(path).unwrap();
    let example = text.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let sites = parse(example).unwrap();
    let header = Header { image: &image("DX", "", ""), description: Some("Chest LAT") };
    assert_eq!(sites.series(&site("north"), &header), names(&["lateral"]));
    assert_eq!(sites.series(&site("south"), &header), names(&["chest"]));
}
