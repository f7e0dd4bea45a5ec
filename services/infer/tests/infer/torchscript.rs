//! Networks that come as TorchScript modules; `torchscript_modules/make.py` made them.

use hilum_infer::{EngineError, EngineSettings, LoadError, Precision, load_engine};
use hilum_models::{Architecture, FileRole, Manifest, ModelFolder, NewFile, write_folder};
use std::path::Path;

use crate::support::{engine, settings};

const SIDE_PX: usize = 8;

const LOGITS: &[u8] = include_bytes!("torchscript_modules/logits.pt");
const LOGITS_AND_MAPS: &[u8] = include_bytes!("torchscript_modules/maps.pt");
const LOGITS_AND_FEATURES: &[u8] = include_bytes!("torchscript_modules/features.pt");

fn folder(target: &Path, weights: &[u8], labels: &[&str]) -> ModelFolder {
    let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
    let op_threshs = vec![0.5; labels.len()];
    let manifest = Manifest {
        name: "traced".into(),
        licence: "Apache-2.0".into(),
        architecture: Architecture::Torchscript,
        input_side_px: SIDE_PX as u32,
        ..Manifest::chest_densenet121(labels, op_threshs)
    };
    let file = NewFile { name: "model.pt".into(), role: FileRole::Weights, bytes: weights.to_vec() };
    write_folder(&target.join("model"), manifest, &[file]).unwrap()
}

fn inputs() -> (Vec<f32>, Vec<f32>) {
    (vec![1.0; SIDE_PX * SIDE_PX], vec![-2.0; SIDE_PX * SIDE_PX])
}

#[test]
fn a_module_that_gives_logits_reads_a_batch_without_maps() {
    let keep = tempfile::tempdir().unwrap();
    let mut engine = engine(&folder(keep.path(), LOGITS, &["mean", "sum"]));
    let (ones, twos) = inputs();
    let outputs = engine.forward(&[&ones, &twos, &ones]).unwrap();
    let logits: Vec<_> = outputs.iter().map(|output| output.logits.clone()).collect();
    assert_eq!(logits, [[1.0, 64.0], [-2.0, -128.0], [1.0, 64.0]]);
    assert!(outputs.iter().all(|output| output.maps.is_none()));
}

#[test]
fn a_module_that_also_gives_a_map_per_label_has_maps() {
    let keep = tempfile::tempdir().unwrap();
    let mut engine = engine(&folder(keep.path(), LOGITS_AND_MAPS, &["mean", "sum"]));
    let (ones, twos) = inputs();
    let maps = engine.forward(&[&ones, &twos]).unwrap().remove(1).maps.unwrap();
    assert_eq!((maps.height, maps.width), (8, 8));
    assert_eq!(maps.of(0).unwrap(), [-2.0; 64]);
    assert_eq!(maps.of(1).unwrap(), [-4.0; 64]);
}

#[test]
fn a_second_tensor_that_is_no_map_per_label_is_left_alone() {
    let keep = tempfile::tempdir().unwrap();
    let mut engine = engine(&folder(keep.path(), LOGITS_AND_FEATURES, &["mean", "sum"]));
    assert!(engine.forward(&[&inputs().0]).unwrap()[0].maps.is_none());
}

#[test]
fn a_module_with_another_number_of_outputs_fails_with_the_shapes() {
    let keep = tempfile::tempdir().unwrap();
    let mut engine = engine(&folder(keep.path(), LOGITS, &["mean", "sum", "third"]));
    let failed = engine.forward(&[&inputs().0]).unwrap_err();
    assert!(matches!(&failed, EngineError::Forward { reason } if reason.contains("[1, 2]")), "{failed}");
}

#[test]
fn another_precision_than_it_was_exported_in_is_refused() {
    let keep = tempfile::tempdir().unwrap();
    let settings = EngineSettings { precision: Precision::Bf16, ..settings() };
    let loaded = load_engine(&folder(keep.path(), LOGITS, &["mean", "sum"]), &settings);
    assert!(matches!(loaded, Err(LoadError::Precision { .. })));
}

#[test]
fn bytes_that_are_no_module_are_refused() {
    let keep = tempfile::tempdir().unwrap();
    let folder = folder(keep.path(), b"not a module", &["mean", "sum"]);
    let Err(LoadError::Library { reason, .. }) = load_engine(&folder, &settings()) else {
        panic!("it was loaded")
    };
    assert!(!reason.is_empty() && !reason.contains('\n'), "{reason}");
}
