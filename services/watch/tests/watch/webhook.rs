//! The page for notifications: who may send, what is answered, and that nothing is answered 200 that is not durable.

use hilum_servers::NatsServer;
use reqwest::StatusCode;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::bench::{Bench, SELDOM, TOKEN, WATCH, aws, data};

const FILE: &str = "encodings/grey8_explicit.dcm";

#[tokio::test]
async fn who_has_no_token_is_refused_and_who_only_looks_is_not() {
    let bench = Bench::start(WATCH, &[SELDOM]).await;
    let (client, url) = (bench.client(), bench.url());
    assert_eq!(client.head(&url).send().await.unwrap().status(), 200);
    let object = bench.put("in/a.dcm", data(FILE)).await;
    let body = aws(&object).to_string();
    for request in [
        client.post(&url),
        client.post(&url).bearer_auth("another-token-of-the-test-01"),
        client.post(&url).basic_auth("sns", Some("wrong")),
    ] {
        let answer = request.body(body.clone()).send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert!(answer.headers()["www-authenticate"].to_str().unwrap().contains("Basic"));
    }
    assert_eq!((bench.waiting().await, bench.stored().await.len()), (0, 0));
    let as_sns = client.post(&url).basic_auth("sns", Some(TOKEN)).body(body).send().await.unwrap();
    assert_eq!(as_sns.status(), 200);
    bench.wait_for(1).await;
}

#[tokio::test]
async fn what_is_no_notification_is_refused_and_tests_are_taken() {
    let bench = Bench::start(WATCH, &[SELDOM]).await;
    let broken = json!({"Records": [{"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "drop"}}}]});
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "drop"});
    for (body, status) in [
        ("hello".to_owned(), 400),
        ("{}".to_owned(), 400),
        (broken.to_string(), 400),
        ("x".repeat((1 << 20) + 1), 413),
        (test.to_string(), 200),
        (json!({"Records": []}).to_string(), 200),
    ] {
        let answer = bench.post(body).send().await.unwrap();
        assert_eq!(answer.status(), status, "{:?}", answer.text().await);
    }
    assert_eq!(bench.client().get(bench.url()).send().await.unwrap().status(), 405);
}

#[tokio::test]
async fn a_broken_record_is_kept_and_the_others_of_its_body_are_taken() {
    let bench = Bench::start(WATCH, &[SELDOM]).await;
    let object = bench.put("in/a.dcm", data(FILE)).await;
    let mut body = aws(&object);
    let good = body["Records"][0].clone();
    body["Records"] = json!([{"eventName": "ObjectCreated:Put"}, good, 7]);
    assert_eq!(bench.post(body.to_string()).send().await.unwrap().status(), 200);
    bench.wait_for(1).await;
    let parked = bench.parked(2).await;
    assert!(parked.reason.contains("record 1") || parked.reason.contains("record 3"), "{}", parked.reason);
    assert!(parked.body.contains("Records"));
}

#[tokio::test]
async fn while_the_queue_is_away_senders_are_told_to_come_again() {
    let mut bench = Bench::start(WATCH, &[SELDOM]).await;
    let object = bench.put("in/a.dcm", data(FILE)).await;
    bench.nats.take().unwrap().stop().await;
    let answer = bench.post(aws(&object).to_string()).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.headers().contains_key("retry-after"));
    bench.nats = Some(NatsServer::start(&bench.nats_options).await.unwrap());
    let taken = || async { bench.post(aws(&object).to_string()).send().await.unwrap().status() == 200 };
    assert!(hilum_servers::wait_until(crate::bench::LIMIT, taken).await);
    bench.wait_for(1).await;
}

#[tokio::test]
async fn a_subscription_of_sns_is_confirmed_where_sns_is_and_nowhere_else() {
    let sns = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let endpoint = format!("http://{}", sns.local_addr().unwrap());
    let bench = Bench::start(&format!("sns_endpoint = \"{endpoint}\"\n{WATCH}"), &[SELDOM]).await;
    let asks = |url: String| {
        let body = json!({
            "Type": "SubscriptionConfirmation", "TopicArn": "arn:aws:sns:us-west-2:123456789012:drop", "SubscribeURL": url
        });
        bench.post(body.to_string()).send()
    };
    let elsewhere = asks("http://127.0.0.1:1/?Action=ConfirmSubscription".to_owned()).await.unwrap();
    assert_eq!(elsewhere.status(), 400);
    assert!(elsewhere.text().await.unwrap().contains("sns_endpoint"));
    let confirmed = asks(format!("{endpoint}/?Action=ConfirmSubscription&Token=7"));
    let answers = async {
        let (mut stream, _) = sns.accept().await.unwrap();
        let mut head = vec![0; 45];
        stream.read_exact(&mut head).await.unwrap();
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await.unwrap();
        String::from_utf8(head).unwrap()
    };
    let (confirmed, head) = tokio::join!(confirmed, answers);
    assert_eq!(confirmed.unwrap().status(), 200);
    assert!(head.starts_with("GET /?Action=ConfirmSubscription&Token=7"), "{head}");
}
