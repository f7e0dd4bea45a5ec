//! What an accepted loss of the log does to rows. What the tables had of the lost facts stays in them.

use hilum_events::LogLossAccepted;

use super::{Fact, Rows};
use crate::rows::LossRow;

impl Rows {
    pub(super) fn log_loss_accepted(&mut self, fact: &Fact<'_>, event: &LogLossAccepted) {
        for lost in &event.lost {
            self.losses.entry(lost.seq).or_insert_with(|| LossRow {
                lost_seq: lost.seq,
                seq: fact.seq,
                event: lost.event.clone(),
                job_id: lost.job_id,
                reading_id: lost.reading_id,
                study_id: lost.study_id,
                accepted_by: event.by.clone(),
                accepted_why: event.why.clone(),
                accepted_at: fact.envelope.occurred_at,
            });
        }
    }
}
