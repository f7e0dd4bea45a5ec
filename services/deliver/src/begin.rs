//! Where the consumer of a target begins: a target that is seen for the first time with what comes from then on, one whose
//! consumer was lost where that stood. What tells of it is kept in object storage; without it no consumer is made.

use hilum_blobs::{BlobStore, GetError, PutError};
use hilum_log::{
    ConsumerDefinition, Ensured, FLOORS_RECORD, Floors, FloorsError, Log, MadeAnew, UnavailableError,
};

/// A consumer that has to be there is not.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BeginError {
    /// The log is away or refuses.
    #[error(transparent)]
    Log(#[from] UnavailableError),
    /// Where it stood can't be read.
    #[error("cannot read where consumers stood")]
    Read(#[from] GetError),
    /// What says where it stood is damaged.
    #[error(transparent)]
    Record(#[from] FloorsError),
    /// Where it begins can't be kept.
    #[error("cannot write where a consumer begins")]
    Write(#[from] PutError),
}

/// How a consumer came to be there.
#[derive(Debug)]
pub(crate) enum Begun {
    /// It was there.
    Found,
    /// Its target is seen for the first time: it begins behind this position.
    New(u64),
    /// It was lost.
    Anew(MadeAnew),
}

/// Makes sure that the consumer is there.
pub(crate) async fn begin(
    log: &Log,
    store: &BlobStore,
    definition: &ConsumerDefinition,
) -> Result<Begun, BeginError> {
    let consumer = &definition.name;
    if log.ensure_consumer(definition, None).await? == Ensured::Found {
        return Ok(Begun::Found);
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
            (floor, Begun::Anew(MadeAnew { consumer, floor, last_seq }))
        }
        None => {
            // Before the consumer: one that is lost before the sweep has seen it is made anew here, too.
            let begins = Floors::beginning(position.epoch, consumer, position.last_seq);
            store.write_record(&own, begins.write()?.into()).await?;
            (position.last_seq, Begun::New(position.last_seq))
        }
    };
    Ok(match log.ensure_consumer(definition, Some(floor)).await? {
        // Another copy was faster.
        Ensured::Found | Ensured::Missing => Begun::Found,
        Ensured::Made => begun,
    })
}
