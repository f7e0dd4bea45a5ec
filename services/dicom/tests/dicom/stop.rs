//! A door that is asked to stop.

use std::time::{Duration, Instant};

use dicom_ul::pdu::{PDataValueType, Pdu};
use hilum_servers::wait_until;
use hilum_test_log::LIMIT;
use nix::sys::signal::Signal;
use tokio::net::TcpStream;

use crate::bench::{Bench, sample};
use crate::sender::{Object, Sender};

#[tokio::test]
async fn what_is_under_way_comes_to_its_end_and_nobody_is_let_in_any_more() {
    let mut bench = Bench::start_with("", &[("HILUM_DRAIN_LIMIT_S", "20")]).await;
    let object = Object::of(&sample("images/chest_mhh_19073f37.dcm"));
    let mut sender = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
    let mut idle = Sender::associated(bench.port, &[]).await;
    assert_eq!(sender.store(&object).await.status, 0);
    let (context, request) = (sender.context_of(&object).unwrap(), object.request(7));
    sender.send_pieces(context, PDataValueType::Command, &request, 4096).await.unwrap();
    bench.process().signal(Signal::SIGTERM);
    let port = bench.port;
    let closed = wait_until(LIMIT, || async { TcpStream::connect(("127.0.0.1", port)).await.is_err() }).await;
    assert!(closed, "the port is closed");
    // Who says nothing is told the end soon.
    assert!(matches!(idle.receive().await.unwrap(), Some(Pdu::AbortRQ { .. })));
    sender.send_pieces(context, PDataValueType::Data, &object.data_set, 16_000).await.unwrap();
    assert_eq!(sender.answer().await.status, 0);
    sender.release().await;
    let status = bench.end(Signal::SIGTERM).await.expect("it ends by itself");
    assert!(status.success(), "{status}");
    assert_eq!(bench.stored().await.len(), 2);
}

#[tokio::test]
async fn an_object_without_an_end_is_not_waited_for_longer_than_the_drain_limit() {
    let mut bench = Bench::start_with("", &[("HILUM_DRAIN_LIMIT_S", "1")]).await;
    let object = Object::of(&sample("images/chest_mhh_19073f37.dcm"));
    let mut sender = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
    let (context, request) = (sender.context_of(&object).unwrap(), object.request(7));
    sender.send_pieces(context, PDataValueType::Command, &request, 4096).await.unwrap();
    let begun = Instant::now();
    let status = bench.end(Signal::SIGTERM).await.expect("it ends by itself");
    assert!(status.success() && begun.elapsed() < Duration::from_secs(15), "{status} {:?}", begun.elapsed());
    assert!(bench.stored().await.is_empty());
}
