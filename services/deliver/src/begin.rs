//! Where the consumer of a target begins. A target that is seen for the first time begins with what comes from then on; one
//! whose consumer was lost goes on where that stood. The position is kept in object storage; without it no consumer is made.

use hilum_blobs::{BlobStore, GetError, PutError};
use hilum_log::{
    ConsumerDefinition, Ensured, FLOORS_RECORD, Floors, FloorsError, Log, MadeAnew, UnavailableError,
};

/// Why a consumer can't be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BeginError {
    /// The log is away or refuses.
    #[error(transparent)]
    Log(#[from] UnavailableError),
    /// The record of where it stood can't be read.
    #[error("cannot read where consumers stood")]
    Read(#[from] GetError),
    /// The record of where it stood is damaged.
    #[error(transparent)]
    Record(#[from] FloorsError),
    /// The record of where it begins can't be written.
    #[error("cannot write where a consumer begins")]
    Write(#[from] PutError),
}

/// How a consumer came to be there.
#[derive(Debug)]
pub(crate) enum ConsumerOrigin {
    /// It was there.
    Found,
    /// Its target is seen for the first time: it begins behind this position.
    New(u64),
    /// It was lost, and is made anew where it stood.
    Recreated(MadeAnew),
}

/// Makes sure that the consumer is there.
pub(crate) async fn begin(
    log: &Log,
    store: &BlobStore,
    definition: &ConsumerDefinition,
) -> Result<ConsumerOrigin, BeginError> {
    let consumer = &definition.name;
    if log.ensure_consumer(definition, None).await? == Ensured::Found {
        return Ok(ConsumerOrigin::Found);
    }
    let position = log.position().await?;
    let own = Floors::record_of(consumer);
    let mut known = Floors::default();
    for record in [&own, FLOORS_RECORD] {
        let kept = Floors::read(store.read_record(record).await?.as_deref())?;
        if kept.epoch == position.epoch {
            known.raise(&kept, position.last_seq);
        }
    }
    let (floor, begun) = match known.floors.get(consumer) {
        Some(floor) => {
            let (consumer, floor, last_seq) = (consumer.clone(), *floor, position.last_seq);
            (floor, ConsumerOrigin::Recreated(MadeAnew { consumer, floor, last_seq }))
        }
        None => {
            // Before the consumer: one that is lost before the sweep has seen it is made anew here, too.
            let begins = Floors::beginning(position.epoch, consumer, position.last_seq);
            store.write_record(&own, begins.write()?.into()).await?;
            (position.last_seq, ConsumerOrigin::New(position.last_seq))
        }
    };
    Ok(match log.ensure_consumer(definition, Some(floor)).await? {
        // Another copy was faster.
        Ensured::Found | Ensured::Missing => ConsumerOrigin::Found,
        Ensured::Made => begun,
    })
}
