//! Points in the code where a test can end, hold or slow the process. Without the feature `failpoints` they do nothing.

use std::fmt::Display;

/// Passes the point named `point`. The environment variable `FAILPOINTS` says what happens there, in the words of the crate
/// `fail`; its action `return` ends the process at once, as a kill would.
pub fn reach(point: &str) {
    prepare();
    fail::fail_point!(point, |_| die());
    let _ = point;
}

/// Passes the point named `point`, and the one that is only for the content with this hash: `point`, a dot and the first eight
/// digits.
pub fn reach_with(point: &str, content: &impl Display) {
    reach(point);
    if cfg!(feature = "failpoints") {
        reach(&format!("{point}.{:.8}", content.to_string()));
    }
}

#[cfg(feature = "failpoints")]
fn prepare() {
    use std::sync::OnceLock;
    static SCENARIO: OnceLock<()> = OnceLock::new();
    SCENARIO.get_or_init(|| {
        // Its end would disarm all points.
        std::mem::forget(fail::FailScenario::setup());
    });
}

#[cfg(not(feature = "failpoints"))]
fn prepare() {}

#[cfg(feature = "failpoints")]
fn die() {
    let me = nix::unistd::Pid::this();
    // Nothing can be done about a process that may not kill itself.
    let _ = nix::sys::signal::kill(me, nix::sys::signal::Signal::SIGKILL);
    std::process::abort()
}
