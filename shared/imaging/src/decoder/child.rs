//! The inside of a decoder process: caps on itself first, then one request after the other until its input ends.
//! Opens nothing and writes nothing but answers.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::os::fd::AsFd;
use std::panic::{self, AssertUnwindSafe};
use std::process::ExitCode;
use std::thread;

use nix::sys::prctl;
use nix::sys::resource::{Resource, UsageWho, getrusage, setrlimit};

use crate::bench;
use crate::codec;
use crate::error::{Refusal, RefusalCode};
use crate::limits::Limits;
use crate::picture::StoredFrame;
use crate::preparation::prepare;
use crate::wire::{self, Operation, PictureHeader, PreparedHeader, Reply, Request};

/// Ends the process when its caps could not be set, or its input is not what the parent writes.
const EXIT_NOT_READY: u8 = super::process::EXIT_NOT_READY;

/// Nested DICOM sequences recurse; this carries some tens of thousands of levels, far more than are let through.
const STACK_BYTES: usize = 64 << 20;

/// Runs the decoder process until its standard input ends. `memory_limit_bytes` is its only argument, a number; 1 GiB
/// when absent.
pub fn child_main(memory_limit_bytes: Option<&str>) -> ExitCode {
    let memory_limit_bytes = match memory_limit_bytes.map(str::parse) {
        None => 1 << 30,
        Some(Ok(bytes)) => bytes,
        Some(Err(_)) => return ExitCode::from(EXIT_NOT_READY),
    };
    // A panic is an answer like any other, and its text may quote the file.
    panic::set_hook(Box::new(|_| ()));
    if cap(memory_limit_bytes).is_err() {
        return ExitCode::from(EXIT_NOT_READY);
    }
    let server = thread::Builder::new().stack_size(STACK_BYTES).spawn(serve);
    match server.map(|server| server.join()) {
        Ok(Ok(Ok(()))) => ExitCode::SUCCESS,
        _ => ExitCode::from(EXIT_NOT_READY),
    }
}

/// Takes from this process what it does not need.
///
/// It is not tied to its parent by `PR_SET_PDEATHSIG`: that signal comes when the parent's *thread* ends, and worker
/// threads come and go. The end of its input ends it, and a limit on processor time ends it in the midst of work.
fn cap(memory_limit_bytes: u64) -> nix::Result<()> {
    const OPEN_FILES_MAX: u64 = 16;
    let fixed = [
        (Resource::RLIMIT_AS, memory_limit_bytes),
        (Resource::RLIMIT_CORE, 0),
        (Resource::RLIMIT_FSIZE, 0),
        (Resource::RLIMIT_NOFILE, OPEN_FILES_MAX),
    ];
    for (resource, limit) in fixed {
        setrlimit(resource, limit, limit)?;
    }
    prctl::set_no_new_privs()?;
    prctl::set_dumpable(false)
}

/// Lets the kernel end this process after `seconds` more of processor time.
fn cap_cpu_time(seconds: u64) -> io::Result<()> {
    let used = getrusage(UsageWho::RUSAGE_SELF)?;
    let used_s = used.user_time().tv_sec() + used.system_time().tv_sec();
    // Both sums are rounded down, and the limit must not end this request early.
    let limit = u64::try_from(used_s).unwrap_or(0) + seconds + 2;
    setrlimit(Resource::RLIMIT_CPU, limit, nix::sys::resource::RLIM_INFINITY)?;
    Ok(())
}

fn serve() -> io::Result<()> {
    // Straight from and to the pipes: the standard library's own buffers would be a second copy.
    let mut input = BufReader::new(File::from(io::stdin().as_fd().try_clone_to_owned()?));
    let mut output = BufWriter::new(File::from(io::stdout().as_fd().try_clone_to_owned()?));
    while let Some((request, bytes)) = wire::read::<Request>(&mut input, u64::MAX)? {
        cap_cpu_time(request.cpu_time_s)?;
        let (reply, body) = answer(&request, bytes);
        wire::write(&mut output, &reply, &body)?;
        output.flush()?;
    }
    Ok(())
}

fn answer(request: &Request, bytes: Vec<u8>) -> (Reply, Vec<u8>) {
    let handled =
        panic::catch_unwind(AssertUnwindSafe(|| handle(&request.operation, bytes, &request.limits)));
    let handled = handled.unwrap_or_else(|_| Err(RefusalCode::Damaged.into()));
    handled.unwrap_or_else(|refusal| (Reply::Refused(refusal), Vec::new()))
}

fn handle(operation: &Operation, bytes: Vec<u8>, limits: &Limits) -> Result<(Reply, Vec<u8>), Refusal> {
    match *operation {
        Operation::StudyHeader => {
            Ok((Reply::StudyHeader(Box::new(codec::study_header(&bytes, limits)?)), Vec::new()))
        }
        Operation::Inspect => Ok((Reply::Inspected(codec::inspect(bytes, limits)?), Vec::new())),
        Operation::InspectHead => Ok((Reply::Inspected(codec::inspect_head(&bytes, limits)?), Vec::new())),
        Operation::Identify => Ok((Reply::Inspected(codec::identify(&bytes, limits)?), Vec::new())),
        Operation::Decode { media, values } => {
            let (header, samples) =
                PictureHeader::split(codec::decode(media, bytes, values, limits)?.picture);
            Ok((Reply::Picture(header), samples))
        }
        Operation::Prepare { media, ref preparation, preview_side_px } => {
            let prepared = prepare(media, bytes, preparation, limits, preview_side_px)?;
            let (header, values) = PreparedHeader::split(prepared);
            Ok((Reply::Prepared(header), values))
        }
        Operation::Measure { media, ref preparation, repeats } => {
            Ok((Reply::Cost(bench::measure(media, &bytes, preparation, limits, repeats)?), Vec::new()))
        }
        Operation::DataSet { max_bytes } => Ok((Reply::DataSet, codec::data_set(&bytes, limits, max_bytes)?)),
        Operation::StoredFrame => {
            let StoredFrame { bytes, is_encapsulated } = codec::stored_frame(bytes, limits)?;
            Ok((Reply::StoredFrame { is_encapsulated }, bytes))
        }
        Operation::Preview { media, max_side_px } => {
            let preview = codec::preview(media, bytes, limits, max_side_px)?;
            let reply = Reply::Preview {
                width: preview.width,
                height: preview.height,
                original_width: preview.original_width,
                original_height: preview.original_height,
            };
            Ok((reply, preview.png))
        }
    }
}
