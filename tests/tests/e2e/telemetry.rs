//! One trace from the upload to the report; metrics and health on every service.

use std::collections::{BTreeMap, BTreeSet};

use hilum_servers::wait_until;
use hilum_tests::{LIMIT, OtlpReceiver, Stack, StackOptions, Upload};

const SERVICES: [&str; 5] =
    ["hilum-dedupe", "hilum-infer", "hilum-ingest", "hilum-projection", "hilum-report"];

#[tokio::test]
async fn one_trace_covers_all_services_from_upload_to_report() {
    let receiver = OtlpReceiver::default();
    let otlp_endpoint = Some(receiver.start().await);
    let stack = Stack::start(StackOptions { otlp_endpoint, ..StackOptions::default() }).await;
    let job = stack.submit(Upload::sample("mhh_1479fa94.png").with("study", "S-1")).await;
    stack.report("S-1", 1).await;
    let trace_id = stack.ended(&job).await["trace_id"].as_str().unwrap().to_owned();

    let covered = || {
        let mut services: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for span in receiver.spans().into_iter().filter(|span| span.trace_id == trace_id) {
            services.entry(span.service).or_default().insert(span.name);
        }
        services
    };
    let all = || async { covered().keys().eq(SERVICES) };
    assert!(wait_until(LIMIT, all).await, "trace {trace_id} covers {:#?}", covered());
    let stages = &covered()["hilum-infer"];
    for stage in ["fetch", "prepare", "forward"] {
        assert!(stages.contains(stage), "{stages:?}");
    }
}

#[tokio::test]
async fn every_service_tells_its_health_and_its_metrics() {
    let stack = Stack::start(StackOptions::default()).await;
    let job = stack.submit(Upload::sample("mhh_1479fa94.png").with("study", "S-1")).await;
    stack.result(&job).await;
    stack.report("S-1", 1).await;
    let mut pages = BTreeMap::new();
    for service in stack.services() {
        for page in ["livez", "readyz", "metrics"] {
            let answer = stack.http.get(format!("{}/{page}", stack.url_of(&service))).send().await.unwrap();
            assert!(answer.status().is_success(), "{service}/{page}");
            pages.insert((service.clone(), page), answer.text().await.unwrap());
        }
    }
    for (service, metric) in [
        ("ingest", "hilum_ingest_accepted_total"),
        ("dedupe", "hilum_queue_wait_seconds_bucket"),
        ("infer", "hilum_stage_seconds_bucket{stage=\"decode\""),
        ("infer", "hilum_stage_seconds_bucket{stage=\"preprocess\""),
        ("infer", "hilum_infer_batch_size_bucket"),
        ("infer", "hilum_infer_total{outcome=\"inference-completed\"}"),
        ("report", "hilum_reports_total"),
        ("projection", "hilum_projection_position"),
    ] {
        let page = &pages[&(service.to_owned(), "metrics")];
        assert!(page.contains(metric), "{service} lacks {metric}:\n{page}");
    }
}
