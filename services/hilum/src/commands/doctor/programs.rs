//! The programs that a stack is made of, with their versions.

use std::fs::File;
use std::path::PathBuf;

use hilum_stack::{
    MODEL_TOOLS, OPTIONAL, Versions, WATCH_TOOLS, of_program, openvino_library, program_of, services, sibling,
};

use super::check::Check;

/// Programs that are started beside the services: by services that read files, and by commands.
const HELPERS: [&str; 4] = ["hilum-decoder", "hilum-bench", MODEL_TOOLS, WATCH_TOOLS];

/// The programs a stack is made of.
pub(super) async fn programs() -> Vec<Check> {
    let Versions { hilum, nats_server, postgres } = Versions::ask().await;
    let mut checks = vec![
        Check::good("hilum", hilum.clone()),
        server("nats-server", nats_server, "HILUM_NATS_SERVER"),
        server("postgres", postgres, "HILUM_POSTGRES_BIN"),
    ];
    let programs = services(&OPTIONAL).map(program_of).chain(HELPERS.map(str::to_owned));
    for program in programs {
        checks.push(service_program(&program, &hilum).await);
    }
    let named = std::env::var_os("HILUM_OPENVINO_LIBRARY").filter(|named| !named.is_empty());
    let wanted = std::env::var("HILUM_ENGINE").is_ok_and(|engine| engine == "openvino");
    checks.push(openvino(named.map(PathBuf::from), openvino_library(), wanted));
    checks
}

/// The library of the second engine: `named` by a setting, or `fetched` by the setup. Without it the first one reads.
fn openvino(named: Option<PathBuf>, fetched: Option<PathBuf>, wanted: bool) -> Check {
    const WHAT: &str = "openvino";
    let to_do = "`make setup` fetches it; or say in HILUM_OPENVINO_LIBRARY where its libopenvino_c.so is";
    match (&named, named.as_ref().or(fetched.as_ref())) {
        (_, Some(library)) if File::open(library).is_ok() => Check::good(WHAT, library.display().to_string()),
        (Some(library), _) => Check::bad(WHAT, format!("{} can't be read", library.display()), to_do),
        _ if wanted => Check::bad(WHAT, "is chosen by HILUM_ENGINE and not there", to_do),
        _ => Check::good(WHAT, "not fetched; libtorch reads the images"),
    }
}

fn server(name: &str, version: String, variable: &str) -> Check {
    if version.is_empty() {
        let to_do = format!("`make setup` fetches it; or say in {variable} where it is");
        return Check::bad(name, "cannot be run", to_do);
    }
    Check::good(name, version)
}

async fn service_program(name: &str, expected: &str) -> Check {
    let program = match sibling(name) {
        Ok(program) => program,
        Err(_) => return Check::bad(name, "is missing", "`make build` makes it"),
    };
    match of_program(&program).await {
        Some(version) if version == expected => Check::good(name, version),
        Some(version) => {
            Check::bad(name, format!("{version}, not {expected}"), "`make build` renews all programs")
        }
        None => Check::bad(name, "does not tell its version", "`make build` renews all programs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_program_of_a_stack_is_looked_at() {
        let checks = programs().await;
        let looked_at: Vec<_> = checks.iter().map(|check| check.what.as_str()).collect();
        for what in [
            "hilum-bench",
            "hilum-decoder",
            "hilum-deliver",
            "hilum-infer",
            "hilum-model",
            "openvino",
            "nats-server",
            "postgres",
        ] {
            assert!(looked_at.contains(&what), "{what}: {looked_at:?}");
        }
    }

    #[test]
    fn openvino_is_missed_when_it_was_named_or_chosen() {
        let place = tempfile::tempdir().unwrap();
        let (there, gone) = (place.path().join("there"), place.path().join("gone"));
        std::fs::write(&there, "").unwrap();
        let (there, gone) = (|| Some(there.clone()), || Some(gone.clone()));
        for (named, fetched, wanted, ok) in [
            (there(), None, true, true),
            (gone(), there(), false, false),
            (None, there(), true, true),
            (None, None, true, false),
            (None, None, false, true),
        ] {
            let check = openvino(named, fetched, wanted);
            assert_eq!((check.ok, check.to_do.is_none()), (ok, ok), "{check:?}");
        }
    }
}
