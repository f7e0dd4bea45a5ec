//! The decoder processes of one parent: started when needed, used again, replaced when a file brings one down.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::BoxFuture;
use hilum_events::{MediaType, Priority};
use tokio::time::timeout;

use super::config::DecoderConfig;
use super::process::{Death, DecoderProcess};
use super::turns::Turns;
use crate::bench::FileCost;
use crate::dicom_values::{DicomValues, Inspected};
use crate::error::{CrashCause, DecodeError, RefusalCode};
use crate::picture::{Picture, Preview, StoredFrame};
use crate::preparation::{Preparation, Prepared};
use crate::study_header::StudyHeader;
use crate::wire::{Operation, Reply, Request, bounded_series};

/// A bounded set of decoder processes. Clones share it; dropping the last one ends the processes.
///
/// Must be used within a tokio runtime. A call that is dropped before it ends takes its process with it.
#[derive(Clone)]
pub struct DecoderPool {
    shared: Arc<Shared>,
    priority: Priority,
}

struct Shared {
    config: DecoderConfig,
    turns: Arc<Turns>,
    idle: Mutex<Vec<DecoderProcess>>,
}

/// How an attempt in one process failed.
enum Attempt {
    Failed(DecodeError),
    /// A process that had worked before died of the file, or between two files.
    WornProcessDied,
}

impl DecoderPool {
    /// Starts nothing yet. Calls are routine.
    pub fn new(config: DecoderConfig) -> Self {
        let turns = Turns::new(config.size.max(1));
        let shared = Arc::new(Shared { config, turns, idle: Mutex::default() });
        Self { shared, priority: Priority::Routine }
    }

    /// The same processes for calls of this priority: the next process that is free goes to the most urgent call that
    /// waits, among equals to the first.
    pub fn with_priority(&self, priority: Priority) -> Self {
        Self { shared: Arc::clone(&self.shared), priority }
    }

    /// The most processes at a time.
    pub fn size(&self) -> usize {
        self.shared.config.size.max(1)
    }

    /// What the header of a DICOM object says. The whole file is parsed and its headers checked, but no pixel is decoded:
    /// what passes can only fail later through damage within the compressed pixels.
    ///
    /// # Errors
    /// [`DecodeError::Refused`] when the file can't be an image that is read, or no process could answer: see [`DecodeError`].
    pub fn inspect<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Inspected, DecodeError>> {
        Box::pin(async move { self.inspected(Operation::Inspect, bytes).await })
    }

    /// What the header of a DICOM object says, from its first bytes, for a file too long to be held. What comes after the
    /// start of its pixel data is not looked at.
    ///
    /// # Errors
    /// As [`Self::inspect`].
    pub fn inspect_head<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Inspected, DecodeError>> {
        Box::pin(async move { self.inspected(Operation::InspectHead, bytes).await })
    }

    /// What the header of a DICOM object says, from its first bytes, whether its picture can be read or not: for one that is
    /// kept though no model reads it.
    ///
    /// # Errors
    /// As [`Self::inspect`], but for what is wrong with the picture.
    pub fn identify<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<Inspected, DecodeError>> {
        Box::pin(async move { self.inspected(Operation::Identify, bytes).await })
    }

    /// Which patient and study a DICOM object belongs to, for an object that is to stand beside it in an archive. Its
    /// pixels are not looked at: an image that can't be read has a header too. What comes back names a person.
    ///
    /// # Errors
    /// As [`Self::inspect`], and when one of its UIDs is missing.
    pub fn study_header<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<StudyHeader, DecodeError>> {
        Box::pin(async move {
            match self.call(Operation::StudyHeader, bytes).await? {
                (Reply::StudyHeader(header), _) => header.sound().ok_or_else(unexpected),
                _ => Err(unexpected()),
            }
        })
    }

    /// What the model takes of a file of type `media`: decoded, digested, cropped, resized and scaled in the process,
    /// so that only the numbers come back.
    ///
    /// # Errors
    /// [`DecodeError::Refused`] when the file can't be read, or no process could answer: see [`DecodeError`].
    pub fn prepare<'a>(
        &'a self,
        media: MediaType,
        bytes: &'a [u8],
        preparation: &'a Preparation,
    ) -> BoxFuture<'a, Result<Prepared, DecodeError>> {
        Box::pin(async move { self.prepare_and_show(media, bytes, preparation, None).await })
    }

    /// As [`Self::prepare`]; with a preview as [`Self::preview`] makes it, from the same decoding, if its longest side
    /// is given.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn prepare_and_show<'a>(
        &'a self,
        media: MediaType,
        bytes: &'a [u8],
        preparation: &'a Preparation,
        preview_side_px: Option<u32>,
    ) -> BoxFuture<'a, Result<Prepared, DecodeError>> {
        Box::pin(async move {
            let side_px = preparation.preprocessing.input_side_px;
            let operation = Operation::Prepare { media, preparation: *preparation, preview_side_px };
            match self.call(operation, bytes).await? {
                (Reply::Prepared(header), values) => header.join(&values, side_px).ok_or_else(unexpected),
                _ => Err(unexpected()),
            }
        })
    }

    /// The grey pixels of a file of type `media`; of a DICOM object the stored values.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn decode<'a>(
        &'a self,
        media: MediaType,
        bytes: &'a [u8],
    ) -> BoxFuture<'a, Result<Picture, DecodeError>> {
        Box::pin(async move { self.decode_as(media, bytes, DicomValues::Stored).await })
    }

    /// As [`Self::decode`], with other values of a DICOM object.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn decode_as<'a>(
        &'a self,
        media: MediaType,
        bytes: &'a [u8],
        values: DicomValues,
    ) -> BoxFuture<'a, Result<Picture, DecodeError>> {
        Box::pin(async move {
            match self.call(Operation::Decode { media, values }, bytes).await? {
                (Reply::Picture(header), samples) => header.join(samples).ok_or_else(unexpected),
                _ => Err(unexpected()),
            }
        })
    }

    /// What the stages of [`Self::prepare`] cost a process, by doing them `repeats` times; for benchmarks. All
    /// repetitions together may take as long as one file.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn measure<'a>(
        &'a self,
        media: MediaType,
        bytes: &'a [u8],
        preparation: &'a Preparation,
        repeats: u32,
    ) -> BoxFuture<'a, Result<FileCost, DecodeError>> {
        Box::pin(async move {
            let operation = Operation::Measure { media, preparation: *preparation, repeats };
            match self.call(operation, bytes).await? {
                (Reply::Cost(cost), _) => Ok(cost),
                _ => Err(unexpected()),
            }
        })
    }

    /// A grey PNG for people, no side longer than `max_side_px`. DICOM is shown through its first window, or else from
    /// its smallest to its largest value.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn preview<'a>(
        &'a self,
        media: MediaType,
        bytes: &'a [u8],
        max_side_px: u32,
    ) -> BoxFuture<'a, Result<Preview, DecodeError>> {
        Box::pin(async move {
            match self.call(Operation::Preview { media, max_side_px }, bytes).await? {
                (Reply::Preview { width, height, original_width, original_height }, png) => {
                    Ok(Preview { width, height, original_width, original_height, png })
                }
                _ => Err(unexpected()),
            }
        })
    }

    /// The data set of a DICOM object in the DICOM JSON model (PS3.18, F.2), in UTF-8. Pixel data, group lengths and binary values
    /// longer than 1 KiB are left out. What comes back names a person.
    ///
    /// # Errors
    /// As [`Self::inspect`], and when it would be longer than `max_bytes`.
    pub fn data_set<'a>(
        &'a self,
        bytes: &'a [u8],
        max_bytes: u64,
    ) -> BoxFuture<'a, Result<Vec<u8>, DecodeError>> {
        Box::pin(async move {
            match self.call(Operation::DataSet { max_bytes }, bytes).await? {
                (Reply::DataSet, json) => Ok(json),
                _ => Err(unexpected()),
            }
        })
    }

    /// The only frame of a DICOM object as it is stored: a codestream, or samples in little endian.
    ///
    /// # Errors
    /// As [`Self::inspect`].
    pub fn stored_frame<'a>(&'a self, bytes: &'a [u8]) -> BoxFuture<'a, Result<StoredFrame, DecodeError>> {
        Box::pin(async move {
            match self.call(Operation::StoredFrame, bytes).await? {
                (Reply::StoredFrame { is_encapsulated }, bytes) => Ok(StoredFrame { bytes, is_encapsulated }),
                _ => Err(unexpected()),
            }
        })
    }

    async fn inspected(&self, operation: Operation, bytes: &[u8]) -> Result<Inspected, DecodeError> {
        match self.call(operation, bytes).await? {
            (Reply::Inspected(Inspected { identity, series }), _) => {
                Ok(Inspected { identity, series: bounded_series(series) })
            }
            _ => Err(unexpected()),
        }
    }

    async fn call(&self, operation: Operation, bytes: &[u8]) -> Result<(Reply, Vec<u8>), DecodeError> {
        let config = &self.shared.config;
        let max_bytes = config.limits.max_file_bytes;
        if bytes.len() as u64 > max_bytes {
            let detail = format!("{} bytes, at most {max_bytes} are read", bytes.len());
            return Err(DecodeError::Refused(RefusalCode::FileTooLarge.with(detail)));
        }
        let request =
            Request { operation, limits: config.limits, cpu_time_s: whole_seconds(config.time_limit) };
        let _turn = self.shared.turns.wait(self.priority).await;
        let idle = self.shared.idle().pop();
        let outcome = match idle {
            // Of a worn process it can't be told whether this file killed it: a fresh one decides.
            Some(process) => match self.attempt(process, &request, bytes).await {
                Err(Attempt::WornProcessDied) => self.attempt_afresh(&request, bytes).await,
                outcome => outcome,
            },
            None => self.attempt_afresh(&request, bytes).await,
        };
        match outcome {
            Ok((Reply::Refused(refusal), _)) => Err(DecodeError::Refused(refusal.bounded())),
            Ok(answer) => Ok(answer),
            Err(Attempt::Failed(error)) => Err(error),
            Err(Attempt::WornProcessDied) => Err(DecodeError::Crashed(CrashCause::Other(None))),
        }
    }

    async fn attempt_afresh(&self, request: &Request, bytes: &[u8]) -> Result<(Reply, Vec<u8>), Attempt> {
        let process = DecoderProcess::start(&self.shared.config).map_err(Attempt::Failed)?;
        self.attempt(process, request, bytes).await
    }

    async fn attempt(
        &self,
        mut process: DecoderProcess,
        request: &Request,
        bytes: &[u8],
    ) -> Result<(Reply, Vec<u8>), Attempt> {
        let time_limit = self.shared.config.time_limit;
        let was_worn = process.has_answered();
        match timeout(time_limit, process.ask(request, bytes)).await {
            Ok(Ok(answer)) => {
                self.shared.idle().push(process);
                Ok(answer)
            }
            Ok(Err(_)) if was_worn => Err(Attempt::WornProcessDied),
            Ok(Err(error)) => Err(Attempt::Failed(match process.diagnose().await {
                Death::OfItself(cause) => DecodeError::Crashed(cause),
                Death::OutOfTime => DecodeError::TimedOut(time_limit),
                Death::FromOutside(how) => DecodeError::unavailable(how, error),
            })),
            Err(_elapsed) => Err(Attempt::Failed(DecodeError::TimedOut(time_limit))),
        }
    }
}

impl Shared {
    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<DecoderProcess>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn whole_seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

/// The process answered something else than was asked, which no released decoder does.
fn unexpected() -> DecodeError {
    DecodeError::unavailable("hilum-decoder is of another version than this program", None)
}
