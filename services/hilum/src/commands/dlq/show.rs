//! The story of a dead letter, line by line. Pure.

use hilum_api::{DeadLetter, DeadLetterStory, LetterState, ParkedMessage, Try};

use super::super::study::cell;
use super::work;

/// What happened, for people.
pub(super) fn story(story: &DeadLetterStory) -> Vec<String> {
    let DeadLetterStory { letter, dead_letter: parked, earlier } = story;
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| lines.push(format!("{name:<12} {value}"));
    line("dead letter", cell(&letter.id));
    line("state", standing(letter));
    line("work", work(letter));
    if let Some(reading_id) = letter.reading_id {
        line("reading", format!("{reading_id}, shared by all jobs with this image"));
    }
    line("site", cell(&letter.site));
    line("given up by", format!("{} ({})", letter.service, letter.consumer));
    line("when", cell(&letter.at));
    line("tries", cell(&letter.tries));
    line("reason", letter.reason.clone());
    if let Some(parked) = parked {
        line("message", format!("{} at position {}", parked.subject, letter.stream_seq));
        line("event", event(parked));
        if let Some(trace_id) = &parked.trace_id {
            line("trace", trace_id.clone());
        }
    } else {
        line("message", format!("position {}; its story was not kept", letter.stream_seq));
    }
    let earlier: Vec<String> = earlier.iter().map(u64::to_string).collect();
    if !earlier.is_empty() {
        line("before", format!("given up as {}", earlier.join(", ")));
    }
    for (number, tried) in (1..).zip(parked.iter().flat_map(|parked| &parked.tries)) {
        lines.push(String::new());
        lines.extend(one_try(number, tried));
    }
    lines.extend(to_do(letter));
    lines
}

fn standing(letter: &DeadLetter) -> String {
    match letter.state {
        LetterState::Open => "open: nobody has decided about it".to_owned(),
        state => {
            let [by, at] = [cell(&letter.resolved_by), cell(&letter.resolved_at)];
            format!("{} by {by} at {at}: {}", state.as_str(), cell(&letter.resolved_why))
        }
    }
}

fn event(parked: &ParkedMessage) -> String {
    let size = format!("{} bytes", parked.payload_size);
    match (&parked.event, &parked.unreadable) {
        (Some(event), _) => format!("{} of {}, {size}", event.name, event.occurred_at),
        (None, Some(why)) => format!("not readable, {size}: {why}"),
        (None, None) => size,
    }
}

/// A try, with its errors one below the other.
fn one_try(number: u64, tried: &Try) -> Vec<String> {
    let after = match tried.deliveries.saturating_sub(1) {
        0 => String::new(),
        1 => ", after one worker that never answered".to_owned(),
        count => format!(", after {count} workers that never answered"),
    };
    let mut lines = vec![format!("try {number}  {}, version {}{after}", tried.at, tried.service_version)];
    let errors = tried.errors.iter().enumerate();
    lines.extend(errors.map(|(depth, error)| match depth {
        0 => format!("  {error}"),
        depth => format!("  {}because {error}", "  ".repeat(depth)),
    }));
    lines
}

fn to_do(letter: &DeadLetter) -> Vec<String> {
    if letter.state != LetterState::Open {
        return Vec::new();
    }
    let id = letter.id;
    vec![
        String::new(),
        format!("try it again:  hilum dlq redrive --id {id} --why '…'"),
        format!("or give it up: hilum dlq discard --id {id} --why '…'"),
    ]
}

#[cfg(test)]
mod tests {
    use hilum_api::samples;
    use hilum_events::samples::at;

    use super::*;

    fn letter() -> DeadLetterStory {
        let mut told = samples::dead_letter_story();
        let parked = told.dead_letter.as_mut().unwrap();
        let tried = |seconds, deliveries, errors: &[&str]| Try {
            at: at(seconds),
            deliveries,
            errors: errors.iter().map(|error| (*error).to_owned()).collect(),
            service_version: "0.1.0".to_owned(),
            times: 1,
        };
        parked.tries = vec![tried(1, 1, &["cannot fetch", "timed out"]), tried(8, 3, &["worker died"])];
        DeadLetterStory { earlier: vec![12, 30], ..told }
    }

    #[test]
    fn the_story_names_the_message_each_try_and_what_to_do() {
        let text = story(&letter()).join("\n");
        for part in [
            "state        open: nobody has decided",
            "given up by  infer (infer-routine)",
            "message      evt.inference-requested.default.19298836-a690-5edc-9ac7-543bde844546.routine at position 8",
            "event        inference-requested of 2026-01-01T00:00:01Z, 512 bytes",
            "before       given up as 12, 30",
            "try 1  2026-01-01T00:00:01Z, version 0.1.0\n  cannot fetch\n    because timed out\n",
            "try 2  2026-01-01T00:00:08Z, version 0.1.0, after 2 workers that never answered\n  worker died\n",
            "hilum dlq redrive --id 42 --why",
            "hilum dlq discard --id 42 --why",
        ] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }

    #[test]
    fn a_delivery_is_named_and_may_be_redriven_or_discarded() {
        let mut told = letter();
        told.letter = DeadLetter {
            id: 43,
            job_id: None,
            study_id: Some(hilum_events::samples::study_id()),
            matter: Some("report-2".to_owned()),
            target: Some("pacs".to_owned().try_into().unwrap()),
            ..told.letter
        };
        let text = story(&told).join("\n");
        let work = format!("work         report-2 of study {} to pacs", hilum_events::samples::study_id());
        for part in [&*work, "redrive --id 43", "discard --id 43"] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }

    #[test]
    fn what_was_decided_is_told_instead_of_what_to_do() {
        let mut told = letter();
        told.letter.state = LetterState::Discarded;
        told.letter.resolved_by = Some("ada".to_owned());
        told.letter.resolved_at = Some(at(86_400));
        told.letter.resolved_why = Some("a test image".to_owned());
        told.dead_letter = None;
        let text = story(&told).join("\n");
        assert!(text.contains("discarded by ada at 2026-01-02T00:00:00Z: a test image"), "{text}");
        assert!(text.contains("position 8; its story was not kept"), "{text}");
        assert!(!text.contains("hilum dlq"), "{text}");
    }
}
