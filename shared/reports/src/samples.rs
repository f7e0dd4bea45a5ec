//! The reports of one story with fixed ids, for golden bytes and for tests of crates that make or show reports. The values are
//! made up; nothing here is used at run time.

use hilum_events::{
    BlobRef, Envelope, Event, ReportCause, Sha256Digest, StoredImage, StudyId, samples as events,
};
use image::{GrayImage, Luma};

use crate::document::{
    ChangeEntry, ChangeKind, Comparison, Completeness, DISCLAIMER, EventEntry, FORMAT, FlagEntry, ImageEntry,
    ImageStatus, Missing, ModelEntry, ObjectEntry, Provenance, ReadingEntry, Report, Summary,
    UNTRAINED_NOTICE,
};
use crate::pictures::encode;

/// Why an image of the story can't be shown.
pub const NOT_SHOWN: &str = "the file is <damaged>";

/// The facts of [`one_of_each`], in the order of the log: image 1 is read, 2 shares its reading, 3 failed, 4 was given
/// up.
pub fn facts_of_one_of_each() -> Vec<Envelope> {
    vec![
        events::image_stored(1, "a", 0),
        events::inference_requested(1, "a", 1),
        events::image_stored(2, "a", 2),
        events::duplicate_linked(2, 1, "a", 2),
        events::inference_completed(1, "a", 3),
        events::image_stored(3, "b", 4),
        events::inference_requested(3, "b", 4),
        events::inference_failed(3, "b", 5),
        events::image_stored(4, "c", 6),
        events::inference_requested(4, "c", 6),
        events::job_dead_lettered(4, "c", 7),
    ]
}

/// The facts of [`revised`]: [`one_of_each`], reported, and a late image after that.
pub fn facts_of_revised() -> Vec<Envelope> {
    let mut facts = facts_of_one_of_each();
    let mut issued = events::report_issued(1, &[1, 2, 3, 4], 20);
    issued.causation_id = facts.last().map(|fact| fact.event_id);
    facts.push(issued);
    facts.push(events::image_stored(5, "a", 30));
    facts.push(events::duplicate_linked(5, 1, "a", 31));
    facts
}

/// The picture that was made for image 3 of the story; that of image 4 can't be made, for the reason [`NOT_SHOWN`].
pub fn made_preview() -> BlobRef {
    let sha256 = Sha256Digest::of(b"made preview");
    BlobRef { key: format!("sha256/{sha256}"), sha256, size_bytes: 12 }
}

/// The first revision of the story's report, with one image of each kind.
pub fn one_of_each() -> Report {
    let facts = facts_of_one_of_each();
    let images = vec![read(1, 0), duplicate(2, 2), failed(), given_up()];
    let summary = Summary { images: 4, completed: 2, failed: 2, duplicates: 1 };
    report(&facts, summary, images)
}

/// The second revision, after a late image.
pub fn revised() -> Report {
    let facts = facts_of_revised();
    let images = vec![read(1, 0), duplicate(2, 2), failed(), given_up(), duplicate(5, 30)];
    let summary = Summary { images: 5, completed: 3, failed: 2, duplicates: 2 };
    let mut report = report(&facts, summary, images);
    report.revision = 2;
    report.changes = vec![ChangeEntry { job_id: events::job_id(5), change: ChangeKind::Added }];
    report.provenance.previous_revision = Some(1);
    report
}

/// A second revision that had to be issued before all that was expected was there: image 5 has no outcome yet. A rule of
/// the site pointed something out, and there is an earlier study.
pub fn incomplete() -> Report {
    let mut report = revised();
    let pending = &mut report.images[4];
    *pending = ImageEntry { status: ImageStatus::Pending, reading_id: None, ..arrived(5, "a", 30) };
    report.summary = Summary { images: 5, completed: 2, failed: 2, duplicates: 1 };
    report.completeness = Some(Completeness {
        complete: false,
        missing: vec![
            Missing::Images { expected: 6, arrived: 5 },
            Missing::Series { name: "lateral".to_owned() },
            Missing::Outcome { job_id: events::job_id(5) },
        ],
    });
    report.flags = vec![FlagEntry {
        rule: "effusion-first".to_owned(),
        label: "Effusion".to_owned(),
        probability: 0.222_700_14,
        score: Some(0.566_7),
        threshold: 0.5,
        job_id: events::job_id(1),
        at: events::at(3),
        untrained: false,
    }];
    report.comparison = Some(Comparison::between(&report, &earlier()));
    report
}

/// The report of an earlier study, with other numbers of the same model.
fn earlier() -> Report {
    let mut report = one_of_each();
    report.study_ref = Some("S-0".parse().expect("fits the rule"));
    report.study_id = StudyId::named(&report.site, "S-0");
    report.as_of = events::at(-86_400);
    for finding in
        report.images.iter_mut().filter_map(|image| image.reading.as_mut()).flat_map(|r| &mut r.findings)
    {
        finding.probability /= 2.0;
        finding.operating_point_score = finding.operating_point_score.map(|score| score / 2.0);
    }
    report
}

/// A grey PNG like a stored one.
pub fn picture(width: u32, height: u32) -> Vec<u8> {
    let shade = |x: u32, y: u32| Luma([((x / 4 + y / 8) % 256) as u8]);
    encode(&GrayImage::from_fn(width, height, shade)).expect("a grey picture has a PNG")
}

fn report(facts: &[Envelope], summary: Summary, images: Vec<ImageEntry>) -> Report {
    let used = (1..).zip(facts).filter(|(_, fact)| !matches!(fact.event, Event::ReportIssued(_)));
    let cause = facts.last().expect("a story has facts");
    let mut objects: Vec<_> = ["a", "b", "c"]
        .map(|content| events::image(content).blob)
        .map(|blob| ObjectEntry { sha256: blob.sha256, key: blob.key })
        .into();
    objects.sort();
    let reading = images[0].reading.as_ref().expect("the first image is read");
    Report {
        format: FORMAT.to_owned(),
        disclaimer: DISCLAIMER.to_owned(),
        study_id: events::study_id(),
        study_ref: Some("S-1".parse().expect("fits the rule")),
        site: events::site(),
        time_zone: None,
        revision: 1,
        as_of: cause.occurred_at,
        cause: ReportCause::QuietTime,
        summary,
        completeness: None,
        doubts: Vec::new(),
        flags: Vec::new(),
        changes: Vec::new(),
        comparison: None,
        models: vec![ModelEntry {
            identity: events::model(),
            notice: Some(UNTRAINED_NOTICE.to_owned()),
            engines: vec![reading.engine.clone()],
        }],
        images,
        provenance: Provenance {
            cause_event_id: cause.event_id,
            previous_revision: None,
            previous_document: None,
            events: used.map(|(seq, fact)| event_entry(seq, fact)).collect(),
            objects,
        },
    }
}

fn event_entry(stream_seq: u64, fact: &Envelope) -> EventEntry {
    let name = fact.event.name().to_owned();
    EventEntry { stream_seq, event_id: fact.event_id, name, stored_at: fact.occurred_at }
}

/// An image that arrived, and nothing more.
fn arrived(number: u128, content: &str, seconds: i64) -> ImageEntry {
    let StoredImage { blob, media_type, dicom } = events::image(content);
    ImageEntry {
        job_id: events::job_id(number),
        received_at: events::at(seconds),
        media_type,
        dicom,
        sha256: blob.sha256,
        size_bytes: blob.size_bytes,
        status: ImageStatus::Failed,
        duplicate_of: None,
        reading_id: Some(events::reading_id(content)),
        reason_code: None,
        reason: None,
        what_to_do: None,
        reading: None,
        preview: None,
        preview_missing: None,
    }
}

fn read(number: u128, seconds: i64) -> ImageEntry {
    let Event::InferenceCompleted(e) = events::inference_completed(1, "a", 3).event else {
        unreachable!("it is that event")
    };
    ImageEntry {
        status: ImageStatus::Completed,
        reading: Some(ReadingEntry::of(&e)),
        preview: e.preview,
        ..arrived(number, "a", seconds)
    }
}

fn duplicate(number: u128, seconds: i64) -> ImageEntry {
    ImageEntry { duplicate_of: Some(events::job_id(1)), ..read(number, seconds) }
}

fn failed() -> ImageEntry {
    let what_to_do = "Send a sound file as a new image of this study; the report will then be revised.";
    ImageEntry {
        reason_code: Some("truncated".to_owned()),
        reason: Some("the file ends before its picture does; send it again".to_owned()),
        what_to_do: Some(what_to_do.to_owned()),
        preview: Some(made_preview()),
        ..arrived(3, "b", 4)
    }
}

fn given_up() -> ImageEntry {
    let what_to_do = "The step infer-routine tried it 5 times and gave up. The operator of this installation can see \
                      the whole story with `hilum dlq` and have it tried again; the report will then be revised.";
    ImageEntry {
        reason_code: Some("dead_lettered".to_owned()),
        reason: Some("the object in storage does not match its hash".to_owned()),
        what_to_do: Some(what_to_do.to_owned()),
        preview_missing: Some(NOT_SHOWN.to_owned()),
        ..arrived(4, "c", 6)
    }
}
