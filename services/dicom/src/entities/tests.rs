//! What the file may say.

use super::*;

#[test]
fn a_door_without_a_file_has_one_title_for_anybody() {
    let entities = Entities::read(None).unwrap();
    let entity = entities.called("HILUM").unwrap();
    assert_eq!((entity.site.clone(), entity.other, entity.callers.len()), (Site::default(), Other::Keep, 0));
    assert_eq!((entities.open(), entities.wants_certificates()), (Some("HILUM"), None));
}

#[test]
fn each_title_says_what_becomes_of_its_images_and_who_may_send_them() {
    let fingerprint = "AB:".repeat(31) + "ab";
    let entities = Entities::parse(&format!(
        r#"
        [ae."WARD 7"]
        site = "north"
        priority = "stat"
        sop_classes = ["CR", "1.2.840.10008.5.1.4.1.1.77.1.1"]
        other = "ignore"
        [[ae."WARD 7".caller]]
        title = "CR1 "
        addresses = ["10.1.0.0/16", "192.168.1.5", "::1"]
        certificates = ["{fingerprint}"]
        commit_to = "pacs.north:104"
        [ae.NIGHT]
        "#
    ))
    .unwrap();
    let ward = entities.called("WARD 7").unwrap();
    assert_eq!((ward.site.as_str(), ward.priority, ward.other), ("north", Priority::Stat, Other::Ignore));
    assert_eq!(ward.sop_classes.len(), 2);
    let caller = &ward.callers[0];
    assert_eq!((caller.title.as_str(), caller.addresses.len()), ("CR1", 3));
    assert_eq!(caller.certificates, [Certificate([0xab; 32])]);
    assert_eq!(caller.commit_to.as_deref(), Some("pacs.north:104"));
    assert_eq!((entities.open(), entities.wants_certificates()), (Some("NIGHT"), Some("WARD 7")));
    assert!(entities.called("NIGHT").unwrap().sop_classes.contains("1.2.840.10008.5.1.4.1.1.1.1"));
}

#[test]
fn a_fault_names_its_line_and_what_to_write() {
    for (text, line, words) in [
        ("", 1, "missing field `ae`"),
        ("[ae]", 1, "[ae.TITLE]"),
        ("[ae.A]\nsites = 'x'", 2, "unknown field"),
        ("[ae.A]\nsite = 'Not A Site'", 2, "site:"),
        ("[ae.A]\nother = 'drop'", 2, "keep"),
        ("[ae.A]\npriority = 'soon'", 2, "stat"),
        ("[ae.A]\n\nsop_classes = ['XX']", 3, "CR, DX"),
        ("[ae.A]\nsop_classes = []", 2, "leave it out"),
        ("[ae.A]\n[ae.'A ']", 2, "twice"),
        ("[ae.THIS_IS_FAR_TOO_LONG]", 1, "1 to 16"),
        ("[ae.'\\']", 1, "backslash"),
        ("[ae.A]\n[[ae.A.caller]]\ntitle = ''", 3, "1 to 16"),
        ("[ae.A]\n[[ae.A.caller]]\naddresses = ['10.0.0.1']", 2, "title"),
        ("[ae.A]\n[[ae.A.caller]]\ntitle = 'X'\naddresses = ['10.0.0.1/99']", 4, "10.1.0.0/16"),
        ("[ae.A]\n[[ae.A.caller]]\ntitle = 'X'\ncertificates = ['ab']", 4, "SHA-256"),
        ("[ae.A]\n[[ae.A.caller]]\ntitle = 'X'\ncommit_to = 'pacs'", 4, "host:port"),
        ("[ae.A]\n[[ae.A.caller]]\ntitle = 'X'\ncommit_to = 'pacs:0'", 4, "host:port"),
    ] {
        let fault = Entities::parse(text).unwrap_err();
        assert_eq!(fault.line, line, "{text}: {fault}");
        assert!(fault.what.contains(words), "{text}: {fault}");
    }
}
