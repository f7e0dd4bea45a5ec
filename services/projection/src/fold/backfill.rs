//! DICOM objects of jobs that were folded before there was a table of them, or by a release that has none: their facts are folded
//! once more, a few at a time beside all else.

use super::{FoldError, Projection};
use crate::batch::rows_of;
use crate::domain::Rows;
use crate::position::Position;

/// Facts that are read at a time.
const AT_ONCE: usize = 100;
/// A note of readiness.
const OBJECTS: &str = "dicom objects";

/// How far the jobs were looked through; `None` when all were.
pub(super) struct Backfill(Option<u64>);

impl Backfill {
    /// Before the first job.
    pub(super) fn start() -> Self {
        Self(Some(0))
    }

    /// Whether all jobs were looked through.
    pub(super) fn is_done(&self) -> bool {
        self.0.is_none()
    }
}

impl Projection {
    /// Folds the next of them.
    pub(super) async fn fill(&self, backfill: &mut Backfill) -> Result<(), FoldError> {
        let Some(from) = backfill.0 else { return Ok(()) };
        let missing = self.store.jobs_without_instance(from, AT_ONCE).await?;
        let mut rows = Rows::default();
        for seq in &missing {
            let Some(recorded) = self.log.at(*seq).await?.filter(|recorded| recorded.content.is_ok()) else {
                continue;
            };
            let (folded, _) = rows_of(&Position::start(""), std::slice::from_ref(&recorded))?;
            rows.instances.extend(folded.instances);
        }
        self.store.write_instances(&rows).await?;
        backfill.0 = missing.last().copied().filter(|_| missing.len() == AT_ONCE);
        let note = backfill.0.map(|seq| {
            format!("DICOM objects of an earlier release are being listed for DICOMweb, up to position {seq} by now; later ones are")
        });
        self.health.note(OBJECTS, note);
        if backfill.is_done() {
            self.progress.filled();
        }
        Ok(())
    }
}
