//! `model.toml`: its fields and the rules they keep. Reads no other file.

mod file;

use hilum_events::is_label;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::path::{Component, Path};

use crate::densenet121::INPUT_SIDE_PX;
use crate::header_rules::HeaderRule;
use crate::{ModelError, ModelIdentity};

pub use file::{FileEntry, FileRole};

/// The manifest's file name inside a model folder.
pub const MANIFEST_FILE: &str = "model.toml";
/// The form of manifest that this code writes and reads.
const FORMAT: u32 = 1;
const MAX_LABELS: usize = 1024;
const MAX_SIDE_PX: u32 = 4096;
const MAX_FILES: usize = 256;

/// How the picture is brought to the input size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ResizeRule {
    /// Gaussian filter and bilinear sampling as in `skimage.transform.resize`.
    #[serde(rename = "skimage-gaussian")]
    SkimageGaussian,
    /// `torch.nn.functional.interpolate(mode="bilinear", antialias=True)`.
    #[serde(rename = "torch-antialias")]
    TorchAntialias,
}

/// Which values of a DICOM object the model was trained on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValuesRule {
    /// Stored values without rescale or window, as torchxrayvision reads them.
    #[default]
    Stored,
    /// Through the modality LUT or rescale and then the first VOI LUT or window.
    Window,
}

/// What runs the weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Architecture {
    /// The built-in DenseNet-121, weights in safetensors.
    Densenet121,
    /// A TorchScript module that brings its own graph.
    Torchscript,
}

impl Architecture {
    /// As written in `model.toml`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Densenet121 => "densenet121",
            Self::Torchscript => "torchscript",
        }
    }
}

/// The content of `model.toml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// 1.
    pub format: u32,
    /// `[a-z0-9._-]`, at most 64 characters.
    pub name: String,
    /// `[a-z0-9._-]`, at most 64 characters.
    pub version: String,
    /// What it reads, for example `chest-xray-findings`.
    pub task: String,
    /// False for random weights: every output then says UNTRAINED.
    pub trained: bool,
    /// Terms of the weights.
    pub licence: String,
    /// What runs the weights.
    pub architecture: Architecture,
    /// Width and height of the input, pixels.
    pub input_side_px: u32,
    /// Lowest and highest input value.
    pub value_range: [f32; 2],
    /// How the picture is brought to the input size.
    pub resize: ResizeRule,
    /// Which values of a DICOM object it sees.
    #[serde(default)]
    pub values: ValuesRule,
    /// One per output, in order; empty for an output that means nothing.
    pub labels: Vec<String>,
    /// Operating point per label as a probability in 0..1; `nan` where there is none.
    pub op_threshs: Vec<f64>,
    /// Which DICOM objects it was made for; none means all. Other files have no header and are all read.
    #[serde(rename = "header_rule", default)]
    pub header_rules: Vec<HeaderRule>,
    /// All files that may be read.
    #[serde(rename = "file", default)]
    pub files: Vec<FileEntry>,
}

impl Manifest {
    /// A DenseNet-121 for chest X-rays of 224 pixels as torchxrayvision trains them: nameless, untrained and without
    /// files, for the caller to complete.
    pub fn chest_densenet121(labels: Vec<String>, op_threshs: Vec<f64>) -> Self {
        Self {
            format: FORMAT,
            name: String::new(),
            version: "1".to_owned(),
            task: "chest-xray-findings".to_owned(),
            trained: false,
            licence: String::new(),
            architecture: Architecture::Densenet121,
            input_side_px: INPUT_SIDE_PX as u32,
            value_range: [-1024.0, 1024.0],
            resize: ResizeRule::SkimageGaussian,
            values: ValuesRule::Stored,
            labels,
            op_threshs,
            header_rules: HeaderRule::chest_x_ray(),
            files: Vec::new(),
        }
    }

    /// Reads and checks the text of a `model.toml`.
    ///
    /// # Errors
    /// [`ModelError::Parse`] or the first rule that is broken.
    pub fn parse(text: &str) -> Result<Self, ModelError> {
        let manifest: Self = toml::from_str(text).map_err(|error| ModelError::Parse(Box::new(error)))?;
        manifest.check()?;
        Ok(manifest)
    }

    /// Values of one input: side × side.
    pub fn input_len(&self) -> usize {
        let side = self.input_side_px as usize;
        side * side
    }

    /// The id of the preprocessing, equal to the one that the imaging library gives its outputs.
    pub fn preprocessing_id(&self) -> String {
        let method = match self.resize {
            ResizeRule::SkimageGaussian => "skimage",
            ResizeRule::TorchAntialias => "torchaa",
        };
        let values = match self.values {
            ValuesRule::Stored => "",
            ValuesRule::Window => "-win",
        };
        format!("xrv-{method}-{}{values}-1", self.input_side_px)
    }

    /// Thresholds in the precision the scores are computed in.
    pub fn op_threshs_f32(&self) -> Vec<f32> {
        self.op_threshs.iter().map(|value| *value as f32).collect()
    }

    /// The file with this role, if there is one.
    pub(crate) fn file(&self, role: FileRole) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.role == role)
    }

    pub(crate) fn identity(&self) -> ModelIdentity {
        ModelIdentity {
            name: self.name.clone(),
            version: self.version.clone(),
            weights_sha256: self.file(FileRole::Weights).map(|file| file.sha256.clone()).unwrap_or_default(),
            preprocessing_id: self.preprocessing_id(),
            architecture: self.architecture.as_str().to_owned(),
            trained: self.trained,
        }
    }

    pub(crate) fn check(&self) -> Result<(), ModelError> {
        require(self.format == FORMAT, "format", || {
            format!("is {}; this program reads {FORMAT}", self.format)
        })?;
        require(is_token(&self.name), "name", || token_rule(&self.name))?;
        require(is_token(&self.version), "version", || token_rule(&self.version))?;
        require((1..=MAX_SIDE_PX).contains(&self.input_side_px), "input_side_px", || {
            format!("is {}; allowed are 1 to {MAX_SIDE_PX}", self.input_side_px)
        })?;
        require(self.value_range == [-1024.0, 1024.0], "value_range", || {
            format!("is {:?}; the preprocessing makes [-1024.0, 1024.0] only", self.value_range)
        })?;
        if let Some(fault) = self.header_rules.iter().find_map(HeaderRule::fault) {
            return Err(ModelError::Field { field: "header_rule", reason: fault.to_owned() });
        }
        self.check_outputs()?;
        self.check_files()
    }

    fn check_outputs(&self) -> Result<(), ModelError> {
        let count = self.labels.len();
        require((1..=MAX_LABELS).contains(&count), "labels", || {
            format!("has {count} entries; allowed are 1 to {MAX_LABELS}")
        })?;
        require(count == self.op_threshs.len(), "op_threshs", || {
            format!("has {} entries for {count} labels; there must be one per label", self.op_threshs.len())
        })?;
        let mut seen = HashSet::new();
        for (label, threshold) in self.labels.iter().zip(&self.op_threshs) {
            require(label.is_empty() || seen.insert(label), "labels", || format!("names {label:?} twice"))?;
            require(label.is_empty() || is_label(label), "labels", || {
                format!("has {label:?}; a label is words with single spaces between them")
            })?;
            require(!label.is_empty() || threshold.is_nan(), "op_threshs", || {
                "gives a threshold to an output without a label; write nan there".to_owned()
            })?;
            let usable = threshold.is_nan() || (*threshold > 0.0 && *threshold < 1.0);
            require(usable, "op_threshs", || {
                format!("is {threshold} for {label:?}; it must lie between 0 and 1, or be nan")
            })?;
        }
        require(!seen.is_empty(), "labels", || "are all empty".to_owned())
    }

    fn check_files(&self) -> Result<(), ModelError> {
        require(self.files.len() <= MAX_FILES, "file", || format!("lists more than {MAX_FILES} files"))?;
        let mut names = HashSet::new();
        for file in &self.files {
            if !stays_inside(&file.name) {
                return Err(ModelError::FileOutside { name: file.name.clone() });
            }
            require(names.insert(&file.name), "file", || format!("lists {} twice", file.name))?;
            require(is_sha256(&file.sha256), "file", || {
                format!("gives no SHA-256 of 64 lower-case hex digits for {}", file.name)
            })?;
        }
        let count = |role| self.files.iter().filter(|file| file.role == role).count();
        require(count(FileRole::Weights) == 1, "file", || {
            "must list exactly one file with the role \"weights\"".to_owned()
        })?;
        for role in [FileRole::Golden, FileRole::Onnx] {
            require(count(role) <= 1, "file", || {
                format!("lists more than one file with the role {:?}", role.as_str())
            })?;
        }
        Ok(())
    }
}

fn require(holds: bool, field: &'static str, reason: impl FnOnce() -> String) -> Result<(), ModelError> {
    if holds { Ok(()) } else { Err(ModelError::Field { field, reason: reason() }) }
}

fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"._-".contains(&byte);
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

fn token_rule(text: &str) -> String {
    format!("is {text:?}; allowed are 1 to 64 of a-z 0-9 . _ -")
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

/// True for a relative path of plain names. The manifest itself cannot be listed: it cannot hold its own hash.
fn stays_inside(name: &str) -> bool {
    let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    plain && !name.is_empty() && !name.contains(['\\', '\0', ':']) && name != MANIFEST_FILE
}

#[cfg(test)]
mod tests;
