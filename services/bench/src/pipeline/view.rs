//! What was measured through the whole stack, and how it is shown.

use std::collections::BTreeMap;

use hilum_terminal::Output;
use serde_json::{Value, json};

use super::super::contents::Kind;
use super::super::core_use::CoreUse;
use super::super::ideal::IdealOutcome;
use super::super::latency_view::{in_ms, to_json};
use super::super::load::{totals, uploads};
use super::super::processes::ProcessUse;
use super::super::statistics::Latencies;
use super::Measured;
use super::duplicates::{Duplicates, Pair};

/// All that was measured.
pub(super) struct PipelineOutcome {
    /// `None` for a burst.
    pub(super) users: Option<u16>,
    pub(super) kinds: BTreeMap<Kind, usize>,
    pub(super) files: usize,
    pub(super) untrained: bool,
    /// Whether it is shown where the processor's time went.
    pub(super) cores: bool,
    pub(super) measured: Measured,
    pub(super) duplicates: Option<Duplicates>,
    /// The processes at the end, for their largest memory.
    pub(super) memory: Vec<ProcessUse>,
    /// Before and after; empty when not wanted.
    pub(super) ideals: Vec<IdealOutcome>,
}

impl PipelineOutcome {
    fn images_per_s(&self) -> f64 {
        self.measured.read.len() as f64 / self.measured.wall.as_secs_f64()
    }

    fn ideal_per_s(&self) -> Option<f64> {
        let sum: f64 = self.ideals.iter().map(|ideal| ideal.images_per_s).sum();
        (!self.ideals.is_empty()).then(|| sum / self.ideals.len() as f64)
    }

    fn ratio_to_ideal(&self) -> Option<f64> {
        Some(self.images_per_s() / self.ideal_per_s()?)
    }

    fn core_use(&self) -> CoreUse<'_> {
        CoreUse { used: &self.measured.used, images: self.measured.read.len() }
    }

    /// The largest memory of the workers that read, MiB, without their decoders.
    fn infer_peak_mib(&self) -> u64 {
        let workers = self.memory.iter().filter(|process| process.name == "hilum-infer");
        workers.map(|process| process.peak_kib / 1024).max().unwrap_or(0)
    }

    pub(super) fn show(&self, output: Output) {
        let kinds: Vec<_> =
            self.kinds.iter().map(|(kind, count)| format!("{count} {}", kind.as_str())).collect();
        let load = match self.users {
            Some(users) => format!("{users} users"),
            None => "a burst".to_owned(),
        };
        output.say(format_args!(
            "{load}, {} images in {:.1} s, all different, made of {} files ({})",
            self.measured.read.len(),
            self.measured.wall.as_secs_f64(),
            self.files,
            kinds.join(", ")
        ));
        let header = ["what", "images/s", "p50", "p95", "p99", "longest"];
        output.table(&header, self.rows());
        if self.cores {
            self.core_use().show(output);
        }
        for line in self.lines() {
            output.say(line);
        }
    }

    fn rows(&self) -> Vec<Vec<String>> {
        let row = |what: &str, rate: String, latencies: Option<Latencies>| {
            let times = |it: &Latencies| [it.p50(), it.p95(), it.p99(), it.longest()].map(in_ms);
            let times = latencies.as_ref().map(times).unwrap_or_default();
            [what.to_owned(), rate].into_iter().chain(times).collect()
        };
        let read = &self.measured.read;
        let mut rows = vec![
            row("from upload to reading", format!("{:.1}", self.images_per_s()), totals(read)),
            row("from upload to 202", String::new(), uploads(read)),
        ];
        let pairs =
            self.duplicates.iter().flat_map(|both| [("idle", &both.idle), ("under load", &both.loaded)]);
        for (when, Pair { reading, duplicate, upload }) in pairs {
            rows.push(row(&format!("{when}: a reading"), String::new(), Some(reading.clone())));
            rows.push(row(&format!("{when}: a duplicate"), String::new(), Some(duplicate.clone())));
            rows.push(row(&format!("{when}: its upload to 202"), String::new(), Some(upload.clone())));
        }
        for (ideal, when) in self.ideals.iter().zip(["before", "after"]) {
            rows.push(row(&format!("the ideal, {when}"), format!("{:.1}", ideal.images_per_s), None));
        }
        rows
    }

    fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(ratio) = self.ratio_to_ideal() {
            lines.push(format!("the pipeline reaches {ratio:.3} of the ideal"));
        }
        if let Some(ideal) = self.ideals.first() {
            lines.push(format!(
                "the ideal computes with {} on {} cores; per image {:.2} ms to decode and preprocess, {:.2} ms in the \
                 model",
                ideal.engine, ideal.cores, ideal.decode_and_preprocess_ms, ideal.forward_ms
            ));
        }
        if self.ideals.iter().any(|ideal| ideal.files != self.files) {
            lines.push("NOT COMPARABLE: the stack refused other files than the ideal".to_owned());
        }
        if let Some(Duplicates { idle, loaded }) = &self.duplicates {
            lines.push(format!(
                "a duplicate is answered {:.1} times sooner than a reading on an idle stack, {:.1} times under load",
                idle.ratio(),
                loaded.ratio()
            ));
        }
        lines.push(format!("largest memory of a worker: {} MiB, decoders apart", self.infer_peak_mib()));
        let (read, forwards) = (self.measured.read.len() as u64, self.measured.forwards);
        // Those in the model at the first or last moment count once or not at all.
        let slack = u64::from(self.users.unwrap_or(0));
        if forwards.is_some_and(|forwards| forwards + slack < read) {
            lines.push(format!(
                "NOT A MEASUREMENT OF READINGS: {read} images came back, {} went through the model",
                forwards.unwrap_or(0)
            ));
        }
        if let Some(reports) = self.measured.reports {
            lines.push(format!("{reports} reports were issued meanwhile"));
        }
        if self.measured.full > 0 {
            lines.push(format!("{} uploads were refused because the stack was full", self.measured.full));
        }
        if self.untrained {
            lines.push(hilum_models::UNTRAINED_NOTICE.to_owned());
        }
        if cfg!(debug_assertions) {
            lines.push("this is a debug build: its times say little".to_owned());
        }
        lines
    }

    /// The outcome as one JSON object.
    pub(super) fn object(&self) -> Value {
        let kinds: BTreeMap<_, _> = self.kinds.iter().map(|(kind, count)| (kind.as_str(), count)).collect();
        let pair = |pair: &Pair| {
            let [reading, duplicate, upload] = [&pair.reading, &pair.duplicate, &pair.upload].map(to_json);
            json!({ "reading": reading, "duplicate": duplicate, "upload": upload, "ratio": pair.ratio() })
        };
        json!({
            "benchmark": "pipeline",
            "users": self.users,
            "files_by_kind": kinds,
            "untrained": self.untrained,
            "debug_build": cfg!(debug_assertions),
            "seconds": self.measured.wall.as_secs_f64(),
            "images": self.measured.read.len(),
            "forward_passes_of_images": self.measured.forwards,
            "reports": self.measured.reports,
            "refused_as_full": self.measured.full,
            "images_per_s": self.images_per_s(),
            "latency": totals(&self.measured.read).as_ref().map(to_json),
            "upload": uploads(&self.measured.read).as_ref().map(to_json),
            "duplicates": self.duplicates.as_ref().map(|both| json!({
                "idle": pair(&both.idle),
                "under_load": pair(&both.loaded),
            })),
            "infer_peak_mib": self.infer_peak_mib(),
            "ideal": self.ideals,
            "ratio_to_ideal": self.ratio_to_ideal(),
            "cores": self.core_use().object(),
        })
    }
}
