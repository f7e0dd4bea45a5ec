//! Files of targets, right and wrong.

use std::time::Duration;

use hilum_forms::{Format, Language};

use super::*;
use crate::protocol::{Protocol, S3Settings};

const ALL_KINDS: &str = r#"
[target.archive]
kind = "s3"
url = "s3://reports/hilum/"
region = "eu-central-1"
endpoint_url = "http://127.0.0.1:9000"

[target.desk]
kind = "webhook"
url = "https://desk.example/hooks"
secret_env = "PATH"
sites = ["north"]
tries = 3
timeout_s = 5

[[rule]]
name = "effusion"
label = "Effusion"
measure = "probability"
threshold = 0.7
actions = ["worklist", "notify", "raise-priority"]
targets = ["desk"]
sites = ["north"]
"#;

/// The sentence about what is wrong when `from` stands as `to`.
fn wrong(from: &str, to: &str) -> String {
    assert!(ALL_KINDS.contains(from), "{from}");
    let error = Targets::parse(&ALL_KINDS.replace(from, to)).unwrap_err();
    let source = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
    format!("{error} {source}")
}

#[test]
fn a_file_is_read_with_what_it_leaves_out() {
    let targets = Targets::parse(ALL_KINDS).unwrap();
    let [archive, desk] = &targets.targets[..] else { panic!("{targets:?}") };
    assert_eq!((archive.tries, archive.timeout.as_secs(), &archive.sites), (450, 30, &SiteFilter::All));
    assert_eq!(archive.forms, [Format::Json]);
    let Protocol::S3(S3Settings { store_url, prefix, options, .. }) = &archive.protocol else {
        panic!("{archive:?}")
    };
    assert_eq!((store_url.as_str(), prefix.as_str(), options.len()), ("s3://reports", "hilum", 2));
    assert_eq!((desk.tries, desk.timeout.as_secs()), (3, 5));
    assert!(desk.sites.has(&"north".parse().unwrap()) && !desk.sites.has(&"south".parse().unwrap()));
    assert!(!format!("{desk:?}").contains("/bin"), "the secret does not show");
    assert_eq!(targets.rules[0].actions.len(), 3);
    assert!(Targets::parse("").unwrap().targets.is_empty());
    let korean = ALL_KINDS.replace("region = ", "forms = ['json', 'html']\nlanguage = 'ko'\nregion = ");
    assert_eq!(Targets::parse(&korean).unwrap().targets[0].language, Language::Korean);
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (from, to, told) in [
        (
            "tries = 3",
            "retries = 3",
            "target desk: a webhook has no key `retries`; its keys are kind, sites,",
        ),
        ("tries = 3", "host = 'x'", "target desk: a webhook has no key `host`; its keys are kind,"),
        (
            "tries = 3",
            "language = 'ko'",
            "target desk: `language` is given and none of its forms is for people",
        ),
        ("region = \"eu-central-1\"", "language = 'en'", "target archive: `language` is given"),
        (
            "region = \"eu-central-1\"",
            "forms = ['pdf']\nlanguage = 'eo'",
            "`language` is \"eo\"; it must be one of en, ko",
        ),
        ("tries = 3", "tries = 0", "target desk: `tries` is 0; it must be from 1 to 10000"),
        ("timeout_s = 5", "timeout_s = 601", "`timeout_s` is 601"),
        ("secret_env = \"PATH\"", "", "target desk: `secret_env` or `secret_file` is missing"),
        ("\"PATH\"", "\"HILUM_NO_SUCH\"", "the environment variable HILUM_NO_SUCH is not set"),
        (
            "secret_env",
            "secret = 'x'\nsecret_env",
            "a webhook has no key `secret`; its keys are kind, sites,",
        ),
        ("https://desk.example/hooks", "ftp://desk.example", "`url` must be an http"),
        ("https://desk.example/hooks", "https://me:pw@desk.example", "without a user name"),
        ("sites = [\"north\"]\ntries", "sites = []\ntries", "target desk: `sites` is empty"),
        ("s3://reports/hilum/", "reports", "target archive: `url` must be s3://"),
        ("kind = \"s3\"", "kind = \"ftp\"", "target archive: unknown variant `ftp`"),
        ("[target.desk]", "[target.Desk]", "target Desk: target must be 1 to 32"),
        ("[target.desk]", "[target.triage]", "target triage: this name is taken"),
        ("region =", "forms = []\nregion =", "target archive: `forms` is empty"),
        ("region =", "forms = ['json', 'json']\nregion =", "`forms` names one twice"),
        ("tries = 3", "forms = ['pdf']", "a webhook does not take the form pdf; it takes json"),
        ("[[rule]]", "[[rules]]", "unknown field `rules`"),
        ("threshold = 0.7", "threshold = 1.5", "rule effusion: `threshold` is 1.5"),
        ("threshold = 0.7", "threshold = nan", "rule effusion: `threshold` is NaN"),
        ("\"notify\", ", "", "rule effusion: `targets` are told only with"),
        ("targets = [\"desk\"]", "", "rule effusion: `notify` needs `targets`"),
        ("targets = [\"desk\"]", "targets = ['none']", "rule effusion: there is no target none"),
        ("targets = [\"desk\"]", "targets = ['archive']", "target archive is no webhook"),
        (
            "targets = [\"desk\"]\nsites = [\"north\"]",
            "targets = ['desk']",
            "does not take the studies of all",
        ),
        ("name = \"effusion\"", "name = \"Effusion\"", "rule Effusion: rule must be 1 to 32"),
        ("\"raise-priority\"", "\"page\"", "rule effusion: unknown variant `page`"),
    ] {
        let sentence = wrong(from, to);
        assert!(sentence.contains(told), "{to}: {sentence}");
    }
}

#[test]
fn each_kind_has_its_keys() {
    let kinds = [
        "kind='fhir'\nurl='http://h/fhir'",
        "kind='hl7'\nhost='h'\nport=2575",
        "kind='dicom'\nhost='h'\nport=104\ncalled_ae='PACS'",
        "kind='stow'\nurl='http://h/dicom-web'",
    ];
    for keys in kinds {
        let file = format!("[target.t]\n{keys}\n");
        assert_eq!(Targets::parse(&file).unwrap().targets.len(), 1);
    }
    for (keys, told) in [
        ("kind='dicom'\nhost='h'\nport=104", "`called_ae` is missing"),
        ("kind='dicom'\nhost='h'\nport=104\ncalled_ae='TOO LONG A TITLE FOR AN AE'", "1 to 16"),
        ("kind='hl7'\nhost='h'", "`port` is missing"),
        ("kind='hl7'\nhost='http://h'\nport=1", "a name or an IP address"),
    ] {
        let sentence = Targets::parse(&format!("[target.t]\n{keys}\n")).unwrap_err().to_string();
        assert!(sentence.contains(told), "{keys}: {sentence}");
    }
}

#[test]
fn a_target_of_hl7_says_what_its_messages_say() {
    let file = |kind: &str, keys: &str| {
        let read = Targets::parse(&format!("[target.t]\n{kind}\n{keys}\n"));
        read.map(|targets| targets.targets[0].protocol.settings().message())
            .map_err(|error| error.to_string())
    };
    const HL7: &str = "kind='hl7'\nhost='h'\nport=2575";
    let usual = file(HL7, "").unwrap();
    assert!(!usual.names_patient, "only where somebody asked for it");
    let keys = "sending_application='READER'\nsending_facility='NORTH^1.2^ISO'\nreceiving_application='RIS'\n\
                receiving_facility='KLINIK'\nname_patient=true\nassigning_authority='KLINIK'";
    let told = file(HL7, keys).unwrap();
    assert!(told.names_patient && told.heading != usual.heading);
    assert_eq!(told.assigning_authority, "KLINIK");
    for (kind, keys, said) in [
        (HL7, "receiving_application='a|b'", "`receiving_application` must be a name"),
        (HL7, "sending_facility=''", "`sending_facility` must be a name"),
        (HL7, "assigning_authority='KLINIK'", "`name_patient` is not true"),
        (HL7, "name_patient=true\nassigning_authority='a^b'", "`assigning_authority` must be a name"),
        ("kind='fhir'\nurl='http://h/fhir'", "name_patient=true", "has no key `name_patient`"),
    ] {
        let error = file(kind, keys).unwrap_err();
        assert!(error.contains(said), "{keys}: {error}");
    }
}

/// A PACS that is away for a day gets everything by itself.
#[test]
fn the_usual_tries_take_more_than_a_day() {
    use super::target::TRIES;

    // The shortest that jitter makes of them.
    let waits = (0..TRIES as u32 - 1).map(|doublings| {
        Duration::from_secs(1).saturating_mul(2_u32.saturating_pow(doublings)).min(LONGEST_WAIT).mul_f64(0.7)
    });
    let whole: Duration = waits.sum();
    assert!(whole >= Duration::from_secs(24 * 3600), "{whole:?}");
}

#[test]
fn a_token_is_not_sent_over_http_unless_told_to() {
    for kind in ["fhir", "stow", "webhook"] {
        let secret = if kind == "webhook" { "secret_env='PATH'\n" } else { "" };
        let file = |url: &str, more: &str| {
            let file = format!("[target.t]\nkind='{kind}'\nurl='{url}'\n{secret}{more}");
            Targets::parse(&file).map_err(|error| error.to_string())
        };
        let token = "token_env='PATH'\n";
        let error = file("http://h/fhir", token).unwrap_err();
        assert!(error.contains("target t: its token would be sent over http://"), "{error}");
        assert!(file("http://127.0.0.1/fhir", token).is_err());
        assert!(file("http://h/fhir", &format!("{token}token_over_http=false")).is_err());
        assert!(file("http://h/fhir", &format!("{token}token_over_http=true")).is_ok());
        assert!(file("https://h/fhir", token).is_ok());
        assert!(file("http://h/fhir", "").is_ok(), "nothing secret is sent");
    }
}

#[test]
fn an_id_is_asked_for_only_where_something_names_a_patient() {
    let read = |keys: &str| {
        Targets::parse(&format!("[target.t]\n{keys}\n"))
            .map(|file| file.targets[0].protocol.settings().requires_patient_id())
    };
    let dicom = "kind='dicom'\nhost='h'\nport=104\ncalled_ae='PACS'";
    assert!(!read(dicom).unwrap());
    assert!(read(&format!("{dicom}\nrequire_patient_id = true")).unwrap());
    for keys in ["kind='s3'\nurl='file:///shelf'", "kind='hl7'\nhost='h'\nport=2575"] {
        let refused = read(&format!("{keys}\nrequire_patient_id = true")).unwrap_err().to_string();
        assert!(refused.contains("nothing that it is given names a patient"), "{refused}");
    }
}
