//! Who may not come in, and how many.

use dicom_ul::pdu::{
    AssociationRJ, AssociationRJResult, AssociationRJServiceProviderPresentationReason as ByProvider,
    AssociationRJServiceUserReason as ByUser, AssociationRJSource,
};

use crate::bench::{Bench, sample};
use crate::sender::{IMPLICIT, Object, Reply, Sender, VERIFICATION, contexts_of};

const TITLES: &str = r#"
[ae.WARD]
[[ae.WARD.caller]]
title = "CR1"
addresses = ["127.0.0.0/8"]
[[ae.WARD.caller]]
title = "CR2"
addresses = ["10.0.0.0/8"]
"#;

fn verification() -> Vec<(String, String)> {
    vec![(VERIFICATION.to_owned(), IMPLICIT.to_owned())]
}

fn for_good(reason: ByUser) -> AssociationRJ {
    AssociationRJ { result: AssociationRJResult::Permanent, source: AssociationRJSource::ServiceUser(reason) }
}

#[tokio::test]
async fn whoever_may_not_call_is_told_so_and_whoever_may_is_let_in() {
    let bench = Bench::start_with(TITLES, &[]).await;
    for (called, calling, expected) in [
        ("HILUM", "CR1", Some(for_good(ByUser::CalledAETitleNotRecognized))),
        ("WARD", "CR3", Some(for_good(ByUser::CallingAETitleNotRecognized))),
        ("WARD", "CR2", Some(for_good(ByUser::CallingAETitleNotRecognized))),
        ("WARD", "CR1", None),
    ] {
        let mut sender = Sender::connect(bench.port).await;
        match sender.associate(called, calling, &verification()).await {
            Reply::Rejected(rejected) => {
                assert_eq!(Some(rejected), expected, "{called} {calling}");
                assert_eq!(sender.receive().await.unwrap(), None);
            }
            Reply::Accepted => {
                assert_eq!(expected, None, "{called} {calling}");
                assert_eq!(sender.echo().await.status, 0);
                sender.release().await;
            }
        }
    }
    for (why, times) in [("called-ae", 1.0), ("calling-ae", 1.0), ("address", 1.0), ("released", 1.0)] {
        let metric = format!("hilum_dicom_associations_total{{ending=\"{why}\"}}");
        assert_eq!(bench.metric(&metric).await, times, "{why}");
    }
}

#[tokio::test]
async fn one_association_too_many_is_refused_for_now() {
    let bench = Bench::start_with("", &[("HILUM_DICOM_ASSOCIATIONS_MAX", "2")]).await;
    let object = Object::of(&sample("images/chest_mhh_19073f37.dcm"));
    let contexts = contexts_of(std::slice::from_ref(&object));
    let mut first = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
    let second = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
    let mut third = Sender::connect(bench.port).await;
    let Reply::Rejected(rejected) = third.associate("HILUM", "SENDER", &contexts).await else {
        panic!("there is no place for it");
    };
    assert_eq!(rejected.result, AssociationRJResult::Transient);
    let limit = AssociationRJSource::ServiceProviderPresentation(ByProvider::LocalLimitExceeded);
    assert_eq!(rejected.source, limit);
    assert_eq!(first.store(&object).await.status, 0);
    second.release().await;
    let mut fourth = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
    assert_eq!(fourth.store(&object).await.status, 0);
    fourth.release().await;
    first.release().await;
}

#[tokio::test]
async fn a_file_of_titles_with_a_fault_ends_the_program_with_words() {
    let folder = hilum_servers::TestFolder::new().unwrap();
    let file = folder.path().join("titles.toml");
    std::fs::write(&file, "[ae.WARD]\nsite = 'Not A Site'\n").unwrap();
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_hilum-dicom"));
    command.args(["--check", "--store-url", "file:///nowhere", "--dicom-aes", file.to_str().unwrap()]);
    let ended = command.output().await.unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned() + &String::from_utf8_lossy(&ended.stdout);
    assert!(!ended.status.success() && said.contains("line 2") && said.contains("site"), "{said}");
}

#[tokio::test]
async fn a_flood_from_one_sender_leaves_the_others_unharmed() {
    let titles = "[ae.WARD]\n[[ae.WARD.caller]]\ntitle = 'CR1'\n[[ae.WARD.caller]]\ntitle = 'CR2'\n";
    let bench = Bench::start_with(titles, &[("HILUM_SENDER_IMAGES_PER_MINUTE", "2")]).await;
    let object = Object::of(&sample("images/chest_mhh_19073f37.dcm"));
    let mut answers = Vec::new();
    for (calling, images) in [("CR1", 3), ("CR2", 1)] {
        let mut sender = Sender::connect(bench.port).await;
        let contexts = contexts_of(std::slice::from_ref(&object));
        assert!(matches!(sender.associate("WARD", calling, &contexts).await, Reply::Accepted));
        for _ in 0..images {
            answers.push(sender.store(&object).await.status);
        }
        sender.release().await;
    }
    assert_eq!(answers, [0, 0, 0xa700, 0]);
    assert_eq!(bench.metric("hilum_dicom_objects_total{outcome=\"sender-limit\"}").await, 1.0);
}
