//! What flags and deliveries do to rows.

use hilum_api::DeliveryState;
use hilum_events::{
    DeliveryFailed, DeliveryResolved, Matter, ReportDelivered, Resolution, StudyFlagged, StudyId,
};

use super::{Fact, Rows};
use crate::rows::{DeadLetterRow, DeliveryRow, FlagRow};

impl Rows {
    pub(super) fn study_flagged(&mut self, fact: &Fact<'_>, event: &StudyFlagged) {
        self.flags.entry((event.study_id, event.rule.clone())).or_insert_with(|| FlagRow {
            study_id: event.study_id,
            rule: event.rule.clone(),
            seq: fact.seq,
            job_id: event.job_id,
            reading_id: event.reading_id,
            label: event.label.clone(),
            measure: event.measure,
            value: event.value,
            threshold: event.threshold,
            actions: event.actions.clone(),
            targets: event.targets.clone(),
            flagged_at: fact.envelope.occurred_at,
        });
    }

    pub(super) fn report_delivered(&mut self, fact: &Fact<'_>, event: &ReportDelivered) {
        let row = row(fact, event.study_id, &event.matter, (&event.target, event.attempt));
        let row = match event.superseded_by {
            None => DeliveryRow {
                receipt: Some(event.receipt.clone()),
                objects: Some(event.objects.clone()),
                ..row
            },
            // It was not sent, and never will be.
            Some(newer) => DeliveryRow {
                state: DeliveryState::Discarded,
                resolved_by: Some("hilum".to_owned()),
                resolved_why: Some(format!("superseded by revision {newer}")),
                ..row
            },
        };
        self.deliveries.insert(fact.seq, row);
    }

    pub(super) fn delivery_failed(&mut self, fact: &Fact<'_>, event: &DeliveryFailed) {
        let row = DeliveryRow {
            state: DeliveryState::Failed,
            tries: Some(event.tries),
            reason: Some(event.reason.clone()),
            ..row(fact, event.study_id, &event.matter, (&event.target, event.attempt))
        };
        let letter = DeadLetterRow {
            seq: fact.seq,
            consumer: event.consumer.clone(),
            stream_seq: event.stream_seq,
            site: fact.envelope.site.clone(),
            job_id: None,
            reading_id: None,
            deliveries: event.tries,
            reason: event.reason.clone(),
            at: fact.envelope.occurred_at,
            study_id: Some(row.study_id),
            matter: Some(row.matter.clone()),
            target: Some(row.target.clone()),
            attempt: Some(row.attempt),
        };
        self.deliveries.insert(fact.seq, row);
        self.dead_letters.insert(fact.seq, letter);
    }

    pub(super) fn delivery_resolved(&mut self, fact: &Fact<'_>, event: &DeliveryResolved) {
        let row = DeliveryRow {
            state: state_after(event.resolution),
            resolved_by: Some(event.by.clone()),
            resolved_why: Some(event.why.clone()),
            ..row(fact, event.study_id, &event.matter, (&event.target, event.attempt))
        };
        self.deliveries.insert(fact.seq, row);
    }
}

fn row(
    fact: &Fact<'_>,
    study_id: StudyId,
    matter: &Matter,
    (target, attempt): (&hilum_events::DeliveryTarget, u32),
) -> DeliveryRow {
    DeliveryRow {
        seq: fact.seq,
        study_id,
        matter: matter.token(),
        target: target.clone(),
        attempt,
        state: DeliveryState::Delivered,
        at: fact.envelope.occurred_at,
        tries: None,
        receipt: None,
        reason: None,
        objects: None,
        resolved_by: None,
        resolved_why: None,
    }
}

fn state_after(resolution: Resolution) -> DeliveryState {
    match resolution {
        Resolution::Redrive => DeliveryState::Redriven,
        Resolution::Discard => DeliveryState::Discarded,
    }
}
