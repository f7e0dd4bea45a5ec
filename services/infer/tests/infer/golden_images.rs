//! From the bytes of real images to findings: decode, preprocess and read, compared with torchxrayvision's outputs for
//! both ways of resizing and with every engine that this machine has. The images lie beside the checkout; without them

//! this says so and passes.

use hilum_events::MediaType;
use hilum_imaging::{DecoderConfig, DecoderPool, Preprocessing, ResizeMethod, preprocess};
use hilum_infer::{Engine, Output, Precision, findings};
use hilum_models::ModelFolder;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::{demo, engine, engine_if_any, largest_difference, openvino};

const ROUTES: [(&str, ResizeMethod); 2] =
    [("A", ResizeMethod::SkimageGaussian), ("B", ResizeMethod::TorchAntialias)];

fn beside_the_checkout() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    folder.join("golden/golden.json").is_file().then_some(folder)
}

/// The decoder program is another package's; it is built if this package is tested alone.
fn decoders() -> DecoderPool {
    let config = DecoderConfig::sibling().or_else(|_| {
        let build = ["build", "--quiet", "-p", "hilum-imaging", "--bin", "hilum-decoder"];
        assert!(Command::new(env!("CARGO")).args(build).status().unwrap().success());
        DecoderConfig::sibling()
    });
    DecoderPool::new(config.unwrap())
}

fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

/// By how much the numbers of one image may differ from the reference.
struct Tolerance {
    logit: f32,
    probability: f32,
    score: f32,
    map: f32,
}

const SINGLE: Tolerance = Tolerance { logit: 1e-4, probability: 1e-4, score: 1e-3, map: 1e-3 };
/// Measured with OpenVINO are 3.0e-3, 2.9e-4 and 6.8e-3 for logits, probabilities and maps.
const HALF: Tolerance = Tolerance { logit: 0.02, probability: 0.002, score: 0.02, map: 0.05 };

/// On the processor; the first is always there.
fn engines(folder: &ModelFolder) -> Vec<(Box<dyn Engine>, Tolerance)> {
    let single = engine_if_any(folder, &openvino(Precision::Fp32)).map(|engine| (engine, SINGLE));
    let half = engine_if_any(folder, &openvino(Precision::Bf16)).map(|engine| (engine, HALF));
    [Some((engine(folder), SINGLE)), single, half].into_iter().flatten().collect()
}

/// Compares one image on one route; says how far its logits are off.
fn check(
    name: &str,
    (labels, thresholds): (&[String], &[f32]),
    tolerance: &Tolerance,
    output: &Output,
    golden: &Value,
) -> f32 {
    let logits = largest_difference(&output.logits, &numbers(&golden["logits"]));
    assert!(logits <= tolerance.logit, "{name}: logits differ by {logits:e}");
    let found = findings(labels, thresholds, &output.logits);
    let column = |value: fn(&hilum_infer::LabelScore) -> f32| found.iter().map(value).collect::<Vec<_>>();
    let probability = column(|finding| finding.probability);
    let probability = largest_difference(&probability, &numbers(&golden["probability"]));
    assert!(probability <= tolerance.probability, "{name}: probabilities differ by {probability:e}");
    let score = column(|finding| finding.operating_point_score);
    let score = largest_difference(&score, &numbers(&golden["operating_point_score"]));
    assert!(score <= tolerance.score, "{name}: scores differ by {score:e}");
    let top = golden["cam_top"]["label_index"].as_u64().unwrap() as usize;
    let map = output.maps.as_ref().unwrap().of(top).unwrap();
    let map = largest_difference(map, &numbers(&golden["cam_top"]["map_7x7"]));
    assert!(map <= tolerance.map, "{name}: maps differ by {map:e}");
    logits
}

#[tokio::test]
async fn every_golden_image_gets_the_reference_findings_on_both_routes_and_every_engine() {
    let Some(shared) = beside_the_checkout() else {
        eprintln!("skipped: the golden images are not beside the checkout");
        return;
    };
    let golden: Value =
        serde_json::from_slice(&std::fs::read(shared.join("golden/golden.json")).unwrap()).unwrap();
    let (demo, pool) = (demo(), decoders());
    let (labels, thresholds) = (&demo.folder.manifest().labels, demo.folder.manifest().op_threshs_f32());
    let mut engines = engines(&demo.folder);
    let cases = golden["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 10);
    for case in cases {
        let name = case["image"].as_str().unwrap();
        let bytes = std::fs::read(shared.join("data").join(name)).unwrap();
        let name = name.rsplit('/').next().unwrap();
        let picture = pool.decode(MediaType::recognise(&bytes).unwrap(), &bytes).await.unwrap();
        for (route, resize) in ROUTES {
            let input = preprocess(&picture, &Preprocessing { resize, ..Preprocessing::default() });
            for (engine, tolerance) in &mut engines {
                let output = engine.forward(&[&input.values]).unwrap().remove(0);
                let logits = check(name, (labels, &thresholds), tolerance, &output, &case[route]);
                let (engine, precision) = (engine.description().engine, engine.description().precision);
                eprintln!(
                    "{name}, route {route}, {engine} {precision}: logits differ by at most {logits:.1e}"
                );
            }
        }
    }
}

#[test]
fn the_model_names_its_preprocessing_as_the_imaging_library_does() {
    assert_eq!(demo().folder.identity().preprocessing_id, Preprocessing::default().id());
}
