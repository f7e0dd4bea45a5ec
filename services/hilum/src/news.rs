//! The news of a stack on the terminal: what it came to is an answer, what goes on is a note beside it.

use hilum_stack::{News, Observer, ProcessId, StackState};
use hilum_terminal::Output;

/// Shows what happens to a stack.
pub(crate) struct Narrator(pub(crate) Output);

impl Observer for Narrator {
    fn notice(&self, news: &News<'_>) {
        let Self(output) = self;
        match news {
            News::Starting { .. }
            | News::Leftover { .. }
            | News::WaitingFor(_)
            | News::Drifted(_)
            | News::StillStopping { .. } => output.note(news),
            News::Ended { .. } | News::Open(_) | News::Stopping | News::Stopped => output.say(news),
            News::Ready { state, .. } => {
                show_parts(state, *output);
                output.say(news);
            }
        }
        news.to_json().iter().for_each(|line| output.object(line));
    }
}

fn show_parts(state: &StackState, output: Output) {
    let pid = |process: Option<ProcessId>| process.map(|it| it.pid.to_string()).unwrap_or_default();
    let rows = state.parts.iter().map(|part| {
        let log = part.log.display().to_string();
        vec![part.name.clone(), pid(part.process), part.port.to_string(), log]
    });
    output.table(&["part", "pid", "port", "log"], rows);
    if state.untrained {
        output.say(hilum_models::UNTRAINED_NOTICE);
    }
}
