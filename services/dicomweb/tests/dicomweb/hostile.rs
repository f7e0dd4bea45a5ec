//! Senders that mean no good, or know no better: each is told, and none takes memory or the door.

use bytes::Bytes;
use futures::stream;
use reqwest::header::CONTENT_TYPE;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::bench::{Answer, BOUNDARY, Bench, SMALL, body, sample};

/// More than a door may take for one request.
const MUCH: u64 = 64 << 20;

impl Bench {
    /// Sends the begin of a body of this length, and goes away.
    pub(crate) async fn send_raw(&self, begin: &[u8], length: usize) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let head = format!(
            "POST /dicom-web/studies HTTP/1.1\r\nHost: door\r\nContent-Type: multipart/related; \
             boundary=\"{BOUNDARY}\"\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(begin).await.unwrap();
        stream.flush().await.unwrap();
    }

    /// Sends a begin, and then the same piece so many times.
    async fn send_endless(&self, begin: &str, piece: Vec<u8>, times: usize) -> Option<Answer> {
        let piece = Bytes::from(piece);
        let pieces = std::iter::once(Bytes::from(begin.to_owned())).chain(std::iter::repeat_n(piece, times));
        let pieces = stream::iter(pieces.map(Ok::<_, std::io::Error>));
        let parts = format!("multipart/related; boundary=\"{BOUNDARY}\"");
        let request = Self::client().post(self.url("")).header(CONTENT_TYPE, parts);
        let sent = request.body(reqwest::Body::wrap_stream(pieces)).send().await;
        // Whoever sends on after the answer may lose it.
        match sent {
            Ok(response) => Some(Answer::of(response).await),
            Err(_) => None,
        }
    }
}

#[tokio::test]
async fn bodies_that_are_none_are_told_so_before_they_take_memory() {
    let bench = Bench::start(&[]).await;
    let before = bench.memory_bytes();
    let megabyte = || vec![b'x'; 1 << 20];
    for begin in ["", &format!("--{BOUNDARY}\r\nname: "), &format!("--{BOUNDARY}")] {
        let told = bench.send_endless(begin, vec![b'x'; 64 << 10], 1).await.unwrap();
        assert_eq!(told.status, 400, "{begin}: {told:?}");
        let answer = bench.send_endless(begin, megabyte(), 300).await;
        assert!(answer.is_none_or(|answer| answer.status == 400), "{begin}");
    }
    let grown = bench.memory_bytes().saturating_sub(before);
    assert!(grown < MUCH, "{grown} bytes");
    for (content_type, status) in [
        ("multipart/form-data; boundary=x", 415),
        ("multipart/related; type=\"application/dicom+json\"; boundary=x", 415),
        ("application/json", 415),
        ("multipart/related; type=\"application/dicom\"", 415),
    ] {
        let request = Bench::client().post(bench.url("")).header(CONTENT_TYPE, content_type).body("x");
        assert_eq!(request.send().await.unwrap().status(), status, "{content_type}");
    }
    let nothing = bench.store(&[]).await;
    assert!(nothing.status == 400 && nothing.text.contains("no object"), "{nothing:?}");
    let file = sample(SMALL);
    let wanted = bench.request("", &[&file]).header("accept", "text/html").send().await.unwrap();
    assert_eq!(wanted.status(), 406);
    let encoded = bench.request("", &[&file]).header("content-encoding", "gzip").send().await.unwrap();
    assert_eq!(encoded.status(), 415);
    let asked = Bench::client().get(bench.url("")).send().await.unwrap();
    assert_eq!(asked.status(), 405);
    assert_eq!(bench.store(&[&file]).await.status, 200);
}

#[tokio::test]
async fn parts_without_end_and_parts_without_number_take_no_memory() {
    let bench =
        Bench::start(&[("HILUM_DICOMWEB_PARTS_MAX", "10000"), ("HILUM_MAX_UPLOAD_BYTES", "50000000")]).await;
    let before = bench.memory_bytes();
    let tiny = body(&vec![&b"x"[..]; 10_000]);
    let sent = bench.request("", &[]).body(tiny).send().await.unwrap();
    let answer = Answer::of(sent).await;
    assert_eq!((answer.status, answer.unnamed.len()), (409, 10_000), "{:.300}", answer.text);
    let more = bench.request("", &[]).body(body(&vec![&b"x"[..]; 10_001])).send().await.unwrap();
    let more = Answer::of(more).await;
    assert!(more.warning.contains("more than 10000 objects"), "{} {:.300}", more.warning, more.text);
    // One that is longer than any may be, in the middle of others.
    let file = sample(SMALL);
    let mut long = file.clone();
    long.resize(200 << 20, 0);
    let answer = bench.store(&[&file, &long, &file]).await;
    assert_eq!((answer.status, answer.stored.len()), (202, 2), "{answer:?}");
    assert!(answer.unnamed == [0xc001], "{answer:?}");
    let grown = bench.memory_bytes().saturating_sub(before);
    assert!(grown < MUCH, "{grown} bytes");
    assert_eq!(bench.incoming(), 0);
}
