//! `hilum dlq`: work that was given up, its story, and what an operator decides about it.

mod decide;
mod filters;
mod moment;
mod show;

use std::process::ExitCode;

use clap::{Args, Subcommand, ValueEnum};
use hilum_api::{DeadLetter, LetterFilter};
use hilum_client::{Answer, Decision};
use hilum_terminal::Output;

use self::decide::DecideArgs;
use self::filters::Filters;
use super::StackArgs;
use super::study::cell;
use crate::error::Error;

#[derive(Debug, Args)]
pub(super) struct DlqArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List dead letters, newest first; without filters all that nobody has decided about
    List(ListArgs),
    /// Tell the whole story of a dead letter: the message, each try with its errors, the decision
    Show(ShowArgs),
    /// Have the work tried once more, as a new attempt of the same job or delivery; exit code 1 if any could not be decided
    Redrive(DecideArgs),
    /// Say that the work is not to be tried again; exit code 1 if any could not be decided
    Discard(DecideArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    filters: Filters,
    /// What became of them
    #[arg(long, value_enum, default_value_t = LetterState::Open, conflicts_with = "ids")]
    status: LetterState,
    /// At most so many
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    stack: StackArgs,
}

#[derive(Debug, Args)]
struct ShowArgs {
    /// The dead letter's id, as listed
    id: u64,
    #[command(flatten)]
    stack: StackArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LetterState {
    /// Nobody decided yet
    Open,
    /// Tried once more
    Redriven,
    /// Not tried again
    Discarded,
    /// Any
    All,
}

impl LetterState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Open => LetterFilter::Open,
            Self::Redriven => LetterFilter::Redriven,
            Self::Discarded => LetterFilter::Discarded,
            Self::All => LetterFilter::All,
        }
        .as_str()
    }
}

pub(super) async fn run(args: &DlqArgs, output: Output) -> Result<ExitCode, Error> {
    match &args.action {
        Action::List(args) => list(args, output).await,
        Action::Show(args) => {
            let letter = args.stack.client()?.dead_letter(args.id).await?;
            output.object(&letter);
            for line in show::story(&letter) {
                output.say(line);
            }
            Ok(ExitCode::SUCCESS)
        }
        Action::Redrive(args) => decide::run(args, Decision::Redrive, output).await,
        Action::Discard(args) => decide::run(args, Decision::Discard, output).await,
    }
}

async fn list(args: &ListArgs, output: Output) -> Result<ExitCode, Error> {
    let limit = args.limit as usize;
    let found = args.filters.select(&args.stack.client()?, args.status, limit).await?;
    for letter in &found.letters {
        output.object(letter);
    }
    if found.letters.is_empty() {
        output.say(match args.status {
            LetterState::Open if args.filters.is_empty() => "no dead letter is open",
            _ => "there is no such dead letter; --status all looks among those that were decided about, too",
        });
    } else {
        say_table(&found.letters, output);
    }
    if found.more {
        output.note(format_args!("there are more; --limit {} shows them", limit.saturating_mul(10)));
    }
    if found.unreadable > 0 {
        output.note(format_args!(
            "{} messages of the log can't be read by this release; they are kept, a newer release may read them",
            found.unreadable
        ));
    }
    Ok(ExitCode::SUCCESS)
}

fn say_table(letters: &[Answer<DeadLetter>], output: Output) {
    let rows = letters.iter().map(|letter| {
        let [id, at, state] = [cell(&letter.id), cell(&letter.at), cell(&letter.state)];
        let [site, tries] = [cell(&letter.site), cell(&letter.tries)];
        vec![id, at, state, work(letter), site, letter.service.clone(), tries, letter.reason.clone()]
    });
    output.table(&["id", "when", "state", "work", "site", "given up by", "tries", "reason"], rows);
}

/// What was given up: a job, or a delivery.
fn work(letter: &DeadLetter) -> String {
    let DeadLetter { job_id, study_id, matter, target, .. } = letter;
    match target {
        None => format!("job {}", cell(job_id)),
        Some(target) => format!("{} of study {} to {target}", cell(matter), cell(study_id)),
    }
}
