//! Any network that comes as a TorchScript module: it takes `[B, 1, side, side]` and gives the logits `[B, labels]`, or
//! a tuple of logits and activation maps `[B, labels, height, width]`.

use std::sync::Arc;
use tch::{CModule, IValue, Tensor};

use crate::engine::interface::{Engine, EngineDescription, EngineError, Output};
use crate::engine::load_error::LoadError;
use crate::engine::tch::settings::TchSettings;
use crate::engine::tch::tensors::{batch_tensor, outputs};

/// A module with its own graph.
pub(crate) struct TorchScript {
    module: Arc<CModule>,
    side_px: usize,
    label_count: usize,
    settings: TchSettings,
}

impl TorchScript {
    /// Loads the module from its bytes, which must have been verified: a module is a program.
    ///
    /// # Errors
    /// libtorch does not read it.
    pub(crate) fn load(
        mut bytes: &[u8],
        side_px: usize,
        label_count: usize,
        settings: TchSettings,
    ) -> Result<Self, LoadError> {
        let mut module = CModule::load_data_on_device(&mut bytes, settings.device)?;
        module.f_set_eval()?;
        Ok(Self { module: Arc::new(module), side_px, label_count, settings })
    }

    fn check_logits(&self, logits: &Tensor, batch: usize) -> Result<(), EngineError> {
        let expected = [batch as i64, self.label_count as i64];
        if logits.size() == expected {
            return Ok(());
        }
        let reason = format!("it gave logits of shape {:?} where {expected:?} is expected", logits.size());
        Err(EngineError::Forward { reason })
    }

    /// Features or other tensors that do not have one map per label are not maps of labels.
    fn maps<'a>(&self, second: Option<&'a IValue>, batch: usize) -> Option<&'a Tensor> {
        let Some(IValue::Tensor(tensor)) = second else { return None };
        let fits = matches!(tensor.size()[..], [rows, labels, _, _]
            if rows == batch as i64 && labels == self.label_count as i64);
        fits.then_some(tensor)
    }
}

impl Engine for TorchScript {
    fn forward(&mut self, batch: &[&[f32]]) -> Result<Vec<Output>, EngineError> {
        let _no_grad = tch::no_grad_guard();
        self.settings.apply_threads();
        let input = batch_tensor(batch, self.side_px, self.settings.device)?;
        let answer = self.module.forward_is(&[IValue::Tensor(input)])?;
        let parts = match answer {
            IValue::Tuple(parts) => parts,
            single => vec![single],
        };
        let Some(IValue::Tensor(logits)) = parts.first() else {
            return Err(EngineError::Forward { reason: "it gave no tensor of logits".to_owned() });
        };
        self.check_logits(logits, batch.len())?;
        outputs(logits, self.maps(parts.get(1), batch.len()))
    }

    fn input_len(&self) -> usize {
        self.side_px * self.side_px
    }

    fn description(&self) -> EngineDescription {
        self.settings.description()
    }

    fn replica(&self) -> Result<Box<dyn Engine>, EngineError> {
        let Self { side_px, label_count, settings, .. } = *self;
        Ok(Box::new(Self { module: Arc::clone(&self.module), side_px, label_count, settings }))
    }
}
