//! Which engine a process reads with, and in how many replicas.

use hilum_infer::{
    Candidate, Choice, Chosen, DeviceChoice, EngineKind, Precision, SelectError, Simulation, Wanted, choose,
};
use hilum_models::{FileRole, ModelFolder};
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::support::{changed, demo, golden_cases, largest_difference, with_a_wrong_golden_logit};

/// On two cores of the processor, in batches of one, so that nothing but the choice takes time.
fn wanted() -> Wanted {
    Wanted {
        device: Choice::Only(DeviceChoice::Cpu),
        max_batch: Some(NonZeroUsize::MIN),
        ..Wanted::automatic(NonZeroUsize::new(2).unwrap())
    }
}

fn only(kind: EngineKind, precision: Precision) -> Wanted {
    Wanted { engine: Choice::Only(kind), precision: Choice::Only(precision), ..wanted() }
}

fn refused(folder: &ModelFolder, wanted: &Wanted) -> String {
    match choose(folder, wanted) {
        Err(error @ SelectError::NoneUsable(_)) => error.to_string(),
        Err(error) => panic!("{error:?}"),
        Ok(chosen) => panic!("{:?}", chosen.candidates),
    }
}

fn the_chosen(chosen: &Chosen) -> &Candidate {
    let of_it: Vec<_> = chosen.candidates.iter().filter(|candidate| candidate.is_chosen).collect();
    assert_eq!(of_it.len(), 1, "{:?}", chosen.candidates);
    of_it[0]
}

#[test]
fn left_alone_it_takes_an_engine_that_gives_the_golden_results_and_says_what_became_of_the_others() {
    let demo = demo();
    let mut chosen = choose(&demo.folder, &wanted()).unwrap();
    let names: Vec<_> = chosen.candidates.iter().map(|it| (it.engine, it.precision)).collect();
    assert_eq!(names, [("openvino", "bf16"), ("openvino", "fp32"), ("tch", "bf16"), ("tch", "fp32")]);
    assert!(chosen.candidates.iter().all(|candidate| !candidate.outcome.is_empty()));
    assert!(the_chosen(&chosen).ms_per_image.is_some());
    let report = chosen.report.unwrap();
    assert!(report.passes() && report.cases == 2);
    let settings = chosen.settings;
    assert!(settings.threads.get() * settings.replicas.get() <= 2);
    assert_eq!(chosen.engines.len(), settings.replicas.get());
    for case in golden_cases(&demo.folder) {
        for engine in &mut chosen.engines {
            let output = engine.forward(&[&case.input]).unwrap().remove(0);
            assert!(largest_difference(&output.logits, &case.logits) <= report.logit_tolerance);
        }
    }
}

#[test]
fn what_was_asked_for_is_taken_or_refused_with_the_reason() {
    let demo = demo();
    let chosen = choose(&demo.folder, &only(EngineKind::Tch, Precision::Fp32)).unwrap();
    assert_eq!((chosen.candidates.len(), the_chosen(&chosen).engine), (1, "tch"));
    let reason = refused(&demo.folder, &only(EngineKind::Tch, Precision::Fp16));
    assert!(reason.contains("fp16 is for CUDA devices"), "{reason}");
    let cuda = Wanted { device: Choice::Only(DeviceChoice::Cuda(99)), ..wanted() };
    let reason = refused(&demo.folder, &cuda);
    assert!(reason.contains("CUDA device 99 is not available"), "{reason}");
}

#[test]
fn no_engine_is_taken_that_does_not_give_the_golden_results() {
    let (demo, keep) = (demo(), tempfile::tempdir().unwrap());
    let folder = with_a_wrong_golden_logit(&demo.folder, keep.path());
    let reason = refused(&folder, &only(EngineKind::Tch, Precision::Fp32));
    assert!(reason.contains("differs from the reference by more than allowed: logits by 3"), "{reason}");
    let fp32 = Wanted { precision: Choice::Only(Precision::Fp32), ..wanted() };
    let reason = refused(&folder, &fp32);
    assert!(reason.contains("openvino fp32") && reason.contains("tch fp32"), "{reason}");
}

#[test]
fn a_model_without_golden_cases_is_read_as_the_reference_computes() {
    let (demo, keep) = (demo(), tempfile::tempdir().unwrap());
    let folder =
        changed(&demo.folder, keep.path(), |_, files| files.retain(|file| file.role == FileRole::Weights));
    let chosen = choose(&folder, &wanted()).unwrap();
    let it = the_chosen(&chosen);
    assert_eq!((it.engine, it.precision, chosen.report.is_none()), ("tch", "fp32", true));
    let bf16 = refused(&folder, &only(EngineKind::Tch, Precision::Bf16));
    assert!(bf16.contains("no golden cases"), "{bf16}");
}

fn simulated(limit: &str) -> Wanted {
    let simulation = Simulation { time_per_image: Duration::ZERO, footprint_bytes: 5_600_000_000 };
    Wanted {
        engine: Choice::Only(EngineKind::Simulated(simulation)),
        cores: NonZeroUsize::new(4).unwrap(),
        memory_limit: Some(limit.parse().unwrap()),
        ..wanted()
    }
}

#[test]
fn as_many_replicas_run_as_the_memory_holds() {
    let demo = demo();
    let replicas = |limit| choose(&demo.folder, &simulated(limit)).unwrap().engines.len();
    assert_eq!([replicas("6GB"), replicas("12GB"), replicas("1TB")], [1, 2, 4], "never more than cores");
    let reason = refused(&demo.folder, &simulated("5GB"));
    assert!(reason.contains("5.6 GB") && reason.contains("limit is 5.0 GB"), "{reason}");
}

#[test]
fn real_engines_are_weighed_before_they_are_multiplied() {
    let demo = demo();
    let tch = only(EngineKind::Tch, Precision::Fp32);
    let limited = |limit: &str| Wanted {
        memory_limit: Some(limit.parse().unwrap()),
        replicas: NonZeroUsize::new(2),
        ..tch.clone()
    };
    let reason = refused(&demo.folder, &limited("1MB"));
    assert!(reason.contains("limit is 1 MB"), "{reason}");
    assert_eq!(choose(&demo.folder, &limited("1TB")).unwrap().engines.len(), 2);
}

#[test]
fn a_simulated_engine_says_so_and_answers_for_each_image_by_itself() {
    let demo = demo();
    let mut chosen = choose(&demo.folder, &simulated("6GB")).unwrap();
    assert!(chosen.report.is_none());
    let engine = &mut chosen.engines[0];
    assert_eq!(engine.description().engine, "simulated");
    let cases = golden_cases(&demo.folder);
    let outputs = engine.forward(&[&cases[0].input, &cases[1].input, &cases[0].input]).unwrap();
    assert!(outputs.iter().all(|output| output.logits.len() == demo.folder.manifest().labels.len()));
    assert!(outputs.iter().flat_map(|output| &output.logits).all(|logit| logit.is_finite()));
    assert_eq!(outputs[0], outputs[2]);
    assert_ne!(outputs[0], outputs[1]);
}
