//! What several tests of the model side share.

use hilum_infer::{Engine, EngineKind, EngineSettings, LoadError, Precision, load_engine};
use hilum_models::{
    FileRole, GoldenCase, GoldenFile, Manifest, ModelFolder, NewFile, demo::write_demo, write_folder,
};
use std::fs;
use tempfile::TempDir;

pub(crate) struct Demo {
    pub(crate) folder: ModelFolder,
    _keep: TempDir,
}

pub(crate) fn demo() -> Demo {
    let keep = tempfile::tempdir().unwrap();
    Demo { folder: write_demo(&keep.path().join("demo")).unwrap(), _keep: keep }
}

pub(crate) fn settings() -> EngineSettings {
    // More threads than one would spin while they wait, and tests run beside one another.
    EngineSettings::reference()
}

pub(crate) fn engine(folder: &ModelFolder) -> Box<dyn Engine> {
    load_engine(folder, &settings()).unwrap()
}

pub(crate) fn openvino(precision: Precision) -> EngineSettings {
    EngineSettings { kind: EngineKind::Openvino, precision, ..settings() }
}

/// An engine that not every machine has, or `None` and a word about it. Where `HILUM_OPENVINO_LIBRARY` names the library
/// it must be there.
#[allow(clippy::print_stderr, reason = "says that something was skipped")]
pub(crate) fn engine_if_any(folder: &ModelFolder, settings: &EngineSettings) -> Option<Box<dyn Engine>> {
    match load_engine(folder, settings) {
        Ok(engine) => Some(engine),
        Err(LoadError::Unavailable { reason, .. })
            if std::env::var_os("HILUM_OPENVINO_LIBRARY").is_none() =>
        {
            eprintln!("skipped: {reason}");
            None
        }
        // A processor without bf16 is no fault either.
        Err(LoadError::Precision { reason }) if settings.precision == Precision::Bf16 => {
            eprintln!("skipped: {reason}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn golden_cases(folder: &ModelFolder) -> Vec<GoldenCase> {
    folder.golden_cases().unwrap()
}

pub(crate) fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// An input that no other number gives: a golden one, dimmed.
pub(crate) fn variant(case: &GoldenCase, number: usize) -> Vec<f32> {
    let factor = 1.0 - number as f32 * 0.04;
    case.input.iter().map(|value| value * factor).collect()
}

/// The demo's files, changed, in a new folder.
pub(crate) fn changed(
    demo: &ModelFolder,
    target: &std::path::Path,
    change: impl FnOnce(&mut Manifest, &mut Vec<NewFile>),
) -> ModelFolder {
    let mut manifest = demo.manifest().clone();
    let file = |entry: &hilum_models::FileEntry| NewFile {
        name: entry.name.clone(),
        role: entry.role,
        bytes: fs::read(demo.path().join(&entry.name)).unwrap(),
    };
    let mut files: Vec<NewFile> = manifest.files.iter().map(file).collect();
    change(&mut manifest, &mut files);
    write_folder(&target.join("changed"), manifest, &files).unwrap()
}

pub(crate) fn with_role(files: &mut [NewFile], role: FileRole) -> &mut NewFile {
    files.iter_mut().find(|file| file.role == role).unwrap()
}

/// A copy of the folder whose golden results are wrong in one logit, by three times what fp32 may differ.
pub(crate) fn with_a_wrong_golden_logit(folder: &ModelFolder, keep: &std::path::Path) -> ModelFolder {
    changed(folder, keep, |_, files| {
        let file = with_role(files, FileRole::Golden);
        let mut golden: GoldenFile = serde_json::from_slice(&file.bytes).unwrap();
        golden.cases[1].logits[7] += 3e-4;
        file.bytes = serde_json::to_vec(&golden).unwrap();
    })
}
