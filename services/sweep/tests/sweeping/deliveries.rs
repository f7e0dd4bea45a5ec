//! Deliveries that the server gave up on, from consumers that are made as hilum-deliver makes them.

use hilum_events::DeliveryFailed;
use hilum_log::ConsumerDefinition;

use super::*;

const PACS: &str = "deliver-pacs";

impl Site {
    /// Makes a consumer that gives up its messages soon.
    async fn deliver_to(&self, consumer: &str, filter: &str) {
        let definition = ConsumerDefinition {
            name: consumer.to_owned(),
            lanes: None,
            filter_subjects: vec![filter.to_owned()],
            ack_wait_s: 1,
            max_deliver: 2,
            max_ack_pending: 8,
        };
        let last_seq = self.log.position().await.unwrap().last_seq;
        self.log.ensure_consumer(&definition, Some(last_seq)).await.unwrap();
    }

    /// A report that nobody delivers to the PACS, though it waits for it.
    async fn report_for_pacs(&self) {
        self.deliver_to(PACS, "evt.report-issued.>").await;
        assert_eq!(self.append(samples::report_issued(1, &[1], 0)).await, 1);
    }

    async fn delivery_failed(&self) -> Option<DeliveryFailed> {
        let fact = self.log.last("evt.delivery-failed.>").await.unwrap()?;
        let Event::DeliveryFailed(failed) = fact.content.unwrap().event else { panic!() };
        Some(failed)
    }
}

#[tokio::test]
async fn a_delivery_that_no_worker_answered_is_parked_and_told_with_its_target() {
    let site = site().await;
    site.report_for_pacs().await;
    take_until_given_up(&site, PACS).await;

    site.finds(DRY, &[(Kind::AdvisoryWithoutDeadLetter, Some(1), Action::Park)]).await;
    site.sweep(WET).await;
    let failed = site.delivery_failed().await.unwrap();
    assert_eq!((failed.target.as_str(), failed.consumer.as_str(), failed.stream_seq), ("pacs", PACS, 1));
    assert_eq!(failed.reason, "2 workers of deliver-pacs took it and none answered");
    assert_eq!(site.log.dead_letter(PACS, 1).await.unwrap().unwrap().tries.len(), 1);
    site.finds(DRY, &[]).await;
}

#[tokio::test]
async fn what_was_delivered_before_its_worker_died_is_left_alone() {
    let site = site().await;
    site.report_for_pacs().await;
    take_until_given_up(&site, PACS).await;
    site.append(samples::report_delivered(1, 0)).await;
    site.finds(DRY, &[]).await;
}

#[tokio::test]
async fn a_delivery_is_parked_when_its_retry_is_gone_and_not_before() {
    let site = site().await;
    site.report_for_pacs().await;
    take_until_given_up(&site, PACS).await;
    site.log.hand_out_again(PACS, 1, "tried before").await.unwrap();
    site.finds(DRY, &[]).await;

    let running = site.start(pace()).await;
    assert!(wait_until(LIMIT, || async { running.health.readiness().ready }).await);
    site.log.withdraw_retry(PACS, 1).await.unwrap();
    let told = || async { site.delivery_failed().await.is_some() };
    assert!(wait_until(LIMIT, told).await, "the advisory was looked at before and must not be forgotten");
    running.shutdown.cancel();
    running.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_retry_of_a_delivery_that_no_worker_answered_is_parked_and_its_ticket_withdrawn() {
    let site = site().await;
    site.report_for_pacs().await;
    site.log.hand_out_again(PACS, 1, "tried before").await.unwrap();
    take_until_given_up(&site, "deliver-pacs-retry").await;
    site.sweep(WET).await;
    assert_eq!(site.delivery_failed().await.unwrap().stream_seq, 1);
    assert!(!site.log.has_retry(PACS, 1).await.unwrap());
}

#[tokio::test]
async fn what_no_triage_answered_is_parked_and_nothing_hangs_on_it_that_is_told() {
    let site = site().await;
    site.deliver_to("deliver-triage", "evt.inference-completed.>").await;
    site.append(samples::inference_completed(1, "a", 0)).await;
    take_until_given_up(&site, "deliver-triage").await;

    site.finds(DRY, &[(Kind::AdvisoryWithoutDeadLetter, Some(1), Action::Park)]).await;
    site.sweep(WET).await;
    assert!(site.log.dead_letter("deliver-triage", 1).await.unwrap().is_some());
    assert_eq!(site.last_seq().await, 1);
    site.finds(DRY, &[]).await;
}
