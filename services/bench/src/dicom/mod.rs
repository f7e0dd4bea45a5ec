//! `hilum bench dicom`: how fast the DICOM door takes a study, beside another archive. The measurement step by step.

mod object;
mod view;

use std::process::ExitCode;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use futures::future::try_join_all;
use hilum_scu::{Peer, ScuError, StoreScu, Transfer};

use self::object::{CLASS, Object, Objects};
use self::view::{DicomOutcome, Round};
use super::temporary::{Temporary, TemporaryArgs, on_temporary_stack};
use crate::error::Error;
use crate::result_writer::ResultWriter;

/// Explicit VR little endian.
const EXPLICIT: &str = "1.2.840.10008.1.2.1";

/// What `--help` shows.
pub(super) const ABOUT: &str = "\
Images per second by C-STORE, beside another archive if one is named; exit code 1 if that is faster

Starts a stack of its own (free ports, a folder that is removed at the end) whose workers are held still, so that what is seen is the \
way of the images into storage and log. A round sends one study of --images different instances, uncompressed and of 16 bits, \
over 1, 4 and 16 associations, and ends when the last is answered 0000. With --beside the same is sent to another archive that \
runs already, in turn with the stack, from the same sender.

An archive that is compared should store durably too: of Orthanc leave SyncStorageArea as it is (true).";

#[derive(Debug, Args)]
pub(super) struct DicomArgs {
    /// Instances of the study
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    images: u32,
    /// Rows and columns of each; it has twice as many bytes as pixels
    #[arg(long, value_name = "PX", default_value_t = 1024, value_parser = clap::value_parser!(u16).range(16..=8192))]
    side: u16,
    /// Associations at a time, one round for each number
    #[arg(long, value_name = "N", value_delimiter = ',', default_values_t = [1_u16, 4, 16], value_parser = clap::value_parser!(u16).range(1..=64))]
    associations: Vec<u16>,
    /// Rounds of each
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Another archive, such as ORTHANC@127.0.0.1:4242
    #[arg(long, value_name = "TITLE@HOST:PORT")]
    beside: Option<Peer>,
    #[command(flatten)]
    stack: TemporaryArgs,
}

pub(super) async fn run(args: DicomArgs, writer: ResultWriter) -> Result<ExitCode, Error> {
    let output = writer.output;
    let stack = args.stack.with_patient_door().taking_dicom();
    let rounds =
        on_temporary_stack(&stack, output, async |stack| Box::pin(measure(&args, stack, &writer)).await);
    let image_bytes = u64::from(args.side) * u64::from(args.side) * 2;
    let rounds = Box::pin(rounds).await?;
    let outcome = DicomOutcome { images: args.images, image_bytes, rounds };
    outcome.show(output);
    writer.object(&outcome.object())?;
    Ok(if outcome.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(args: &DicomArgs, stack: &Temporary, writer: &ResultWriter) -> Result<Vec<Round>, Error> {
    let port = stack.state.dicom_port;
    let port = port.ok_or_else(|| Error::Unmeasured("the stack takes no DICOM".to_owned()))?;
    let own = Peer { title: "HILUM".to_owned(), address: format!("127.0.0.1:{port}") };
    let held = stack.hold_workers();
    let objects = Objects::of_side(args.side);
    let total = args.associations.len() * usize::from(args.rounds);
    let bar = writer.output.progress(total, "rounds");
    // Whatever is done for the first time is done here.
    for peer in std::iter::once(&own).chain(&args.beside) {
        study(&objects, peer, (1, 4)).await?;
    }
    let mut rounds = Vec::new();
    for associations in &args.associations {
        for number in 0..args.rounds {
            let timed = |peer| study(&objects, peer, (*associations, args.images));
            // In turn, for the one that comes later finds the disk and the memory as the other has left them.
            let (own, beside) = match &args.beside {
                None => (timed(&own).await?, None),
                Some(beside) if number % 2 == 0 => (timed(&own).await?, Some(timed(beside).await?)),
                Some(beside) => {
                    let beside = timed(beside).await?;
                    (timed(&own).await?, Some(beside))
                }
            };
            rounds.push(Round { associations: *associations, own, beside });
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    drop(held);
    Ok(rounds)
}

/// Sends a study of so many images over so many associations; how long that took.
async fn study(
    objects: &Objects,
    peer: &Peer,
    (associations, images): (u16, u32),
) -> Result<Duration, Error> {
    let study = objects.study();
    let mut open = Vec::new();
    for _ in 0..associations {
        let association = StoreScu::associate(peer, "BENCH", &[(CLASS, EXPLICIT)]).await;
        open.push(association.map_err(|error| unmeasured(peer, &error))?);
    }
    let next = AtomicU32::new(0);
    let began = Instant::now();
    let (next, study) = (&next, &study);
    let sent = open.into_iter().map(|mut association| async move {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= images {
                return Ok::<_, Error>(association);
            }
            store(&mut association, &study.object(number), peer).await?;
        }
    });
    let open = try_join_all(sent).await?;
    let took = began.elapsed();
    for association in open {
        association.release().await.map_err(|error| unmeasured(peer, &error))?;
    }
    Ok(took)
}

async fn store(association: &mut StoreScu, object: &Object, peer: &Peer) -> Result<(), Error> {
    let transfer = Transfer {
        sop_class: CLASS.to_owned(),
        sop_instance: object.instance.clone(),
        transfer_syntax: EXPLICIT.to_owned(),
        data_set: &[],
    };
    let [head, pixels] = &object.parts;
    let status = association.store_parts(&transfer, &[head, pixels]).await;
    match status.map_err(|error| unmeasured(peer, &error))? {
        0 => Ok(()),
        status => Err(Error::Unmeasured(format!("an instance was answered {status:#06x}, not 0000"))),
    }
}

fn unmeasured(peer: &Peer, error: &ScuError) -> Error {
    Error::Unmeasured(format!("{}@{}: {}", peer.title, peer.address, hilum_runtime::with_causes(error)))
}
