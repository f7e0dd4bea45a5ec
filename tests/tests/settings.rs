//! A setting of one name means one thing in every service, and one that had another name before is still read.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::BTreeMap;
use std::process::Output;
use std::time::Duration;

use hilum_servers::TestFolder;
use hilum_stack::{DICOM, DICOMWEB, SERVICES, WATCH, program_of};
use hilum_tests::{program, workspace};
use tokio::process::Command;

/// What several programs read because it is one thing for all of them. A new name belongs here only if an operator who
/// sets it wants it of every program that reads it; else each program has a name of its own.
const SHARED: [&str; 22] = [
    "HILUM_DRAIN_LIMIT_S",
    "HILUM_HEADER_DECODERS",
    "HILUM_LEAST_FREE_MIB",
    "HILUM_LISTEN",
    "HILUM_LOG",
    "HILUM_MAX_SITES",
    "HILUM_MAX_UPLOAD_BYTES",
    "HILUM_MAX_WAITING",
    "HILUM_MAX_WAIT_S",
    "HILUM_MODEL",
    "HILUM_NATS_URL",
    "HILUM_OTLP_ENDPOINT",
    "HILUM_QUIET_TIME_S",
    "HILUM_SENDER_BYTES_AT_ONCE",
    "HILUM_SENDER_IMAGES_AT_ONCE",
    "HILUM_SENDER_IMAGES_PER_MINUTE",
    "HILUM_SILENCE_LIMIT_S",
    "HILUM_SITES",
    "HILUM_STORE_URL",
    "HILUM_STUDY_IMAGES_MAX",
    "HILUM_TARGETS",
    "HILUM_UPLOADS_AT_ONCE",
];

/// The services by which images come in.
const DOORS: [&str; 4] = ["ingest", DICOM, DICOMWEB, WATCH];

/// A program that is called wrongly ends at once.
const LIMIT: Duration = Duration::from_secs(20);

/// An option as a program's help tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Setting {
    option: String,
    default: Option<String>,
}

fn programs() -> impl Iterator<Item = String> {
    let doors = DOORS.into_iter().filter(|door| !SERVICES.contains(door)).map(program_of);
    SERVICES.map(program_of).into_iter().chain(doors).chain(["hilum-gateway".to_owned()])
}

async fn run(program_name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(program(program_name));
    command.args(arguments).env("HILUM_LISTEN", "127.0.0.1:0").envs(environment.iter().copied());
    let ended = tokio::time::timeout(LIMIT, command.kill_on_drop(true).output()).await;
    ended.unwrap_or_else(|_| panic!("{program_name} {arguments:?} {environment:?} goes on")).unwrap()
}

/// The settings of a program, by the variable that each is read from.
async fn settings_of(program: &str) -> BTreeMap<String, Setting> {
    let help = String::from_utf8(run(program, &["--help"], &[]).await.stdout).unwrap();
    let mut told: Vec<String> = Vec::new();
    for line in help.lines().map(str::trim) {
        // What begins with a dash and a space is a value in a list.
        match (line.starts_with('-') && !line.starts_with("- "), told.last_mut()) {
            (true, _) => told.push(line.to_owned()),
            (false, Some(option)) => *option += line,
            (false, None) => {}
        }
    }
    let between = |text: &str, begin: &str| {
        let rest = text.split_once(begin)?.1;
        Some(rest.split([']', '=']).next()?.to_owned())
    };
    let settings = told.iter().filter_map(|text| {
        let option = text.split_ascii_whitespace().next()?.to_owned();
        Some((between(text, "[env: ")?, Setting { option, default: between(text, "[default: ") }))
    });
    settings.collect()
}

#[tokio::test]
async fn a_variable_that_two_programs_read_is_one_setting() {
    let mut readers: BTreeMap<String, Vec<(String, Setting)>> = BTreeMap::new();
    for program in programs() {
        let settings = settings_of(&program).await;
        assert!(settings.contains_key("HILUM_LISTEN"), "{program}: {settings:?}");
        for (variable, setting) in settings {
            readers.entry(variable).or_default().push((program.clone(), setting));
        }
    }
    for (variable, readers) in readers.iter().filter(|(_, readers)| readers.len() > 1) {
        let names: Vec<_> = readers.iter().map(|(program, _)| program).collect();
        assert!(
            SHARED.contains(&variable.as_str()),
            "{variable} is a setting of {names:?}: give each a name of its own, or list it as one thing"
        );
        let [(_, first), others @ ..] = readers.as_slice() else { unreachable!() };
        assert!(others.iter().all(|(_, setting)| setting == first), "{variable} differs: {readers:#?}");
    }
    let shared: Vec<_> =
        readers.iter().filter(|(_, readers)| readers.len() > 1).map(|(name, _)| name).collect();
    assert_eq!(shared, SHARED, "the list above has names that nobody shares");
}

/// `make lint` makes the page of the source; this holds what it understood against what the programs say.
#[tokio::test]
async fn the_page_of_settings_tells_of_each_program_what_its_help_does() {
    let page = std::fs::read_to_string(workspace().join("docs/configuration.md")).unwrap();
    let told_under = |heading: &str| {
        let (_, rest) =
            page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no {heading}"));
        let section = rest.split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| {
            let cells: Vec<&str> = line.split('|').map(|cell| cell.trim().trim_matches('`')).collect();
            let [_, variable, option, _, default, ..] = cells[..] else { return None };
            let default =
                Some(default.to_owned()).filter(|it| !["", "must be given", "all cores"].contains(&&**it));
            variable
                .starts_with("HILUM_")
                .then(|| (variable.to_owned(), Setting { option: option.to_owned(), default }))
        });
        rows.collect::<BTreeMap<_, _>>()
    };
    let common = told_under("All services");
    for program in programs() {
        let mut said = settings_of(&program).await;
        // Of this machine.
        said.get_mut("HILUM_CORES").into_iter().for_each(|cores| cores.default = None);
        let mut told = told_under(&program);
        if DOORS.map(program_of).contains(&program) {
            told.extend(told_under("All doors"));
        }
        let shared = common.iter().filter(|(name, _)| said.contains_key(*name));
        told.extend(shared.map(|(name, setting)| (name.clone(), setting.clone())));
        assert_eq!(told, said, "{program}");
    }
}

#[tokio::test]
async fn an_old_name_is_read_and_said_to_be_old() {
    // What it says is no number, so the program ends with a word on the option that reads it.
    for (program, old, new, option) in [
        ("hilum-ingest", "HILUM_DECODERS", "HILUM_HEADER_DECODERS", "--decoders"),
        ("hilum-infer", "HILUM_DECODERS", "HILUM_IMAGE_DECODERS", "--decoders"),
        ("hilum-infer", "HILUM_MAX_TRIES", "HILUM_INFER_MAX_TRIES", "--max-tries"),
        ("hilum-infer", "HILUM_MAX_UNANSWERED", "HILUM_INFER_MAX_UNANSWERED", "--max-unanswered"),
        ("hilum-dedupe", "HILUM_MAX_TRIES", "HILUM_DEDUPE_MAX_TRIES", "--max-tries"),
        ("hilum-dedupe", "HILUM_MAX_UNANSWERED", "HILUM_DEDUPE_MAX_UNANSWERED", "--max-unanswered"),
    ] {
        let needed = [("HILUM_STORE_URL", "file:///nowhere"), ("HILUM_MODEL", "/nowhere")];
        for name in [old, new] {
            let ended = run(program, &[], &[&needed[..], &[(name, "many")]].concat()).await;
            let said = String::from_utf8_lossy(&ended.stderr).into_owned();
            assert_eq!(ended.status.code(), Some(2), "{program} {name}: {said}");
            assert!(said.contains("'many'") && said.contains(option), "{program} {name}: {said}");
        }
    }
    // Without a model it ends after it has begun to write its log.
    let folder = TestFolder::new().unwrap();
    let store = format!("file://{}", folder.path().display());
    let environment = |name| [("HILUM_STORE_URL", &*store), ("HILUM_MODEL", "/nowhere"), (name, "7")];
    let old = run("hilum-dedupe", &[], &environment("HILUM_MAX_TRIES")).await;
    let said = String::from_utf8_lossy(&old.stdout).into_owned() + &String::from_utf8_lossy(&old.stderr);
    assert!(said.contains("HILUM_MAX_TRIES has another name, HILUM_DEDUPE_MAX_TRIES"), "{said}");
    let both = [&environment("HILUM_MAX_TRIES")[..], &[("HILUM_DEDUPE_MAX_TRIES", "6")]].concat();
    let both = run("hilum-dedupe", &[], &both).await;
    let said = String::from_utf8_lossy(&both.stdout).into_owned() + &String::from_utf8_lossy(&both.stderr);
    assert!(said.contains("HILUM_MAX_TRIES is ignored, for HILUM_DEDUPE_MAX_TRIES"), "{said}");
    let new = run("hilum-dedupe", &[], &environment("HILUM_DEDUPE_MAX_TRIES")).await;
    let said = String::from_utf8_lossy(&new.stdout).into_owned() + &String::from_utf8_lossy(&new.stderr);
    assert!(said.contains("/nowhere") && !said.contains("another name"), "{said}");
}
