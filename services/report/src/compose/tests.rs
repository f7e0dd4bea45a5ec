//! Documents of small stories.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use hilum_events::{Envelope, Event, Fact, JobId, ReportCause, Sha256Digest, samples};
use hilum_imaging::PatientField;
use hilum_reports::samples::{
    NOT_SHOWN, facts_of_one_of_each as one_of_each, facts_of_revised as revised, made_preview,
};
use hilum_reports::{DoubtCode, ImageStatus, Summary, UNTRAINED_NOTICE};
use hilum_sites::Sites;

use super::*;
use crate::domain::{Rules, State, decide, evolve};

/// The report that is due once all of `facts` are known and quiet.
fn report_of(facts: &[Envelope]) -> Report {
    let (brief, story) = brief_of(facts);
    compose(&brief, &story, &previews(), &Compared::default(), None).expect("the story is whole")
}

/// Of the images without a reading one can be shown.
fn previews() -> Previews {
    let [failed, given_up] = ["b", "c"].map(|content| samples::image(content).blob.sha256);
    let missing = Preview::Missing { reason: NOT_SHOWN.to_owned() };
    Previews::from([(failed, Preview::Made(made_preview())), (given_up, missing)])
}

fn brief_of(facts: &[Envelope]) -> (Brief, Story) {
    brief_by("", facts)
}

/// By these rules of the sites.
fn brief_by(sites: &str, facts: &[Envelope]) -> (Brief, Story) {
    let rules = Rules::new(Duration::from_secs(10), Sites::parse(sites).expect("well written"));
    let (mut state, mut log) = (State::default(), Story::new());
    for (seq, envelope) in (1..).zip(facts) {
        let stored_at = envelope.occurred_at;
        evolve(&mut state, &Fact { seq, stored_at, lane: None, envelope });
        log.insert(seq, Arc::new(StoredFact { seq, stored_at, envelope: envelope.clone() }));
    }
    let due = decide(&state, samples::at(100_000), &rules);
    let brief = state.brief(due.first().expect("a report is due"), &rules).expect("due");
    let needed = needed(&brief);
    log.retain(|seq, _| needed.contains(seq));
    (brief, log)
}

#[test]
fn what_a_rule_pointed_out_stands_in_the_report_that_comes_after_it() {
    let mut facts = one_of_each();
    assert_eq!(report_of(&facts).flags, []);
    facts.push(samples::study_flagged(1, "a", 8));
    let report = report_of(&facts);
    let [flag] = report.flags.as_slice() else { panic!("{:?}", report.flags) };
    assert_eq!((flag.rule.as_str(), flag.label.as_str(), flag.threshold), ("effusion", "Effusion", 0.5));
    assert_eq!((flag.job_id, flag.at, flag.score), (samples::job_id(1), samples::at(8), Some(0.566_7)));
    assert_eq!(report.provenance.events.last().unwrap().name, "study-flagged");
    hilum_reports::check(&report).unwrap();
}

#[test]
fn a_report_has_the_time_zone_that_its_site_has_when_it_is_made() {
    let zone_by = |sites: &str| {
        let (brief, story) = brief_by(sites, &one_of_each());
        let made = || compose(&brief, &story, &previews(), &Compared::default(), None).unwrap();
        let report = made();
        // A copy with the same file makes the same bytes.
        assert_eq!(report.to_json().unwrap(), made().to_json().unwrap());
        hilum_reports::check(&report).unwrap();
        (report.time_zone.as_ref().map(|zone| zone.name.clone()), report.local_time(report.as_of))
    };
    let utc = "2026-01-01 00:00:07 UTC".to_owned();
    assert_eq!(zone_by(""), (None, utc.clone()));
    let seoul = (Some("Asia/Seoul".to_owned()), "2026-01-01 09:00:07 KST (UTC+09:00)".to_owned());
    assert_eq!(zone_by("[default]\ntime_zone = \"Asia/Seoul\"\n"), seoul);
    let own =
        format!("[default]\ntime_zone = \"Asia/Seoul\"\n[site.{}]\ntime_zone = \"UTC\"\n", samples::site());
    assert_eq!(zone_by(&own), (Some("UTC".to_owned()), utc));
}

#[test]
fn every_image_tells_its_outcome() {
    let report = report_of(&one_of_each());
    let told: Vec<_> = report
        .images
        .iter()
        .map(|image| {
            (image.status, image.duplicate_of, image.reason_code.as_deref(), image.reading.is_some())
        })
        .collect();
    let first = samples::job_id(1);
    assert_eq!(
        told,
        [
            (ImageStatus::Completed, None, None, true),
            (ImageStatus::Completed, Some(first), None, true),
            (ImageStatus::Failed, None, Some("truncated"), false),
            (ImageStatus::Failed, None, Some("dead_lettered"), false),
        ]
    );
    assert_eq!(report.summary, Summary { images: 4, completed: 2, failed: 2, duplicates: 1 });
    assert_eq!((report.revision, report.changes.len()), (1, 0));
    assert_eq!(report.as_of, samples::at(7));
    assert_eq!(report.models.len(), 1);
    assert_eq!(report.models[0].notice.as_deref(), Some(UNTRAINED_NOTICE));
}

#[test]
fn a_revision_says_what_changed_and_names_its_events() {
    let report = report_of(&revised());
    assert_eq!(report.revision, 2);
    assert_eq!(report.changes, [ChangeEntry { job_id: samples::job_id(5), change: ChangeKind::Added }]);
    assert_eq!(report.provenance.previous_revision, Some(1));
    let seqs: Vec<_> = report.provenance.events.iter().map(|event| event.stream_seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 14]);
    assert_eq!(report.provenance.objects.len(), 3);
}

#[test]
fn a_revision_names_the_document_that_it_takes_the_place_of() {
    assert_eq!(report_of(&one_of_each()).provenance.previous_document, None);
    let mut facts = revised();
    assert_eq!(report_of(&facts).provenance.previous_document, Some(samples::image("json").blob));
    // The newest of them, though it was issued after the fact that the next one is made of was stored.
    let mut issued = samples::report_issued(2, &[1, 2, 3, 4, 5], 41);
    issued.causation_id = facts.last().map(|fact| fact.event_id);
    let Event::ReportIssued(e) = &mut issued.event else { unreachable!("it is that event") };
    e.json = samples::image("second").blob;
    facts.extend([samples::image_stored(6, "a", 40), issued, samples::duplicate_linked(6, 1, "a", 42)]);
    let report = report_of(&facts);
    assert_eq!((report.revision, report.provenance.previous_revision), (3, Some(2)));
    assert_eq!(report.provenance.previous_document, Some(samples::image("second").blob));
    assert!(report.provenance.events.iter().all(|event| event.name != "report-issued"));
    hilum_reports::check(&report).unwrap();
}

#[test]
fn findings_without_an_operating_point_rank_last() {
    let report = report_of(&one_of_each());
    let reading = report.images[0].reading.as_ref().expect("read");
    assert_eq!(reading.top_findings, ["Effusion", "Mass"]);
    assert_eq!(reading.top_map().map(|map| map.label.as_str()), Some("Effusion"));
}

#[test]
fn the_samples_of_the_library_are_what_is_made_of_their_facts() {
    // All samples of files have one instance UID, which these documents keep to themselves.
    let made = |facts: &[Envelope]| {
        let mut report = report_of(facts);
        // Documents of earlier releases do not name the one before.
        report.provenance.previous_document = None;
        let doubts: Vec<_> = std::mem::take(&mut report.doubts).iter().map(|doubt| doubt.code).collect();
        assert_eq!(doubts, [DoubtCode::InstanceTwice]);
        report
    };
    assert_eq!(made(&one_of_each()), hilum_reports::samples::one_of_each());
    assert_eq!(made(&revised()), hilum_reports::samples::revised());
}

#[test]
fn a_picture_is_made_once_for_each_content_whose_reading_kept_none() {
    let without = |facts: &[Envelope]| {
        let (brief, story) = brief_of(facts);
        let images = without_preview(&brief, &story).expect("the story is whole");
        images.into_iter().map(|image| image.blob.sha256).collect::<Vec<_>>()
    };
    let [read, failed, given_up] = ["a", "b", "c"].map(|content| samples::image(content).blob.sha256);
    assert_eq!(without(&one_of_each()), [failed, given_up]);
    // As an event of the first version tells of a reading.
    let mut facts = one_of_each();
    let Event::InferenceCompleted(e) = &mut facts[4].event else { unreachable!() };
    e.preview = None;
    assert_eq!(without(&facts), [read, failed, given_up]);
    let report = report_of(&facts);
    assert_eq!((&report.images[0].preview, &report.images[0].preview_missing), (&None, &None));
}

#[test]
fn a_log_that_does_not_say_what_was_folded_makes_no_report() {
    let (brief, story) = brief_of(&one_of_each());
    let mut gap = story.clone();
    gap.remove(&5);
    assert_eq!(
        compose(&brief, &gap, &previews(), &Compared::default(), None),
        Err(ComposeError::Missing { seq: 5 })
    );
    let mut other = story;
    other.insert(8, other[&1].clone());
    assert_eq!(
        compose(&brief, &other, &previews(), &Compared::default(), None),
        Err(ComposeError::Unexpected { seq: 8, found: "image-stored" })
    );
}

#[test]
fn a_word_in_the_log_of_another_reading_is_not_taken_for_this_one() {
    let (mut brief, story) = brief_of(&one_of_each());
    brief.images[0].reading_id = Some(samples::reading_id("b"));
    assert!(matches!(story[&5].envelope.event, Event::InferenceCompleted(_)));
    let found = compose(&brief, &story, &previews(), &Compared::default(), None);
    assert_eq!(found, Err(ComposeError::Unexpected { seq: 5, found: "inference-completed" }));
}

const STRICT: &str = r#"
[default]
time_limit_s = 60
expected_series = ["frontal", "lateral"]
[[series]]
name = "frontal"
view_position = ["PA"]
[[series]]
name = "lateral"
view_position = ["LL"]
"#;

#[test]
fn at_the_time_limit_the_report_says_what_is_missing() {
    let mut facts = one_of_each()[..7].to_vec();
    let Event::ImageStored(e) = &mut facts[0].event else { unreachable!() };
    e.expected_images = Some(5);
    let (brief, story) = brief_by(STRICT, &facts);
    let report =
        compose(&brief, &story, &previews(), &Compared::default(), None).expect("the story is whole");
    let pending: Vec<_> = report
        .images
        .iter()
        .filter(|image| image.status == ImageStatus::Pending)
        .map(|image| image.job_id)
        .collect();
    assert!(!pending.is_empty());
    let arrived =
        u32::try_from(report.images.iter().map(|image| image.sha256).collect::<BTreeSet<_>>().len());
    let mut missing = vec![Missing::Images { expected: 5, arrived: arrived.expect("a short story") }];
    missing.push(Missing::Series { name: "lateral".to_owned() });
    missing.extend(pending.iter().map(|job_id| Missing::Outcome { job_id: *job_id }));
    assert_eq!(report.completeness, Some(Completeness { complete: false, missing }));
    assert_eq!(report.as_of, samples::at(60), "the end of the time limit, not when somebody looked");
    assert!(report.images.iter().all(|image| image.status != ImageStatus::Pending || image.reason.is_none()));
    let Summary { images, completed, failed, .. } = report.summary;
    assert_eq!((images - completed - failed) as usize, pending.len());
}

#[test]
fn a_study_that_has_all_that_was_expected_says_so_and_others_say_nothing() {
    let mut facts = one_of_each();
    let Event::ImageStored(e) = &mut facts[0].event else { unreachable!() };
    e.expected_images = Some(3);
    let complete = Completeness { complete: true, missing: Vec::new() };
    assert_eq!(report_of(&facts).completeness, Some(complete));
    assert_eq!(report_of(&one_of_each()).completeness, None);
}

#[test]
fn an_earlier_report_is_compared_with_and_its_fact_is_named() {
    let mut facts = one_of_each();
    let mut earlier = samples::report_issued(1, &[9], 0);
    let Event::ReportIssued(e) = &mut earlier.event else { unreachable!() };
    e.study_id = hilum_events::StudyId::named(&samples::site(), "S-0");
    let mut of_earlier = samples::image_stored(9, "z", 0);
    let Event::ImageStored(stored) = &mut of_earlier.event else { unreachable!() };
    stored.study_id = e.study_id;
    for fact in &mut facts {
        if let Event::ImageStored(stored) = &mut fact.event {
            stored.prior_study_id = Some(e.study_id);
        }
    }
    let facts = [vec![of_earlier, earlier], facts].concat();
    let (mut state, mut story) = (State::default(), Story::new());
    for (seq, envelope) in (1..).zip(&facts) {
        let stored_at = envelope.occurred_at;
        evolve(&mut state, &Fact { seq, stored_at, lane: None, envelope });
        story.insert(seq, Arc::new(StoredFact { seq, stored_at, envelope: envelope.clone() }));
    }
    let rules = Rules::new(Duration::from_secs(10), Sites::default());
    let due = decide(&state, samples::at(100_000), &rules);
    let due = due.iter().find(|due| due.study_id == samples::study_id()).expect("due");
    let brief = state.brief(due, &rules).expect("due");
    assert!(needed(&brief).contains(&2));
    let told = prior_report(&brief, &story).expect("the story is whole").expect("there is one");
    assert_eq!(told.revision, 1);
    story.retain(|seq, _| needed(&brief).contains(seq));
    let document = hilum_reports::samples::one_of_each();
    let report = compose(&brief, &story, &previews(), &Compared::default(), Some(&document))
        .expect("the story is whole");
    let comparison = report.comparison.expect("compared");
    assert_eq!((comparison.revision, comparison.same_model), (document.revision, true));
    assert!(
        report.provenance.events.iter().any(|event| event.stream_seq == 2 && event.name == "report-issued")
    );
    assert_eq!(
        compose(&brief, &story, &previews(), &Compared::default(), None).expect("whole").comparison,
        None
    );
}

/// The story, whose images 1 and 2 are a PNG.
fn with_pictures() -> Vec<Envelope> {
    let mut facts = one_of_each();
    for fact in &mut facts {
        if let Event::ImageStored(e) = &mut fact.event
            && [samples::job_id(1), samples::job_id(2)].contains(&e.job_id)
        {
            (e.image.media_type, e.image.dicom) = (hilum_events::MediaType::Png, None);
        }
    }
    facts
}

fn doubts_of(report: &Report) -> Vec<(DoubtCode, Vec<JobId>)> {
    report.doubts.iter().map(|doubt| (doubt.code, doubt.job_ids.clone())).collect()
}

#[test]
fn a_picture_joins_a_patients_study_only_where_the_site_lets_it_and_is_marked() {
    let [first, second, third, fourth] = [1, 2, 3, 4].map(samples::job_id);
    let (brief, story) = brief_of(&with_pictures());
    let without = without_preview(&brief, &story).expect("the story is whole");
    assert!(without.iter().all(|image| image.media_type == MediaType::Dicom));
    let report =
        compose(&brief, &story, &previews(), &Compared::default(), None).expect("the story is whole");
    for image in &report.images[..2] {
        assert_eq!((image.status, image.reading.is_some()), (ImageStatus::Failed, false));
        assert_eq!(image.reason_code.as_deref(), Some("no_patient_of_its_own"));
        assert!(image.preview.is_none() && image.preview_missing.is_some());
    }
    assert_eq!(report.summary.failed, 4);
    let (pictures, twice) = (DoubtCode::WithoutPatient, DoubtCode::InstanceTwice);
    assert_eq!(doubts_of(&report), [(pictures, vec![first, second]), (twice, vec![third, fourth])]);
    hilum_reports::check(&report).unwrap();

    let (brief, story) = brief_by("[default]\npictures_join_patients = true\n", &with_pictures());
    let report =
        compose(&brief, &story, &previews(), &Compared::default(), None).expect("the story is whole");
    assert!(report.images[..2].iter().all(|image| image.reading.is_some() && image.preview.is_some()));
    assert_eq!(doubts_of(&report)[0], (pictures, vec![first, second]));
    hilum_reports::check(&report).unwrap();

    // A study of pictures alone has no patient that they could be taken for.
    let mut alone = with_pictures();
    alone.truncate(5);
    let report = report_of(&alone);
    assert!(report.doubts.is_empty() && report.images.iter().all(|image| image.reading.is_some()));
}

#[test]
fn where_headers_differ_is_told_and_what_they_say_is_not() {
    let (brief, story) = brief_of(&one_of_each());
    let differ = BTreeSet::from([PatientField::Name, PatientField::Sex]);
    let compared = Compared { differ, ..Compared::default() };
    let report = compose(&brief, &story, &previews(), &compared, None).expect("the story is whole");
    assert!(report.may_be_of_several_patients());
    assert!(report.doubts[0].text.contains("(name, sex)"), "{}", report.doubts[0].text);
    hilum_reports::check(&report).unwrap();
}

#[test]
fn one_instance_with_two_contents_is_named_and_one_that_came_twice_is_not() {
    let report = report_of(&one_of_each());
    let all = [1, 2, 3, 4].map(samples::job_id).to_vec();
    assert_eq!(doubts_of(&report), [(DoubtCode::InstanceTwice, all)]);
    // Images 1 and 2 have one content.
    assert_eq!(doubts_of(&report_of(&one_of_each()[..5])), []);
}

#[test]
fn one_object_in_two_files_is_one_instance_and_another_object_in_a_third_is_not() {
    let (brief, story) = brief_of(&one_of_each());
    let data_sets = |objects: [&str; 3]| {
        let files = ["a", "b", "c"].map(|content| samples::image(content).blob.sha256);
        let objects = objects.map(|object| Sha256Digest::of(object.as_bytes()));
        let compared =
            Compared { data_sets: files.into_iter().zip(objects).collect(), ..Compared::default() };
        let report = compose(&brief, &story, &previews(), &compared, None).expect("the story is whole");
        doubts_of(&report)
    };
    assert_eq!(data_sets(["one", "one", "one"]), []);
    let all = [1, 2, 3, 4].map(samples::job_id).to_vec();
    assert_eq!(data_sets(["one", "one", "another"]), [(DoubtCode::InstanceTwice, all)]);
}

#[test]
fn an_image_that_was_taken_out_is_not_told_and_the_revision_says_so_at_once() {
    // Image 5 shares the reading of image 1; of 1 to 4 there is a report.
    let mut facts = revised();
    facts.push(samples::image_taken_out(1, 32));
    let report = report_of(&facts);
    let told: Vec<_> = report.images.iter().map(|image| image.job_id).collect();
    assert_eq!(told, [2, 3, 4, 5].map(samples::job_id));
    let last = report.doubts.last().expect("it is said");
    assert_eq!((last.code, last.job_ids.as_slice()), (DoubtCode::TakenOut, &[samples::job_id(1)][..]));
    assert!(last.text.contains(&samples::job_id(1).to_string()) && !last.text.contains("wrong study"));
    assert_eq!(report.provenance.events.last().unwrap().name, "image-taken-out");
    hilum_reports::check(&report).unwrap();

    // All of them: the next revision has none, and still the study's name.
    facts.extend([2, 3, 4, 5].map(|number| samples::image_taken_out(number, 33)));
    let empty = report_of(&facts);
    assert_eq!((empty.images.len(), empty.study_ref), (0, report.study_ref));
    assert_eq!(empty.summary, Summary::default());
}

#[test]
fn an_image_that_was_taken_out_is_no_reason_to_wait_and_none_for_a_first_report() {
    let rules = |limit| Rules::new(Duration::from_secs(1000), Sites::parse(limit).expect("well written"));
    let due = |facts: &[Envelope], at, limit| {
        let mut state = State::default();
        for (seq, envelope) in (1..).zip(facts) {
            evolve(&mut state, &Fact { seq, stored_at: envelope.occurred_at, lane: None, envelope });
        }
        decide(&state, samples::at(at), &rules(limit)).iter().map(|due| due.why).collect::<Vec<_>>()
    };
    let mut facts = revised()[..12].to_vec();
    assert!(matches!(facts[11].event, Event::ReportIssued(_)));
    assert_eq!(due(&facts, 40, STRICT), []);
    facts.push(samples::study_close_requested(1, 30));
    facts.push(samples::image_taken_out(2, 30));
    let taken_out = [ReportCause::ImageTakenOut];
    assert_eq!(
        due(&facts, 31, STRICT),
        taken_out,
        "whatever the site still expects, long before it was quiet, and closed before"
    );
    facts.push(samples::image_taken_out(2, 31));
    assert_eq!(due(&facts, 31, STRICT), taken_out, "once more changes nothing");
    let mut late = samples::image_stored(9, "z", 31);
    if let (Event::ImageStored(late), Event::ImageStored(first)) = (&mut late.event, &facts[0].event) {
        (late.study_id, late.study_ref) = (first.study_id, first.study_ref.clone());
    }
    facts.push(late);
    assert_eq!(due(&facts, 31, ""), taken_out, "and it does not wait for another image to be read");

    // The only image, not read yet: there is nothing to report.
    let mut facts = one_of_each()[..1].to_vec();
    facts.push(samples::image_taken_out(1, 1));
    assert_eq!(due(&facts, 100_000, ""), []);
}
