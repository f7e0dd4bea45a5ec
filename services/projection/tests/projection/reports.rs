//! A report in its forms: what was stored is given as it is, a page is made of the document when somebody asks.

use std::path::PathBuf;

use bytes::Bytes;
use hilum_events::samples::{image_stored, report_issued, study_id};
use hilum_events::{BlobRef, Envelope, Event, EventId};
use hilum_reports::{Language, Picture, Pictures, Report, fhir, hl7, html, pdf, reduced, samples};
use reqwest::{Response, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Copy, World};

/// Revision `revision` with the document `json`.
fn issued(revision: u32, json: &BlobRef) -> Envelope {
    let mut issued = report_issued(revision, &[1, 2, 3, 4], i64::from(revision));
    issued.event_id = EventId::following(issued.event_id.as_uuid(), &format!("revision {revision}"));
    let Event::ReportIssued(event) = &mut issued.event else { unreachable!() };
    event.json = json.clone();
    issued
}

/// Stores a document and says in the log that it was issued as the first revision.
async fn issue(world: &World, copy: &Copy, document: Vec<u8>) -> BlobRef {
    let json = world.blobs.put(document.into()).await.unwrap();
    let seq = world.append(&[image_stored(1, "a", 0), issued(1, &json)]).await;
    copy.folded(seq).await;
    json
}

/// The story's report, its pictures in storage.
async fn stored_story(world: &World) -> (Report, Vec<BlobRef>) {
    let mut report = samples::one_of_each();
    let kept = world.blobs.put(samples::picture(512, 419).into()).await.unwrap();
    let made = world.blobs.put(samples::picture(300, 200).into()).await.unwrap();
    for image in report.images.iter_mut().filter(|image| image.preview.is_some()) {
        image.preview = Some(if image.reading.is_some() { kept.clone() } else { made.clone() });
    }
    (report, vec![kept, made])
}

/// What the page must be when all is there.
async fn expected_page(world: &World, report: &Report, json: &BlobRef, max_side_px: u32) -> String {
    let pictures = found_pictures(world, report, max_side_px).await;
    html::render(report, &pictures, &json.sha256, Language::English)
}

/// The report's pictures from storage, where all of them must be.
async fn found_pictures(world: &World, report: &Report, max_side_px: u32) -> Pictures {
    let mut pictures = Pictures::new();
    for preview in report.previews(report.images.len()) {
        let png = world.blobs.get(preview).await.unwrap();
        pictures.insert(preview.sha256, reduced(png.to_vec(), max_side_px));
    }
    assert!(pictures.values().all(|picture| matches!(picture, Picture::Shown { .. })));
    pictures
}

async fn fetch(copy: &Copy, query: &str, header: (&str, &str)) -> Response {
    let url = format!("{}/v1/studies/{}/report{query}", copy.base, study_id());
    hilum_runtime::http_client().build().unwrap().get(url).header(header.0, header.1).send().await.unwrap()
}

async fn page(copy: &Copy) -> Response {
    let page = fetch(copy, "", ("accept", "text/html")).await;
    assert_eq!(page.status(), StatusCode::OK, "{:?}", page.text().await);
    page
}

fn path(world: &World, blob: &BlobRef) -> PathBuf {
    world.folder().join("objects").join(&blob.key)
}

#[tokio::test]
async fn a_document_is_given_as_it_was_issued_and_never_damaged() {
    let world = World::start().await;
    let copy = world.projection().await;
    let seq = world.append(&[image_stored(1, "a", 0)]).await;
    copy.folded(seq).await;
    let (status, problem) = copy.get("/v1/studies/S-1/report").await;
    assert_eq!((status, &problem["type"]), (409, &json!("/problems/report-not-issued")));

    let json = world.blobs.put(Bytes::from_static(b"{\"revision\":1}")).await.unwrap();
    // The objects of the second were never stored.
    let lost = BlobRef { key: "sha256/lo/lost".to_owned(), ..json.clone() };
    let seq = world.append(&[issued(1, &json), issued(2, &lost)]).await;
    copy.folded(seq).await;
    assert_eq!(copy.ok("/v1/studies/S-1/report?revision=1").await, json!({"revision": 1}));
    let answer = fetch(&copy, "?revision=1", ("accept", "application/json")).await;
    assert_eq!(answer.headers()["etag"], format!("\"{}\"", json.sha256));
    assert_eq!(answer.headers()["hilum-report-revision"], "1");
    assert_eq!(copy.get("/v1/studies/S-1/report?revision=3").await.0, 404);
    for format in ["json", "html"] {
        let (status, problem) = copy.get(&format!("/v1/studies/S-1/report?format={format}")).await;
        assert_eq!(status, 500);
        assert!(problem["detail"].as_str().unwrap().contains("missing or damaged"), "{problem}");
    }
    let study = copy.ok("/v1/studies/S-1").await;
    let keys: Vec<_> = study["reports"][0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["cause", "complete", "completed", "failed", "issued_at", "pending", "revision"]);
}

#[tokio::test]
async fn a_page_that_an_old_report_kept_is_given_byte_for_byte() {
    let world = World::start().await;
    let copy = world.projection().await;
    let [json, kept] = [&b"{}"[..], b"<p>Report</p>"].map(Bytes::from_static);
    let (json, kept) = (world.blobs.put(json).await.unwrap(), world.blobs.put(kept).await.unwrap());
    let mut old = issued(1, &json);
    let Event::ReportIssued(event) = &mut old.event else { unreachable!() };
    event.html = Some(kept.clone());
    let seq = world.append(&[image_stored(1, "a", 0), old]).await;
    copy.folded(seq).await;
    let answer = page(&copy).await;
    assert_eq!(answer.headers()["etag"], format!("\"{}\"", kept.sha256));
    assert_eq!(answer.headers()["hilum-report-revision"], "1");
    assert_eq!(answer.text().await.unwrap(), "<p>Report</p>");
}

#[tokio::test]
async fn a_page_is_made_of_the_document_and_its_pictures_and_is_the_same_each_time() {
    let world = World::start().await;
    let copy = world.projection().await;
    let (report, _) = stored_story(&world).await;
    let json = issue(&world, &copy, report.to_json().unwrap()).await;
    let expected = expected_page(&world, &report, &json, 512).await;
    assert_eq!(expected.matches("data:image/png;base64,").count(), 2);
    let etag = format!("\"{}\"", html::FORM.tag(&json.sha256));
    for _ in 0..2 {
        let answer = page(&copy).await;
        assert_eq!(answer.headers()["etag"], etag);
        assert_eq!(answer.headers()["content-type"], "text/html; charset=utf-8");
        assert!(answer.headers()["content-security-policy"].to_str().unwrap().contains("default-src 'none'"));
        assert_eq!(answer.text().await.unwrap(), expected);
    }
    let known = fetch(&copy, "?format=html", ("if-none-match", &etag)).await;
    assert_eq!(
        (known.status(), known.headers()["etag"].to_str().unwrap()),
        (StatusCode::NOT_MODIFIED, &*etag)
    );
    assert_eq!(known.text().await.unwrap(), "");
    let other_form = fetch(&copy, "?format=json", ("if-none-match", &etag)).await;
    assert_eq!(other_form.status(), StatusCode::OK, "the tag is the page's");
}

#[tokio::test]
async fn a_report_is_given_in_every_form_for_programs_by_its_name_or_media_type() {
    let world = World::start().await;
    let copy = world.projection().await;
    let (report, _) = stored_story(&world).await;
    let json = issue(&world, &copy, report.to_json().unwrap()).await;
    for (name, form, expected) in
        [("fhir", fhir::FORM, fhir::bundle(&report)), ("hl7", hl7::FORM, hl7::oru_r01(&report).into_bytes())]
    {
        let named = fetch(&copy, &format!("?format={name}"), ("accept", "*/*")).await;
        let negotiated = fetch(&copy, "", ("accept", form.media_type)).await;
        let etag = format!("\"{}\"", form.tag(&json.sha256));
        for answer in [named, negotiated] {
            assert_eq!(answer.status(), StatusCode::OK);
            assert_eq!(answer.headers()["content-type"], form.media_type);
            assert_eq!(answer.headers()["etag"], etag);
            assert!(answer.bytes().await.unwrap() == expected, "{name}");
        }
        let known = fetch(&copy, &format!("?format={name}"), ("if-none-match", &etag)).await;
        assert_eq!(known.status(), StatusCode::NOT_MODIFIED);
    }
    let (status, problem) = copy.get("/v1/studies/S-1/report?format=doc").await;
    assert_eq!(status, 400);
    assert!(
        problem["detail"].as_str().unwrap().contains("hl7, dicom-sr, dicom-sc or dicom-pdf"),
        "{problem}"
    );
    let (status, problem) = copy.get("/v1/studies/S-1/report?format=fhir&part=2").await;
    assert_eq!(
        (status, problem["detail"].as_str()),
        (404, Some("this form of the report has one file only"))
    );
    // The files of the story's DICOM images are not stored, and nobody guesses whose they were.
    let (status, problem) = copy.get("/v1/studies/S-1/report?format=dicom-sr").await;
    assert_eq!((status, problem["type"].as_str()), (409, Some("/problems/no-dicom-object")), "{problem}");
    let unknown = fetch(&copy, "", ("accept", "image/png")).await;
    assert_eq!(unknown.status(), StatusCode::NOT_ACCEPTABLE);
    assert!(unknown.text().await.unwrap().contains("application/fhir+json (?format=fhir)"));
}

#[tokio::test]
async fn forms_for_people_come_in_the_language_that_is_asked_for() {
    let world = World::start().await;
    let copy = world.projection().await;
    let (report, _) = stored_story(&world).await;
    let json = issue(&world, &copy, report.to_json().unwrap()).await;
    let pictures = found_pictures(&world, &report, 512).await;
    let mut tags = std::collections::BTreeSet::new();
    for language in Language::ALL {
        let page = html::render(&report, &pictures, &json.sha256, language).into_bytes();
        let sheets = pdf::render(&report, &pictures, &json.sha256, language).unwrap();
        for (form, expected) in [("html", page), ("pdf", sheets)] {
            let query = format!("?format={form}&lang={}", language.tag());
            let answer = fetch(&copy, &query, ("accept", "*/*")).await;
            assert_eq!(answer.headers()["content-language"], language.tag());
            let etag = answer.headers()["etag"].to_str().unwrap().to_owned();
            assert!(answer.bytes().await.unwrap() == expected, "{query}");
            assert_eq!(
                fetch(&copy, &query, ("if-none-match", &etag)).await.status(),
                StatusCode::NOT_MODIFIED
            );
            assert!(tags.insert(etag), "each has its own tag");
        }
    }
    let negotiated = fetch(&copy, "", ("accept", "application/pdf")).await;
    assert_eq!(negotiated.headers()["content-type"], "application/pdf");
    let (status, problem) = copy.get("/v1/studies/S-1/report?format=html&lang=fr").await;
    assert_eq!((status, &problem["detail"]), (400, &json!("lang must be en or ko")));
}

#[tokio::test]
async fn a_report_with_a_flaw_is_shown_and_not_given_to_programs_in_a_form_that_hides_it() {
    let world = World::start().await;
    let copy = world.projection().await;
    let (mut report, _) = stored_story(&world).await;
    report.summary.failed = 0;
    issue(&world, &copy, report.to_json().unwrap()).await;
    page(&copy).await;
    for format in ["fhir", "hl7"] {
        let (status, problem) = copy.get(&format!("/v1/studies/S-1/report?format={format}")).await;
        assert_eq!(status, 500);
        assert!(problem["detail"].as_str().unwrap().contains("the summary says"), "{problem}");
    }
}

#[tokio::test]
async fn a_picture_that_is_damaged_or_missing_is_a_sentence_on_a_page_without_a_tag() {
    let world = World::start().await;
    let copy = world.projection().await;
    let (report, previews) = stored_story(&world).await;
    let json = issue(&world, &copy, report.to_json().unwrap()).await;
    let [kept, made] = [&previews[0], &previews[1]];
    let whole = std::fs::read(path(&world, kept)).unwrap();
    std::fs::write(path(&world, kept), samples::picture(512, 420)).unwrap();
    std::fs::remove_file(path(&world, made)).unwrap();
    let answer = page(&copy).await;
    assert!(answer.headers().get("etag").is_none(), "its bytes are others once the pictures are back");
    let text = answer.text().await.unwrap();
    assert_eq!(text.matches("data:image/png").count(), 0);
    assert!(text.contains(&format!("No preview: object {} in storage is damaged", kept.key)));
    assert!(text.contains(&format!("No preview: object {} is not in storage.", made.key)));

    std::fs::write(path(&world, kept), whole).unwrap();
    std::fs::write(path(&world, made), samples::picture(300, 200)).unwrap();
    let answer = page(&copy).await;
    assert!(answer.headers().contains_key("etag"));
    assert_eq!(answer.text().await.unwrap(), expected_page(&world, &report, &json, 512).await);
}

#[tokio::test]
async fn the_pictures_of_a_large_study_are_made_smaller() {
    let world = World::start().await;
    let copy = world.projection().await;
    let mut report = samples::one_of_each();
    let image = report.images[0].clone();
    report.images = vec![image; 17];
    for (number, image) in (0..).zip(&mut report.images) {
        image.preview = Some(world.blobs.put(samples::picture(512, 300 + number).into()).await.unwrap());
    }
    let json = issue(&world, &copy, report.to_json().unwrap()).await;
    let text = page(&copy).await.text().await.unwrap();
    assert_eq!(text, expected_page(&world, &report, &json, 256).await);
    assert_eq!(text.matches("data:image/png").count(), 17);
}

#[tokio::test]
async fn a_document_of_a_newer_release_is_given_as_it_is_and_makes_no_page() {
    let world = World::start().await;
    let copy = world.projection().await;
    let newer = json!({"format": "hilum-report/2"});
    issue(&world, &copy, newer.to_string().into_bytes()).await;
    assert_eq!(copy.ok("/v1/studies/S-1/report").await, newer);
    let (status, problem) = copy.get("/v1/studies/S-1/report?format=html").await;
    assert_eq!(status, 500);
    assert!(problem["detail"].as_str().unwrap().contains("?format=json"), "{problem}");
}

#[tokio::test]
async fn while_storage_is_away_a_page_is_refused_for_now() {
    let world = World::start().await;
    let copy = world.projection().await;
    let (report, _) = stored_story(&world).await;
    issue(&world, &copy, report.to_json().unwrap()).await;
    // A file where the folder was: reading fails, and not for good.
    let objects = world.folder().join("objects");
    let aside = world.folder().join("aside");
    std::fs::rename(&objects, &aside).unwrap();
    std::fs::write(&objects, b"").unwrap();
    let (status, problem) = copy.get("/v1/studies/S-1/report?format=html").await;
    assert_eq!((status, &problem["retry_after_s"]), (503, &Value::from(2)));
    std::fs::remove_file(&objects).unwrap();
    std::fs::rename(&aside, &objects).unwrap();
    assert!(page(&copy).await.headers().contains_key("etag"));
}

#[tokio::test]
async fn a_study_says_whether_its_last_report_is_complete_and_what_it_lacks() {
    let world = World::start().await;
    let copy = world.projection().await;
    let document = samples::incomplete();
    let json = world.blobs.put(document.to_json().unwrap().into()).await.unwrap();
    let mut first = issued(1, &json);
    let Event::ReportIssued(event) = &mut first.event else { unreachable!() };
    (event.complete, event.pending) = (false, 1);
    let seq = world.append(&[image_stored(1, "a", 0), first.clone()]).await;
    copy.folded(seq).await;
    let last = copy.ok("/v1/studies/S-1").await["reports"][0].clone();
    assert_eq!((&last["complete"], &last["pending"]), (&json!(false), &json!(1)));
    assert_eq!(last["missing"], json!(document.completeness.unwrap().missing));

    // What is missing stands in the document; without it the study is shown all the same.
    std::fs::remove_file(path(&world, &json)).unwrap();
    let study = copy.ok("/v1/studies/S-1").await;
    assert_eq!((&study["reports"][0]["complete"], study["reports"][0].get("missing")), (&json!(false), None));

    let seq = world.append(&[issued(2, &json)]).await;
    copy.folded(seq).await;
    let reports = copy.ok("/v1/studies/S-1").await["reports"].clone();
    assert_eq!((&reports[0]["complete"], &reports[1]["complete"]), (&json!(false), &json!(true)));
    assert_eq!(reports[1].get("missing"), None);
}
