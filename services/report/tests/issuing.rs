//! The service against a real nats-server, a store in a folder and the real decoder: events in, reports out.
#![allow(clippy::unwrap_used, reason = "a test ends by panicking")]

use std::path::PathBuf;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use hilum_blobs::{BlobStore, StoreConfig};
use hilum_events::{
    BlobRef, Envelope, Event, EventId, ReportCause, ReportIssued, StoredImage, StudyId, samples,
};
use hilum_imaging::DecoderConfig;
use hilum_log::{Log, apply_definitions};
use hilum_report::{Pace, Previewer, Reporter};
use hilum_reports::{
    ChangeKind, Choice, Completeness, ImageStatus, Language, Missing, Picture, Pictures, Report, html,
    reduced,
};
use hilum_runtime::Health;
use hilum_servers::{NatsOptions, NatsServer, TestFolder, wait_until};
use hilum_sites::Sites;
use jiff::{SignedDuration, Timestamp};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const LIMIT: Duration = Duration::from_secs(30);
/// Room for all facts of a test.
const REMEMBER_BYTES: usize = 1 << 20;

/// A log, a store and a study in them.
struct Site {
    _folder: TestFolder,
    nats: NatsServer,
    log: Log,
    blobs: BlobStore,
    decoder: PathBuf,
    /// The rules of the sites.
    sites: String,
}

/// A running copy of the service.
struct Copy {
    health: Health,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), hilum_report::RunError>>,
}

impl Site {
    async fn new() -> Self {
        let decoder = DecoderConfig::sibling().map(|config| config.program);
        // Without one every preview is refused for a while and no report comes: better to say so at once.
        let decoder = decoder.expect("hilum-decoder is built: cargo build -p hilum-imaging --bins");
        let folder = TestFolder::new().unwrap();
        let nats = NatsServer::start(&NatsOptions::in_folder(folder.path().join("nats"))).await.unwrap();
        let log = Log::connect(&nats.url(), "test").await.unwrap();
        assert!(wait_until(LIMIT, || async { log.is_connected() }).await);
        apply_definitions(&log, 1).await.unwrap();
        let url = format!("file://{}", folder.path().join("objects").display());
        let blobs = BlobStore::open(&StoreConfig::at(&url)).unwrap();
        Self { _folder: folder, nats, log, blobs, decoder, sites: String::new() }
    }

    async fn start(&self, quiet_ms: u64) -> Copy {
        self.start_remembering(quiet_ms, REMEMBER_BYTES).await
    }

    async fn start_remembering(&self, quiet_ms: u64, remember_bytes: usize) -> Copy {
        let log = Log::connect(&self.nats.url(), "hilum-report").await.unwrap();
        self.start_on(log, quiet_ms, remember_bytes).await
    }

    async fn start_on(&self, log: Log, quiet_ms: u64, remember_bytes: usize) -> Copy {
        let previewer = Previewer::new(DecoderConfig::new(&self.decoder));
        let pace = Pace {
            quiet: Duration::from_millis(quiet_ms),
            sites: Sites::parse(&self.sites).unwrap(),
            study_images_max: 5000,
            studies_at_once: 2,
            drain_limit: Duration::from_secs(5),
            remember_bytes,
        };
        let (health, shutdown) = (Health::default(), CancellationToken::new());
        let reporter = Reporter::new(log, self.blobs.clone(), previewer, health.clone(), pace);
        let stop = shutdown.clone();
        let runtime = tokio::runtime::Handle::current();
        let task = tokio::task::spawn_blocking(move || runtime.block_on(reporter.run(&stop)));
        let ready = wait_until(LIMIT, || async { health.readiness().ready }).await;
        assert!(ready, "{:?}", health.readiness());
        Copy { health, shutdown, task }
    }

    /// Appends the fact as if it happened now.
    async fn append(&self, mut envelope: Envelope) -> u64 {
        envelope.occurred_at = Timestamp::now();
        self.log.append(&envelope).await.unwrap().seq()
    }

    /// An image arrives and is read; nothing was kept of it for people, as in events of the first version.
    async fn read_image(&self, number: u128, content: &str, image: &StoredImage) {
        self.append(with_image(samples::image_stored(number, content, 0), image)).await;
        self.append(with_image(samples::inference_requested(number, content, 0), image)).await;
        self.append(with_preview(samples::inference_completed(number, content, 0), None)).await;
    }

    async fn issued(&self, revision: u32) -> (ReportIssued, Envelope) {
        let filter = format!("evt.report-issued.*.{}.{revision}", samples::study_id());
        let there = wait_until(LIMIT, || async { self.log.last(&filter).await.unwrap().is_some() }).await;
        assert!(there, "no revision {revision} was issued");
        let envelope = self.log.last(&filter).await.unwrap().unwrap().content.unwrap();
        let Event::ReportIssued(issued) = envelope.event.clone() else { panic!("{envelope:?}") };
        (issued, envelope)
    }

    /// Number of reports in the log.
    async fn reports(&self) -> usize {
        let last_seq = self.log.position().await.unwrap().last_seq;
        let mut reports = 0;
        for seq in 1..=last_seq {
            let recorded = self.log.at(seq).await.unwrap().unwrap();
            reports += usize::from(recorded.subject.starts_with("evt.report-issued."));
        }
        reports
    }

    async fn document(&self, issued: &ReportIssued) -> Report {
        assert_eq!(issued.html, None, "a page is made when somebody asks");
        Report::from_json(&self.blobs.get(&issued.json).await.unwrap()).unwrap()
    }

    async fn page(&self, issued: &ReportIssued) -> String {
        let report = self.document(issued).await;
        let Choice::Shown { previews, max_side_px } = html::choice(&report) else { panic!("too many") };
        let mut pictures = Pictures::new();
        for preview in previews {
            let picture = match self.blobs.get(&preview).await {
                Ok(png) => reduced(png.to_vec(), max_side_px),
                Err(error) => Picture::Missing { reason: error.to_string() },
            };
            pictures.insert(preview.sha256, picture);
        }
        html::render(&report, &pictures, &issued.json.sha256, Language::English)
    }

    /// The same log as seen by another client: what is asked of it from now on.
    async fn overheard(&self) -> async_nats::Subscriber {
        let client = async_nats::connect(self.nats.url()).await.unwrap();
        let asked = client.subscribe("$JS.API.>").await.unwrap();
        client.flush().await.unwrap();
        asked
    }

    /// A picture like the one that the samples' region describes.
    async fn picture(&self) -> StoredImage {
        self.picture_brighter_by(0).await
    }

    async fn picture_brighter_by(&self, steps: u32) -> StoredImage {
        let shade = |x: u32, y: u32| image::Luma([u8::try_from((x / 4 + y / 8 + steps) % 256).unwrap()]);
        let picture = image::GrayImage::from_fn(640, 524, shade);
        let mut png = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut png, image::ImageFormat::Png).unwrap();
        let blob = self.blobs.put(png.into_inner().into()).await.unwrap();
        StoredImage { blob, media_type: hilum_events::MediaType::Png, dicom: None }
    }
}

impl Copy {
    async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap().unwrap();
        drop(self.health);
    }
}

fn with_image(mut envelope: Envelope, image: &StoredImage) -> Envelope {
    match &mut envelope.event {
        Event::ImageStored(e) => e.image = image.clone(),
        Event::InferenceRequested(e) => e.image = image.clone(),
        other => panic!("{} has no image", other.name()),
    }
    envelope
}

fn with_preview(mut envelope: Envelope, kept: Option<BlobRef>) -> Envelope {
    let Event::InferenceCompleted(e) = &mut envelope.event else { panic!("no reading") };
    e.preview = kept;
    envelope
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_study_gets_its_report_and_a_late_image_a_second_revision() {
    let site = Site::new().await;
    let service = site.start(200).await;
    let picture = site.picture().await;
    site.read_image(1, "a", &picture).await;

    let (first, envelope) = site.issued(1).await;
    assert_eq!((first.completed, first.failed), (1, 0));
    assert_eq!(first.job_ids, [samples::job_id(1)]);
    let caused_by = samples::inference_completed(1, "a", 0).event_id;
    assert_eq!(envelope.causation_id, Some(caused_by));
    let page = site.page(&first).await;
    assert!(page.contains("data:image/png;base64,iVBOR"), "the preview is a picture");
    assert!(page.contains("For research use only. Not a diagnosis."));
    assert!(page.contains("UNTRAINED demonstration network"));
    assert!(page.contains(&first.json.sha256.to_string()));

    site.append(with_image(samples::image_stored(2, "a", 0), &picture)).await;
    site.append(samples::duplicate_linked(2, 1, "a", 0)).await;
    let (second, _) = site.issued(2).await;
    assert_eq!(second.job_ids.len(), 2);
    let document = site.document(&second).await;
    assert_eq!(document.images[1].duplicate_of, Some(samples::job_id(1)));
    assert_eq!(document.changes.iter().map(|change| change.change).collect::<Vec<_>>(), [ChangeKind::Added]);
    assert_eq!(site.document(&first).await.images.len(), 1, "the first revision stays as it was");

    service.stop().await;
    assert_eq!(site.reports().await, 2);
}

fn fast() -> Timestamp {
    Timestamp::now() + SignedDuration::from_secs(20)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_whose_clock_is_ahead_lets_a_study_be_quiet_as_long_as_the_others() {
    const QUIET_MS: u64 = 3000;
    let site = Site::new().await;
    let picture = site.picture().await;
    let log = Log::connect_beside(&site.nats.url(), "fast", fast).await.unwrap();
    let copies = [site.start(QUIET_MS).await, site.start_on(log.clone(), QUIET_MS, REMEMBER_BYTES).await];
    for number in 1..=4 {
        site.read_image(number, &number.to_string(), &picture).await;
    }
    let last_seq = site.log.position().await.unwrap().last_seq;
    let (issued, envelope) = site.issued(1).await;
    let report = site.log.last(&envelope.subject()).await.unwrap().unwrap();
    let last_image = site.log.at(last_seq).await.unwrap().unwrap();
    let waited = report.stored_at.duration_since(last_image.stored_at);
    assert!(waited >= SignedDuration::from_millis(QUIET_MS.cast_signed()), "{waited:?}");
    assert_eq!((site.document(&issued).await.images.len(), site.reports().await), (4, 1));
    assert!(log.clock().note().is_some(), "its clock is off and it says so");
    for copy in copies {
        copy.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_copies_issue_each_revision_once_and_make_the_same_report() {
    let in_seoul = || async {
        Site { sites: "[default]\ntime_zone = \"Asia/Seoul\"\n".to_owned(), ..Site::new().await }
    };
    let site = in_seoul().await;
    let copies = [site.start(100).await, site.start(100).await];
    let picture = site.picture().await;
    site.read_image(1, "a", &picture).await;
    let (first, _) = site.issued(1).await;
    for number in 2..6 {
        site.append(with_image(samples::image_stored(number, "a", 0), &picture)).await;
        site.append(samples::duplicate_linked(number, 1, "a", 0)).await;
        site.issued(u32::try_from(number).unwrap()).await;
    }
    for copy in copies {
        copy.stop().await;
    }
    assert_eq!(site.reports().await, 5);

    // The same facts in another log lead to the same document, but for what the server's clock says.
    let again = in_seoul().await;
    let service = again.start(100).await;
    again.read_image(1, "a", &again.picture().await).await;
    let (repeated, _) = again.issued(1).await;
    let (mut one, mut other) = (site.document(&first).await, again.document(&repeated).await);
    assert!(one.local_time(one.as_of).ends_with(" KST (UTC+09:00)"), "{}", one.local_time(one.as_of));
    [&mut one, &mut other].into_iter().for_each(timeless);
    assert_eq!(one, other);
    service.stop().await;
}

/// Takes out of a report what the server's clock says.
fn timeless(report: &mut Report) {
    report.as_of = samples::at(0);
    report.images.iter_mut().for_each(|image| image.received_at = samples::at(0));
    report.provenance.events.iter_mut().for_each(|event| event.stored_at = samples::at(0));
    let zone = report.time_zone.iter_mut().flat_map(|zone| &mut zone.offsets);
    zone.for_each(|offset| offset.from = samples::at(0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_issues_nothing_again_and_makes_what_became_due_meanwhile() {
    let site = Site::new().await;
    let service = site.start(100).await;
    let picture = site.picture().await;
    site.read_image(1, "a", &picture).await;
    site.issued(1).await;
    service.stop().await;

    site.append(with_image(samples::image_stored(2, "a", 0), &picture)).await;
    site.append(samples::duplicate_linked(2, 1, "a", 0)).await;
    let service = site.start(100).await;
    site.issued(2).await;
    service.stop().await;

    let service = site.start(0).await;
    // A study that is due shows that the others were looked at.
    site.append(samples::study_close_requested(9, 0)).await;
    site.append(with_image(samples::image_stored(3, "a", 0), &picture)).await;
    site.append(samples::duplicate_linked(3, 1, "a", 0)).await;
    site.issued(3).await;
    service.stop().await;
    assert_eq!(site.reports().await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_reading_that_completes_two_studies_gives_each_its_report() {
    let site = Site::new().await;
    let service = site.start(100).await;
    let picture = site.picture().await;
    let south: hilum_events::Site = "south".parse().unwrap();
    let other_study = hilum_events::StudyId::named(&south, "S-9");
    let mut stored = with_image(samples::image_stored(2, "a", 0), &picture);
    let mut linked = samples::duplicate_linked(2, 1, "a", 0);
    for envelope in [&mut stored, &mut linked] {
        envelope.site = south.clone();
        match &mut envelope.event {
            Event::ImageStored(e) => e.study_id = other_study,
            Event::DuplicateLinked(e) => e.study_id = other_study,
            _ => unreachable!(),
        }
    }
    site.append(with_image(samples::image_stored(1, "a", 0), &picture)).await;
    site.append(with_image(samples::inference_requested(1, "a", 0), &picture)).await;
    site.append(stored).await;
    site.append(linked).await;
    site.append(samples::inference_completed(1, "a", 0)).await;

    let (_, first) = site.issued(1).await;
    let filter = format!("evt.report-issued.south.{other_study}.1");
    let there = wait_until(LIMIT, || async { site.log.last(&filter).await.unwrap().is_some() }).await;
    assert!(there, "the study of the other site has its report under its own site");
    let second = site.log.last(&filter).await.unwrap().unwrap().content.unwrap();
    assert_ne!(first.event_id, second.event_id);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn images_that_cannot_be_shown_do_not_hold_up_the_report() {
    let site = Site::new().await;
    let service = site.start(100).await;
    let broken = site.blobs.put(b"\x89PNG\r\n\x1a\nnothing more".to_vec().into()).await.unwrap();
    let broken = StoredImage { blob: broken, media_type: hilum_events::MediaType::Png, dicom: None };
    site.append(with_image(samples::image_stored(1, "a", 0), &broken)).await;
    site.append(with_image(samples::inference_requested(1, "a", 0), &broken)).await;
    site.append(samples::inference_failed(1, "a", 0)).await;
    // The object of this one was never stored.
    site.read_image(2, "gone", &samples::image("gone")).await;

    let (issued, _) = site.issued(1).await;
    assert_eq!((issued.completed, issued.failed), (1, 1));
    assert_eq!(issued.previews, []);
    let page = site.page(&issued).await;
    assert_eq!(page.matches("No preview: ").count(), 2);
    assert!(page.contains("is not in storage"));
    let document = site.document(&issued).await;
    let missing = |index: usize| document.images[index].preview_missing.clone().unwrap();
    assert!(missing(1).contains("is not in storage"), "{}", missing(1));
    assert!(document.images.iter().all(|image| image.preview.is_none()));
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_that_was_kept_is_named_and_one_is_made_only_where_none_was() {
    let site = Site::new().await;
    let service = site.start(100).await;
    let picture = site.picture().await;
    // Named without a look: whoever makes a page of the document finds what is wrong with it.
    let kept = samples::image("kept and lost since").blob;
    site.append(with_image(samples::image_stored(1, "a", 0), &picture)).await;
    site.append(with_image(samples::inference_requested(1, "a", 0), &picture)).await;
    site.append(with_preview(samples::inference_completed(1, "a", 0), Some(kept.clone()))).await;
    // An image that can be shown and that no model reads.
    site.append(with_image(samples::image_stored(2, "b", 0), &picture)).await;
    site.append(with_image(samples::inference_requested(2, "b", 0), &picture)).await;
    site.append(samples::inference_failed(2, "b", 0)).await;

    let (issued, _) = site.issued(1).await;
    let document = site.document(&issued).await;
    assert_eq!(document.images[0].preview, Some(kept));
    let made = document.images[1].preview.clone().unwrap();
    assert_eq!(
        issued.previews,
        std::slice::from_ref(&made),
        "the event names what was stored for the report"
    );
    let png = site.blobs.get(&made).await.unwrap();
    let size = image::load_from_memory(&png).unwrap();
    assert_eq!((size.width(), size.height()), (512, 419));
    let page = site.page(&issued).await;
    assert_eq!(
        (page.matches("data:image/png;base64,").count(), page.matches("No preview: ").count()),
        (1, 1)
    );
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_that_were_just_followed_are_not_asked_for_again_and_forgotten_ones_are() {
    let mut documents = Vec::new();
    for (remember_bytes, asked_again) in [(REMEMBER_BYTES, false), (0, true)] {
        let site = Site::new().await;
        let service = site.start_remembering(100, remember_bytes).await;
        let mut asked = site.overheard().await;
        site.read_image(1, "a", &site.picture().await).await;
        let (issued, _) = site.issued(1).await;
        let mut document = site.document(&issued).await;
        service.stop().await;
        // The test itself asks for the newest message of a subject only.
        let mut gets = 0;
        while let Some(Some(message)) = asked.next().now_or_never() {
            let request: serde_json::Value = serde_json::from_slice(&message.payload).unwrap_or_default();
            gets += usize::from(message.subject.contains(".GET.") && request["seq"].is_u64());
        }
        assert_eq!(gets > 0, asked_again, "{gets} facts were asked for");
        timeless(&mut document);
        documents.push(document);
    }
    assert_eq!(documents[0], documents[1]);
}

/// An hour, within which nothing is reported because it is quiet.
const NEVER_QUIET_MS: u64 = 3_600_000;

/// A site whose studies are reported after this time at the latest.
async fn site_with_limit(seconds: f64) -> Site {
    Site { sites: format!("[default]\ntime_limit_s = {seconds}\n"), ..Site::new().await }
}

/// The image with the word of its sender that its study has two.
fn of_two(mut envelope: Envelope) -> Envelope {
    let Event::ImageStored(e) = &mut envelope.event else { panic!("no image") };
    e.expected_images = Some(2);
    envelope
}

/// The fact as one of the study `S-0`, which is another than that of the story.
fn of_earlier(mut envelope: Envelope) -> Envelope {
    let study_id = StudyId::named(&samples::site(), "S-0");
    match &mut envelope.event {
        Event::ImageStored(e) => e.study_id = study_id,
        Event::DuplicateLinked(e) => e.study_id = study_id,
        Event::StudyCloseRequested(e) => e.study_id = study_id,
        other => panic!("{} is of no study", other.name()),
    }
    envelope
}

impl Site {
    /// A report of the study `S-0`: when it is there, all studies were looked at.
    async fn look_passes(&self, picture: &StoredImage) -> Report {
        self.append(of_earlier(with_image(samples::image_stored(7, "a", 0), picture))).await;
        self.append(of_earlier(samples::duplicate_linked(7, 1, "a", 0))).await;
        self.append(of_earlier(samples::study_close_requested(7, 0))).await;
        let filter = format!("evt.report-issued.*.{}.1", StudyId::named(&samples::site(), "S-0"));
        assert!(wait_until(LIMIT, || async { self.log.last(&filter).await.unwrap().is_some() }).await);
        let envelope = self.log.last(&filter).await.unwrap().unwrap().content.unwrap();
        let Event::ReportIssued(issued) = envelope.event else { panic!("{envelope:?}") };
        self.document(&issued).await
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_study_that_lacks_an_image_is_reported_once_at_its_limit_and_at_once_when_that_comes() {
    let site = site_with_limit(3.0).await;
    let copies = [site.start(NEVER_QUIET_MS).await, site.start(NEVER_QUIET_MS).await];
    let picture = site.picture().await;
    let first_seq = site.append(of_two(with_image(samples::image_stored(1, "a", 0), &picture))).await;
    site.append(with_image(samples::inference_requested(1, "a", 0), &picture)).await;
    site.append(samples::inference_completed(1, "a", 0)).await;
    let (first, _) = site.issued(1).await;
    assert_eq!((first.cause, first.complete, first.pending), (ReportCause::TimeLimit, false, 0));
    let document = site.document(&first).await;
    let missing = vec![Missing::Images { expected: 2, arrived: 1 }];
    assert_eq!(document.completeness, Some(Completeness { complete: false, missing }));
    let came_at = site.log.at(first_seq).await.unwrap().unwrap().stored_at;
    assert_eq!(document.as_of, came_at + SignedDuration::from_secs(3), "whenever it was made");

    site.look_passes(&picture).await;
    let other = site.picture_brighter_by(1).await;
    site.append(with_image(samples::image_stored(2, "b", 0), &other)).await;
    site.append(with_image(samples::inference_requested(2, "b", 0), &other)).await;
    site.append(samples::inference_failed(2, "b", 0)).await;
    let (second, _) = site.issued(2).await;
    assert_eq!((second.cause, second.complete, second.failed), (ReportCause::Expected, true, 1));
    let document = site.document(&second).await;
    assert_eq!(document.completeness, Some(Completeness { complete: true, missing: Vec::new() }));
    assert_eq!(document.changes.len(), 1);
    assert_eq!(document.changes[0].change, ChangeKind::Added);
    for copy in copies {
        copy.stop().await;
    }
    assert_eq!(site.reports().await, 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_time_limit_that_ends_while_the_service_is_away_ends_once_when_it_is_back() {
    let site = site_with_limit(0.3).await;
    let picture = site.picture().await;
    let first_seq = site.append(with_image(samples::image_stored(1, "a", 0), &picture)).await;
    site.append(with_image(samples::inference_requested(1, "a", 0), &picture)).await;
    let limit_at =
        site.log.at(first_seq).await.unwrap().unwrap().stored_at + SignedDuration::from_millis(300);
    assert!(wait_until(LIMIT, || async { Timestamp::now() > limit_at }).await);
    let service = site.start(NEVER_QUIET_MS).await;
    let (first, _) = site.issued(1).await;
    assert_eq!((first.cause, first.complete, first.pending), (ReportCause::TimeLimit, false, 1));
    let document = site.document(&first).await;
    assert_eq!((document.images[0].status, document.as_of), (ImageStatus::Pending, limit_at));
    assert!(document.images[0].preview.is_some(), "people see what was not read yet");
    service.stop().await;

    let service = site.start(NEVER_QUIET_MS).await;
    site.look_passes(&picture).await;
    service.stop().await;
    assert_eq!(site.reports().await, 2, "one at the limit, one of the other study");

    // Without a limit the quiet time counts, which was over long ago.
    let site = Site { sites: String::new(), ..site };
    let service = site.start(100).await;
    site.append(samples::inference_completed(1, "a", 0)).await;
    let (second, _) = site.issued(2).await;
    assert_eq!((second.cause, second.complete, second.pending), (ReportCause::QuietTime, true, 0));
    assert_eq!(site.document(&second).await.changes[0].change, ChangeKind::OutcomeChanged);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_earlier_study_is_compared_with_unless_its_report_is_lost() {
    let site = Site::new().await;
    let service = site.start(NEVER_QUIET_MS).await;
    let picture = site.picture().await;
    let earlier_id = StudyId::named(&samples::site(), "S-0");
    let after_earlier = |mut envelope: Envelope| {
        let Event::ImageStored(e) = &mut envelope.event else { panic!("no image") };
        e.prior_study_id = Some(earlier_id);
        with_image(envelope, &picture)
    };
    site.append(after_earlier(samples::image_stored(1, "a", 0))).await;
    site.append(with_image(samples::inference_requested(1, "a", 0), &picture)).await;
    site.append(samples::inference_completed(1, "a", 0)).await;
    let earlier = site.look_passes(&picture).await;
    site.append(samples::study_close_requested(8, 0)).await;
    let (first, _) = site.issued(1).await;
    let document = site.document(&first).await;
    let comparison = document.comparison.expect("it is compared");
    assert_eq!((comparison.study_id, comparison.revision, comparison.as_of), (earlier_id, 1, earlier.as_of));
    assert!(comparison.same_model && !comparison.findings.is_empty());
    let names: Vec<_> = document.provenance.events.iter().map(|event| event.name.as_str()).collect();
    assert!(names.contains(&"report-issued"), "{names:?}");

    let issued = format!("evt.report-issued.*.{earlier_id}.1");
    let issued = site.log.last(&issued).await.unwrap().unwrap().content.unwrap();
    let Event::ReportIssued(issued) = issued.event else { panic!("{issued:?}") };
    std::fs::remove_file(site._folder.path().join("objects").join(&issued.json.key)).unwrap();
    site.append(after_earlier(samples::image_stored(2, "a", 0))).await;
    site.append(samples::duplicate_linked(2, 1, "a", 0)).await;
    site.append(samples::study_close_requested(9, 0)).await;
    let (second, _) = site.issued(2).await;
    assert_eq!(site.document(&second).await.comparison, None, "nothing is invented");
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn storage_that_comes_back_gets_the_report() {
    let site = Site::new().await;
    let objects = site._folder.path().join("objects");
    let service = site.start(100).await;
    let picture = site.picture().await;
    // A file where the folder was: reading and writing fail, and not for good.
    let aside = objects.with_extension("aside");
    std::fs::rename(&objects, &aside).unwrap();
    std::fs::write(&objects, b"").unwrap();
    site.read_image(1, "a", &picture).await;
    let noticed = wait_until(LIMIT, || async { !service.health.readiness().ready }).await;
    assert!(noticed, "the service says that storage is away");
    assert_eq!(site.reports().await, 0);
    std::fs::remove_file(&objects).unwrap();
    std::fs::rename(&aside, &objects).unwrap();
    site.issued(1).await;
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_with_a_flaw_is_not_issued_and_shows_as_stuck() {
    let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().install_recorder().unwrap();
    let site = Site::new().await;
    let picture = site.picture().await;
    site.append(with_image(samples::image_stored(1, "a", 0), &picture)).await;
    site.append(with_image(samples::inference_requested(1, "a", 0), &picture)).await;
    let mut reading = with_preview(samples::inference_completed(1, "a", 0), None);
    let Event::InferenceCompleted(e) = &mut reading.event else { unreachable!() };
    e.findings[0].probability = 1.5;
    site.append(reading).await;
    let service = site.start(100).await;
    let stuck = || async { metrics.render().lines().any(|line| line == "hilum_report_stuck 1") };
    assert!(wait_until(LIMIT, stuck).await, "{}", metrics.render());
    let readiness = service.health.readiness();
    assert!(readiness.ready && readiness.notes["stuck studies"].contains(&samples::study_id().to_string()));
    assert_eq!(site.reports().await, 0);
    service.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kind_of_a_newer_release_is_passed_by_and_a_newer_version_of_what_is_read_stops_the_service() {
    let site = Site::new().await;
    let mut copy = site.start(100).await;
    let client = async_nats::connect(site.nats.url()).await.unwrap();
    let known = samples::study_close_requested(1, 0);
    let (from, to) = (b"study-close-requested", b"study-close-withdrawn");
    let other_kind = with_bytes(known.encode(), from, to);
    client.publish("evt.study-close-withdrawn.default.x", other_kind.into()).await.unwrap();
    client.flush().await.unwrap();
    site.append(samples::image_stored(1, "a", 0)).await;
    site.append(samples::inference_requested(1, "a", 0)).await;
    site.append(samples::inference_failed(1, "a", 0)).await;
    site.issued(1).await;

    let newer_version = with_bytes(known.encode(), b"gversion\x01", b"gversion\x17");
    client.publish(known.subject(), newer_version.into()).await.unwrap();
    client.flush().await.unwrap();
    let ended = tokio::time::timeout(LIMIT, &mut copy.task).await.expect("it ends").unwrap();
    assert!(ended.is_err());
}

/// What this release writes, changed in one place.
fn with_bytes(mut bytes: Vec<u8>, from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
    bytes[at..at + from.len()].copy_from_slice(to);
    bytes
}

/// Writes a page with real pictures, to be looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_report_on_real_pictures_is_written_for_the_eye() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !folder.exists() {
        eprintln!("skipped: the sample pictures are missing");
        return;
    }
    let site = Site::new().await;
    let service = site.start(300).await;
    let mut images = Vec::new();
    for (number, name) in (1_u128..).zip(["mhh_1479fa94.png", "nih_00000001_000.png"]) {
        let bytes = std::fs::read(folder.join("a_chest_xray_png_jpeg").join(name)).unwrap();
        let size = image::load_from_memory(&bytes).unwrap();
        let blob = site.blobs.put(bytes.into()).await.unwrap();
        let image = StoredImage { blob, media_type: hilum_events::MediaType::Png, dicom: None };
        site.append(with_image(samples::image_stored(number, name, 0), &image)).await;
        site.append(with_image(samples::inference_requested(number, name, 0), &image)).await;
        site.append(eighteen_labels(number, name, (size.width(), size.height()))).await;
        images.push(image);
    }
    site.append(with_image(samples::image_stored(3, "mhh_1479fa94.png", 0), &images[0])).await;
    site.append(samples::duplicate_linked(3, 1, "mhh_1479fa94.png", 0)).await;
    site.append(samples::image_stored(4, "cut", 0)).await;
    site.append(samples::inference_requested(4, "cut", 0)).await;
    site.append(samples::inference_failed(4, "cut", 0)).await;
    let (issued, _) = site.issued(1).await;
    let page = site.page(&issued).await;
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("report.html");
    std::fs::write(&path, page).unwrap();
    eprintln!("look at {}", path.display());
    service.stop().await;
}

fn eighteen_labels(number: u128, content: &str, (width, height): (u32, u32)) -> Envelope {
    const LABELS: [&str; 18] = [
        "Atelectasis",
        "Consolidation",
        "Infiltration",
        "Pneumothorax",
        "Edema",
        "Emphysema",
        "Fibrosis",
        "Effusion",
        "Pneumonia",
        "Pleural_Thickening",
        "Cardiomegaly",
        "Nodule",
        "Mass",
        "Hernia",
        "Lung Lesion",
        "Fracture",
        "Lung Opacity",
        "Enlarged Cardiomediastinum",
    ];
    let mut envelope = with_preview(samples::inference_completed(number, content, 0), None);
    envelope.event_id = EventId::following(uuid::Uuid::from_u128(number), content);
    let Event::InferenceCompleted(e) = &mut envelope.event else { unreachable!() };
    e.model.trained = number.is_multiple_of(2);
    e.findings = (0_u16..)
        .zip(LABELS)
        .map(|(index, label)| {
            let score = f32::from((index * 37) % 64) / 100.0;
            let probability = score * 0.12;
            hilum_events::Finding {
                label: label.to_owned(),
                logit: (probability / (1.0 - probability)).max(1e-4).ln(),
                probability,
                operating_point_score: (index != 13).then_some(score),
            }
        })
        .collect();
    let top = LABELS[12];
    let centre = |cell: f32, at: f32| (-(cell - at).powi(2) / 3.0).exp();
    let cell = |row: u8, column: u8| 4.0 * centre(f32::from(row), 4.0) * centre(f32::from(column), 5.0) - 0.3;
    e.activation_maps = vec![hilum_events::ActivationMap {
        label: top.to_owned(),
        rows: 7,
        columns: 7,
        values: (0..7).flat_map(|row| (0..7).map(move |column| cell(row, column))).collect(),
    }];
    let side = width.min(height);
    e.region = hilum_events::AnalysedRegion {
        picture_width: width,
        picture_height: height,
        x: width / 2 - side / 2,
        y: height / 2 - side / 2,
        side,
    };
    envelope
}

/// A file of the field as its job's image.
async fn of_the_field(site: &Site, name: &str) -> StoredImage {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/field").join(name);
    let blob = site.blobs.put(std::fs::read(file).unwrap().into()).await.unwrap();
    StoredImage { blob, ..samples::image("a") }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_study_whose_headers_differ_says_so_in_its_report_and_in_the_log_and_names_nobody() {
    let site = Site::new().await;
    let service = site.start(200).await;
    // Read from storage for the check alone: their readings kept their pictures.
    for (number, (content, name)) in (1..).zip([("a", "twoA.dcm"), ("b", "twoB.dcm")]) {
        let image = of_the_field(&site, name).await;
        site.append(with_image(samples::image_stored(number, content, 0), &image)).await;
        site.append(with_image(samples::inference_requested(number, content, 0), &image)).await;
    }
    site.append(samples::inference_completed(1, "a", 0)).await;
    site.append(samples::inference_completed(2, "b", 0)).await;
    let (issued, envelope) = site.issued(1).await;
    let document = site.document(&issued).await;
    assert!(document.may_be_of_several_patients(), "{:?}", document.doubts);
    let told: Vec<_> = document.doubts.iter().map(hilum_reports::Doubt::notice).collect();
    assert_eq!(issued.doubts, told);
    assert!(issued.doubts[0].text.contains("differ"), "{:?}", issued.doubts);
    // No word of a header: both files name somebody.
    let bytes =
        [envelope.encode(), document.to_json().unwrap(), site.page(&issued).await.into_bytes()].concat();
    for file in ["twoA.dcm", "twoB.dcm"] {
        let header = {
            let image = of_the_field(&site, file).await;
            let pool = hilum_imaging::DecoderPool::new(DecoderConfig::new(&site.decoder));
            pool.study_header(&site.blobs.get(&image.blob).await.unwrap()).await.unwrap()
        };
        let name = header.patient_name.as_bytes();
        assert!(!name.is_empty() && !bytes.windows(name.len()).any(|part| part == name), "{file}");
    }
    service.stop().await;
}
