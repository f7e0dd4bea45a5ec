//! A fold of a real log.

use hilum_events::{DecodeError, Fact, in_lane, samples};
use hilum_log::{Fold, FoldHalt, FoldState, PositionedState, Recorded};

use crate::bench;

/// Where each fact stood and in which lane it waits. It needs every message.
#[derive(Debug, Default)]
struct Places(Vec<(u64, Option<u16>)>);

impl FoldState for Places {
    const UNREAD: &'static [&'static str] = &[];

    fn evolve(&mut self, fact: &Fact<'_>, message: &Recorded) {
        assert_eq!((fact.seq, fact.stored_at), (message.seq, message.stored_at));
        self.0.push((fact.seq, fact.lane));
    }

    fn pass_by(&mut self, message: &Recorded, _: &DecodeError) {
        panic!("position {} was passed by", message.seq)
    }

    fn can_pass_by(_: &DecodeError) -> bool {
        false
    }
}

#[tokio::test]
async fn a_fold_goes_on_behind_where_it_stood_and_halts_before_what_it_must_not_pass_by() {
    let bench = bench().await;
    let context = bench.jetstream().await;
    let publish = async |subject: String, payload: Vec<u8>| {
        context.publish(subject, payload.into()).await.unwrap().await.unwrap().sequence
    };
    for number in 1..=3 {
        bench.log.append(&samples::image_stored(number, "a", 0)).await.unwrap();
    }
    let request = samples::inference_requested(1, "a", 0);
    assert_eq!(publish(in_lane(&request.subject(), 7), request.encode()).await, 4);

    let mut fold = Fold::new(&bench.log, PositionedState::at(1, Places::default()));
    let mut taken = Vec::new();
    while fold.last_seq() < 4 {
        let batch = tokio::time::timeout(crate::LIMIT, fold.next_batch(2)).await.unwrap().unwrap();
        assert!((1..=2).contains(&batch.len()), "{}", batch.len());
        taken.extend(batch.iter().map(|message| message.seq));
    }
    assert_eq!(taken, [2, 3, 4]);
    assert_eq!(fold.state().0, [(2, None), (3, None), (4, Some(7))]);

    let seq = publish("evt.x.y.z".to_owned(), b"no event".to_vec()).await;
    let halt = tokio::time::timeout(crate::LIMIT, fold.next_batch(2)).await.unwrap().unwrap_err();
    assert!(matches!(halt, FoldHalt::NewerEvent { seq: 5, .. }), "{halt} at {seq}");
    assert_eq!((fold.last_seq(), fold.state().0.len()), (4, 3));
}
