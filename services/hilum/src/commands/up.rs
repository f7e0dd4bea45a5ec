//! `hilum up`.

use std::process::ExitCode;

use clap::Args;
use hilum_sites::Sites;
use hilum_stack::{StateFolder, Up, UpSettings};
use hilum_terminal::Output;
use serde_json::json;

use super::StateArgs;
use crate::error::Error;
use crate::news::Narrator;

#[derive(Debug, Args)]
pub(super) struct UpArgs {
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    settings: UpSettings,
    /// Go to the background once uploads are taken, and everything is ready or takes long
    #[arg(long)]
    detach: bool,
    /// This is the background process
    #[arg(long, hide = true)]
    background: bool,
}

pub(super) async fn run(args: UpArgs, output: Output) -> Result<ExitCode, Error> {
    let folder = args.state.folder()?;
    // Said here rather than in the logs of three services that don't come up.
    Sites::read(args.settings.sites.as_deref())?;
    if args.detach {
        let up = hilum_stack::start_detached(&folder, &args.settings, &Narrator(output)).await?;
        say_up(&folder, &up, output);
        return Ok(ExitCode::SUCCESS);
    }
    if args.background {
        hilum_stack::leave_session()?;
    }
    hilum_stack::run(folder, &args.settings, &Narrator(output)).await?;
    Ok(ExitCode::SUCCESS)
}

fn say_up(folder: &StateFolder, up: &Up, output: Output) {
    let Up { state, catching_up } = up;
    if state.untrained {
        output.note(hilum_models::UNTRAINED_NOTICE);
    }
    let path = folder.path().display();
    output.note(format_args!(
        "running in the background (process {}); stop it with `hilum down --state {path}`",
        state.pid
    ));
    let mut told = json!({
        "event": "ready",
        "base_url": state.base_url,
        "dicom_port": state.dicom_port,
        "dicomweb_url": state.dicomweb_url,
        "notifications_url": state.notifications_url,
        "pid": state.pid,
        "state": folder.path().to_string_lossy(),
        "untrained": state.untrained,
    });
    state.other_ways_in().iter().for_each(|way| output.note(way));
    match catching_up {
        None => output.say(format_args!("ready: {}", state.base_url)),
        Some(readiness) => {
            output.say(format_args!("uploads are taken: {}", state.base_url));
            for (what, why) in &readiness.waiting_for {
                output.say(format_args!("  not ready yet: {what}: {why}"));
            }
            output.say(format_args!("`hilum doctor --state {path}` tells how far they are"));
            told["event"] = json!("open");
            told["waiting_for"] = json!(readiness.waiting_for);
        }
    }
    output.object(&told);
}
