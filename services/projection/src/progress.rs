//! Tells waiting requests how far the fold is and what it just changed, so that no one needs to poll. Knows no
//! database and no log.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use uuid::Uuid;

/// How many batches a slow listener may be behind before it learns only that something changed.
const BACKLOG: usize = 256;

/// Ids of jobs, readings and studies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// All of which something changes.
    pub ids: HashSet<Uuid>,
    /// Those among them that may have ended.
    pub ended: HashSet<Uuid>,
}

/// What a step of the fold changed.
#[derive(Debug, Clone)]
pub enum Touched {
    /// These.
    Only(Arc<Changed>),
    /// Not known: another copy folded it.
    Anything,
}

/// How far the fold is. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Progress {
    position: Arc<watch::Sender<u64>>,
    touched: broadcast::Sender<Touched>,
    has_filled: Arc<AtomicBool>,
}

impl Default for Progress {
    fn default() -> Self {
        let has_filled = Arc::new(AtomicBool::new(true));
        Self {
            position: Arc::new(watch::Sender::new(0)),
            touched: broadcast::Sender::new(BACKLOG),
            has_filled,
        }
    }
}

impl Progress {
    /// Position in the log of the last event folded, as far as this copy knows.
    pub fn position(&self) -> u64 {
        *self.position.borrow()
    }

    /// The fold came to `position`.
    pub fn advance(&self, position: u64, touched: Touched) {
        self.position.send_replace(position);
        // Nobody may be listening.
        let _ = self.touched.send(touched);
    }

    /// The database is read anew: nothing is known of how far it goes.
    pub fn restart(&self) {
        self.position.send_replace(0);
        self.has_filled.store(false, Ordering::Relaxed);
    }

    /// Nothing of an earlier release is left to be filled in, as far as this copy knows.
    pub fn filled(&self) {
        self.has_filled.store(true, Ordering::Relaxed);
    }

    /// Whether what an earlier release left out has been filled in.
    pub fn has_filled(&self) -> bool {
        self.has_filled.load(Ordering::Relaxed)
    }

    /// Waits until the fold has come to `seq`; `false` after `limit`.
    pub async fn reached(&self, seq: u64, limit: Duration) -> bool {
        let mut position = self.position.subscribe();
        let reached = position.wait_for(|position| *position >= seq);
        matches!(tokio::time::timeout(limit, reached).await, Ok(Ok(_)))
    }

    /// What changes from now on.
    pub fn changes(&self) -> Changes {
        Changes { touched: self.touched.subscribe() }
    }
}

/// Changes since it was made.
#[derive(Debug)]
pub struct Changes {
    touched: broadcast::Receiver<Touched>,
}

impl Changes {
    /// Waits until one of `ids` was, or may have been, changed. Cancel safe.
    pub async fn of(&mut self, ids: &[Uuid]) {
        self.wait_for(|changed| ids.iter().any(|id| changed.ids.contains(id))).await;
    }

    /// Waits until one of `ids` has, or may have, ended. Cancel safe.
    pub async fn end_of(&mut self, ids: &[Uuid]) {
        self.wait_for(|changed| ids.iter().any(|id| changed.ended.contains(id))).await;
    }

    async fn wait_for(&mut self, concerns: impl Fn(&Changed) -> bool) {
        loop {
            match self.touched.recv().await {
                Ok(Touched::Only(changed)) if !concerns(&changed) => {}
                Ok(_) | Err(RecvError::Lagged(_)) => return,
                // The fold is gone, and the service is about to end.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn only(ids: &[u128]) -> Touched {
        let ids = ids.iter().copied().map(Uuid::from_u128).collect();
        Touched::Only(Arc::new(Changed { ids, ended: HashSet::new() }))
    }

    #[tokio::test]
    async fn a_listener_is_woken_by_its_own_ids_alone() {
        let progress = Progress::default();
        let mut changes = progress.changes();
        let mine = [Uuid::from_u128(1)];
        progress.advance(1, only(&[2]));
        assert_eq!(changes.of(&mine).now_or_never(), None);
        progress.advance(2, only(&[1, 3]));
        assert_eq!(changes.of(&mine).now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn who_waits_for_an_end_is_not_woken_before() {
        let progress = Progress::default();
        let mut changes = progress.changes();
        let mine = [Uuid::from_u128(1)];
        progress.advance(1, only(&[1]));
        assert_eq!(changes.end_of(&mine).now_or_never(), None);
        let changed = Changed { ids: mine.into(), ended: mine.into() };
        progress.advance(2, Touched::Only(Arc::new(changed)));
        assert_eq!(changes.end_of(&mine).now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn a_listener_that_fell_behind_is_woken() {
        let progress = Progress::default();
        let mut changes = progress.changes();
        for seq in 0..2 * BACKLOG as u64 {
            progress.advance(seq, only(&[2]));
        }
        assert_eq!(changes.of(&[Uuid::from_u128(1)]).now_or_never(), Some(()));
    }

    #[tokio::test]
    async fn a_position_can_be_waited_for() {
        let progress = Progress::default();
        assert!(!progress.reached(1, Duration::ZERO).await);
        let (reached, ()) = tokio::join!(progress.reached(2, Duration::from_secs(5)), async {
            progress.advance(2, Touched::Anything);
        });
        assert!(reached);
    }
}
