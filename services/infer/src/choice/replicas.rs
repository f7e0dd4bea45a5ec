//! Copies of an engine over the same weights: as many as were asked for, or as fit into the memory. The memory of a
//! copy is measured, unless the engine only pretends to take it.

use std::num::NonZeroUsize;

use hilum_models::ModelFolder;

use crate::choice::calibrate::measure;
use crate::choice::candidates::Wanted;
use crate::choice::memory::{ByteSize, Footprint, give_back_freed, resident};
use crate::engine::load::load_engine;
use crate::engine::load_error::LoadError;
use crate::engine::settings::{DeviceChoice, EngineSettings};
use crate::engine::{Engine, EngineError};

/// Engines that compute at the same time, and the settings that they were loaded with in the end.
pub(crate) struct Replicas {
    pub(crate) engines: Vec<Box<dyn Engine>>,
    pub(crate) settings: EngineSettings,
}

/// The first engine, and what is known of its memory.
pub(crate) struct First {
    pub(crate) engine: Box<dyn Engine>,
    /// What the process had in use before it was loaded.
    pub(crate) before: ByteSize,
    /// As many images as a batch will have at most.
    pub(crate) largest_batch: NonZeroUsize,
}

/// Why there are none.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplicasError {
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(
        "one copy takes {footprint} of memory and the limit is {limit}; raise the limit or choose another engine"
    )]
    Memory { footprint: ByteSize, limit: ByteSize },
}

/// Makes the copies of an engine that was loaded with `settings`.
pub(crate) fn load_replicas(
    folder: &ModelFolder,
    wanted: &Wanted,
    settings: &EngineSettings,
    first: First,
) -> Result<Replicas, ReplicasError> {
    let First { engine: first, before, largest_batch } = first;
    let Some(limit) = wanted.memory_limit.filter(|_| is_seen(&*first, settings)) else {
        return Ok(copies(first, settings)?);
    };
    let (first, footprint) = weigh(First { engine: first, before, largest_batch }, settings, limit)?;
    let fit = footprint.copies_within(limit, settings.replicas);
    let Some(replicas) = NonZeroUsize::new(fit) else {
        return Err(ReplicasError::Memory { footprint: footprint.first, limit });
    };
    if replicas == settings.replicas {
        return Ok(copies(first, settings)?);
    }
    tracing::info!(%limit, first = %footprint.first, further = %footprint.further, replicas, "memory bounds the replicas");
    // The cores that are left over go to those that run; a library is told so when it loads.
    drop(first);
    give_back_freed();
    let (threads, replicas) =
        Wanted { replicas: Some(replicas), ..wanted.clone() }.layout(settings.kind, settings.device);
    let settings = EngineSettings { threads, replicas, ..*settings };
    Ok(copies(load_engine(folder, &settings)?, &settings)?)
}

fn copies(first: Box<dyn Engine>, settings: &EngineSettings) -> Result<Replicas, EngineError> {
    let mut engines = vec![first];
    while engines.len() < settings.replicas.get() {
        engines.push(engines[0].replica()?);
    }
    Ok(Replicas { engines, settings: *settings })
}

/// A CUDA device's own memory is not among what the system counts for this process.
fn is_seen(engine: &dyn Engine, settings: &EngineSettings) -> bool {
    let is_seen = settings.device == DeviceChoice::Cpu || engine.declared_footprint_bytes().is_some();
    if !is_seen {
        tracing::warn!("the memory limit is not applied on a CUDA device; set the number of replicas");
    }
    is_seen
}

/// What one copy takes with a full batch, and what another adds. Gives the first back without the other.
fn weigh(
    First { engine: first, before, largest_batch }: First,
    settings: &EngineSettings,
    limit: ByteSize,
) -> Result<(Box<dyn Engine>, Footprint), EngineError> {
    if let Some(declared) = first.declared_footprint_bytes().map(ByteSize) {
        return Ok((first, Footprint { first: declared, further: declared }));
    }
    let mut engines = vec![first];
    measure(&mut engines, largest_batch, 1)?;
    let one = resident().since(before);
    // A second one is only tried where even a whole other copy would fit, so that the limit holds meanwhile.
    let further = if settings.replicas > NonZeroUsize::MIN && one.0.saturating_mul(2) <= limit.0 {
        engines.push(engines[0].replica()?);
        measure(&mut engines, largest_batch, 1)?;
        resident().since(before).since(one)
    } else {
        one
    };
    Ok((engines.swap_remove(0), Footprint { first: one, further }))
}
