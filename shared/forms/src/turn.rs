//! How many forms are made at a time: each holds its document and its pictures in memory, up to 64 MiB of them.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::FormError;

const AT_ONCE: usize = 2;

/// Bounds how many forms are made at a time.
#[derive(Debug, Clone)]
pub(crate) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(AT_ONCE)))
    }
}

/// Permission to make one form. It is held until the last work for that form has ended, even if the caller is gone by then.
#[derive(Debug, Clone)]
pub struct Turn {
    _permit: Arc<OwnedSemaphorePermit>,
}

impl Turns {
    pub(crate) fn free(&self) -> Option<Turn> {
        self.0.clone().try_acquire_owned().ok().map(Turn::holding)
    }

    pub(crate) async fn free_within(&self, wait: Duration) -> Result<Turn, FormError> {
        match tokio::time::timeout(wait, self.0.clone().acquire_owned()).await {
            Ok(Ok(permit)) => Ok(Turn::holding(permit)),
            Ok(Err(_)) | Err(_) => Err(FormError::Busy),
        }
    }
}

impl Turn {
    fn holding(permit: OwnedSemaphorePermit) -> Self {
        Self { _permit: Arc::new(permit) }
    }

    /// Does work that keeps a processor busy away from the threads that answer.
    pub(crate) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, FormError> {
        let turn = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let made = work();
            drop(turn);
            made
        });
        done.await.map_err(FormError::Broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn only_so_many_forms_are_made_at_once_and_a_place_is_free_when_its_work_has_ended() {
        let turns = Turns::default();
        let mut taken = Vec::new();
        for _ in 0..AT_ONCE {
            taken.push(turns.free().unwrap());
        }
        assert!(turns.free().is_none());
        let refused = turns.free_within(Duration::ZERO).await.unwrap_err();
        assert!(matches!(refused, FormError::Busy) && refused.is_transient());

        // Whoever asked is gone and the work goes on.
        let (begun, has_begun) = tokio::sync::oneshot::channel();
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let turn = taken.pop().unwrap();
        let working = tokio::spawn(async move {
            let work = move || {
                begun.send(()).unwrap();
                ended.recv().unwrap();
            };
            turn.work(work).await.is_ok()
        });
        has_begun.await.unwrap();
        working.abort();
        assert!(working.await.unwrap_err().is_cancelled());
        assert!(turns.free_within(Duration::ZERO).await.is_err());
        end.send(()).unwrap();
        turns.free_within(Duration::from_secs(10)).await.unwrap();
    }

    #[tokio::test]
    async fn work_that_panics_is_an_error_and_frees_its_place() {
        let turns = Turns::default();
        let turn = turns.free().unwrap();
        let broken = turn.work(|| panic!("a bug")).await.unwrap_err();
        assert!(matches!(broken, FormError::Broken(_)) && !broken.is_transient());
        drop(turn);
        assert!((0..AT_ONCE).map(|_| turns.free()).collect::<Vec<_>>().iter().all(Option::is_some));
    }
}
