//! What batches are formed of what waits, and in which order.

use Priority::{Routine, Stat};

use super::*;

type Reply = oneshot::Receiver<Result<Output, EngineError>>;

fn settings(max_wait_ms: u64) -> BatchSettings {
    BatchSettings { max_wait: Duration::from_millis(max_wait_ms), ..BatchSettings::default() }
}

fn job(value: f32, priority: Priority, queued_at: Instant) -> (Job, Reply) {
    let (reply, answer) = oneshot::channel();
    let site = Site::default();
    (Job { input: vec![value], priority, site, queued_at, reply, place: None }, answer)
}

fn send_from(site: &str, queue: &Queue, value: f32) -> Reply {
    let (job, answer) = job(value, Routine, Instant::now());
    queue.push(Job { site: site.parse().unwrap(), ..job }, false);
    answer
}

#[test]
fn sites_are_read_in_turn_whatever_one_of_them_has_queued() {
    let queue = Queue::default();
    let one = BatchSettings { max_batch: std::num::NonZeroUsize::MIN, ..settings(0) };
    let mut answers: Vec<Reply> =
        (0..6u8).map(|value| send_from("flood", &queue, f32::from(value))).collect();
    let next = |_| values(queue.next_batch(&one))[0];
    assert_eq!([(); 2].map(next), [0., 1.]);
    answers.extend([10., 11.].map(|value| send_from("calm", &queue, value)));
    assert_eq!([(); 4].map(next), [10., 2., 11., 3.]);
    answers.push(send_from("calm", &queue, 12.));
    assert_eq!([(); 3].map(next), [12., 4., 5.], "it had its last turn before the flood's last one");
}

fn send(queue: &Queue, value: f32, was_announced: bool) -> Reply {
    send_as(Routine, queue, value, was_announced)
}

fn send_as(priority: Priority, queue: &Queue, value: f32, was_announced: bool) -> Reply {
    let (job, answer) = job(value, priority, Instant::now());
    queue.push(job, was_announced);
    answer
}

fn values(batch: Option<Vec<Job>>) -> Vec<f32> {
    batch.into_iter().flatten().map(|job| job.input[0]).collect()
}

#[test]
fn what_is_waiting_goes_in_order_up_to_the_largest_batch() {
    let queue = Queue::default();
    let _answers: Vec<Reply> = (0..11u8).map(|value| send(&queue, f32::from(value), false)).collect();
    assert_eq!(values(queue.next_batch(&settings(30))), [0., 1., 2., 3., 4., 5., 6., 7.]);
    assert_eq!(values(queue.next_batch(&settings(30))), [8., 9., 10.]);
}

#[test]
fn a_lone_image_does_not_wait_when_nothing_is_announced() {
    let queue = Queue::default();
    let _answer = send(&queue, 1.0, false);
    assert_eq!(values(queue.next_batch(&settings(3_600_000))), [1.0]);
}

#[test]
fn an_announced_image_is_waited_for() {
    let queue = Queue::default();
    queue.announce(Routine);
    let _first = send(&queue, 1.0, false);
    std::thread::scope(|scope| {
        let batch = scope.spawn(|| values(queue.next_batch(&settings(60_000))));
        while queue.lock().idle == 0 && !batch.is_finished() {
            std::thread::yield_now();
        }
        let _second = send(&queue, 2.0, true);
        assert_eq!(batch.join().unwrap(), [1.0, 2.0]);
    });
}

#[test]
fn an_announced_image_that_is_withdrawn_is_not_waited_for() {
    let queue = Queue::default();
    queue.announce(Routine);
    let _answer = send(&queue, 1.0, false);
    std::thread::scope(|scope| {
        let batch = scope.spawn(|| values(queue.next_batch(&settings(3_600_000))));
        queue.withdraw(Routine);
        assert_eq!(batch.join().unwrap(), [1.0]);
    });
}

#[test]
fn an_announced_image_that_never_comes_is_waited_for_until_the_deadline() {
    let queue = Queue::default();
    queue.announce(Routine);
    let _answer = send(&queue, 1.0, false);
    let began = Instant::now();
    assert_eq!(values(queue.next_batch(&settings(20))), [1.0]);
    let waited = began.elapsed();
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}

#[test]
fn a_job_that_nobody_waits_for_is_left_out() {
    let queue = Queue::default();
    drop(send(&queue, 1.0, false));
    let _answer = send(&queue, 2.0, false);
    drop(send(&queue, 3.0, false));
    assert_eq!(values(queue.next_batch(&settings(30))), [2.0]);
}

#[test]
fn a_closed_queue_is_drained_first() {
    let queue = Queue::default();
    queue.announce(Routine);
    let _answer = send(&queue, 1.0, false);
    queue.close();
    assert_eq!(values(queue.next_batch(&settings(3_600_000))), [1.0]);
    assert!(queue.next_batch(&settings(30)).is_none());
}

fn decide(waiting: usize, announced: usize, idle: usize, waited_ms: u64) -> Decision {
    let waiting = Lanes { routine: waiting, ..Lanes::default() };
    decide_among(waiting, Lanes { routine: announced, ..Lanes::default() }, idle, waited_ms)
}

fn decide_among(waiting: Lanes<usize>, announced: Lanes<usize>, idle: usize, waited_ms: u64) -> Decision {
    let now = Instant::now();
    let queued_at = now.checked_sub(Duration::from_millis(waited_ms)).unwrap();
    let jobs = |priority| {
        std::iter::repeat_with(move || job(0.0, priority, queued_at).0).take(*waiting.of(priority)).collect()
    };
    let jobs = Lanes { urgent: jobs(Stat), routine: jobs(Routine) };
    State { jobs, announced, idle, ..State::default() }.decide(&settings(30), now)
}

#[test]
fn idle_engines_share_what_waits() {
    assert_eq!(decide(6, 0, 1, 0), Decision::Take(6));
    assert_eq!(decide(6, 0, 2, 0), Decision::Take(3));
    assert_eq!(decide(5, 0, 4, 0), Decision::Take(2));
    assert_eq!(decide(1, 0, 4, 0), Decision::Take(1));
    assert_eq!(decide(40, 9, 2, 0), Decision::Take(8), "a batch is bounded");
    assert_eq!(decide(0, 3, 2, 0), Decision::Wait);
}

#[test]
fn an_idle_engine_waits_for_its_share_of_what_is_announced_and_no_longer_than_allowed() {
    assert!(matches!(decide(1, 3, 2, 0), Decision::WaitUntil(_)));
    assert_eq!(decide(2, 2, 2, 0), Decision::Take(2), "the other engine gets the announced ones");
    assert!(matches!(decide(7, 20, 1, 29), Decision::WaitUntil(_)));
    assert_eq!(decide(7, 20, 1, 30), Decision::Take(7));
    assert_eq!(decide(7, 90, 2, 30), Decision::Take(4), "the other idle engine gets the rest");
}

#[test]
fn an_abandoned_queue_tells_those_who_wait() {
    let queue = Queue::default();
    let mut answers = [send(&queue, 1.0, false), send(&queue, 2.0, false)];
    queue.abandon();
    let mut late = send(&queue, 3.0, false);
    assert!(answers.iter_mut().chain([&mut late]).all(|answer| answer.try_recv().is_err()));
    assert!(queue.next_batch(&settings(30)).is_none());
}

#[test]
fn urgent_images_go_first_and_those_in_turn_fill_their_batch() {
    let queue = Queue::default();
    let mut answers: Vec<Reply> = (0..5u8).map(|value| send(&queue, f32::from(value), false)).collect();
    answers.extend((10..14u8).map(|value| send_as(Stat, &queue, f32::from(value), false)));
    answers.push(send(&queue, 5.0, false));
    assert_eq!(values(queue.next_batch(&settings(30))), [10., 11., 12., 13., 0., 1., 2., 3.]);
    answers.push(send_as(Stat, &queue, 14.0, false));
    assert_eq!(values(queue.next_batch(&settings(30))), [14., 4., 5.]);
}

#[test]
fn an_urgent_image_waits_for_urgent_ones_that_are_announced_and_for_no_others() {
    let lanes = |urgent, routine| Lanes { urgent, routine };
    assert_eq!(decide_among(lanes(1, 0), lanes(0, 3), 1, 0), Decision::Take(1));
    assert_eq!(decide_among(lanes(1, 2), lanes(0, 3), 1, 0), Decision::Take(3));
    assert!(matches!(decide_among(lanes(1, 0), lanes(1, 3), 1, 0), Decision::WaitUntil(_)));
    assert_eq!(decide_among(lanes(1, 0), lanes(1, 3), 1, 30), Decision::Take(1));
    assert!(matches!(decide_among(lanes(0, 1), lanes(1, 0), 1, 29), Decision::WaitUntil(_)));
    assert_eq!(
        decide_among(lanes(0, 1), lanes(1, 0), 1, 30),
        Decision::Take(1),
        "no longer for an urgent one"
    );
}

#[test]
fn an_image_that_was_overtaken_for_long_is_overtaken_no_more() {
    let since = Instant::now();
    let jobs = |priority, values: [f32; 2]| values.map(|value| job(value, priority, since).0).into();
    let state = || State {
        jobs: Lanes { urgent: jobs(Stat, [10.0, 11.0]), routine: jobs(Routine, [0.0, 1.0]) },
        ..State::default()
    };
    assert_eq!(values(Some(state().take(3, since + OVERTAKEN_FOR_AT_MOST))), [10., 11., 0.]);
    let longer = OVERTAKEN_FOR_AT_MOST + Duration::from_millis(1);
    assert_eq!(values(Some(state().take(3, since + longer))), [0., 1., 10.]);
}
