//! The frame of a fold: a state that follows from the log, fact after fact, and the position to which it was folded. It follows the
//! log, takes no fact twice, and halts where going on would make the state wrong. What the facts do to the state is the state's.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use hilum_events::{DecodeError, Fact, lane_of};

use crate::port::{Follower, Log, OtherLog, Recorded};

/// A state that follows from the log.
pub trait FoldState {
    /// Names of the events that change nothing in it. A version of these that only a later release knows is passed by; at any other
    /// event of a later release the fold halts.
    const UNREAD: &'static [&'static str];

    /// Brings the state to where it stands after `fact`, which is what `message` says.
    fn evolve(&mut self, fact: &Fact<'_>, message: &Recorded);

    /// Takes note of a message that is passed by, because it is no event or one of [`FoldState::UNREAD`] that can't be read.
    fn pass_by(&mut self, message: &Recorded, why: &DecodeError);

    /// Whether the fold goes on behind a message that can't be read.
    fn can_pass_by(why: &DecodeError) -> bool {
        !matches!(why, DecodeError::Unknown { .. }) || why.can_be_passed_by(Self::UNREAD)
    }
}

/// Why a fold must not go on.
#[derive(Debug, thiserror::Error)]
pub enum FoldHalt {
    /// A newer release wrote to the log: what follows from it would be wrong.
    #[error("cannot fold the event at position {seq}")]
    NewerEvent {
        /// Its position.
        seq: u64,
        /// Which event.
        source: DecodeError,
    },
    /// The log was cut or replaced, or what was folded is of another one. The next start tells which is the true one.
    #[error(transparent)]
    OtherLog(#[from] OtherLog),
}

/// A state and the position to which it was folded.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct PositionedState<S> {
    last_seq: u64,
    /// What follows from the log up to there.
    pub state: S,
}

impl<S: FoldState> PositionedState<S> {
    /// A state that was folded up to `last_seq`; 0 before anything was folded.
    pub fn at(last_seq: u64, state: S) -> Self {
        Self { last_seq, state }
    }

    /// Position of the newest message that was folded or passed by; 0 for none.
    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Folds a message. One that was folded before changes nothing.
    ///
    /// # Errors
    /// [`FoldHalt::NewerEvent`]; the state stands before the message then.
    pub fn take(&mut self, message: &Recorded) -> Result<(), FoldHalt> {
        let Recorded { seq, stored_at, .. } = *message;
        if seq <= self.last_seq {
            return Ok(());
        }
        match &message.content {
            Ok(envelope) => {
                let lane = lane_of(&message.subject).1;
                self.state.evolve(&Fact { seq, stored_at, lane, envelope }, message);
            }
            Err(why) if S::can_pass_by(why) => self.state.pass_by(message, why),
            Err(why) => return Err(FoldHalt::NewerEvent { seq, source: why.clone() }),
        }
        self.last_seq = seq;
        Ok(())
    }
}

/// A fold that follows the log.
pub struct Fold<S> {
    follower: Follower,
    folded: PositionedState<S>,
}

impl<S: FoldState + Send> Fold<S> {
    /// Goes on behind where `folded` stands.
    pub fn new(log: &Log, folded: PositionedState<S>) -> Self {
        Self { follower: log.follow(folded.last_seq(), &[]), folded }
    }

    /// What follows from the log so far.
    pub fn state(&self) -> &S {
        &self.folded.state
    }

    /// As [`Fold::state`], for what is known besides the facts.
    pub fn state_mut(&mut self) -> &mut S {
        &mut self.folded.state
    }

    /// Position of the newest message that was folded or passed by; 0 for none.
    pub fn last_seq(&self) -> u64 {
        self.folded.last_seq()
    }

    /// Waits for one message and folds those that are there already, `max` at most; returns them. Cancel safe.
    ///
    /// # Errors
    /// When the fold must not go on.
    pub fn next_batch(&mut self, max: usize) -> BoxFuture<'_, Result<Vec<Recorded>, FoldHalt>> {
        async move {
            let messages = self.follower.next_batch(max).await?;
            messages.iter().try_for_each(|message| self.folded.take(message))?;
            Ok(messages)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests {
    use hilum_events::{Envelope, samples};

    use super::*;

    /// What was folded and what was passed by.
    #[derive(Debug, Default, Clone, PartialEq)]
    struct Positions(Vec<u64>, Vec<u64>);

    impl FoldState for Positions {
        const UNREAD: &'static [&'static str] = &["study-flagged"];

        fn evolve(&mut self, fact: &Fact<'_>, message: &Recorded) {
            assert_eq!(fact.seq, message.seq);
            self.0.push(fact.seq);
        }

        fn pass_by(&mut self, message: &Recorded, _: &DecodeError) {
            self.1.push(message.seq);
        }
    }

    fn message(seq: u64, envelope: &Envelope) -> Recorded {
        Recorded::at(seq, &envelope.subject(), envelope.occurred_at, envelope.encode().into())
    }

    /// A fact of this name in a version that nobody knows yet.
    fn of_later_release(seq: u64, name: &'static str) -> Recorded {
        let (name, must_understand) = (name.to_owned(), false);
        let content = Err(DecodeError::Unknown { name, version: 99, must_understand });
        Recorded { content, ..message(seq, &samples::image_stored(1, "a", 0)) }
    }

    #[test]
    fn a_message_that_comes_again_changes_nothing() {
        let mut folded = PositionedState::at(4, Positions::default());
        for seq in [4, 5, 6, 5, 6, 7] {
            folded.take(&message(seq, &samples::image_stored(1, "a", 0))).unwrap();
        }
        assert_eq!((folded.last_seq(), &folded.state.0[..]), (7, &[5, 6, 7][..]));
    }

    #[test]
    fn what_is_no_event_is_passed_by_and_what_a_later_release_wrote_only_if_nothing_hangs_on_it() {
        let mut folded = PositionedState::at(0, Positions::default());
        folded.take(&Recorded::at(1, "evt.x.y.z", samples::at(0), b"no event"[..].into())).unwrap();
        folded.take(&of_later_release(2, "study-flagged")).unwrap();
        let halt = folded.take(&of_later_release(3, "image-stored")).unwrap_err();
        assert!(matches!(halt, FoldHalt::NewerEvent { seq: 3, .. }), "{halt}");
        assert_eq!((folded.last_seq(), folded.state), (2, Positions(vec![], vec![1, 2])));
    }
}
