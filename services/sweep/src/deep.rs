//! The deep look of an operator: all of what the service looks at in storage bit by bit, now.

use hilum_blobs::{BlobStore, UnfinishedIn};
use hilum_log::Log;

use crate::domain::Discrepancy;
use crate::pace::{Pace, signed};
use crate::storage::{Names, Record, StorageLookError, Stretch, compare, hash_on, healed, unfinished};
use crate::swept::{Looked, OnceError};

/// Objects that are read before it is said what was found.
const AT_A_TIME: u64 = 1000;

/// Which objects are looked at.
pub(crate) struct Deep<'a> {
    pub(crate) log: &'a Log,
    pub(crate) blobs: &'a BlobStore,
    pub(crate) pace: &'a Pace,
    /// Their hashes begin with these digits.
    pub(crate) digits: &'a str,
    /// Nothing is changed.
    pub(crate) dry_run: bool,
}

impl Deep<'_> {
    /// Looks, and has each discrepancy acted on and reported.
    pub(crate) async fn look(
        &self,
        act_on: &mut impl AsyncFnMut(Discrepancy) -> Result<(), OnceError>,
    ) -> Result<Looked, OnceError> {
        let position = self.log.position().await.map_err(StorageLookError::from)?;
        let mut record = Record::read(self.blobs, &position).await.map_err(StorageLookError::from)?;
        let before = record.lost.clone();
        let healed = healed(self.blobs, &record).await.map_err(StorageLookError::from)?;
        record.forget(&healed);
        for discrepancy in self.beside_the_log().await? {
            act_on(discrepancy).await?;
        }
        let (mut looked, mut after_seq) = (Looked::default(), 0);
        while after_seq < position.last_seq {
            let hashed = hash_on(self.log, self.blobs, &self.stretch(after_seq, position.last_seq)).await;
            after_seq = hashed.position;
            looked.objects += hashed.losses.objects;
            looked.size_bytes += hashed.size_bytes;
            let now = self.log.server_time().await.map_err(StorageLookError::from)?;
            let found = hashed.losses.discrepancies(self.log, &mut record, now).await;
            match found.map_err(StorageLookError::from)? {
                Ok(discrepancies) => {
                    for discrepancy in discrepancies {
                        act_on(discrepancy).await?;
                    }
                }
                Err(discrepancy) => {
                    act_on(discrepancy).await?;
                    return Ok(looked);
                }
            }
            if let Some(error) = hashed.stopped_by {
                return Err(StorageLookError::from(error).into());
            }
        }
        if !self.dry_run && record.lost != before {
            let mut latest = Record::read(self.blobs, &position).await.map_err(StorageLookError::from)?;
            latest.forget(&healed);
            record.lost.iter().for_each(|loss| latest.note_lost(loss));
            latest.write(self.blobs).await.map_err(StorageLookError::from)?;
        }
        Ok(looked)
    }

    /// What lies in storage and is named by no event or was not finished.
    async fn beside_the_log(&self) -> Result<Vec<Discrepancy>, StorageLookError> {
        let (now, after) = (self.log.server_time().await?, signed(self.pace.unfinished_after));
        let most = self.pace.objects_at_a_time;
        if !self.digits.is_empty() {
            let names = Names::Digits(self.digits.to_owned());
            return Ok(compare(self.log, self.blobs, &names, after, now).await?.discrepancies);
        }
        let places = [UnfinishedIn::Incoming, UnfinishedIn::Records];
        let mut discrepancies = unfinished(self.blobs, &places, after, now).await?;
        let mut next = Some(0);
        while let Some(byte) = next {
            let compared = compare(self.log, self.blobs, &Names::From { byte, most }, after, now).await?;
            discrepancies.extend(compared.discrepancies);
            next = compared.next;
        }
        Ok(discrepancies)
    }

    fn stretch(&self, after_seq: u64, last_seq: u64) -> Stretch {
        let digits = self.digits.to_owned();
        Stretch { after_seq, last_seq, digits, objects: AT_A_TIME, bytes_per_s: f64::INFINITY }
    }
}
