//! What the C libraries below read from the environment when they are loaded, long before `main`: set once by starting
//! the program over.

use std::convert::Infallible;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

/// Each is set unless the operator has set it.
const VARIABLES: [(&str, &str); 3] = [
    // Threads within one operation spin while they wait for one another. That is several times slower as soon as
    // decoders or other processes want the same cores, and gains nothing measurable when they do not.
    ("OMP_WAIT_POLICY", "passive"),
    // Tensors of some megabytes come and go with every layer: keep their memory instead of returning it to the system
    // and having it zeroed again each time (a tenth of a forward pass). Bounded by the largest pass.
    ("MALLOC_MMAP_THRESHOLD_", "1073741824"),
    ("MALLOC_TRIM_THRESHOLD_", "1073741824"),
];

/// Starts this program over, as the same process, with the variables that make libtorch fast. Call it first in `main`.
/// Where that is not possible the program goes on, only slower.
pub fn start_with_variables() {
    let missing = || VARIABLES.into_iter().filter(|(name, _)| std::env::var_os(name).is_none());
    if missing().next().is_some() {
        // There is no log yet to tell, and nothing to be done about it.
        let _ = start_over(missing());
    }
}

/// Takes the variables out of the environment of a child that is to run as if the operator had started it.
pub(crate) fn withhold(command: &mut Command) {
    for (name, _) in VARIABLES {
        command.env_remove(name);
    }
}

fn start_over(variables: impl Iterator<Item = (&'static str, &'static str)>) -> std::io::Result<Infallible> {
    let mut arguments = std::env::args_os();
    let mut command = Command::new(std::env::current_exe()?);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    Err(command.args(arguments).envs(variables).exec())
}
