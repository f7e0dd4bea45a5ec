//! An operator's decision about one thing after the other, at a steady pace: what `hilum dlq redrive`, `hilum dlq discard` and
//! `hilum job retry` have in common.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use hilum_terminal::Output;
use serde_json::Value;
use tokio::time::MissedTickBehavior;

use super::operator::operator;
use crate::error::Error;

#[derive(Debug, Args)]
pub(super) struct DecisionArgs {
    /// Only say which ones are meant
    #[arg(long)]
    pub(super) dry_run: bool,
    /// At most so many a second, so that the stack is not flooded
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50))]
    rate: u32,
    /// Who decides, for the record; by default USER@HOST
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
    /// The reason, for the record; never a patient's name or number
    #[arg(long, value_name = "REASON", required_unless_present = "dry_run")]
    why: Option<String>,
}

/// Who decides and why.
pub(super) struct Record {
    pub(super) by: String,
    pub(super) why: String,
}

/// What came of one of them.
pub(super) enum DecisionOutcome {
    Decided,
    Already,
    Failed,
}

/// The same for people and for programs.
pub(super) struct Told {
    pub(super) outcome: DecisionOutcome,
    pub(super) line: String,
    pub(super) object: Value,
}

/// How many decisions ended in which way.
#[derive(Debug, Default)]
pub(super) struct Tally {
    pub(super) decided: usize,
    pub(super) already: usize,
    pub(super) failed: usize,
}

impl Tally {
    pub(super) fn exit_code(&self) -> ExitCode {
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The name of the person who decides: the one that was given, else that of the user who runs this command.
pub(super) fn who(by: Option<&String>) -> Result<String, Error> {
    by.cloned().or_else(operator).ok_or_else(|| Error::Usage("say who you are: --by NAME".to_owned()))
}

impl DecisionArgs {
    /// What stands beside the decision.
    pub(super) fn record(&self) -> Result<Record, Error> {
        let why = self.why.as_deref().unwrap_or_default().trim().to_owned();
        if why.is_empty() {
            return Err(Error::Usage("say why, in a few words: --why '…'".to_owned()));
        }
        Ok(Record { by: who(self.by.as_ref())?, why })
    }

    /// One after the other. What `decide` tells is shown and the rest goes on; its errors end it.
    pub(super) async fn decide_all<T>(
        &self,
        all: &[T],
        past: &'static str,
        output: Output,
        decide: impl AsyncFn(&T) -> Result<Told, Error>,
    ) -> Result<Tally, Error> {
        let mut tally = Tally::default();
        let mut beats = tokio::time::interval(Duration::from_secs(1) / self.rate);
        beats.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let bar = output.progress(all.len(), past);
        for one in all {
            beats.tick().await;
            let Told { outcome, line, object } = match decide(one).await {
                Ok(told) => told,
                Err(error) => {
                    bar.finish_and_clear();
                    let done = tally.decided + tally.already;
                    output.note(format_args!(
                        "{done} of {} were decided; run it again for the rest",
                        all.len()
                    ));
                    return Err(error);
                }
            };
            output.object(&object);
            bar.suspend(|| output.say(line));
            match outcome {
                DecisionOutcome::Decided => tally.decided += 1,
                DecisionOutcome::Already => tally.already += 1,
                DecisionOutcome::Failed => tally.failed += 1,
            }
            bar.inc(1);
        }
        bar.finish_and_clear();
        Ok(tally)
    }
}
