//! Peers that mean ill, or know no better: they get nowhere, and nobody else suffers.

use std::time::{Duration, Instant};

use dicom_ul::pdu::{AbortRQServiceProviderReason as Reason, AbortRQSource, PDataValue, PDataValueType, Pdu};
use hilum_servers::wait_until;
use hilum_test_log::LIMIT;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::bench::{Bench, sample};
use crate::sender::{Object, Sender, command};

const MIB: u64 = 1 << 20;

fn chest() -> Object {
    Object::of(&sample("images/chest_mhh_19073f37.dcm"))
}

/// A sender that is served like any other time.
async fn is_served(bench: &Bench) -> bool {
    let begun = Instant::now();
    let object = chest();
    let mut sender = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
    let status = sender.store(&object).await.status;
    sender.release().await;
    status == 0 && begun.elapsed() < Duration::from_secs(8)
}

async fn aborted<S>(sender: &mut Sender<S>) -> Option<Reason>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    match sender.receive().await.unwrap() {
        Some(Pdu::AbortRQ { source: AbortRQSource::ServiceProvider(reason) }) => Some(reason),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn bytes_that_are_no_dicom_are_told_so_at_once() {
    let bench = Bench::start().await;
    for (bytes, reason) in [
        (&b"GET / HTTP/1.1\r\n\r\n"[..], Reason::UnrecognizedPdu),
        (b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03", Reason::UnrecognizedPdu),
        (b"\x01\0\xff\xff\xff\xff\0\x01", Reason::InvalidPduParameter),
        (b"\x04\0\xff\xff\xff\xff\0\x01", Reason::InvalidPduParameter),
        (b"\x01\0\0\0\0\x04abcd", Reason::InvalidPduParameter),
        (b"\x05\0\0\0\0\x04\0\0\0\0", Reason::UnexpectedPdu),
    ] {
        let mut sender = Sender::connect(bench.port).await;
        sender.send_bytes(bytes).await.unwrap();
        assert_eq!(aborted(&mut sender).await, Some(reason), "{bytes:?}");
        assert_eq!(sender.receive().await.unwrap(), None);
    }
    assert!(is_served(&bench).await);
}

#[tokio::test]
async fn an_association_that_breaks_the_rules_is_aborted() {
    let bench = Bench::start().await;
    let object = chest();
    let value = |context, value_type, is_last| PDataValue {
        presentation_context_id: context,
        value_type,
        is_last,
        data: vec![7; 4000],
    };
    let data = |value| Pdu::PData { data: vec![value] };
    for (pdus, reason) in [
        // A data set without a command.
        (vec![data(value(1, PDataValueType::Data, true))], Reason::UnexpectedPdu),
        // A command that is none, one without an end, and one that changes its context.
        (vec![data(value(1, PDataValueType::Command, true))], Reason::UnexpectedPdu),
        (vec![data(value(1, PDataValueType::Command, false)); 5], Reason::UnexpectedPdu),
        (
            vec![
                data(value(1, PDataValueType::Command, false)),
                data(value(3, PDataValueType::Command, false)),
            ],
            Reason::UnexpectedPdu,
        ),
    ] {
        let mut sender = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
        for pdu in &pdus {
            // The door may have gone before the last one.
            let _ = sender.send(pdu).await;
        }
        assert_eq!(aborted(&mut sender).await, Some(reason));
    }
    let mut sender = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
    sender.send_bytes(b"\x04\0\x7f\xff\xff\xff").await.unwrap();
    assert_eq!(aborted(&mut sender).await, Some(Reason::InvalidPduParameter));
    // A context that was not agreed on.
    let mut sender = Sender::associated(bench.port, &[]).await;
    let store = command(&object.sop_class, 1, 1, true);
    sender.send_pieces(99, PDataValueType::Command, &store, 4096).await.unwrap();
    assert_eq!(aborted(&mut sender).await, Some(Reason::UnexpectedPdu));
    assert!(is_served(&bench).await);
}

#[tokio::test]
async fn whoever_says_nothing_or_says_it_without_end_is_let_go_and_holds_nobody_up() {
    let settings = [
        ("HILUM_DICOM_REQUEST_LIMIT_S", "2"),
        ("HILUM_DICOM_IDLE_LIMIT_S", "2"),
        ("HILUM_SILENCE_LIMIT_S", "2"),
    ];
    let bench = Bench::start_with("", &settings).await;
    let object = chest();
    let mut silent = Sender::connect(bench.port).await;
    let mut half = Sender::connect(bench.port).await;
    half.send_bytes(b"\x01\0\0\x01\0\0\0\x01").await.unwrap();
    let mut idle = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
    let mut stuck = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
    let (context, request) = (stuck.context_of(&object).unwrap(), object.request(1));
    stuck.send_pieces(context, PDataValueType::Command, &request, 4096).await.unwrap();
    // A PDU that comes byte by byte, and never to its end.
    stuck.send_bytes(b"\x04\0\0\x01\0\0").await.unwrap();
    assert!(is_served(&bench).await);
    let trickle = async {
        let mut beats = tokio::time::interval(Duration::from_millis(100));
        loop {
            beats.tick().await;
            if stuck.send_bytes(&[0]).await.is_err() {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), trickle).await.expect("it is let go");
    for sender in [&mut silent, &mut half, &mut idle] {
        assert!(aborted(sender).await.is_some());
    }
    assert!(is_served(&bench).await);
    let stalled = bench.metric("hilum_dicom_associations_total{ending=\"stalled\"}").await;
    assert_eq!(stalled, 4.0);
}

#[tokio::test]
async fn ten_thousand_connections_that_say_nothing_take_no_memory_and_stop_nobody() {
    hilum_runtime::raise_open_files();
    let bench = Bench::start_with("", &[("HILUM_DICOM_REQUEST_LIMIT_S", "60")]).await;
    assert!(is_served(&bench).await);
    let before = bench.memory_bytes();
    let mut connections = Vec::new();
    for number in 0..10_000_u32 {
        let mut stream = TcpStream::connect(("127.0.0.1", bench.port)).await.unwrap();
        // Half of them begin to ask, and announce much.
        if number % 2 == 0 {
            let _ = stream.write_all(b"\x01\0\0\x02\0\0\0\x01\0\0HILUM").await;
        }
        connections.push(stream);
        if number % 5000 == 4999 {
            assert!(is_served(&bench).await, "after {number}");
        }
    }
    let more = bench.memory_bytes().saturating_sub(before);
    assert!(more < 64 * MIB, "{more} bytes more");
    let crowded_out = "hilum_dicom_associations_total{ending=\"crowded-out\"}";
    assert!(wait_until(LIMIT, || async { bench.metric(crowded_out).await >= 9400.0 }).await);
    drop(connections);
    assert!(is_served(&bench).await);
}

#[tokio::test]
async fn an_object_without_end_takes_no_memory() {
    let bench = Bench::start_with("", &[("HILUM_MAX_UPLOAD_BYTES", "20000000")]).await;
    assert!(is_served(&bench).await);
    let before = bench.memory_bytes();
    let object = chest();
    let mut sender = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
    let (context, request) = (sender.context_of(&object).unwrap(), object.request(1));
    sender.send_pieces(context, PDataValueType::Command, &request, 4096).await.unwrap();
    let piece = |is_last| PDataValue {
        presentation_context_id: context,
        value_type: PDataValueType::Data,
        is_last,
        data: vec![0; 130_000],
    };
    for number in 0..3000_u32 {
        sender.send(&Pdu::PData { data: vec![piece(number == 2999)] }).await.unwrap();
    }
    let answer = sender.answer().await;
    assert_eq!(answer.status, 0xc001, "{answer:?}");
    // What the intake holds of an image in memory, twice for a moment.
    let more = bench.memory_bytes().saturating_sub(before);
    assert!(more < 48 * MIB, "{more} bytes more");
    assert_eq!(sender.store(&object).await.status, 0);
    sender.release().await;
}

#[tokio::test]
async fn a_sender_that_breaks_off_in_the_middle_leaves_nothing() {
    let bench = Bench::start().await;
    let object = chest();
    for by_abort in [false, true] {
        let mut sender = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
        let (context, request) = (sender.context_of(&object).unwrap(), object.request(1));
        sender.send_pieces(context, PDataValueType::Command, &request, 4096).await.unwrap();
        let value = PDataValue {
            presentation_context_id: context,
            value_type: PDataValueType::Data,
            is_last: false,
            data: object.data_set[..1000].to_vec(),
        };
        sender.send(&Pdu::PData { data: vec![value] }).await.unwrap();
        if by_abort {
            sender.send(&Pdu::AbortRQ { source: AbortRQSource::ServiceUser }).await.unwrap();
        }
        drop(sender);
    }
    for ending in ["broken-off", "aborted"] {
        let metric = format!("hilum_dicom_associations_total{{ending=\"{ending}\"}}");
        assert!(wait_until(LIMIT, || async { bench.metric(&metric).await == 1.0 }).await, "{ending}");
    }
    assert!(bench.stored().await.is_empty());
    assert!(is_served(&bench).await);
}
