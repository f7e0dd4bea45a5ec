//! The rules of `model.toml`, each broken once.

use super::*;

fn manifest() -> Manifest {
    Manifest {
        name: "chest".into(),
        trained: true,
        files: vec![FileEntry { name: "w".into(), role: FileRole::Weights, sha256: "a".repeat(64) }],
        ..Manifest::chest_densenet121(vec!["Edema".into(), "Mass".into()], vec![0.1, f64::NAN])
    }
}

fn refusal(change: impl FnOnce(&mut Manifest)) -> String {
    let mut manifest = manifest();
    change(&mut manifest);
    manifest.check().unwrap_err().to_string()
}

#[test]
fn a_manifest_survives_its_text_form() {
    let text = toml::to_string(&manifest()).unwrap();
    let back = Manifest::parse(&text).unwrap();
    assert_eq!(back.labels, manifest().labels);
    assert!(back.op_threshs[1].is_nan());
    assert_eq!(back.preprocessing_id(), "xrv-skimage-224-1");
}

#[test]
fn the_preprocessing_id_tells_the_resize_rules_apart() {
    let mut manifest = manifest();
    manifest.resize = ResizeRule::TorchAntialias;
    assert_eq!(manifest.preprocessing_id(), "xrv-torchaa-224-1");
}

#[test]
fn stored_values_are_read_unless_a_window_is_asked_for_and_the_preprocessing_id_shows_it() {
    let text = toml::to_string(&manifest()).unwrap();
    let line = "values = \"stored\"\n";
    assert!(text.contains(line));
    let silent = Manifest::parse(&text.replace(line, "")).unwrap();
    assert_eq!(
        (silent.values, silent.preprocessing_id().as_str()),
        (ValuesRule::Stored, "xrv-skimage-224-1")
    );
    let windowed = Manifest::parse(&text.replace(line, "values = \"window\"\n")).unwrap();
    assert_eq!(windowed.values, ValuesRule::Window);
    assert_eq!(windowed.preprocessing_id(), "xrv-skimage-224-win-1");
    assert!(Manifest::parse(&text.replace(line, "values = \"rescaled\"\n")).is_err());
}

#[test]
fn a_threshold_missing_for_a_label_is_refused() {
    let refused = refusal(|manifest| manifest.op_threshs.truncate(1));
    assert!(refused.contains("1 entries for 2 labels"), "{refused}");
}

#[test]
fn a_threshold_outside_of_0_to_1_is_refused() {
    for bad in [0.0, 1.0, -0.1, f64::INFINITY] {
        assert!(refusal(|manifest| manifest.op_threshs[0] = bad).contains("between 0 and 1"));
    }
}

#[test]
fn the_same_label_twice_is_refused() {
    assert!(refusal(|manifest| manifest.labels[1] = "Edema".into()).contains("twice"));
}

#[test]
fn a_label_that_no_reading_may_have_is_refused() {
    for bad in [" ", "Edema ", "Lung  Lesion", "Lung\nLesion"] {
        let refused = refusal(|manifest| manifest.labels[1] = bad.into());
        assert!(refused.contains("single spaces"), "{bad:?}: {refused}");
    }
}

#[test]
fn a_file_name_that_leaves_the_folder_is_refused() {
    for bad in ["../w", "a/../../w", "/etc/passwd", "", "./w", "a\\..\\w", "C:w", "model.toml"] {
        let refused = refusal(|manifest| manifest.files[0].name = bad.into());
        assert!(refused.contains("inside the model folder"), "{bad}: {refused}");
    }
}

#[test]
fn a_manifest_without_weights_or_with_two_is_refused() {
    assert!(refusal(|manifest| manifest.files.clear()).contains("exactly one"));
    let refused = refusal(|manifest| {
        let mut second = manifest.files[0].clone();
        second.name = "w2".into();
        manifest.files.push(second);
    });
    assert!(refused.contains("exactly one"));
}

#[test]
fn an_input_range_that_the_preprocessing_cannot_make_is_refused() {
    assert!(refusal(|manifest| manifest.value_range = [0.0, 1.0]).contains("value_range"));
}

#[test]
fn a_name_that_would_not_fit_a_subject_is_refused() {
    for bad in ["", "Chest", "a b", "a>b", "a@b", &"a".repeat(65)] {
        assert!(refusal(|manifest| manifest.name = bad.into()).contains("allowed are"), "{bad}");
    }
}

#[test]
fn an_unknown_field_is_refused() {
    let text = format!("surprise = 1\n{}", toml::to_string(&manifest()).unwrap());
    assert!(matches!(Manifest::parse(&text), Err(ModelError::Parse(_))));
}
