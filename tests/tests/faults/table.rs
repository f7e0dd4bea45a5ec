//! What a batch found, for people and as a file.

use std::collections::BTreeMap;

use hilum_tests::invariants::Harm;
use serde_json::{Value, json};

use crate::course::Outcome;

#[derive(Default)]
pub(crate) struct Table {
    rows: BTreeMap<String, Row>,
    /// Images that were taken in, by their way.
    pub(crate) ways: BTreeMap<&'static str, usize>,
    pub(crate) failures: Vec<String>,
}

#[derive(Default)]
struct Row {
    runs: usize,
    accepted: usize,
    read: usize,
    reused: usize,
    dead_lettered: usize,
    innocent: usize,
    lost: usize,
    doubled: usize,
    silent: usize,
    wrong: usize,
    slowest_drain_s: f64,
}

impl Table {
    /// Notes a run and says how it went.
    pub(crate) fn note(&mut self, seed: u64, fault: &str, kind: String, outcome: &Outcome) {
        let row = self.rows.entry(kind).or_default();
        row.runs += 1;
        for (way, taken) in &outcome.ways {
            *self.ways.entry(way).or_default() += taken;
        }
        row.accepted += outcome.accepted;
        row.read += outcome.read;
        row.reused += outcome.reused;
        row.dead_lettered += outcome.dead_lettered;
        row.innocent += outcome.innocent;
        row.slowest_drain_s = row.slowest_drain_s.max(outcome.drained_in.as_secs_f64());
        let with =
            |harm: Harm| usize::from(outcome.violations.iter().any(|violation| violation.harm == harm));
        row.lost += with(Harm::Lost);
        row.doubled += with(Harm::Doubled);
        row.silent += with(Harm::Silent);
        row.wrong += with(Harm::Wrong);
        eprintln!(
            "seed {seed}: {fault}: {} accepted, {} completed ({} read, {} of known pixels), {} dead-lettered ({} innocent), \
             a log of {} facts, drained in {:.1} s, {:.1} s",
            outcome.accepted,
            outcome.completed,
            outcome.read,
            outcome.reused,
            outcome.dead_lettered,
            outcome.innocent,
            outcome.log,
            outcome.drained_in.as_secs_f64(),
            outcome.took.as_secs_f64()
        );
        for violation in &outcome.violations {
            eprintln!("    {violation}");
        }
        if !outcome.violations.is_empty() {
            let count = outcome.violations.len();
            self.failures.push(format!("seed {seed} ({fault}): {count} violations"));
        }
    }

    /// How many contents went through the model.
    pub(crate) fn read(&self) -> usize {
        self.rows.values().map(|row| row.read).sum()
    }

    /// Prints the table.
    pub(crate) fn print(&self) {
        eprintln!(
            "{:<42} {:>5} {:>8} {:>6} {:>6} {:>6} {:>8} {:>5} {:>8} {:>7} {:>6} {:>6}",
            "fault",
            "runs",
            "images",
            "read",
            "known",
            "parked",
            "innocent",
            "lost",
            "doubled",
            "silent",
            "wrong",
            "drain"
        );
        for (fault, row) in &self.rows {
            eprintln!(
                "{fault:<42} {:>5} {:>8} {:>6} {:>6} {:>6} {:>8} {:>5} {:>8} {:>7} {:>6} {:>5.1}s",
                row.runs,
                row.accepted,
                row.read,
                row.reused,
                row.dead_lettered,
                row.innocent,
                row.lost,
                row.doubled,
                row.silent,
                row.wrong,
                row.slowest_drain_s
            );
        }
        eprintln!("images by way: {:?}", self.ways);
    }

    /// Writes the table into a file of `target/`.
    pub(crate) fn save(&self, name: &str) {
        let row = |(fault, row): (&String, &Row)| -> Value {
            json!({
                "fault": fault,
                "runs": row.runs,
                "accepted": row.accepted,
                "read": row.read,
                "reused": row.reused,
                "dead_lettered": row.dead_lettered,
                "innocent": row.innocent,
                "lost": row.lost,
                "doubled": row.doubled,
                "silent": row.silent,
                "wrong": row.wrong,
                "slowest_drain_s": row.slowest_drain_s,
            })
        };
        let rows: Vec<Value> = self.rows.iter().map(row).collect();
        let document = json!({ "faults": rows, "ways": self.ways, "failures": self.failures });
        let file = hilum_tests::workspace().join("target").join(name);
        std::fs::write(file, format!("{document:#}\n")).unwrap();
    }
}
