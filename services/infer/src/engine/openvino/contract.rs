//! What an ONNX graph must take and give to be read with. Checks a compiled graph against it before the first image.

use hilum_models::densenet121::{FEATURES, MAP_SIDE};
use hilum_models::onnx::FEATURES_OUTPUT;
use openvino::{CompiledModel, ElementType, InferenceError, Node};

/// Which outputs of the graph are read, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outputs {
    /// The last feature maps `[batch, 1024, 7, 7]`; the classifier is applied outside of the graph.
    Features { position: usize },
    /// The logits `[batch, labels]`, and activation maps `[batch, labels, height, width]` if the graph gives them.
    Logits { position: usize, maps: Option<Maps> },
}

/// The output with the activation maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Maps {
    pub(super) position: usize,
    pub(super) height: usize,
    pub(super) width: usize,
}

/// The rule, for refusals.
const RULE: &str = "it must take one float32 input [batch, 1, side, side] with a batch of any size and give `logits` \
                    [batch, labels], and may give `maps` [batch, labels, height, width]";

/// One input or output; a size that is not fixed is `None`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Port {
    name: String,
    is_float32: bool,
    sizes: Vec<Option<usize>>,
}

/// Compares the graph with what the model folder says about it.
///
/// # Errors
/// In words: what does not fit.
pub(super) fn check(graph: &CompiledModel, side_px: usize, labels: usize) -> Result<Outputs, String> {
    let failed = |error: InferenceError| error.to_string();
    let count = graph.get_input_size().map_err(failed)?;
    let inputs = (0..count).map(|index| port(&graph.get_input_by_index(index)?));
    let inputs: Vec<Port> = inputs.collect::<Result<_, _>>().map_err(failed)?;
    let count = graph.get_output_size().map_err(failed)?;
    let outputs = (0..count).map(|index| port(&graph.get_output_by_index(index)?));
    let outputs: Vec<Port> = outputs.collect::<Result<_, _>>().map_err(failed)?;
    fit(&inputs, &outputs, side_px, labels)
        .map_err(|reason| format!("the ONNX graph does not fit: {reason}; {RULE}"))
}

fn fit(inputs: &[Port], outputs: &[Port], side_px: usize, labels: usize) -> Result<Outputs, String> {
    let side = Some(side_px);
    match inputs {
        [input] if input.is_float32 && input.sizes == [None, Some(1), side, side] => {}
        other => return Err(format!("it takes {}", described(other))),
    }
    let named = |name: &str| {
        let position = outputs.iter().position(|port| port.name == name)?;
        Some((position, &outputs[position])).filter(|(_, port)| port.is_float32)
    };
    if let Some((position, port)) = named(FEATURES_OUTPUT)
        && port.sizes == [None, Some(FEATURES), Some(MAP_SIDE), Some(MAP_SIDE)]
    {
        return Ok(Outputs::Features { position });
    }
    let (position, _) = named("logits")
        .filter(|(_, port)| port.sizes == [None, Some(labels)])
        .ok_or_else(|| format!("it gives {} where there are {labels} labels", described(outputs)))?;
    let Some((maps_position, port)) = named("maps") else {
        return Ok(Outputs::Logits { position, maps: None });
    };
    let [None, Some(count), Some(height), Some(width)] = port.sizes[..] else {
        return Err(format!("it gives {}", described(outputs)));
    };
    if count != labels {
        return Err(format!("it gives {count} maps for {labels} labels"));
    }
    Ok(Outputs::Logits { position, maps: Some(Maps { position: maps_position, height, width }) })
}

fn port(node: &Node) -> Result<Port, InferenceError> {
    let shape = node.get_partial_shape()?;
    let fixed = |dimension: &openvino::Dimension| {
        let size = usize::try_from(dimension.get_max()).ok();
        size.filter(|_| dimension.get_min() == dimension.get_max())
    };
    Ok(Port {
        name: node.get_name()?,
        is_float32: node.get_element_type()? == ElementType::F32,
        sizes: shape.get_dimensions().iter().map(fixed).collect(),
    })
}

fn described(ports: &[Port]) -> String {
    let size = |size: &Option<usize>| size.map_or("?".to_owned(), |size| size.to_string());
    let port = |port: &Port| {
        let kind = if port.is_float32 { "" } else { " (not float32)" };
        format!("`{}` [{}]{kind}", port.name, port.sizes.iter().map(size).collect::<Vec<_>>().join(", "))
    };
    ports.iter().map(port).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(name: &str, sizes: &[usize]) -> Port {
        let sizes = std::iter::once(None).chain(sizes.iter().copied().map(Some)).collect();
        Port { name: name.to_owned(), is_float32: true, sizes }
    }

    #[test]
    fn logits_with_and_without_maps_fit() {
        let (input, logits) = (port("x", &[1, 64, 64]), port("logits", &[3]));
        let fitted = fit(std::slice::from_ref(&input), std::slice::from_ref(&logits), 64, 3).unwrap();
        assert_eq!(fitted, Outputs::Logits { position: 0, maps: None });
        let outputs = [port("maps", &[3, 2, 4]), logits, port("other", &[9])];
        let maps = Some(Maps { position: 0, height: 2, width: 4 });
        assert_eq!(fit(&[input], &outputs, 64, 3).unwrap(), Outputs::Logits { position: 1, maps });
    }

    #[test]
    fn features_of_a_densenet_fit() {
        let fitted =
            fit(&[port("input", &[1, 224, 224])], &[port("features", &[1024, 7, 7])], 224, 18).unwrap();
        assert_eq!(fitted, Outputs::Features { position: 0 });
    }

    #[test]
    fn a_graph_that_does_not_fit_is_refused_with_what_it_has() {
        let (input, logits) = (port("x", &[1, 64, 64]), port("logits", &[3]));
        let refused = |inputs: &[Port], outputs: &[Port], part: &str| {
            let reason = fit(inputs, outputs, 64, 3).unwrap_err();
            assert!(reason.contains(part), "{reason}");
        };
        let fixed = Port { sizes: vec![Some(1), Some(1), Some(64), Some(64)], ..input.clone() };
        refused(&[fixed], std::slice::from_ref(&logits), "`x` [1, 1, 64, 64]");
        refused(&[port("x", &[3, 64, 64])], std::slice::from_ref(&logits), "`x` [?, 3, 64, 64]");
        let input = [input];
        refused(&input, &[port("logits", &[4])], "`logits` [?, 4] where there are 3 labels");
        refused(&input, &[port("scores", &[3])], "`scores` [?, 3]");
        refused(&input, &[Port { is_float32: false, ..logits.clone() }], "not float32");
        refused(&input, &[logits, port("maps", &[18, 7, 7])], "18 maps for 3 labels");
    }
}
