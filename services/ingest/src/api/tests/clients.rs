//! Clients that say odd things, or leave their uploads undone.

use futures::future::select_all;
use hilum_intake::Lanes;
use metrics_exporter_prometheus::PrometheusBuilder;
use reqwest::header::HeaderMap;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::*;

const BOUNDARY: &str = "7e3c";

/// A connection that has sent the head of an upload and the begin of its form, and says that more will come.
async fn begun(door: SocketAddr, form: &[u8]) -> TcpStream {
    let mut connection = TcpStream::connect(door).await.unwrap();
    let head = format!(
        "POST /v1/jobs HTTP/1.1\r\nhost: a\r\ncontent-length: 100000\r\n\
         content-type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    );
    connection.write_all(&[head.as_bytes(), form].concat()).await.unwrap();
    connection
}

fn part(name: &str, content: &str) -> Vec<u8> {
    format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"{name}\"\r\n\r\n{content}\r\n")
        .into_bytes()
}

/// The form of an image of which the end is missing.
fn image_begun(site: &str, priority: &str) -> Vec<u8> {
    let image = format!("--{BOUNDARY}\r\ncontent-disposition: form-data; name=\"image\"\r\n\r\n");
    [&part("site", site), &part("priority", priority), image.as_bytes(), CONTENT].concat()
}

/// All that comes until the door closes the connection.
async fn until_closed(mut connection: TcpStream) -> String {
    let mut text = String::new();
    tokio::time::timeout(LIMIT, connection.read_to_string(&mut text)).await.unwrap().unwrap();
    text
}

/// The answer to an upload of the content with these fields before it.
async fn submit(door: SocketAddr, query: &str, fields: &[(&'static str, &'static str)]) -> (u16, Value) {
    submit_as(door, query, fields, Part::bytes(CONTENT).file_name("image")).await
}

async fn submit_as(
    door: SocketAddr,
    query: &str,
    fields: &[(&'static str, &'static str)],
    image: Part,
) -> (u16, Value) {
    let text = |form: Form, (name, value): &(&'static str, &'static str)| form.text(*name, *value);
    let form = fields.iter().fold(Form::new(), text).part("image", image);
    let client = hilum_runtime::http_client().build().unwrap();
    let answer = client.post(format!("http://{door}/v1/jobs{query}")).multipart(form).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn silent_uploads_keep_nobody_else_from_sending() {
    let bench = TestLog::start().await;
    let slots = Slots::new(8);
    let door = open_with(&bench, None, |door| Uploads {
        intake: Intake { slots: slots.clone(), ..door.intake },
        ..door
    })
    .await;
    send(door).await;
    // More than there are places, of each kind: without a word, with a site, in the midst of an image.
    let mut silent = Vec::new();
    for form in [Vec::new(), part("site", "a"), image_begun("a", "routine"), image_begun("a", "stat")] {
        for _ in 0..8 {
            silent.push(begun(door, &form).await);
        }
    }
    let full = Lanes { routine: 4, urgent: 3 };
    assert!(hilum_servers::wait_until(LIMIT, async || slots.taken() == full).await, "{:?}", slots.taken());
    let (status, problem) = submit(door, "", &[("site", "a")]).await;
    assert_eq!((status, problem["type"].as_str()), (503, Some("/problems/busy")), "{problem}");
    for priority in ["routine", "stat"] {
        let (status, answer) = submit(door, "", &[("site", "b"), ("priority", priority)]).await;
        assert_eq!(status, 202, "{priority}: {answer}");
    }
    drop(silent);
    assert!(hilum_servers::wait_until(LIMIT, async || slots.taken() == Lanes::default()).await);
}

#[tokio::test]
async fn a_silent_upload_makes_room_for_another_of_its_own_site() {
    let bench = TestLog::start().await;
    let slots = Slots::making_room_after(8, Duration::from_millis(50));
    let door = open_with(&bench, None, |door| Uploads {
        intake: Intake { slots: slots.clone(), ..door.intake },
        ..door
    })
    .await;
    send(door).await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(begun(door, &image_begun("a", "routine")).await);
    }
    let full = Lanes { routine: 4, urgent: 0 };
    assert!(hilum_servers::wait_until(LIMIT, async || slots.taken() == full).await, "{:?}", slots.taken());
    let taken = async || submit(door, "", &[("site", "a")]).await.0 == 202;
    assert!(hilum_servers::wait_until(LIMIT, taken).await);
    let answers = silent.iter_mut().map(|connection| {
        Box::pin(async {
            let mut begin = [0; 12];
            connection.read_exact(&mut begin).await.map(|_| begin)
        })
    });
    let (begin, _, _) = tokio::time::timeout(LIMIT, select_all(answers)).await.unwrap();
    assert_eq!(&begin.unwrap(), b"HTTP/1.1 408");
    let three = Lanes { routine: 3, urgent: 0 };
    assert!(hilum_servers::wait_until(LIMIT, async || slots.taken() == three).await, "{:?}", slots.taken());
}

#[tokio::test]
async fn an_upload_that_falls_silent_ends_with_408_and_gives_its_place_back() {
    let bench = TestLog::start().await;
    let (slots, silence_limit) = (Slots::new(2), Duration::from_millis(300));
    let door = open_with(&bench, None, |door| Uploads {
        intake: Intake { slots: slots.clone(), ..door.intake },
        silence_limit,
    })
    .await;
    send(door).await;
    for form in [Vec::new(), part("site", "a"), image_begun("a", "stat")] {
        let answer = until_closed(begun(door, &form).await).await;
        assert!(answer.starts_with("HTTP/1.1 408 ") && answer.contains("/problems/stalled"), "{answer}");
        assert_eq!(slots.taken(), Lanes::default());
    }
    assert_eq!(submit(door, "", &[]).await.0, 202);
}

#[tokio::test]
async fn fields_that_trickle_in_are_not_waited_for_and_a_slow_image_is() {
    let bench = TestLog::start().await;
    let silence_limit = Duration::from_secs(1);
    let door = open_with(&bench, None, |door| Uploads { silence_limit, ..door }).await;
    send(door).await;
    let mut beats = tokio::time::interval(silence_limit / 4);
    let mut trickle = async |form: Vec<u8>, rest: &[u8]| {
        let mut connection = begun(door, &form).await;
        for byte in rest {
            beats.tick().await;
            // Who is refused may find the connection closed.
            let _ = connection.write_all(&[*byte]).await;
        }
        let _ = connection.shutdown().await;
        until_closed(connection).await
    };
    let fields = trickle(part("site", "a"), format!("--{BOUNDARY}\r\nc").as_bytes()).await;
    assert!(fields.starts_with("HTTP/1.1 408 "), "{fields}");
    // Its sender breaks off in the end, and not the door.
    let image = trickle(image_begun("a", "stat"), b"slowly").await;
    assert!(image.starts_with("HTTP/1.1 400 ") && image.contains("/problems/broken-off"), "{image}");
}

#[tokio::test]
async fn a_sender_that_breaks_off_is_counted_as_that_whenever_it_does() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _here = metrics::set_default_local_recorder(&recorder);
    let bench = TestLog::start().await;
    let slots = Slots::new(8);
    let door = open_with(&bench, None, |door| Uploads {
        intake: Intake { slots: slots.clone(), ..door.intake },
        ..door
    })
    .await;
    send(door).await;
    for (broken_off, form) in (1..).zip([Vec::new(), part("site", "a"), image_begun("a", "routine")]) {
        let connection = begun(door, &form).await;
        if broken_off == 3 {
            assert!(hilum_servers::wait_until(LIMIT, async || slots.taken().routine == 1).await);
        }
        drop(connection);
        let line = format!("hilum_ingest_refused_total{{reason=\"broken-off\"}} {broken_off}\n");
        let counted = async || metrics.render().contains(&line);
        assert!(hilum_servers::wait_until(LIMIT, counted).await, "{}", metrics.render());
    }
    assert!(!metrics.render().contains("malformed"), "{}", metrics.render());
    assert_eq!(slots.taken(), Lanes::default());
}

#[tokio::test]
async fn an_empty_field_is_as_good_as_none() {
    let bench = TestLog::start().await;
    let door = open(&bench, None).await;
    send(door).await;
    let empty = [("site", ""), ("study", ""), ("priority", ""), ("expected_images", ""), ("prior_study", "")];
    let (status, answer) = submit(door, "", &empty).await;
    assert_eq!((status, &answer["site"]), (202, &json!(Site::default())), "{answer}");
    // Also before one that says something.
    let (_, answer) = submit(door, "", &[("site", ""), ("site", "north"), ("site", "")]).await;
    assert_eq!(answer["site"], "north");
}

#[tokio::test]
async fn a_field_is_not_said_twice_in_different_words() {
    let bench = TestLog::start().await;
    let door = open(&bench, None).await;
    send(door).await;
    for (name, one, other) in [
        ("site", "north", "south"),
        ("study", "S-1", "S-2"),
        ("priority", "stat", "routine"),
        ("expected_images", "2", "3"),
        ("prior_study", "S-3", "S-4"),
    ] {
        let (status, problem) = submit(door, "", &[(name, one), (name, other)]).await;
        assert_eq!(status, 400, "{name}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(name), "{problem}");
        assert_eq!(submit(door, "", &[(name, one), (name, one)]).await.0, 202, "{name}");
    }
}

#[tokio::test]
async fn a_query_that_nobody_reads_is_refused() {
    let bench = TestLog::start().await;
    let door = open(&bench, None).await;
    send(door).await;
    for query in ["?site=north", "?priority=stat", "?x", "?&"] {
        let (status, problem) = submit(door, query, &[]).await;
        assert_eq!(status, 400, "{query}: {problem}");
    }
    assert_eq!(submit(door, "?", &[("study", "S-1")]).await.0, 202);
    let client = hilum_runtime::http_client().build().unwrap();
    let close = async |query: &str| {
        let answer = client.post(format!("http://{door}/v1/studies/S-1/close{query}")).send().await.unwrap();
        (answer.status().as_u16(), answer.headers()["content-type"].to_str().unwrap().to_owned())
    };
    for query in ["?sit=north", "?site=north&study=S-1", "?site=a&site=b", "?site=%00"] {
        assert_eq!(close(query).await, (400, "application/problem+json".to_owned()), "{query}");
    }
    assert_eq!((close("").await.0, close("?site=").await.0, close("?site=north").await.0), (202, 202, 404));
}

#[tokio::test]
async fn a_part_that_is_encoded_is_refused_by_name() {
    let bench = TestLog::start().await;
    let door = open(&bench, None).await;
    send(door).await;
    let as_part = |name: &'static str, value: &'static str| {
        let headers = HeaderMap::from_iter([(name.parse().unwrap(), value.parse().unwrap())]);
        Part::bytes(CONTENT).file_name("image").headers(headers)
    };
    for (name, value, expected) in [
        ("content-encoding", "gzip", 415),
        ("content-transfer-encoding", "base64", 415),
        ("content-transfer-encoding", "Quoted-Printable", 415),
        ("content-encoding", "identity", 202),
        ("content-transfer-encoding", "Binary", 202),
    ] {
        let (status, answer) = submit_as(door, "", &[], as_part(name, value)).await;
        assert_eq!(status, expected, "{name}: {value}: {answer}");
        assert!(status == 202 || answer["type"] == "/problems/unsupported-encoding", "{answer}");
    }
}

#[tokio::test]
async fn a_disk_without_room_is_said_to_the_sender_and_to_the_operator() {
    let bench = TestLog::start().await;
    let door_to = async |least_free_mib: u64| {
        let disk = std::cell::OnceCell::new();
        let door = open_with(&bench, None, |door| {
            let room = Disk::new(&door.intake.store, least_free_mib);
            disk.set(room.clone()).unwrap();
            Uploads { intake: Intake { disk: room, ..door.intake }, ..door }
        });
        let door = door.await;
        send(door).await;
        (door, disk.into_inner().unwrap())
    };
    let (door, disk) = door_to(u64::MAX).await;
    let seen = disk.look().await.unwrap_err();
    assert!(seen.contains("full") && seen.contains("HILUM_LEAST_FREE_MIB"), "{seen}");
    let (status, problem) = submit(door, "", &[]).await;
    assert_eq!((status, problem["type"].as_str()), (503, Some("/problems/disk-full")), "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("make room"), "{problem}");
    let (door, disk) = door_to(1).await;
    assert_eq!(disk.look().await, Ok(()));
    assert_eq!(submit(door, "", &[]).await.0, 202);
}
