//! Bounds: of how many images a report tells, and how often a study is reported to which images trickle in.

use hilum_sites::pause_after;

use super::*;

/// A story that goes on second by second: images come, are read at once, and each report that is due is issued.
struct Course {
    rules: Rules,
    state: State,
    log: Vec<(u64, Envelope)>,
    images: u128,
    now: i64,
    /// When which revision was issued, and why.
    issued: Vec<(i64, u32, ReportCause)>,
}

impl Course {
    fn new(rules: Rules, state: State) -> Self {
        Self { rules, state, log: Vec::new(), images: 0, now: 0, issued: Vec::new() }
    }

    fn take(&mut self, fact: Envelope) {
        let seq = self.log.len() as u64 + 1;
        evolve(&mut self.state, &Fact { seq, stored_at: fact.occurred_at, lane: None, envelope: &fact });
        self.log.push((seq, fact));
    }

    fn image(&mut self, second: i64) {
        self.images += 1;
        let (number, content) = (self.images, self.images.to_string());
        self.take(samples::image_stored(number, &content, second));
        self.take(samples::inference_requested(number, &content, second));
        self.take(samples::inference_completed(number, &content, second));
    }

    /// Goes on to `last` with images at these seconds.
    fn until(&mut self, last: i64, images: &[i64]) {
        for second in self.now..=last {
            for _ in images.iter().filter(|image| **image == second) {
                self.image(second);
            }
            if let Some(due) = decide(&self.state, samples::at(second), &self.rules).first().copied() {
                let report = report_of(&self.state, &self.log, &due, second);
                self.take(report);
                self.issued.push((second, due.revision, due.why));
            }
        }
        self.now = last + 1;
    }
}

fn revisions(course: &Course) -> Vec<u32> {
    course.issued.iter().map(|(_, revision, _)| *revision).collect()
}

#[test]
fn images_that_trickle_in_make_few_revisions_and_none_waits_for_the_end() {
    let mut course = Course::new(rules(), State::default());
    let images: Vec<_> = (0..240).map(|number| number * 15).collect();
    course.until(3600, &images);
    // One for each image, 240 of them, without the pauses.
    assert_eq!(revisions(&course), (1..=9).collect::<Vec<_>>(), "{:?}", course.issued);
    let seconds: Vec<_> = course.issued.iter().map(|(second, ..)| *second).collect();
    assert!(seconds[0] == 10 && seconds[1] < 60 && seconds[8] > 3000, "{seconds:?}");
}

#[test]
fn the_time_limit_of_a_site_holds_however_many_revisions_there_were() {
    let sites = Sites::parse("[default]\ntime_limit_s = 60").expect("well written");
    let mut course = Course::new(Rules::new(QUIET, sites), State::default());
    let images: Vec<_> = (0..40).map(|number| number * 15).collect();
    course.until(700, &images);
    for (before, after) in course.issued.iter().zip(&course.issued[1..]) {
        assert!(after.0 - before.0 <= 60 + 15, "{:?}", course.issued);
    }
    assert!(course.issued.iter().any(|(_, _, why)| *why == ReportCause::TimeLimit));
}

#[test]
fn what_makes_a_study_whole_and_a_close_are_told_at_once_after_any_number_of_revisions() {
    let mut course = Course::new(rules(), State::default());
    let images: Vec<_> = (0..40).map(|number| number * 15).collect();
    course.take(samples::study_manifest_received(1, 42, 0));
    course.until(700, &images);
    assert!(course.issued.len() > 4);
    course.until(2000, &[1900]);
    let waited = course.issued.len();
    // The manifest names the content "a" besides.
    course.take(samples::image_stored(99, "a", 2001));
    course.take(samples::duplicate_linked(99, 1, "1", 2001));
    course.until(2050, &[]);
    assert_eq!(course.issued.len(), waited + 1, "{:?}", course.issued);
    assert_eq!(course.issued.last().map(|it| (it.0, it.2)), Some((2001, ReportCause::Expected)));
    course.until(2100, &[2100]);
    course.take(samples::study_close_requested(9, 2101));
    course.until(2101, &[]);
    assert_eq!(course.issued.last().map(|it| (it.0, it.2)), Some((2101, CLOSED)));
}

#[test]
fn a_report_tells_of_the_first_images_up_to_its_bound_and_says_so_once() {
    let mut course = Course::new(rules(), State::bounded(2));
    course.until(10, &[0, 0]);
    assert_eq!(course.issued, [(10, 1, QUIET_TIME)]);
    course.until(100, &[20, 21, 60]);
    assert_eq!(revisions(&course), [1, 2], "{:?}", course.issued);
    let brief = |at: usize, cause_seq| {
        let (_, revision, why) = course.issued[at];
        let due = Due { study_id: samples::study_id(), revision, why, cause_seq, limit_at: None };
        course.state.brief(&due, &rules()).expect("due")
    };
    let (first, second) = (brief(0, 6), brief(1, 8));
    assert_eq!((first.images.len(), first.expected.most), (2, None));
    assert_eq!((second.images.len(), second.expected.most), (2, Some(2)));
    // With a higher bound the same log makes a report of all of them.
    let mut wider = State::bounded(50);
    fold(&mut wider, &course.log);
    let due = decide(&wider, samples::at(1000), &rules());
    let brief = wider.brief(&due[0], &rules()).expect("due");
    assert_eq!((due[0].revision, brief.images.len(), brief.expected.most), (3, 5, None));
}

proptest! {
    #[test]
    fn revisions_are_as_far_apart_as_their_pause_and_no_image_waits_longer(
        gaps in proptest::collection::vec(11_i64..120, 1..30),
    ) {
        let mut at = 0;
        let images: Vec<i64> = gaps.iter().map(|gap| { at += gap; at }).collect();
        let mut course = Course::new(rules(), State::default());
        course.until(at + 1000, &images);
        let quiet = 10;
        let mut covered_to = -1;
        for (second, revision, why) in &course.issued {
            prop_assert_eq!(*why, QUIET_TIME);
            let first = images.iter().copied().find(|image| *image > covered_to).expect("something is new");
            let pause = i64::try_from(pause_after(revision - 1, QUIET).as_secs()).expect("short");
            prop_assert!(second - first >= pause.max(quiet), "too early: {:?} of {:?}", course.issued, images);
            prop_assert!(second - first <= pause + quiet, "too late: {:?} of {:?}", course.issued, images);
            covered_to = *second;
        }
        prop_assert!(covered_to >= at, "all is told in the end");
    }
}
