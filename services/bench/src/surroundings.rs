//! What a stack goes through before and while it is measured: caches are filled, and its processes are looked at.

use futures::{StreamExt as _, TryStreamExt as _, stream};
use hilum_terminal::Output;

use super::contents::Contents;
use super::load::{SendOutcome, read, send};
use super::processes::Snapshot;
use super::temporary::Temporary;
use crate::error::Error;

/// Images of each file that are read before anything is measured: the first ones find caches cold.
const ROUNDS: usize = 2;
/// Images that are on their way at the same time while caches are filled.
const USERS: usize = 4;

impl Temporary {
    /// Has each file read a few times. Files that can't be read are left out of the measurement.
    ///
    /// # Errors
    /// When no file is left, or the stack fails.
    pub(super) async fn warm_up(&self, contents: Contents, output: Output) -> Result<Contents, Error> {
        let count = contents.templates() * ROUNDS;
        let bar = output.progress(count, "warming up");
        let sent = (0..count).map(|_| async {
            let content = contents.next();
            let outcome = send(&self.client, &content).await?;
            bar.inc(1);
            Ok::<_, Error>((content.template, matches!(outcome, SendOutcome::Read(_))))
        });
        let outcomes: Vec<_> = stream::iter(sent).buffer_unordered(USERS).try_collect().await?;
        bar.finish_and_clear();
        let is_read = |file: usize| outcomes.iter().all(|(template, read)| *template != file || *read);
        let keep: Vec<_> = (0..contents.templates()).map(is_read).collect();
        let left_out = keep.iter().filter(|keep| !**keep).count();
        if left_out > 0 {
            output.note(format_args!("{left_out} of the files can't be read and are left out"));
        }
        let contents = contents.keep(&keep)?;
        // One more, so that the last warm-up is over for certain when this returns.
        read(&self.client, &contents.next()).await?;
        Ok(contents)
    }

    /// What all processes of the stack, and this program, have used so far.
    pub(super) fn snapshot(&self) -> Snapshot {
        let mut roots =
            vec![("this program".to_owned(), std::process::id()), ("gateway".to_owned(), self.state.pid)];
        roots.extend(self.state.parts.iter().filter_map(|part| Some((part.name.clone(), part.process?.pid))));
        Snapshot::take(&roots)
    }
}
