//! How far each durable consumer of the event stream has come, kept outside of NATS: one that is lost is made anew where it
//! stood, never "from now on", and never from the beginning of a log of years.

use std::collections::BTreeMap;

use futures::future::BoxFuture;
use hilum_streams::EVENTS;
use serde::{Deserialize, Serialize};

use super::positions::infos;
use crate::port::{Log, UnavailableError};

/// Name of the record in object storage that the sweep keeps.
pub const FLOORS_RECORD: &str = "consumer-floors.json";

/// The floors of consumers of one log.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Floors {
    /// When the stream was made: the floors of another log say nothing about this one.
    pub epoch: String,
    /// All that a consumer hands out up to here is settled.
    pub floors: BTreeMap<String, u64>,
}

/// A record of floors can't be read.
#[derive(Debug, thiserror::Error)]
#[error(
    "a record of how far consumers were is none; restore it, or remove it if no consumer of the event log is missing"
)]
pub struct FloorsError(#[from] serde_json::Error);

/// A consumer that was lost and made anew.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MadeAnew {
    /// Its name on the server: of a lane, not the declared one.
    pub consumer: String,
    /// The position behind which it begins: where it stood, as far as is known.
    pub floor: u64,
    /// Where the log ended.
    pub last_seq: u64,
}

impl std::fmt::Display for MadeAnew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { consumer, floor, last_seq } = self;
        let between = last_seq - floor;
        write!(
            f,
            "consumer {consumer} was lost and made anew where it stood: behind position {floor}, {between} facts before the \
             end of the log; what of these was done since its floor was kept comes again and is seen to be done"
        )
    }
}

impl Floors {
    /// Reads a record; none has no floors.
    ///
    /// # Errors
    /// When it is no such record: a consumer that was made then would begin anywhere.
    pub fn read(record: Option<&[u8]>) -> Result<Self, FloorsError> {
        Ok(record.map(serde_json::from_slice).transpose()?.unwrap_or_default())
    }

    /// The record's bytes.
    ///
    /// # Errors
    /// Never, as far as is known.
    pub fn write(&self) -> Result<Vec<u8>, FloorsError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// The record of a target of deliver, written before its consumer is made for the first time.
    pub fn record_of(consumer: &str) -> String {
        format!("consumer-floor-{consumer}.json")
    }

    /// One consumer that begins behind `floor`.
    pub fn beginning(epoch: String, consumer: &str, floor: u64) -> Self {
        Self { epoch, floors: BTreeMap::from([(consumer.to_owned(), floor)]) }
    }

    /// Where the consumer stood in the log that was made at `epoch` and goes to `last_seq`.
    pub(crate) fn of(&self, consumer: &str, epoch: &str, last_seq: u64) -> Option<u64> {
        let floor = *self.floors.get(consumer).filter(|_| self.epoch == epoch)?;
        (floor <= last_seq).then_some(floor)
    }

    /// Takes over what `found` says of the same log: a floor never goes back, but one that lies behind the end of the log, which
    /// is `last_seq`, was that of another end. Whether anything changed.
    pub fn raise(&mut self, found: &Self, last_seq: u64) -> bool {
        let before = self.clone();
        if self.epoch != found.epoch {
            *self = found.clone();
        }
        self.floors.retain(|_, floor| *floor <= last_seq);
        for (consumer, floor) in &found.floors {
            let kept = self.floors.entry(consumer.clone()).or_insert(*floor);
            *kept = (*kept).max(*floor);
        }
        *self != before
    }
}

impl Log {
    /// How far each durable consumer of the event stream is now, and where the log ended before that was asked.
    ///
    /// # Errors
    /// When the server does not answer.
    pub fn floors(&self) -> BoxFuture<'_, Result<(Floors, u64), UnavailableError>> {
        Box::pin(async move {
            // Before the consumers: one that has nothing to do has settled all up to here.
            let position = self.position().await?;
            let stream = self.context.get_stream_no_info(EVENTS).await;
            let stream = stream.map_err(UnavailableError::new("open the event stream"))?;
            let durable =
                infos(&stream).await?.into_iter().filter(|(_, info)| info.config.durable_name.is_some());
            let floor = |(name, info): (String, async_nats::jetstream::consumer::Info)| {
                let is_idle = info.num_pending + info.num_ack_pending as u64 == 0;
                let acked = info.ack_floor.stream_sequence;
                (name, if is_idle { acked.max(position.last_seq) } else { acked })
            };
            let floors = durable.map(floor).collect();
            Ok((Floors { epoch: position.epoch, floors }, position.last_seq))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn floors(epoch: &str, pairs: &[(&str, u64)]) -> Floors {
        let floors = pairs.iter().map(|(name, floor)| ((*name).to_owned(), *floor)).collect();
        Floors { epoch: epoch.to_owned(), floors }
    }

    #[test]
    fn a_floor_never_goes_back_and_that_of_a_lost_consumer_stays() {
        let mut kept = floors("1", &[("dedupe", 7), ("lost", 5)]);
        assert!(kept.raise(&floors("1", &[("dedupe", 9), ("new", 1)]), 9));
        assert_eq!(kept, floors("1", &[("dedupe", 9), ("lost", 5), ("new", 1)]));
        assert!(!kept.raise(&floors("1", &[("dedupe", 8)]), 9));
        assert_eq!((kept.of("lost", "1", 9), kept.of("other", "1", 9)), (Some(5), None));
    }

    #[test]
    fn the_floors_of_another_log_or_of_one_that_was_longer_count_for_nothing() {
        let mut kept = floors("1", &[("dedupe", 7), ("lost", 5)]);
        assert_eq!((kept.of("dedupe", "2", 9), kept.of("dedupe", "1", 6)), (None, None));
        assert!(kept.raise(&floors("1", &[("dedupe", 3)]), 6));
        assert_eq!(kept, floors("1", &[("dedupe", 3), ("lost", 5)]));
        assert!(kept.raise(&floors("2", &[("dedupe", 1)]), 6));
        assert_eq!(kept, floors("2", &[("dedupe", 1)]));
    }

    #[test]
    fn a_record_is_read_as_it_was_written_and_what_is_none_is_refused() {
        let kept = floors("1", &[("dedupe", 7)]);
        assert_eq!(Floors::read(Some(&kept.write().unwrap())).unwrap(), kept);
        assert_eq!(Floors::read(None).unwrap(), Floors::default());
        assert!(Floors::read(Some(b"no record")).is_err());
    }
}
