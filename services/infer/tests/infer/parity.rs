//! The native DenseNet-121 against torchxrayvision's own outputs, and what happens when a folder does not fit.

use hilum_infer::scores::{operating_point_score, sigmoid};
use hilum_infer::{
    CheckError, DeviceChoice, EngineError, EngineSettings, LoadError, Precision, load_engine, self_check,
};
use hilum_models::{FileRole, ModelError, ModelFolder};
use safetensors::SafeTensors;

use crate::support::{
    changed, demo, engine, golden_cases, largest_difference, settings, with_a_wrong_golden_logit, with_role,
};

#[test]
fn logits_and_maps_are_those_of_the_reference() {
    let demo = demo();
    let mut engine = engine(&demo.folder);
    for case in golden_cases(&demo.folder) {
        let output = engine.forward(&[&case.input]).unwrap().remove(0);
        let logits = largest_difference(&output.logits, &case.logits);
        assert!(logits <= 1e-4, "{}: logits differ by {logits:e}", case.name);
        let maps = output.maps.unwrap();
        for expected in &case.maps {
            assert_eq!((maps.height, maps.width), (expected.height, expected.width));
            let map = largest_difference(maps.of(expected.label_index).unwrap(), &expected.values);
            assert!(map <= 1e-3, "{}: maps differ by {map:e}", case.name);
        }
    }
}

#[test]
fn scores_are_those_of_the_reference() {
    let demo = demo();
    let thresholds = demo.folder.manifest().op_threshs_f32();
    for case in golden_cases(&demo.folder) {
        let scores: Vec<f32> = case.logits.iter().map(|logit| sigmoid(*logit)).collect();
        let scores = scores.iter().zip(&thresholds).map(|(p, t)| operating_point_score(*p, *t));
        let difference = largest_difference(&scores.collect::<Vec<_>>(), &case.operating_point_scores);
        assert!(difference <= 1e-6, "{}: {difference:e}", case.name);
    }
}

#[test]
fn the_mean_of_a_map_plus_the_bias_is_the_logit() {
    let demo = demo();
    let weights = demo.folder.read_weights().unwrap();
    let bias = SafeTensors::deserialize(&weights).unwrap().tensor("classifier.bias").unwrap();
    let bias = hilum_models::tensor_from_bytes(bias.data()).unwrap();
    let case = golden_cases(&demo.folder).remove(0);
    let output = engine(&demo.folder).forward(&[&case.input]).unwrap().remove(0);
    let maps = output.maps.unwrap();
    for (index, (logit, bias)) in output.logits.iter().zip(bias).enumerate() {
        let map = maps.of(index).unwrap();
        let mean = map.iter().sum::<f32>() / map.len() as f32;
        assert!((mean + bias - logit).abs() < 1e-4, "label {index}: {mean} + {bias} against {logit}");
    }
    assert_eq!(maps.of(18), None);
}

#[test]
fn the_self_check_passes_and_reports_how_close_it_is() {
    let demo = demo();
    let mut engine = engine(&demo.folder);
    let report = self_check(engine.as_mut(), &demo.folder).unwrap();
    assert_eq!(report.cases, 2);
    assert!(report.passes());
    assert!(report.largest_logit_difference > 0.0, "another implementation never agrees to the last bit");
}

#[test]
fn half_precision_is_close_and_says_what_it_is() {
    let demo = demo();
    let settings = EngineSettings { precision: Precision::Bf16, ..settings() };
    let mut engine = load_engine(&demo.folder, &settings).unwrap();
    assert_eq!(engine.description().precision, "bf16");
    let report = self_check(engine.as_mut(), &demo.folder).unwrap();
    assert!((1e-4..2e-2).contains(&report.largest_logit_difference), "{report:?}");
}

#[test]
fn an_input_of_another_size_is_refused() {
    let demo = demo();
    let refused = engine(&demo.folder).forward(&[&[0.0; 100]]).unwrap_err();
    assert!(matches!(refused, EngineError::InputSize { expected: 50_176, found: 100 }));
}

#[test]
fn a_model_that_differs_from_its_golden_outputs_is_not_let_through() {
    let (demo, keep) = (demo(), tempfile::tempdir().unwrap());
    let folder = with_a_wrong_golden_logit(&demo.folder, keep.path());
    let refused = self_check(engine(&folder).as_mut(), &folder).unwrap_err();
    let CheckError::Differs(report) = refused else { panic!("{refused}") };
    assert!((2e-4..4e-4).contains(&report.largest_logit_difference));
}

#[test]
fn a_changed_threshold_is_not_let_through() {
    let (demo, keep) = (demo(), tempfile::tempdir().unwrap());
    let folder = changed(&demo.folder, keep.path(), |manifest, _| manifest.op_threshs[5] *= 1.01);
    let refused = self_check(engine(&folder).as_mut(), &folder).unwrap_err();
    assert!(matches!(refused, CheckError::Folder(ModelError::Golden { .. })), "{refused}");
}

#[test]
fn a_folder_without_golden_cases_is_not_let_through() {
    let (demo, keep) = (demo(), tempfile::tempdir().unwrap());
    let folder =
        changed(&demo.folder, keep.path(), |_, files| files.retain(|file| file.role == FileRole::Weights));
    assert!(matches!(self_check(engine(&folder).as_mut(), &folder), Err(CheckError::NoCases)));
}

fn refusal(folder: &ModelFolder) -> LoadError {
    match load_engine(folder, &settings()) {
        Ok(_) => panic!("the model was loaded"),
        Err(error) => error,
    }
}

#[test]
fn weights_for_another_number_of_labels_are_refused() {
    let (demo, keep) = (demo(), tempfile::tempdir().unwrap());
    let folder = changed(&demo.folder, keep.path(), |manifest, _| {
        manifest.labels.pop();
        manifest.op_threshs.pop();
    });
    let refused = refusal(&folder).to_string();
    assert!(refused.contains("classifier") && refused.contains("[17"), "{refused}");
}

#[test]
fn weights_that_are_no_safetensors_file_are_refused() {
    let (demo, keep) = (demo(), tempfile::tempdir().unwrap());
    let folder = changed(&demo.folder, keep.path(), |_, files| {
        with_role(files, FileRole::Weights).bytes.truncate(1000);
    });
    assert!(matches!(refusal(&folder), LoadError::Safetensors(_)));
}

#[test]
fn a_weight_that_is_not_finite_is_refused() {
    let (demo, keep) = (demo(), tempfile::tempdir().unwrap());
    let folder = changed(&demo.folder, keep.path(), |_, files| {
        let bytes = &mut with_role(files, FileRole::Weights).bytes;
        let last = bytes.len() - 4;
        bytes[last..].copy_from_slice(&f32::NAN.to_le_bytes());
    });
    assert!(refusal(&folder).to_string().contains("not finite"));
}

#[test]
fn an_input_side_that_the_network_does_not_take_is_refused() {
    let (demo, keep) = (demo(), tempfile::tempdir().unwrap());
    let folder = changed(&demo.folder, keep.path(), |manifest, _| manifest.input_side_px = 512);
    assert!(matches!(refusal(&folder), LoadError::InputSide { expected: 224, found: 512 }));
}

#[test]
fn a_device_that_is_not_there_is_refused_and_not_replaced_by_the_cpu() {
    let demo = demo();
    let settings = EngineSettings { device: DeviceChoice::Cuda(99), ..settings() };
    assert!(matches!(load_engine(&demo.folder, &settings), Err(LoadError::NoCuda { index: 99 })));
}
