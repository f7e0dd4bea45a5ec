//! From a verified model folder to a compiled graph: which graph, in which arithmetic, on how many threads.

use std::sync::{Arc, Mutex};

use hilum_models::{Architecture, Classifier, DenseNetWeights, ModelError, ModelFolder, onnx};
use openvino::{CompiledModel, Core, DeviceType, InferenceError, PropertyKey, RwPropertyKey, SetupError};

use super::contract::{self, Outputs};
use super::engine::{Graph, OpenvinoEngine, first_line};
use super::library;
use crate::engine::interface::{Engine, EngineDescription};
use crate::engine::load_error::LoadError;
use crate::engine::settings::{DeviceChoice, EngineSettings, Precision};

const ENGINE: &str = "openvino";

/// Why the library can't be used here, if so.
pub(crate) fn is_available() -> Result<(), String> {
    library::version().map(|_| ())
}

/// Loads the model of a folder: the ONNX file that it lists, or for a DenseNet-121 without one a graph made from its
/// weights. Blocks for a second or so.
///
/// # Errors
/// The library is missing, the folder has no graph, or OpenVINO refuses the graph or the arithmetic.
pub(crate) fn load(folder: &ModelFolder, settings: &EngineSettings) -> Result<Box<dyn Engine>, LoadError> {
    let unavailable = |reason| LoadError::Unavailable { engine: ENGINE, reason };
    let version = library::version().map_err(unavailable)?;
    if settings.device != DeviceChoice::Cpu {
        let reason = "it computes on processors; set the device to cpu, or the engine to tch".to_owned();
        return Err(LoadError::Unavailable { engine: ENGINE, reason });
    }
    let hint = precision_hint(settings.precision)?;
    let (graph_bytes, classifier) = network(folder)?;
    let mut core = Core::new().map_err(setup_failed)?;
    let compiled = compile(&mut core, &graph_bytes, settings, hint).map_err(failed)?;
    // 28 MB that nobody needs any more.
    drop(graph_bytes);
    check_precision(&compiled, settings.precision, hint)?;
    let manifest = folder.manifest();
    let (side_px, label_count) = (manifest.input_side_px as usize, manifest.labels.len());
    let outputs = contract::check(&compiled, side_px, label_count).map_err(unavailable)?;
    if matches!(outputs, Outputs::Features { .. }) && classifier.is_none() {
        return Err(unavailable("the ONNX graph gives features where `logits` are expected".to_owned()));
    }
    let description = EngineDescription {
        engine: ENGINE.to_owned(),
        version: format!("OpenVINO {version}"),
        precision: settings.precision.as_str().to_owned(),
        device: settings.device.to_string(),
    };
    let compiled = Mutex::new(compiled);
    let graph =
        Graph { compiled, _core: Mutex::new(core), side_px, outputs, classifier, label_count, description };
    Ok(Box::new(OpenvinoEngine::new(Arc::new(graph)).map_err(failed)?))
}

/// The graph's bytes, and the classifier if the folder has one apart.
fn network(folder: &ModelFolder) -> Result<(Vec<u8>, Option<Classifier>), LoadError> {
    let (manifest, listed) = (folder.manifest(), folder.onnx()?);
    match (manifest.architecture, listed) {
        (Architecture::Densenet121, listed) => {
            let expected = hilum_models::densenet121::INPUT_SIDE_PX;
            if manifest.input_side_px as usize != expected {
                return Err(LoadError::InputSide { expected, found: manifest.input_side_px });
            }
            let (weights, labels) = (folder.read_weights()?, manifest.labels.len());
            let classifier = DenseNetWeights::read(&weights, labels).and_then(|read| read.classifier());
            let classifier = classifier.map_err(weights_refused)?;
            let graph = match listed {
                Some(bytes) => bytes,
                None => onnx::densenet121(&weights, labels).map_err(weights_refused)?,
            };
            Ok((graph, Some(classifier)))
        }
        (Architecture::Torchscript, Some(bytes)) => Ok((bytes, None)),
        (Architecture::Torchscript, None) => {
            let reason = "it does not read TorchScript; add the network as a file with the role \"onnx\" to \
                          model.toml, or choose the engine tch";
            Err(LoadError::Unavailable { engine: ENGINE, reason: reason.to_owned() })
        }
    }
}

fn compile(
    core: &mut Core,
    graph: &[u8],
    settings: &EngineSettings,
    precision: &'static str,
) -> Result<CompiledModel, InferenceError> {
    let (streams, threads) = (settings.replicas.get(), settings.replicas.get() * settings.threads.get());
    let (streams, threads) = (streams.to_string(), threads.to_string());
    let properties = [
        (RwPropertyKey::HintInferencePrecision, precision),
        (RwPropertyKey::NumStreams, streams.as_str()),
        (RwPropertyKey::InferenceNumThreads, threads.as_str()),
        // Decoders run on the same cores; a thread bound to a core waits for them while another core is free.
        (RwPropertyKey::HintEnableCpuPinning, "NO"),
        // The number of threads was counted with the second threads of each core; without this there are fewer.
        (RwPropertyKey::HintEnableHyperThreading, "YES"),
    ];
    core.set_properties(&DeviceType::CPU, properties)?;
    let model = core.read_model_from_buffer(graph, None)?;
    core.compile_model(&model, DeviceType::CPU)
}

fn precision_hint(precision: Precision) -> Result<&'static str, LoadError> {
    match precision {
        Precision::Fp32 => Ok("f32"),
        Precision::Bf16 => Ok("bf16"),
        Precision::Fp16 => {
            let reason = "fp16 is for CUDA devices; choose bf16 or fp32 with the engine openvino".to_owned();
            Err(LoadError::Precision { reason })
        }
    }
}

/// The hint is only a hint: a processor without bf16 computes in 32 bits and says nothing.
fn check_precision(compiled: &CompiledModel, precision: Precision, hint: &str) -> Result<(), LoadError> {
    let key = PropertyKey::Rw(RwPropertyKey::HintInferencePrecision);
    let found = compiled.get_property(&key).map_err(failed)?;
    if found == hint {
        return Ok(());
    }
    let asked = precision.as_str();
    let reason =
        format!("OpenVINO computes in {found} on this processor where {asked} was asked for; choose fp32");
    Err(LoadError::Precision { reason })
}

/// The same words as the other engine has for them.
fn weights_refused(error: ModelError) -> LoadError {
    match error {
        ModelError::Safetensors(source) => LoadError::Safetensors(source),
        ModelError::Tensor { name, reason } => LoadError::Tensor { name, reason },
        other => LoadError::Folder(other),
    }
}

fn failed(error: InferenceError) -> LoadError {
    LoadError::Library { library: "OpenVINO", reason: first_line(&error) }
}

fn setup_failed(error: SetupError) -> LoadError {
    match error {
        SetupError::Inference(error) => failed(error),
        SetupError::Loading(error) => LoadError::Unavailable { engine: ENGINE, reason: error.to_string() },
    }
}
