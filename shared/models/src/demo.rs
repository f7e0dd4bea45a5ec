//! The demo model: DenseNet-121 with deterministic random weights, so that everything can be tried and tested
//! without a download. It says UNTRAINED wherever it is named.

use std::path::Path;

use crate::{FileRole, Manifest, ModelError, ModelFolder, NewFile, demo_weights, write_folder};

/// Labels and operating points of torchxrayvision's `densenet121-res224-all`, in the order of its outputs.
pub const LABELS: [(&str, f64); 18] = [
    ("Atelectasis", 0.07422872),
    ("Consolidation", 0.038290843),
    ("Infiltration", 0.09814756),
    ("Pneumothorax", 0.0098118475),
    ("Edema", 0.023601074),
    ("Emphysema", 0.0022490358),
    ("Fibrosis", 0.010060724),
    ("Effusion", 0.103246614),
    ("Pneumonia", 0.056810737),
    ("Pleural_Thickening", 0.026791653),
    ("Cardiomegaly", 0.050318155),
    ("Nodule", 0.023985857),
    ("Mass", 0.01939503),
    ("Hernia", 0.042889766),
    ("Lung Lesion", 0.053369623),
    ("Fracture", 0.035975814),
    ("Lung Opacity", 0.20204692),
    ("Enlarged Cardiomediastinum", 0.05015312),
];

/// Golden inputs, preprocessed for 224 pixels; any DenseNet-121 with this preprocessing can be checked on them.
pub const GOLDEN_INPUTS: [(&str, &[u8]); 2] = [
    ("golden/mhh_1479fa94.f32le", include_bytes!("../golden/mhh_1479fa94.f32le")),
    ("golden/mhh_19073f37.f32le", include_bytes!("../golden/mhh_19073f37.f32le")),
];
/// Origin and licence of the golden inputs; goes with them into every folder.
pub const GOLDEN_README: &[u8] = include_bytes!("../golden/README.md");
const GOLDEN_OUTPUTS: &[u8] = include_bytes!("../golden/golden.json");

/// Writes the demo model to `target` and opens it; if it is already there, only opens it.
///
/// # Errors
/// When something else is at `target`, or writing failed.
pub fn write_demo(target: &Path) -> Result<ModelFolder, ModelError> {
    let file = |name: &str, role, bytes: &[u8]| NewFile { name: name.into(), role, bytes: bytes.to_vec() };
    let mut files = vec![
        NewFile {
            name: "weights.safetensors".into(),
            role: FileRole::Weights,
            bytes: demo_weights::safetensors_bytes(LABELS.len())?,
        },
        file("golden/golden.json", FileRole::Golden, GOLDEN_OUTPUTS),
        file("golden/README.md", FileRole::Document, GOLDEN_README),
    ];
    files.extend(GOLDEN_INPUTS.iter().map(|(name, bytes)| file(name, FileRole::GoldenInput, bytes)));
    write_folder(target, manifest(), &files)
}

/// The manifest of the demo model, without its files.
pub fn manifest() -> Manifest {
    let (labels, op_threshs) =
        LABELS.map(|(label, threshold)| (label.to_owned(), threshold)).into_iter().unzip();
    Manifest {
        name: "densenet121-demo".into(),
        licence: "Apache-2.0 (random numbers; golden images CC BY 3.0, see golden/README.md)".into(),
        ..Manifest::chest_densenet121(labels, op_threshs)
    }
}
