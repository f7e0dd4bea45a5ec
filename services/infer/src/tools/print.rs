//! What the `model` commands say, as text for people or one JSON object. Computes nothing.

use std::io::Write;
use std::path::Path;

use hilum_models::{Added, ModelFolder, ModelIdentity, UNTRAINED_NOTICE};
use serde::Serialize;

use crate::choice::chosen::Candidate;
use crate::engine::EngineDescription;
use crate::tools::add_graph::{Prepared, Proof};
use crate::tools::check::Checked;
use crate::tools::error::ModelCommandError;

#[derive(Serialize)]
struct Head<'a> {
    model: ModelIdentity,
    notice: Option<&'static str>,
    dir: &'a Path,
}

#[derive(Serialize)]
struct FolderLine<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    task: &'a str,
    licence: &'a str,
    labels: &'a [String],
    golden_cases: usize,
}

#[derive(Serialize)]
struct CheckLine<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    #[serde(flatten)]
    checked: &'a Checked,
}

#[derive(Serialize)]
struct PreparedLine<'a> {
    #[serde(flatten)]
    head: Head<'a>,
    file: &'static str,
    written: bool,
    openvino: &'a [Proof],
}

/// Writes to the given output only.
pub(crate) struct Printer<'a> {
    out: &'a mut dyn Write,
    json: bool,
}

impl<'a> Printer<'a> {
    pub(crate) fn new(out: &'a mut dyn Write, json: bool) -> Self {
        Self { out, json }
    }

    pub(crate) fn folder(&mut self, folder: &ModelFolder) -> Result<(), ModelCommandError> {
        let manifest = folder.manifest();
        let line = FolderLine {
            head: head(folder),
            task: &manifest.task,
            licence: &manifest.licence,
            labels: &manifest.labels,
            golden_cases: folder.golden_cases()?.len(),
        };
        if self.json {
            return Ok(self.json(&line)?);
        }
        self.head(&line.head)?;
        writeln!(self.out, "task           {}", line.task)?;
        writeln!(self.out, "licence        {}", line.licence)?;
        writeln!(self.out, "golden cases   {}", line.golden_cases)?;
        writeln!(self.out, "labels         {}", line.labels.join(", "))?;
        Ok(())
    }

    pub(crate) fn check(&mut self, folder: &ModelFolder, checked: &Checked) -> std::io::Result<()> {
        if self.json {
            return self.json(&CheckLine { head: head(folder), checked });
        }
        self.head(&head(folder))?;
        self.checked(checked)
    }

    pub(crate) fn prepared(&mut self, prepared: &Prepared, proofs: &[Proof]) -> std::io::Result<()> {
        let (head, written) = (head(&prepared.folder), prepared.added == Added::Written);
        if self.json {
            return self.json(&PreparedLine { head, file: prepared.file, written, openvino: proofs });
        }
        self.head(&head)?;
        let done = if written { "written and listed in model.toml" } else { "is there already" };
        writeln!(self.out, "ONNX file      {} {done}", prepared.file)?;
        for proof in proofs {
            match proof {
                Proof::Checked(checked) => self.checked(checked)?,
                Proof::Unavailable { precision, reason } => {
                    writeln!(self.out, "engine         openvino, {precision}: not checked, {reason}")?;
                }
            }
        }
        Ok(())
    }

    fn checked(&mut self, checked: &Checked) -> std::io::Result<()> {
        let EngineDescription { engine, version, precision, device } = &checked.engine;
        writeln!(self.out, "engine         {engine} ({version}), {precision} on {device}")?;
        for Candidate { engine, precision, device, outcome, .. } in &checked.candidates {
            writeln!(self.out, "  {engine} {precision} on {device}: {outcome}")?;
        }
        let report = &checked.report;
        writeln!(self.out, "golden cases   {}", report.cases)?;
        let differences = [
            ("logit", report.largest_logit_difference, Some(report.logit_tolerance)),
            ("probability", report.largest_probability_difference, Some(report.probability_tolerance)),
            ("map", report.largest_map_difference, Some(report.map_tolerance)),
            ("score", report.largest_score_difference, None),
        ];
        for (name, difference, allowed) in differences {
            let allowed = allowed.map_or(String::new(), |allowed| format!(" (allowed {allowed:.0e})"));
            writeln!(self.out, "largest difference of a {name:<12} {difference:.1e}{allowed}")?;
        }
        let verdict =
            if checked.passed { "the model matches its reference" } else { "FAILED: the model differs" };
        writeln!(self.out, "{verdict}")
    }

    fn head(&mut self, Head { model, dir, .. }: &Head<'_>) -> std::io::Result<()> {
        if !model.trained {
            writeln!(self.out, "{UNTRAINED_NOTICE}")?;
        }
        writeln!(
            self.out,
            "model          {} version {} ({})",
            model.name, model.version, model.architecture
        )?;
        writeln!(self.out, "folder         {}", dir.display())?;
        writeln!(self.out, "weights        SHA-256 {}", model.weights_sha256)?;
        writeln!(self.out, "preprocessing  {}", model.preprocessing_id)
    }

    fn json(&mut self, line: &impl Serialize) -> std::io::Result<()> {
        serde_json::to_writer(&mut *self.out, line)?;
        writeln!(self.out)
    }
}

fn head(folder: &ModelFolder) -> Head<'_> {
    let model = folder.identity();
    Head { notice: model.notice(), model, dir: folder.path() }
}
