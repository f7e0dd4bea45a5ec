//! `hilum bench s3`: how fast notified objects are taken in, beside uploads by HTTP. The measurement step by step.

mod view;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use hilum_terminal::Output;
use serde_json::json;

use self::view::{Round, S3Outcome};
use super::contents::Contents;
use super::load::upload_patiently;
use super::pipeline::PictureArgs;
use super::temporary::{Temporary, TemporaryArgs, on_temporary_stack};
use super::worker_metrics::metric_of;
use crate::error::Error;
use crate::result_writer::ResultWriter;

/// What `--help` shows.
pub(super) const ABOUT: &str = "\
Notified objects per second, beside uploads by HTTP; exit code 1 if these are faster

Starts a stack of its own (free ports, a folder that is removed at the end) that watches a folder, and whose workers are held \
still, so that what is seen is the way of the images into storage and log. In each round as many different images are sent by \
HTTP, and as many are put into the folder beforehand and notified then, each by a request of its own as object stores do it. \
The time of uploads ends with the last 202, that of objects when all are taken in.";

/// The only watch.
const WATCH: &str = "bench";
const TOKEN: &str = "token-of-a-measurement-0123456789";
/// Between two looks how many objects were taken in.
const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Without another object taken in.
const PATIENCE: Duration = Duration::from_secs(120);
/// What the watch service tells.
const STORED: &str = "hilum_watch_objects_total{watch=\"bench\",outcome=\"stored\"}";

#[derive(Debug, Args)]
pub(super) struct S3Args {
    /// Objects, and uploads, in all rounds together
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    notifications: u32,
    /// Rounds that they are parted into
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Uploads, or requests with a notification, at a time
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=256))]
    users: u16,
    #[command(flatten)]
    pictures: PictureArgs,
    #[command(flatten)]
    stack: TemporaryArgs,
}

/// Where objects are put, and what the stack is told of it; gone with this.
struct Place(PathBuf);

impl Place {
    fn make() -> Result<Self, Error> {
        let folder = std::env::temp_dir().join(format!("hilum-bench-s3-{}", std::process::id()));
        let drop = folder.join("drop");
        std::fs::create_dir_all(&drop).map_err(Error::file("make the folder", &drop))?;
        let place = Self(folder);
        let watches =
            format!("[[watch]]\nname = \"{WATCH}\"\nurl = \"{}\"\nsite = \"bench\"\n", place.bucket());
        for (file, text) in [(place.watches(), watches), (place.token(), TOKEN.to_owned())] {
            std::fs::write(&file, text).map_err(Error::file("write", &file))?;
        }
        Ok(place)
    }

    fn drop_folder(&self) -> PathBuf {
        self.0.join("drop")
    }

    fn bucket(&self) -> String {
        format!("file://{}", self.drop_folder().display())
    }

    fn watches(&self) -> PathBuf {
        self.0.join("watches.toml")
    }

    fn token(&self) -> PathBuf {
        self.0.join("token")
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // What can't be removed is among the temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) async fn run(args: S3Args, writer: ResultWriter) -> Result<ExitCode, Error> {
    let output = writer.output;
    let contents = args.pictures.cheap_contents()?;
    let place = Place::make()?;
    let seldom = vec![("HILUM_WATCH_LIST_EVERY_S", "86400".to_owned())];
    let stack = args.stack.with_patient_door().with_environment(seldom);
    let stack = stack.watching(place.watches(), place.token());
    let measured = on_temporary_stack(&stack, output, async |stack| {
        Box::pin(measure(&args, stack, contents, &place, output)).await
    });
    let outcome = S3Outcome { rounds: Box::pin(measured).await? };
    outcome.show(output);
    writer.object(&outcome.object())?;
    Ok(if outcome.holds() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn measure(
    args: &S3Args,
    stack: &Temporary,
    contents: Contents,
    place: &Place,
    output: Output,
) -> Result<Vec<Round>, Error> {
    let contents = stack.warm_up(contents, output).await?;
    let held = stack.hold_workers();
    let bar = output.progress(args.rounds as usize, "rounds");
    let mut rounds = Vec::new();
    for number in 0..args.rounds {
        let images = args.notifications / args.rounds;
        let keys = put(&contents, &place.drop_folder(), number, images)?;
        // In turn, for the one that comes later finds the disk and the memory as the other has left them.
        let (uploads, objects) = if number % 2 == 0 {
            let uploads = upload_all(args, stack, &contents, images).await?;
            (uploads, notify_all(args, stack, place, &keys).await?)
        } else {
            let objects = notify_all(args, stack, place, &keys).await?;
            (upload_all(args, stack, &contents, images).await?, objects)
        };
        rounds.push(Round { images, uploads, objects });
        bar.inc(1);
    }
    bar.finish_and_clear();
    drop(held);
    Ok(rounds)
}

/// Puts images into the watched folder; their keys.
fn put(contents: &Contents, folder: &Path, round: u32, images: u32) -> Result<Vec<String>, Error> {
    let put_one = |number: u32| {
        let key = format!("{round}-{number}");
        let path = folder.join(&key);
        let bytes = contents.next().pieces().concat();
        std::fs::write(&path, bytes).map_err(Error::file("write", &path))?;
        Ok(key)
    };
    (0..images).map(put_one).collect()
}

async fn upload_all(
    args: &S3Args,
    stack: &Temporary,
    contents: &Contents,
    images: u32,
) -> Result<Duration, Error> {
    let began = Instant::now();
    let uploads = (0..images).map(|_| async {
        let content = contents.next();
        upload_patiently(&stack.client, &content).await.map(drop)
    });
    stream::iter(uploads).buffer_unordered(args.users.into()).try_collect::<Vec<()>>().await?;
    Ok(began.elapsed())
}

/// Tells of all these objects, and waits until they are taken in.
async fn notify_all(
    args: &S3Args,
    stack: &Temporary,
    place: &Place,
    keys: &[String],
) -> Result<Duration, Error> {
    let url = stack.state.notifications_url.clone();
    let url = url.ok_or_else(|| Error::Unmeasured("the stack takes no notifications".to_owned()))?;
    let client = hilum_runtime::http_client().no_proxy().build();
    let client = client.map_err(|error| Error::Unmeasured(error.to_string()))?;
    let taken_in = async || {
        let taken_in = metric_of(&stack.state, "watch", STORED).await;
        taken_in
            .ok_or_else(|| Error::Unmeasured("the watch service does not tell what it took in".to_owned()))
    };
    let wanted = taken_in().await? + keys.len() as u64;
    let began = Instant::now();
    let (client, url) = (&client, &url);
    let notified = keys.iter().map(|key| async move {
        let body = json!({ "Records": [{
            "eventVersion": "2.1", "eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
            "s3": { "bucket": { "name": place.bucket() }, "object": { "key": key } }
        }] });
        let sent = client.post(url).bearer_auth(TOKEN).body(body.to_string()).send().await;
        let answer = sent.and_then(reqwest::Response::error_for_status);
        answer.map(drop).map_err(|error| Error::Unmeasured(format!("a notification was not taken: {error}")))
    });
    stream::iter(notified).buffer_unordered(args.users.into()).try_collect::<Vec<()>>().await?;
    let (mut last, mut since) = (0, Instant::now());
    loop {
        let now = taken_in().await?;
        if now >= wanted {
            return Ok(began.elapsed());
        }
        if now > last {
            (last, since) = (now, Instant::now());
        } else if since.elapsed() > PATIENCE {
            let what = format!("{} of the notified objects were not taken in", wanted - now);
            return Err(Error::Unmeasured(what));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
