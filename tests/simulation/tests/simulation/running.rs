//! Scenarios by seed. `HILUM_SIMULATION_SECONDS` says for how long (0: until it is stopped), `HILUM_SIMULATION_SEED`
//! repeats one.

use std::time::{Duration, Instant};

use hilum_simulation::{Flaw, run, run_traced};

/// What `make test` gives it, without what others on the machine take.
const SECONDS: u64 = 60;
/// And how many scenarios at most.
const SCENARIOS: u64 = 20_000;
/// How often it says how far it is, when it runs until it is stopped.
const SAY_EVERY: Duration = Duration::from_secs(60);

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a whole number, not {text}")))
}

/// Tells the story of a seed, and what is wrong at its end.
fn tell(seed: u64) {
    let outcome = run_traced(seed, Flaw::None);
    outcome.trace.iter().for_each(|line| eprintln!("{line}"));
    for violation in &outcome.violations {
        eprintln!("{}: {}", violation.invariant, violation.what);
    }
    assert_eq!(outcome.violations, [], "HILUM_SIMULATION_SEED={seed} make simulate");
}

#[test]
fn nothing_is_lost_doubled_or_wrong_in_any_scenario() {
    if let Some(seed) = number("HILUM_SIMULATION_SEED") {
        return tell(seed);
    }
    let seconds = number("HILUM_SIMULATION_SECONDS").unwrap_or(SECONDS);
    let limit = if seconds == 0 { Duration::MAX } else { Duration::from_secs(seconds) };
    // `make test` looks at the same ones each time, so that it tells of a change; `make simulate` at others.
    let (others, most) = match number("HILUM_SIMULATION_SECONDS") {
        None => (1, SCENARIOS),
        Some(_) => (u64::from(std::process::id()) << 32, u64::MAX),
    };
    let first = number("HILUM_SIMULATION_FIRST").unwrap_or(others);
    let (begun, mut said_at) = (Instant::now(), Instant::now());
    let (mut scenarios, mut steps, mut facts) = (0_u64, 0, 0);
    while begun.elapsed() < limit && scenarios < most {
        let outcome = run(first + scenarios, Flaw::None);
        if !outcome.violations.is_empty() {
            tell(outcome.seed);
        }
        (scenarios, steps, facts) =
            (scenarios + 1, steps + u64::from(outcome.steps), facts + outcome.facts as u64);
        if said_at.elapsed() > SAY_EVERY {
            eprintln!("{scenarios} scenarios from seed {first} on");
            said_at = Instant::now();
        }
    }
    let rate = scenarios as f64 / begun.elapsed().as_secs_f64();
    eprintln!(
        "{scenarios} scenarios from seed {first} on, {rate:.0} a second; {} steps and {} facts each",
        steps / scenarios,
        facts / scenarios
    );
}
