//! The story of a dead letter, line by line. Pure.

use serde_json::Value;

use super::super::study::text;
use super::work;

/// What happened, for people.
pub(super) fn story(letter: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| lines.push(format!("{name:<12} {value}"));
    line("dead letter", text(&letter["id"]));
    line("state", standing(letter));
    line("work", work(letter));
    if letter["reading_id"].is_string() {
        line("reading", format!("{}, shared by all jobs with this image", text(&letter["reading_id"])));
    }
    line("site", text(&letter["site"]));
    line("given up by", format!("{} ({})", text(&letter["service"]), text(&letter["consumer"])));
    line("when", text(&letter["at"]));
    line("tries", text(&letter["tries"]));
    line("reason", text(&letter["reason"]));
    let kept = &letter["dead_letter"];
    if kept.is_object() {
        line("message", format!("{} at position {}", text(&kept["subject"]), text(&letter["stream_seq"])));
        line("event", event(kept));
        if kept["trace_id"].is_string() {
            line("trace", text(&kept["trace_id"]));
        }
    } else {
        line("message", format!("position {}; its story was not kept", text(&letter["stream_seq"])));
    }
    let earlier: Vec<String> = entries(&letter["earlier"]).map(text).collect();
    if !earlier.is_empty() {
        line("before", format!("given up as {}", earlier.join(", ")));
    }
    for (number, tried) in (1..).zip(entries(&kept["tries"])) {
        lines.push(String::new());
        lines.extend(told(number, tried));
    }
    lines.extend(to_do(letter));
    lines
}

fn standing(letter: &Value) -> String {
    match letter["state"].as_str() {
        Some(state @ ("redriven" | "discarded")) => {
            let [by, at, why] =
                ["resolved_by", "resolved_at", "resolved_why"].map(|field| text(&letter[field]));
            format!("{state} by {by} at {at}: {why}")
        }
        _ => "open: nobody has decided about it".to_owned(),
    }
}

fn event(kept: &Value) -> String {
    let size = format!("{} bytes", text(&kept["payload_size"]));
    match (kept["event"]["name"].as_str(), kept["unreadable"].as_str()) {
        (Some(name), _) => format!("{name} of {}, {size}", text(&kept["event"]["occurred_at"])),
        (None, Some(why)) => format!("not readable, {size}: {why}"),
        (None, None) => size,
    }
}

/// A try, with its errors one below the other.
fn told(number: u64, tried: &Value) -> Vec<String> {
    let silent = tried["deliveries"].as_u64().unwrap_or(1).saturating_sub(1);
    let after = match silent {
        0 => String::new(),
        1 => ", after one worker that never answered".to_owned(),
        count => format!(", after {count} workers that never answered"),
    };
    let version = text(&tried["service_version"]);
    let mut lines = vec![format!("try {number}  {}, version {version}{after}", text(&tried["at"]))];
    let errors = entries(&tried["errors"]).map(text).enumerate();
    lines.extend(errors.map(|(depth, error)| match depth {
        0 => format!("  {error}"),
        depth => format!("  {}because {error}", "  ".repeat(depth)),
    }));
    lines
}

fn to_do(letter: &Value) -> Vec<String> {
    if letter["state"].as_str() != Some("open") {
        return Vec::new();
    }
    let id = text(&letter["id"]);
    vec![
        String::new(),
        format!("try it again:  hilum dlq redrive --id {id} --why '…'"),
        format!("or give it up: hilum dlq discard --id {id} --why '…'"),
    ]
}

fn entries(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn letter() -> Value {
        json!({
            "id": 42, "job_id": "j", "reading_id": "r", "site": "north", "service": "infer",
            "consumer": "infer-stat", "stream_seq": 7, "tries": 4, "reason": "cannot fetch: timed out",
            "at": "2026-01-01T00:00:09Z", "state": "open", "earlier": [12, 30],
            "dead_letter": {
                "subject": "evt.inference-requested.north.r.stat", "payload_size": 512, "trace_id": "abc",
                "event": {"name": "inference-requested", "occurred_at": "2026-01-01T00:00:00Z"},
                "tries": [
                    {"at": "2026-01-01T00:00:01Z", "deliveries": 1, "service_version": "0.1.0",
                        "errors": ["cannot fetch", "timed out"]},
                    {"at": "2026-01-01T00:00:08Z", "deliveries": 3, "service_version": "0.1.0",
                        "errors": ["worker died"]},
                ],
            },
        })
    }

    #[test]
    fn the_story_names_the_message_each_try_and_what_to_do() {
        let text = story(&letter()).join("\n");
        for part in [
            "state        open: nobody has decided",
            "given up by  infer (infer-stat)",
            "message      evt.inference-requested.north.r.stat at position 7",
            "event        inference-requested of 2026-01-01T00:00:00Z, 512 bytes",
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
        let letter = json!({
            "id": 43, "study_id": "s", "matter": "report-2", "target": "pacs", "attempt": 1, "site": "north",
            "service": "deliver", "consumer": "deliver-pacs", "stream_seq": 8, "tries": 10, "state": "open",
            "reason": "it answered HTTP 403", "at": "2026-01-01T00:00:09Z", "earlier": [],
        });
        let text = story(&letter).join("\n");
        for part in ["work         report-2 of study s to pacs", "redrive --id 43", "discard --id 43"] {
            assert!(text.contains(part), "{part} is missing in:\n{text}");
        }
    }

    #[test]
    fn what_was_decided_is_told_instead_of_what_to_do() {
        let mut letter = letter();
        letter["state"] = json!("discarded");
        letter["resolved_by"] = json!("ada");
        letter["resolved_at"] = json!("2026-01-02T00:00:00Z");
        letter["resolved_why"] = json!("a test image");
        letter["dead_letter"] = Value::Null;
        let text = story(&letter).join("\n");
        assert!(text.contains("discarded by ada at 2026-01-02T00:00:00Z: a test image"), "{text}");
        assert!(text.contains("position 7; its story was not kept"), "{text}");
        assert!(!text.contains("hilum dlq"), "{text}");
    }
}
