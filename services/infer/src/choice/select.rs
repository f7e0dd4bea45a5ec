//! Chooses the engine of a process: whatever proves itself on the golden cases and is fastest on this machine, in as
//! many replicas as its cores and its memory allow. Says what became of every engine that came into question.

use std::num::NonZeroUsize;
use std::time::{Duration, Instant};

use hilum_models::ModelFolder;

use crate::choice::calibrate::{CPU_BATCHES, CUDA_BATCHES, Pace, best_batch, calibrate, measure};
use crate::choice::candidates::{Machine, Possibility, Wanted, candidates};
use crate::choice::chosen::{Candidate, Chosen, SelectError};
use crate::choice::memory::{ByteSize, give_back_freed, resident};
use crate::choice::replicas::{First, Replicas, ReplicasError, load_replicas};
use crate::choice::self_check::{CheckError, CheckReport, self_check};
use crate::engine::load::load_engine;
use crate::engine::load_error::LoadError;
use crate::engine::settings::{DeviceChoice, EngineKind, EngineSettings, Precision};
use crate::engine::{Engine, EngineError};

/// For measuring all candidates together; loading and checking them comes on top.
const CALIBRATION: Duration = Duration::from_millis(2500);
/// For measuring one of them.
const CALIBRATION_OF_ONE: Duration = Duration::from_millis(1200);
/// Batches gain no more than this over single images; an engine that is further behind need not be measured.
const LARGEST_GAIN_OF_BATCHES: u32 = 3;

/// Loads, proves and measures what comes into question and keeps the fastest. Blocks for some seconds.
///
/// # Errors
/// The folder was changed, or nothing that was asked for is available, proves itself and fits into the memory.
pub fn choose(folder: &ModelFolder, wanted: &Wanted) -> Result<Chosen, SelectError> {
    let possibilities = candidates(wanted, &Machine::here());
    let mut selection = Selection {
        folder,
        wanted,
        has_proof: !folder.golden_cases()?.is_empty(),
        is_only_one: possibilities.len() == 1,
        deadline: Instant::now() + CALIBRATION,
        best: None,
        candidates: Vec::new(),
    };
    for possibility in possibilities {
        selection.consider(possibility)?;
    }
    selection.finish()
}

struct Selection<'a> {
    folder: &'a ModelFolder,
    wanted: &'a Wanted,
    has_proof: bool,
    is_only_one: bool,
    deadline: Instant,
    best: Option<Best>,
    candidates: Vec<Candidate>,
}

/// An engine that works here.
struct Proved {
    replicas: Replicas,
    report: Option<CheckReport>,
    pace: Pace,
    /// That all its replicas take.
    memory: ByteSize,
}

struct Best {
    proved: Proved,
    /// Position among the candidates.
    index: usize,
}

/// Why an engine is not used.
enum Setback {
    /// Another one may do.
    Outcome(String),
    /// No other one would do either.
    Fatal(SelectError),
}

impl From<EngineError> for Setback {
    fn from(error: EngineError) -> Self {
        Self::Outcome(error.to_string())
    }
}

impl From<LoadError> for Setback {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::Folder(_)
            | LoadError::Safetensors(_)
            | LoadError::Tensor { .. }
            | LoadError::InputSide { .. } => Self::Fatal(SelectError::Model(error)),
            other => Self::Outcome(other.to_string()),
        }
    }
}

impl From<ReplicasError> for Setback {
    fn from(error: ReplicasError) -> Self {
        match error {
            ReplicasError::Load(error) => error.into(),
            other => Self::Outcome(other.to_string()),
        }
    }
}

impl Selection<'_> {
    fn consider(&mut self, possibility: Possibility) -> Result<(), SelectError> {
        let settings = possibility.settings;
        let tried = match possibility.obstacle {
            Some(obstacle) => Err(Setback::Outcome(obstacle)),
            None => self.try_out(&settings),
        };
        let index = self.candidates.len();
        let (ms_per_image, outcome) = match tried {
            Ok(proved) => {
                let per_image = proved.pace.per_image;
                if self.best.as_ref().is_none_or(|best| per_image < best.proved.pace.per_image) {
                    self.best = Some(Best { proved, index });
                }
                (Some(ms(per_image)), String::new())
            }
            Err(Setback::Outcome(outcome)) => (None, outcome),
            Err(Setback::Fatal(error)) => return Err(error),
        };
        give_back_freed();
        self.candidates.push(Candidate {
            engine: settings.kind.as_str(),
            precision: settings.precision.as_str(),
            device: settings.device.to_string(),
            is_chosen: false,
            ms_per_image,
            outcome,
        });
        Ok(())
    }

    /// One engine: loaded, proved, in as many replicas as fit, measured.
    fn try_out(&self, settings: &EngineSettings) -> Result<Proved, Setback> {
        if !self.has_proof && !is_reference(settings) {
            let reason = "the model folder has no golden cases that could prove it; import the model again";
            return Err(Setback::Outcome(reason.to_owned()));
        }
        give_back_freed();
        let before = resident();
        let mut first = load_engine(self.folder, settings)?;
        let report = self.prove(&mut *first)?;
        self.leave_if_far_behind(&mut *first, settings)?;
        let batches = self.batches(settings);
        let largest = batches.iter().copied().max().unwrap_or(NonZeroUsize::MIN);
        let first = First { engine: first, before, largest_batch: largest };
        let mut replicas = load_replicas(self.folder, self.wanted, settings, first)?;
        let paces = match batches[..] {
            [only] => vec![measure(&mut replicas.engines, only, 1)?],
            _ => {
                let left = self.deadline.saturating_duration_since(Instant::now());
                calibrate(&mut replicas.engines, &batches, left.min(CALIBRATION_OF_ONE))?
            }
        };
        let unmeasured = || Setback::Outcome("no batch could be measured".to_owned());
        let pace = *best_batch(&paces).ok_or_else(unmeasured)?;
        Ok(Proved { replicas, report, pace, memory: resident().since(before) })
    }

    fn batches(&self, settings: &EngineSettings) -> Vec<NonZeroUsize> {
        let sizes: &[usize] = match (settings.kind, settings.device) {
            // It takes the same time for every image of a batch.
            (EngineKind::Simulated(_), _) => &[1],
            (_, DeviceChoice::Cuda(_)) => &CUDA_BATCHES,
            (_, DeviceChoice::Cpu) => &CPU_BATCHES,
        };
        let sizes = || sizes.iter().copied().filter_map(NonZeroUsize::new).collect();
        self.wanted.max_batch.map_or_else(sizes, |only| vec![only])
    }

    fn prove(&self, engine: &mut dyn Engine) -> Result<Option<CheckReport>, Setback> {
        // Its numbers are made up, and it says so.
        if !self.has_proof || engine.description().engine == "simulated" {
            return Ok(None);
        }
        match self_check(engine, self.folder) {
            Ok(report) => Ok(Some(report)),
            Err(CheckError::Folder(error)) => Err(Setback::Fatal(error.into())),
            Err(error) => Err(Setback::Outcome(error.to_string())),
        }
    }

    /// An engine whose single images take so long that no batch makes up for it costs no further time.
    fn leave_if_far_behind(&self, engine: &mut dyn Engine, settings: &EngineSettings) -> Result<(), Setback> {
        let Some(best) = &self.best else { return Ok(()) };
        let blank = vec![0.5; engine.input_len()];
        let began = Instant::now();
        engine.forward(&[&blank])?;
        let took = began.elapsed();
        let replicas = u32::try_from(settings.replicas.get()).unwrap_or(u32::MAX);
        if took / replicas.saturating_mul(LARGEST_GAIN_OF_BATCHES) < best.proved.pace.per_image {
            return Ok(());
        }
        let (best_ms, took_ms) = (ms(best.proved.pace.per_image), ms(took));
        Err(Setback::Outcome(format!(
            "slower: {took_ms:.1} ms for a single image in each of {replicas} replicas, the fastest reads one every \
             {best_ms:.1} ms"
        )))
    }

    fn finish(mut self) -> Result<Chosen, SelectError> {
        let Some(best) = self.best.take() else { return Err(SelectError::NoneUsable(self.candidates)) };
        let fastest_ms = ms(best.proved.pace.per_image);
        for (index, candidate) in self.candidates.iter_mut().enumerate() {
            if index == best.index {
                candidate.is_chosen = true;
                candidate.outcome = reason(&best.proved, self.is_only_one);
            } else if let Some(ms) = candidate.ms_per_image {
                candidate.outcome =
                    format!("slower: {ms:.1} ms an image, {:.1} times as long", ms / fastest_ms);
            }
            let Candidate { engine, precision, device, is_chosen, outcome, .. } = &*candidate;
            tracing::info!(engine, precision, device, is_chosen, outcome, "engine");
        }
        if !self.has_proof {
            tracing::warn!("the model folder has no golden cases: its numbers are not proved");
        }
        let Proved { replicas, report, pace, .. } = best.proved;
        Ok(Chosen {
            engines: replicas.engines,
            settings: replicas.settings,
            max_batch: pace.batch,
            pass: pace.pass,
            report,
            candidates: self.candidates,
        })
    }
}

/// What the reference computes with: nothing is lost to rounding that would have to be proved.
fn is_reference(settings: &EngineSettings) -> bool {
    matches!(settings.kind, EngineKind::Tch | EngineKind::Simulated(_))
        && settings.precision == Precision::Fp32
}

fn reason(proved: &Proved, is_only_one: bool) -> String {
    let EngineSettings { threads, replicas, .. } = proved.replicas.settings;
    let why = if is_only_one { "chosen by the settings" } else { "chosen: the fastest that proves itself" };
    let (each_ms, batch, memory) = (ms(proved.pace.per_image), proved.pace.batch, proved.memory);
    format!(
        "{why}; {each_ms:.1} ms an image, {replicas} × {threads} threads, batches of {batch}, {memory} of memory"
    )
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
