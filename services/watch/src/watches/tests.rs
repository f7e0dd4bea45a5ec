//! What is read of which text, what is said of a wrong one, and what keys mean.

use std::collections::BTreeMap;

use super::*;

const WHOLE: &str = r#"
sns_endpoint = "http://127.0.0.1:4566"

[[watch]]
name = "north"
url = "s3://drop"
endpoint_url = "http://127.0.0.1:9000/"
prefix = "north/"
suffixes = [".dcm", ".DCM"]
since = "2026-01-31T00:00:00Z"
site = "north"
priority = "stat"
metadata = true

[[watch]]
name = "south"
url = "s3://drop"
prefix = "south/"
key_pattern = '^south/(?P<study>[^/]+)/(?P<priority>stat|routine)/(?P<site>[^/]+)/'

[[watch]]
name = "folder"
url = "file:///srv/drop"
"#;

fn read(text: &str) -> Watches {
    Watches::parse(text).unwrap()
}

fn fault(text: &str) -> (usize, String) {
    let Fault { line, what } = Watches::parse(text).unwrap_err();
    (line, what)
}

fn words(words: &[(&str, &str)]) -> BTreeMap<String, String> {
    words.iter().map(|(name, word)| ((*name).to_owned(), (*word).to_owned())).collect()
}

#[test]
fn a_whole_file_is_read() {
    let watches = read(WHOLE);
    let Watched::By(north) = watches.watching("drop", "north/a.dcm") else { panic!() };
    assert_eq!((north.name.as_str(), north.rules.priority.as_str()), ("north", "stat"));
    assert_eq!(north.since, Some("2026-01-31T00:00:00Z".parse().unwrap()));
    assert_eq!(north.store.options, [("aws_endpoint".to_owned(), "http://127.0.0.1:9000/".to_owned())]);
    assert!(matches!(watches.watching("drop", "north/a.txt"), Watched::OtherSuffix));
    assert!(matches!(watches.watching("drop", "west/a.dcm"), Watched::No));
    assert!(matches!(watches.watching("other", "north/a.dcm"), Watched::No));
    assert!(
        matches!(watches.watching("file:///srv/drop", "a"), Watched::By(watch) if watch.name == "folder")
    );
    assert!(read("").watches.is_empty());
}

#[test]
fn a_fault_names_its_line_and_what_to_write() {
    let watch = |line: &str| format!("[[watch]]\nname = \"a\"\nurl = \"s3://drop\"\n{line}\n");
    for (text, line, word) in [
        (watch("prefix = \"/a\""), 4, "prefix"),
        (watch("results = \"/a\""), 4, "results"),
        (watch("key_pattern = \"(\""), 4, "no pattern"),
        (watch("key_pattern = \"(?P<patient>.)\""), 4, "patient"),
        (watch("since = \"yesterday\""), 4, "since"),
        (watch("suffixes = []"), 4, "suffixes"),
        (watch("priority = \"now\""), 4, "stat or routine"),
        (watch("site = \"No Site\""), 4, "site"),
        (watch("secret_access_key_env = \"HILUM_TEST_NO_SUCH\""), 4, "HILUM_TEST_NO_SUCH"),
        (watch("colour = 1"), 4, "colour"),
        ("[[watch]]\nname = \"A b\"\nurl = \"s3://drop\"".to_owned(), 2, "name must"),
        ("[[watch]]\nname = \"a\"\nurl = \"s3://drop/in\"".to_owned(), 3, "prefix"),
        ("[[watch]]\nname = \"a\"\nurl = \"https://drop\"".to_owned(), 3, "s3://bucket"),
        ("[[watch]]\nurl = \"s3://drop\"".to_owned(), 1, "name"),
        ("sns_endpoint = \"here\"".to_owned(), 1, "sns_endpoint"),
    ] {
        let (found, what) = fault(&text);
        assert!(found == line && what.contains(word), "{text}: {found} {what}");
    }
}

#[test]
fn two_watches_that_could_take_the_same_object_are_refused() {
    let pair = |one: &str, other: &str| {
        format!("[[watch]]\nname = \"a\"\nurl = {one}\n[[watch]]\nname = \"b\"\nurl = {other}\n")
    };
    for (one, other) in [
        ("\"s3://drop\"", "\"s3://drop\"\nprefix = \"in/\""),
        ("\"s3://drop\"\nprefix = \"in/a\"", "\"s3://drop\"\nprefix = \"in/\""),
        // Notifications do not say at which endpoint a bucket is.
        ("\"s3://drop\"\nendpoint_url = \"http://a\"", "\"s3://drop\"\nendpoint_url = \"http://b\""),
        ("\"file:///srv/drop\"", "\"file:///srv/drop\"\nprefix = \"in/\""),
        ("\"file:///srv/drop\"", "\"file:///srv/drop/in\""),
    ] {
        let (_, what) = fault(&pair(one, other));
        assert!(what.contains("a and b overlap"), "{what}");
    }
    for (one, other) in [
        ("\"s3://drop\"\nprefix = \"in/\"", "\"s3://drop\"\nprefix = \"out/\""),
        ("\"s3://drop\"", "\"s3://other\""),
        ("\"file:///srv/drop\"", "\"file:///srv/dropped\""),
    ] {
        assert_eq!(read(&pair(one, other)).watches.len(), 2);
    }
    assert!(
        fault("[[watch]]\nname = \"a\"\nurl = \"s3://b\"\n[[watch]]\nname = \"a\"\nurl = \"s3://c\"")
            .1
            .contains("two")
    );
}

#[test]
fn results_that_would_be_found_again_are_refused() {
    let with = |prefix: &str, more: &str| {
        format!("[[watch]]\nname = \"a\"\nurl = \"s3://drop\"\nprefix = \"{prefix}\"\n{more}\n")
    };
    let other = "[[watch]]\nname = \"b\"\nurl = \"s3://drop\"\nprefix = \"out/\"\n";
    for text in [
        with("", "results = \"results/\""),
        with("in/", "results = \"\""),
        with("in/", "results = \"in/\""),
        with("in/", "results = \"in\""),
        with("in/", "suffixes = [\".dcm\", \".json\"]\nresults = \"\""),
        with("in/", "suffixes = [\"b.hilum.json\"]\nresults = \"\""),
        format!("{}{other}", with("in/", "suffixes = [\".dcm\"]\nresults = \"out/\"")),
    ] {
        let (_, what) = fault(&text);
        assert!(what.contains("would find the results of a"), "{text}: {what}");
    }
    for (text, key) in [
        (with("in/", "results = \"results/\""), "results/in/1.dcm.hilum.json"),
        (with("in/", "suffixes = [\".dcm\"]\nresults = \"\""), "in/1.dcm.hilum.json"),
        (format!("{}{other}", with("in/", "results = \"results/\"")), "results/in/1.dcm.hilum.json"),
    ] {
        let watches = read(&text);
        assert_eq!(watches.watches[0].results.as_ref().unwrap().key_of("in/1.dcm", None), key);
    }
}

#[test]
fn what_hilum_writes_itself_is_not_watched() {
    let refused = |store_url: &str, watch: &str| {
        let watches = read(&format!("[[watch]]\nname = \"a\"\n{watch}"));
        OwnPlaces::new(store_url, None).unwrap().check(&watches).err().map(|error| error.to_string())
    };
    for (store_url, watch) in [
        ("s3://images", "url = \"s3://images\""),
        ("s3://images", "url = \"s3://images\"\nprefix = \"incoming/\""),
        ("s3://images", "url = \"s3://images\"\nprefix = \"sha256/ab/\""),
        ("file:///var/hilum", "url = \"file:///var\""),
        ("file:///var/hilum", "url = \"file:///var/hilum/incoming\""),
    ] {
        let error = refused(store_url, watch).unwrap();
        assert!(error.contains("watch a would find what Hilum itself writes"), "{error}");
    }
    for (store_url, watch) in [
        ("s3://images", "url = \"s3://images\"\nprefix = \"drop/\""),
        ("s3://images", "url = \"s3://drop\""),
        ("s3://images", "url = \"s3://images\"\nendpoint_url = \"http://elsewhere\""),
        ("file:///var/hilum", "url = \"file:///var/drop\""),
    ] {
        assert_eq!(refused(store_url, watch), None);
    }
}

#[test]
fn what_is_delivered_is_not_watched_either() {
    let folder = std::env::temp_dir().join(format!("hilum-watch-targets-{}", std::process::id()));
    std::fs::write(
        &folder,
        "[[target]]\nname = \"bucket\"\nprotocol = \"s3\"\nurl = \"s3://drop/reports/\"\nendpoint_url = \"http://a/\"\n",
    )
    .unwrap();
    let own = OwnPlaces::new("s3://images", Some(&folder)).unwrap();
    std::fs::remove_file(&folder).unwrap();
    let check = |prefix: &str| {
        let text = format!(
            "[[watch]]\nname = \"a\"\nurl = \"s3://drop\"\nendpoint_url = \"http://a\"\nprefix = \"{prefix}\""
        );
        own.check(&read(&text)).err().map(|error| error.to_string())
    };
    assert!(check("").unwrap().contains("target bucket"));
    assert!(check("reports/today/").is_some());
    assert_eq!(check("in/"), None);
}

#[test]
fn a_key_means_what_its_pattern_finds() {
    let watches = read(WHOLE);
    let rules = &watches.named("south").unwrap().rules;
    let meaning = rules.by_key("south/S-1/stat/ward-3/a b.dcm").unwrap();
    assert_eq!((meaning.site.as_str(), meaning.priority.as_str()), ("ward-3", "stat"));
    assert_eq!(meaning.study.unwrap().as_str(), "S-1");
    assert_eq!(rules.by_key("south/a.dcm"), Err(MeaningError::NoFit));
    let error = rules.by_key("south/Doe Jane/stat/ward-3/a.dcm").unwrap_err();
    assert!(error.to_string().contains("study must be") && !error.to_string().contains("Doe"), "{error}");
}

#[test]
fn senders_may_say_it_in_metadata_where_the_watch_allows_it_and_the_key_counts_more() {
    let watches = read(WHOLE);
    let said = words(&[("hilum-study", "M-1"), ("hilum-priority", "routine"), ("hilum-site", "west")]);
    let north = &watches.named("north").unwrap().rules;
    let meaning = north.meaning("north/a.dcm", &said).unwrap();
    assert_eq!((meaning.site.as_str(), meaning.priority.as_str()), ("west", "routine"));
    assert_eq!(meaning.study.unwrap().as_str(), "M-1");
    let wrong = north.meaning("north/a.dcm", &words(&[("hilum-priority", "soon")]));
    assert_eq!(wrong, Err(MeaningError::Priority { place: "metadata" }));
    let unheard = watches.named("folder").unwrap().rules.meaning("a.dcm", &said).unwrap();
    assert_eq!((unheard.study, unheard.site), (None, hilum_events::Site::default()));
    let south = Rules { metadata: true, ..watches.named("south").unwrap().rules.clone() };
    let meaning = south.meaning("south/S-1/stat/ward-3/a.dcm", &said).unwrap();
    assert_eq!((meaning.site.as_str(), meaning.study.unwrap().as_str()), ("ward-3", "S-1"));
    assert_eq!(watches.named("north").unwrap().priority_by_key("north/a.dcm").as_str(), "stat");
}
