//! What is read of bodies as the stores send them; those in `tests/bodies` are recorded, with other names in them.

use proptest::prelude::*;

use reqwest::Url;

use super::*;

macro_rules! body {
    ($name:literal) => {
        read(include_bytes!(concat!("../../tests/bodies/", $name, ".json")))
    };
}

const KEY: &str = "in/red flower 50% ü a+b.dcm";

fn objects(body: Result<Body, UnknownBody>) -> Objects {
    match body {
        Ok(Body::Objects(objects)) => objects,
        other => panic!("{other:?}"),
    }
}

fn came(body: Result<Body, UnknownBody>) -> Notification {
    let Objects { mut came, broken, ignored } = objects(body);
    assert!(came.len() == 1 && broken.is_empty() && ignored == 0, "{came:?} {broken:?} {ignored}");
    came.remove(0)
}

#[test]
fn each_vendor_tells_the_same_object_in_its_own_way() {
    for (body, e_tag, version) in [
        (body!("aws-put"), "d41d8cd98f00b204e9800998ecf8427e", Some("096fKKXTRTtl3on89fVO.nfljtsv6qko")),
        (
            body!("sns-notification"),
            "d41d8cd98f00b204e9800998ecf8427e",
            Some("096fKKXTRTtl3on89fVO.nfljtsv6qko"),
        ),
        (body!("event-bridge"), "b1946ac92492d2347c6235b4d2611184", Some("IYV3p45BT0ac8hjHg1houSdS1a.Mro8e")),
        (body!("minio"), "5eb63bbbe01eeed093cb22bb8f5acdc3", None),
    ] {
        let notification = came(body);
        assert_eq!((notification.bucket.as_str(), notification.key.as_str()), ("drop", KEY));
        assert_eq!(notification.e_tag.as_deref(), Some(e_tag));
        assert_eq!(notification.version.as_deref(), version);
        assert!(notification.size_bytes.is_some());
    }
}

#[test]
fn a_plus_of_minio_is_what_the_key_beside_it_says() {
    assert_eq!(came(body!("minio-percent")).key, "in/a+b c.dcm");
    assert_eq!(came(body!("minio")).key, KEY);
}

#[test]
fn a_test_asks_for_nothing_and_neither_does_what_was_removed() {
    assert_eq!(body!("aws-test"), Ok(Body::Nothing));
    for body in [body!("aws-removed"), body!("event-bridge-deleted"), body!("minio-removed")] {
        assert_eq!(objects(body), Objects { ignored: 1, ..Objects::default() });
    }
}

#[test]
fn a_broken_record_names_itself_and_loses_no_other() {
    let Objects { came, broken, ignored } = objects(body!("aws-several"));
    let keys: Vec<_> = came.iter().map(|notification| notification.key.as_str()).collect();
    assert_eq!((keys, ignored), (vec!["in/a.dcm", "in/c.dcm"], 0));
    let said: Vec<_> = broken.iter().map(|broken| (broken.number, broken.why)).collect();
    let expected = [
        (2, "has no s3.object.key"),
        (3, "is not of the form of S3's records"),
        (4, "is of another version than 2"),
        (5, "has a key that is not UTF-8"),
    ];
    assert_eq!(said, expected);
}

#[test]
fn only_addresses_of_sns_are_asked_for() {
    let Ok(Body::Confirmation(confirmation)) = body!("sns-confirmation") else { panic!() };
    assert!(confirmation.address(None).is_some());
    let address = |url: &str, endpoint: Option<&str>| {
        let endpoint = endpoint.map(|endpoint| Url::parse(endpoint).unwrap());
        Confirmation { url: url.to_owned() }.address(endpoint.as_ref()).is_some()
    };
    for bad in [
        "http://sns.us-west-2.amazonaws.com/",
        "https://sns.us-west-2.amazonaws.com.evil.example/",
        "https://sns.us-west-2.amazonaws.com:8443/",
        "https://me@sns.us-west-2.amazonaws.com/",
        "https://evil.example/?sns.us-west-2.amazonaws.com",
        "https://sns.evil.example#.amazonaws.com/",
        "http://127.0.0.1:4566/",
        "file:///etc/passwd",
        "",
    ] {
        assert!(!address(bad, None), "{bad}");
    }
    assert!(address("https://sns.cn-north-1.amazonaws.com.cn/?a=b", None));
    let ours = Some("http://127.0.0.1:4566");
    assert!(address("http://127.0.0.1:4566/?Action=ConfirmSubscription", ours));
    assert!(!address("http://127.0.0.1:4567/", ours));
}

#[test]
fn what_is_no_notification_is_told_so() {
    for body in [&b""[..], b"[]", b"7", b"{", b"\xff", b"null"] {
        assert_eq!(read(body), Err(UnknownBody::NoJson), "{body:?}");
    }
    let sns = |message: &str| {
        let body = serde_json::json!({"TopicArn": "arn", "Type": "Notification", "Message": message});
        read(body.to_string().as_bytes())
    };
    let twice = serde_json::json!({"TopicArn": "arn", "Type": "Notification", "Message": "{}"}).to_string();
    for body in [read(b"{}"), read(br#"{"Records": 7}"#), sns("hello"), sns(&twice)] {
        assert_eq!(body, Err(UnknownBody::NoForm));
    }
    assert_eq!(read(&[b"[".repeat(100_000), b"]".repeat(100_000)].concat()), Err(UnknownBody::NoJson));
}

fn json() -> impl Strategy<Value = String> {
    let words = "(Records|EventName|Key|eventName|eventSource|s3|bucket|object|name|key|size|eTag|versionId|detail|detail-type|\
        source|aws.s3|Type|TopicArn|Message|Notification|SubscribeURL|Object Created|s3:ObjectCreated:Put|in%2|%FF|a\\+b)";
    let leaf =
        prop_oneof![words.prop_map(Value::String), any::<i64>().prop_map(Value::from), Just(Value::Null)];
    let value = leaf.prop_recursive(6, 64, 8, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::vec((words, inner), 0..8).prop_map(|members| members.into_iter().collect()),
        ]
    });
    value.prop_map(|value| value.to_string())
}

proptest! {
    #[test]
    fn no_bytes_end_the_parsers(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
    }

    #[test]
    fn no_json_of_their_words_ends_the_parsers(body in json()) {
        if let Ok(Body::Objects(objects)) = read(body.as_bytes()) {
            for notification in objects.came {
                prop_assert!(!notification.key.is_empty() && notification.key.len() <= KEY_MAX_BYTES);
            }
        }
    }

    #[test]
    fn a_key_comes_through_as_it_was(key in "[^\u{0}]{1,60}") {
        let encoded: String = key.bytes().map(|byte| match byte {
            b' ' => "+".to_owned(),
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        }).collect();
        prop_assert_eq!(key::decode(&encoded, key::Plus::Space), Ok(key));
    }
}
