//! Takes the images in an archive in, one after the other: each a job of its own, whose id follows from that of the archive and its
//! place in it. What was taken before is not taken again, so an archive that could not be done in one go is gone on with.

use std::fs::File;
use std::io::{self, Seek as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::{Stream, StreamExt as _, TryStreamExt as _, stream};
use hilum_events::JobId;
use hilum_intake::Upload;
use hilum_runtime::BodyFault;
use tokio::sync::mpsc;
use tokio::task::{JoinError, spawn_blocking};

use crate::archive::{Archive, ArchiveFault, Entry, ZIP_MARK};
use crate::identity::job_of_entry;
use crate::object::{Handed, ObjectTaker, Pieces, is_seen};
use crate::setback::Setback;
use crate::watches::{Meaning, Watch};

/// Of what is read from an archive at a time.
const PIECE_BYTES: usize = 64 << 10;
/// Pieces that wait for storage.
const PIECES: usize = 4;
/// So many of the files that were not taken are told with their reason.
const TOLD_MAX: usize = 5;

/// An archive that is taken in.
pub(crate) struct Unpacking<'a> {
    pub(crate) watch: &'a Watch,
    pub(crate) handed: Handed<'a>,
    /// The job that the archive would be.
    pub(crate) archive_job: JobId,
    /// What each image in it means.
    pub(crate) meaning: Meaning,
}

/// Whether `bytes` begin as a zip archive does, and the same bytes.
///
/// # Errors
/// When the first of them do not come.
pub(crate) async fn begins_as_zip(mut bytes: Pieces) -> Result<(bool, Pieces), Setback> {
    let mut begin = Vec::new();
    while begin.len() < ZIP_MARK.len()
        && let Some(piece) = bytes.try_next().await.map_err(Setback::Store)?
    {
        begin.extend_from_slice(&piece);
    }
    let is_zip = begin.starts_with(&ZIP_MARK);
    Ok((is_zip, stream::once(async { Ok(Bytes::from(begin)) }).chain(bytes).boxed()))
}

impl ObjectTaker {
    /// Takes in all that an archive holds.
    ///
    /// # Errors
    /// [`Setback::Never`] when nothing or not everything in it is taken, and all else is; any other when it is to be gone on with.
    pub(crate) async fn unpack(
        &self,
        unpacking: Unpacking<'_>,
        bytes: Pieces,
    ) -> Result<&'static str, Setback> {
        let _turn = self.unpacker.turn.acquire().await.expect("it is never closed");
        let (file, len) = self.spool(bytes).await?;
        let archive = spawn_blocking(move || Archive::open(file, len)).await.map_err(broke)?;
        let archive = Arc::new(archive.map_err(|fault| never(&fault))?);
        let (mut taken, mut refused) = (0_usize, Vec::new());
        for entry in archive.entries.clone() {
            match self.take_entry(&unpacking, &archive, entry).await {
                Ok(_) => taken += 1,
                Err(Setback::Never { reason, .. }) => refused.push((entry.number, reason)),
                Err(setback) => return Err(setback),
            }
        }
        let (watch, transfer) = (&unpacking.watch.name, unpacking.handed.transfer);
        tracing::info!(watch, transfer, taken, refused = refused.len(), "archive unpacked");
        if refused.is_empty() { Ok("unpacked") } else { Err(in_part(taken, &refused)) }
    }

    /// Takes in a file of an archive, unless it was taken before.
    async fn take_entry(
        &self,
        Unpacking { watch, handed, archive_job, meaning }: &Unpacking<'_>,
        archive: &Arc<Archive>,
        entry: Entry,
    ) -> Result<&'static str, Setback> {
        let job_id = job_of_entry(*archive_job, entry.number);
        if is_seen(&self.log, job_id).await? {
            return Ok("repeated");
        }
        self.intake.check_open()?;
        let admitted = self.admit_as(watch, handed.transfer, meaning)?;
        if watch.results.is_some() {
            self.note_name(job_id, watch, &handed.notification.key, Some(entry.number)).await?;
        }
        let is_damaged = Arc::new(AtomicBool::new(false));
        let bytes = entry_bytes(archive.clone(), entry, is_damaged.clone());
        let upload = Upload { wishes: meaning.clone().into(), job_id: Some(job_id) };
        let word = match self.store(bytes, admitted, upload).await {
            Err(_) if is_damaged.load(Ordering::Relaxed) => return Err(never(&ArchiveFault::Damaged)),
            stored => stored?,
        };
        hilum_faults::reach("watch.after-entry");
        self.note_done(job_id).await?;
        Ok(word)
    }

    /// Writes the archive into a file that nobody else sees: its list stands at its end.
    async fn spool(&self, mut bytes: Pieces) -> Result<(File, u64), Setback> {
        let mut file = tempfile::tempfile_in(&self.unpacker.folder).map_err(|error| no_room(&error))?;
        let mut len = 0;
        while let Some(piece) = bytes.try_next().await.map_err(Setback::Store)? {
            len += piece.len() as u64;
            let most = self.unpacker.max_bytes;
            if len > most {
                let reason = format!(
                    "the archive is longer than {most} bytes (HILUM_WATCH_ARCHIVE_MAX_BYTES); make several of it"
                );
                return Err(Setback::Never { reason, job_id: None });
            }
            let written = spawn_blocking(move || file.write_all(&piece).map(|()| file));
            file = written.await.map_err(broke)?.map_err(|error| no_room(&error))?;
        }
        file.rewind().map_err(|error| no_room(&error))?;
        Ok((file, len))
    }
}

/// The bytes of a file in the archive, as they are read by a thread that may wait; `is_damaged` tells when they end too early.
fn entry_bytes(
    archive: Arc<Archive>,
    entry: Entry,
    is_damaged: Arc<AtomicBool>,
) -> impl Stream<Item = Result<Bytes, BodyFault>> + Send + 'static {
    let (sender, pieces) = mpsc::channel(PIECES);
    spawn_blocking(move || {
        let read = || -> io::Result<()> {
            let mut reader = archive.reader(&entry)?;
            let mut buffer = vec![0; PIECE_BYTES];
            loop {
                let len = reader.read(&mut buffer)?;
                // Nobody waits for more of what was refused.
                if len == 0 || sender.blocking_send(Ok(Bytes::copy_from_slice(&buffer[..len]))).is_err() {
                    return Ok(());
                }
            }
        };
        if let Err(error) = read() {
            is_damaged.store(true, Ordering::Relaxed);
            let _ = sender.blocking_send(Err(BodyFault::BrokenOff(axum::Error::new(error))));
        }
    });
    stream::unfold(pieces, |mut pieces| async { Some((pieces.recv().await?, pieces)) })
}

fn never(fault: &ArchiveFault) -> Setback {
    Setback::Never { reason: fault.to_string(), job_id: None }
}

/// What is said of an archive of which not all was taken.
fn in_part(taken: usize, refused: &[(usize, String)]) -> Setback {
    let told: Vec<_> =
        refused.iter().take(TOLD_MAX).map(|(number, reason)| format!("file {number}: {reason}")).collect();
    let all = taken + refused.len();
    let reason =
        format!("{} of {all} files in the archive were not taken: {}", refused.len(), told.join("; "));
    Setback::Never { reason, job_id: None }
}

/// The disk is full, or not there: that may change.
fn no_room(error: &io::Error) -> Setback {
    tracing::warn!(
        error = error as &dyn std::error::Error,
        "an archive can't be unpacked here; see to the folder for that"
    );
    Setback::ForNow { retry_after_s: 10 }
}

fn broke(error: JoinError) -> Setback {
    tracing::error!(error = &error as &dyn std::error::Error, "unpacking an archive broke off");
    Setback::ForNow { retry_after_s: 10 }
}
