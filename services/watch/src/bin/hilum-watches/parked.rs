//! Commands about objects that were given up.

use std::process::ExitCode;

use clap::Args;
use hilum_events::{JobId, Priority};
use hilum_log::{
    Log, Notification, PARKED_NOTIFICATIONS, ParkedNotification, encoded, notification_subject,
    parked_notification_subject,
};
use hilum_stack::StateFolder;
use hilum_terminal::Output;
use serde_json::json;
use std::path::PathBuf;

use crate::error::Error;

#[derive(Debug, Args)]
struct LogArgs {
    /// Address of NATS; by default that of the stack in the state folder
    #[arg(long, env = "HILUM_NATS_URL", value_name = "URL")]
    nats_url: Option<String>,
    /// Folder of the stack
    #[arg(long, env = "HILUM_STATE", default_value = ".hilum", value_name = "DIR")]
    state: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct ListArgs {
    /// Only of this watch
    #[arg(long, value_name = "NAME")]
    watch: Option<String>,
    /// At most so many, the oldest first
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    log: LogArgs,
}

#[derive(Debug, Args)]
pub(super) struct DecideArgs {
    /// Their ids, as listed
    #[arg(required_unless_present = "all")]
    ids: Vec<JobId>,
    /// All of them, or all of one watch
    #[arg(long, conflicts_with = "ids")]
    all: bool,
    /// With --all: only of this watch
    #[arg(long, value_name = "NAME", requires = "all")]
    watch: Option<String>,
    #[command(flatten)]
    log: LogArgs,
}

/// The log that is asked.
struct Asked {
    log: Log,
    url: String,
}

impl Asked {
    async fn open(args: &LogArgs) -> Result<Self, Error> {
        let url = match &args.nats_url {
            Some(url) => url.clone(),
            None => hilum_stack::running(&StateFolder::at(&args.state)?)?.nats_url(),
        };
        Ok(Self { log: hilum_stack::connect(&url).await?, url })
    }

    fn away(&self) -> impl Fn(hilum_log::UnavailableError) -> Error + '_ {
        |source| Error::Log { url: self.url.clone(), source }
    }

    /// Those behind a position, the oldest first, with their own; `None` behind the last.
    async fn next(&self, position: u64) -> Result<Option<(u64, Option<ParkedNotification>)>, Error> {
        let found = self.log.first_behind(PARKED_NOTIFICATIONS, position).await.map_err(self.away())?;
        Ok(found.map(|(position, bytes)| (position, ciborium::from_reader(bytes.as_ref()).ok())))
    }

    async fn one(&self, id: JobId) -> Result<ParkedNotification, Error> {
        let subject = parked_notification_subject(id);
        let found = self.log.newest(PARKED_NOTIFICATIONS, &subject).await.map_err(self.away())?;
        let parked = found.and_then(|bytes| ciborium::from_reader(bytes.as_ref()).ok());
        parked.ok_or_else(|| Error::Unknown(id.to_string()))
    }

    async fn remove(&self, id: JobId) -> Result<(), Error> {
        let subject = parked_notification_subject(id);
        self.log.remove(PARKED_NOTIFICATIONS, &subject).await.map_err(self.away())
    }

    /// What is decided about. With `--all` what is parked while this runs is left.
    async fn chosen(&self, args: &DecideArgs) -> Result<Vec<ParkedNotification>, Error> {
        let mut chosen = Vec::new();
        for id in &args.ids {
            chosen.push(self.one(*id).await?);
        }
        let mut position = 0;
        while args.all
            && let Some((found, parked)) = self.next(position).await?
        {
            chosen.extend(parked.filter(|parked| is_of(parked, args.watch.as_deref())));
            position = found;
        }
        Ok(chosen)
    }
}

fn is_of(parked: &ParkedNotification, watch: Option<&str>) -> bool {
    watch.is_none_or(|wanted| parked.watch.as_deref() == Some(wanted))
}

/// `hilum watch parked`.
pub(super) async fn list(args: &ListArgs, output: Output) -> Result<ExitCode, Error> {
    let asked = Asked::open(&args.log).await?;
    let (mut rows, mut position) = (Vec::new(), 0);
    while rows.len() < args.limit
        && let Some((found, parked)) = asked.next(position).await?
    {
        position = found;
        let Some(parked) = parked.filter(|parked| is_of(parked, args.watch.as_deref())) else { continue };
        let ParkedNotification { id, watch, notification, body, reason, tries, parked_at } = &parked;
        output.object(&json!({
            "id": id, "watch": watch, "reason": reason, "tries": tries, "parked_at": parked_at, "body": body,
            "bucket": notification.as_ref().map(|it| &it.bucket), "key": notification.as_ref().map(|it| &it.key),
        }));
        let object =
            notification.as_ref().map_or_else(|| "no object is named".to_owned(), |it| it.key.clone());
        let watch = watch.clone().unwrap_or_else(|| "-".to_owned());
        rows.push(vec![id.to_string(), watch, object, tries.to_string(), reason.clone()]);
    }
    if rows.is_empty() {
        output.say("nothing was given up");
    } else {
        output.table(&["id", "watch", "object", "tries", "why"], rows);
        output.say("`hilum watch retry ID` has one looked at again, once its reason is gone");
    }
    Ok(ExitCode::SUCCESS)
}

/// `hilum watch retry`.
pub(super) async fn retry(args: &DecideArgs, output: Output) -> Result<ExitCode, Error> {
    let asked = Asked::open(&args.log).await?;
    let (mut again, mut left) = (0, 0);
    for parked in asked.chosen(args).await? {
        let Some(notification) = parked.notification else {
            left += 1;
            continue;
        };
        let notification = Notification { wanted_again: true, ..notification };
        // In this order: what is not removed is looked at twice at most.
        let subject = notification_subject(Priority::Routine);
        asked.log.put(&subject, encoded(&notification)).await.map_err(asked.away())?;
        asked.remove(parked.id).await?;
        again += 1;
    }
    output.say(format_args!("{again} are looked at again"));
    if left > 0 {
        output.say(format_args!("{left} name no object: a list of the watch finds what they meant"));
    }
    output.object(&json!({ "again": again, "left": left }));
    Ok(if left == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// `hilum watch forget`.
pub(super) async fn forget(args: &DecideArgs, output: Output) -> Result<ExitCode, Error> {
    let asked = Asked::open(&args.log).await?;
    let chosen = asked.chosen(args).await?;
    for parked in &chosen {
        asked.remove(parked.id).await?;
    }
    output.say(format_args!("{} are forgotten", chosen.len()));
    output.object(&json!({ "forgotten": chosen.len() }));
    Ok(ExitCode::SUCCESS)
}
