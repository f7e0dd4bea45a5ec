//! The engine on OpenVINO against torchxrayvision's own outputs, and what is said when it can't be used. Where its library

//! is not to be had the tests say so and pass; where `HILUM_OPENVINO_LIBRARY` names it, it must be there.

use hilum_infer::{
    CheckReport, DeviceChoice, EngineError, EngineSettings, Output, Precision, load_engine, self_check,
};
use hilum_models::{Architecture, FileRole, Manifest, ModelFolder, NewFile, add_file, onnx, write_folder};
use std::num::NonZeroUsize;

use crate::support::{Demo, demo, engine_if_any, golden_cases, largest_difference, openvino, variant};

fn refusal(folder: &ModelFolder, settings: &EngineSettings) -> String {
    match load_engine(folder, settings) {
        Ok(_) => panic!("the model was loaded"),
        Err(error) => error.to_string(),
    }
}

fn report(demo: &Demo, precision: Precision) -> Option<CheckReport> {
    let mut engine = engine_if_any(&demo.folder, &openvino(precision))?;
    let report = self_check(engine.as_mut(), &demo.folder).unwrap();
    eprintln!("{}: {report:?}", precision.as_str());
    Some(report)
}

#[test]
fn logits_and_maps_are_those_of_the_reference() {
    let Some(report) = report(&demo(), Precision::Fp32) else { return };
    assert!(report.largest_logit_difference <= 1e-4 && report.largest_map_difference <= 1e-3, "{report:?}");
    assert!(report.largest_logit_difference > 0.0, "another implementation never agrees to the last bit");
}

#[test]
fn half_precision_is_close_and_is_not_single_precision() {
    let Some(report) = report(&demo(), Precision::Bf16) else { return };
    // Measured: 3.0e-3, 2.9e-4 and 6.8e-3 at most over fourteen pictures.
    assert!((1e-5..0.02).contains(&report.largest_logit_difference), "{report:?}");
    assert!(
        report.largest_probability_difference < 0.002 && report.largest_map_difference < 0.05,
        "{report:?}"
    );
}

#[test]
fn the_engine_says_what_it_is() {
    let Some(engine) = engine_if_any(&demo().folder, &openvino(Precision::Fp32)) else { return };
    let description = engine.description();
    assert_eq!((description.engine.as_str(), description.precision.as_str()), ("openvino", "fp32"));
    assert_eq!(description.device, "cpu");
    let version = description.version.strip_prefix("OpenVINO ").unwrap();
    assert!(version.split('.').count() == 3 && version.starts_with("20"), "{version}");
}

fn assert_same(found: &Output, expected: &Output, tolerance: f32) {
    let logits = largest_difference(&found.logits, &expected.logits);
    let maps = |output: &Output| output.maps.as_ref().unwrap().values.clone();
    let maps = largest_difference(&maps(found), &maps(expected));
    assert!(logits <= tolerance && maps <= tolerance, "logits differ by {logits:e}, maps by {maps:e}");
}

#[test]
fn a_batch_gives_each_image_what_it_gets_alone_in_any_order_of_batch_sizes() {
    let demo = demo();
    let Some(mut engine) = engine_if_any(&demo.folder, &openvino(Precision::Fp32)) else { return };
    let case = golden_cases(&demo.folder).remove(0);
    let images: Vec<Vec<f32>> = (0..5).map(|number| variant(&case, number)).collect();
    let alone: Vec<Output> = images.iter().map(|image| engine.forward(&[image]).unwrap().remove(0)).collect();
    assert!(largest_difference(&alone[0].logits, &alone[4].logits) > 1e-3, "the images must differ");
    for size in [5, 2, 1, 3, 5] {
        let batch: Vec<&[f32]> = images[..size].iter().map(Vec::as_slice).collect();
        let outputs = engine.forward(&batch).unwrap();
        assert_eq!(outputs.len(), size);
        outputs.iter().zip(&alone).for_each(|(output, alone)| assert_same(output, alone, 1e-5));
    }
    assert!(engine.forward(&[]).unwrap().is_empty());
}

#[test]
fn replicas_at_work_at_the_same_time_each_read_their_own_image() {
    let demo = demo();
    let settings = EngineSettings { replicas: NonZeroUsize::new(2).unwrap(), ..openvino(Precision::Fp32) };
    let Some(mut first) = engine_if_any(&demo.folder, &settings) else { return };
    let case = golden_cases(&demo.folder).remove(1);
    let images: Vec<Vec<f32>> = (0..3).map(|number| variant(&case, number)).collect();
    let expected: Vec<Output> =
        images.iter().map(|image| first.forward(&[image]).unwrap().remove(0)).collect();
    // One more than there are streams: it waits its turn.
    let mut engines = [first.replica().unwrap(), first.replica().unwrap(), first];
    std::thread::scope(|scope| {
        for ((engine, image), expected) in engines.iter_mut().zip(&images).zip(&expected) {
            scope.spawn(move || {
                for _ in 0..5 {
                    assert_same(&engine.forward(&[image]).unwrap()[0], expected, 1e-5);
                }
            });
        }
    });
}

#[test]
fn a_replica_outlives_the_engine_it_was_made_from() {
    let demo = demo();
    let Some(engine) = engine_if_any(&demo.folder, &openvino(Precision::Fp32)) else { return };
    let mut replica = engine.replica().unwrap();
    drop(engine);
    let report = self_check(replica.as_mut(), &demo.folder).unwrap();
    assert!(report.passes());
}

#[test]
fn an_input_of_another_size_is_refused() {
    let Some(mut engine) = engine_if_any(&demo().folder, &openvino(Precision::Fp32)) else { return };
    let refused = engine.forward(&[&[0.0; 100]]).unwrap_err();
    assert!(matches!(refused, EngineError::InputSize { expected: 50_176, found: 100 }));
}

fn with_onnx(demo: &Demo, bytes: Vec<u8>) -> ModelFolder {
    let file = NewFile { name: "network.onnx".to_owned(), role: FileRole::Onnx, bytes };
    add_file(&demo.folder, &file).unwrap().0
}

fn graph(demo: &Demo) -> Vec<u8> {
    onnx::densenet121(&demo.folder.read_weights().unwrap(), 18).unwrap()
}

#[test]
fn the_listed_graph_is_read_and_not_one_made_from_the_weights() {
    let demo = demo();
    let mut bytes = graph(&demo);
    // The last constant of the file, a shift of the last batch normalisation, for all 1024 features.
    let last = bytes.windows(8).rposition(|window| window == b"constant").unwrap();
    let values = bytes[last..].iter_mut().skip(16).take(4 * 512);
    values.for_each(|byte| *byte = 0);
    let folder = with_onnx(&demo, bytes);
    let Some(mut engine) = engine_if_any(&folder, &openvino(Precision::Fp32)) else { return };
    let refused = self_check(engine.as_mut(), &folder).unwrap_err().to_string();
    assert!(refused.contains("differs from"), "{refused}");
}

/// A folder for libtorch whose network also comes as a graph; `onnx_graphs/make.py` made them.
fn another_network(keep: &tempfile::TempDir, graph: Option<&[u8]>, labels: &[&str]) -> ModelFolder {
    let labels: Vec<String> = labels.iter().map(|label| (*label).to_owned()).collect();
    let op_threshs = vec![0.5; labels.len()];
    let manifest = Manifest {
        name: "another".into(),
        licence: "Apache-2.0".into(),
        architecture: Architecture::Torchscript,
        input_side_px: 8,
        ..Manifest::chest_densenet121(labels, op_threshs)
    };
    let file = |name: &str, role, bytes: &[u8]| NewFile { name: name.into(), role, bytes: bytes.to_vec() };
    let mut files = vec![file("model.pt", FileRole::Weights, include_bytes!("torchscript_modules/maps.pt"))];
    files.extend(graph.map(|bytes| file("model.onnx", FileRole::Onnx, bytes)));
    write_folder(&keep.path().join("model"), manifest, &files).unwrap()
}

#[test]
fn another_network_is_read_with_the_graph_that_its_folder_lists() {
    for (graph, has_maps) in [
        (include_bytes!("onnx_graphs/logits.onnx").as_slice(), false),
        (include_bytes!("onnx_graphs/maps.onnx").as_slice(), true),
    ] {
        let keep = tempfile::tempdir().unwrap();
        let folder = another_network(&keep, Some(graph), &["mean", "sum"]);
        let Some(mut engine) = engine_if_any(&folder, &openvino(Precision::Fp32)) else { return };
        let (ones, twos) = ([1.0; 64], [-2.0; 64]);
        let outputs = engine.forward(&[&ones, &twos, &ones]).unwrap();
        let logits: Vec<_> = outputs.iter().map(|output| output.logits.clone()).collect();
        assert_eq!(logits, [[1.0, 64.0], [-2.0, -128.0], [1.0, 64.0]]);
        assert_eq!(outputs[1].maps.is_some(), has_maps);
        if let Some(maps) = &outputs[1].maps {
            assert_eq!((maps.height, maps.width, maps.of(2)), (8, 8, None));
            assert_eq!(
                (maps.of(0).unwrap(), maps.of(1).unwrap()),
                ([-2.0; 64].as_slice(), [-4.0; 64].as_slice())
            );
        }
    }
}

#[test]
fn a_network_whose_graph_is_missing_or_does_not_fit_is_refused_with_what_it_needs() {
    let keep = tempfile::tempdir().unwrap();
    let logits = include_bytes!("onnx_graphs/logits.onnx");
    let folder = another_network(&keep, Some(logits), &["mean", "sum", "third"]);
    if engine_if_any(&demo().folder, &openvino(Precision::Fp32)).is_none() {
        return;
    }
    let reason = refusal(&folder, &openvino(Precision::Fp32));
    assert!(reason.contains("`logits` [?, 2] where there are 3 labels"), "{reason}");
    let keep = tempfile::tempdir().unwrap();
    let reason = refusal(&another_network(&keep, None, &["mean", "sum"]), &openvino(Precision::Fp32));
    assert!(reason.contains("role \"onnx\""), "{reason}");
}

#[test]
fn a_damaged_graph_is_refused_with_the_reason() {
    let demo = demo();
    if engine_if_any(&demo.folder, &openvino(Precision::Fp32)).is_none() {
        return;
    }
    let whole = graph(&demo);
    for damaged in [whole[..whole.len() / 2].to_vec(), b"not a graph".to_vec(), Vec::new()] {
        let folder = with_onnx(&demo, damaged);
        let reason = refusal(&folder, &openvino(Precision::Fp32));
        assert!(reason.starts_with("OpenVINO could not load the model: "), "{reason}");
        eprintln!("{reason}");
    }
}

#[test]
fn what_it_cannot_do_is_refused_with_what_to_choose_instead() {
    let demo = demo();
    if engine_if_any(&demo.folder, &openvino(Precision::Fp32)).is_none() {
        return;
    }
    let reason = refusal(&demo.folder, &openvino(Precision::Fp16));
    assert!(reason.contains("choose bf16 or fp32"), "{reason}");
    let cuda = EngineSettings { device: DeviceChoice::Cuda(0), ..openvino(Precision::Fp32) };
    let reason = refusal(&demo.folder, &cuda);
    assert!(reason.contains("engine to tch"), "{reason}");
}
