//! What is sent arrives, and what is told stored is there.

use hilum_events::{Priority, Way};
use hilum_servers::wait_until;
use hilum_test_log::LIMIT;
use nix::sys::signal::Signal;

use crate::bench::{Answer, Bench, CHEST, SMALL, body, sample, token};

#[tokio::test]
async fn objects_that_are_told_stored_are_there_as_they_were_sent_and_their_facts_say_how_they_came() {
    let senders = [("north-pacs", "site = 'north'\npriority = 'stat'"), ("other", "")];
    let bench = Bench::start_for(&senders, &[]).await;
    let files = [sample(CHEST), sample(SMALL)];
    let files: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let sent = bench.request("", &files).bearer_auth(token("north-pacs")).send().await.unwrap();
    let answer = Answer::of(sent).await;
    assert_eq!((answer.status, answer.stored.len()), (200, 2), "{answer:?}");
    assert_eq!((answer.failed.len(), answer.unnamed.len(), &*answer.warning), (0, 0, ""));
    let mut stored = bench.stored().await;
    stored.sort_by_key(|(_, image)| u64::MAX - image.image.blob.size_bytes);
    for ((envelope, image), file) in stored.iter().zip(&files) {
        assert!(bench.object(image) == *file, "other bytes");
        assert_eq!((envelope.site.as_str(), image.priority), ("north", Priority::Stat));
        let source = image.source.as_ref().unwrap();
        assert_eq!((source.way, source.sender.as_deref()), (Way::Dicomweb, Some("north-pacs")));
        assert!(source.transfer.is_some());
        assert!(answer.stored.contains(&image.image.dicom.as_ref().unwrap().sop_instance_uid));
    }
    assert_eq!(stored.len(), 2);
    // One object by itself, as native XML.
    let one = Bench::client().post(bench.url("")).bearer_auth(token("other"));
    let one = one.header("content-type", "application/dicom").header("accept", "application/dicom+xml");
    let response = one.body(sample(SMALL)).send().await.unwrap();
    assert_eq!(response.headers()["content-type"], "application/dicom+xml");
    assert_eq!(response.status(), 200);
    let xml = response.text().await.unwrap();
    assert!(xml.contains("keyword=\"ReferencedSOPInstanceUID\""), "{xml}");
    let (last, image) = bench.stored().await.pop().unwrap();
    assert_eq!((last.site.as_str(), image.source.unwrap().sender.as_deref()), ("default", Some("other")));
}

#[tokio::test]
async fn whoever_has_no_token_is_told_so_and_nothing_of_it_is_read() {
    let bench = Bench::start_for(&[("pacs", "")], &[]).await;
    let file = sample(SMALL);
    let files = [file.as_slice()];
    for request in
        [bench.request("", &files), bench.request("", &files).bearer_auth("someone-elses-token-0123")]
    {
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 401);
        assert!(response.headers().contains_key("www-authenticate"));
    }
    assert!(bench.stored().await.is_empty());
}

#[tokio::test]
async fn each_object_that_can_t_be_taken_is_told_why_and_the_others_are_stored() {
    let bench = Bench::start(&[]).await;
    let (chest, small) = (sample(CHEST), sample(SMALL));
    let broken = &chest[..chest.len() / 2];
    let (plan, picture) = (sample("images/rtplan.dcm"), sample("encodings/grey8.png"));
    let answer = bench.store(&[&chest, broken, b"", b"no object", &plan, &picture, &small]).await;
    assert_eq!((answer.status, answer.stored.len()), (202, 2), "{answer:?}");
    let mut failed: Vec<u64> = answer.failed.iter().map(|(_, reason)| *reason).collect();
    failed.sort_unstable();
    // A plan is whole and holds no picture; of a broken object is told which it is.
    assert_eq!(failed, [0x0122, 0xc000]);
    assert_eq!(answer.unnamed, [0xc000; 3]);
    assert!(answer.warning.contains("5 of 7 objects were not stored"), "{}", answer.warning);
    assert_eq!(bench.stored().await.len(), 2);
    let none = bench.store(&[broken]).await;
    assert_eq!((none.status, none.stored.len(), none.failed.len()), (409, 0, 1), "{none:?}");
    assert_eq!(bench.incoming(), 0);
}

#[tokio::test]
async fn an_address_that_names_a_study_takes_objects_of_it_only() {
    let bench = Bench::start(&[]).await;
    let (chest, small) = (sample(CHEST), sample(SMALL));
    let all = bench.store(&[&chest]).await;
    assert_eq!(all.status, 200);
    let study = bench.stored().await[0].1.image.dicom.as_ref().unwrap().study_instance_uid.clone();
    let sent = bench.request(&format!("/{study}"), &[&small, &chest]).send().await.unwrap();
    let answer = Answer::of(sent).await;
    assert_eq!((answer.status, answer.stored.len()), (202, 1), "{answer:?}");
    assert_eq!(answer.failed.iter().map(|(_, reason)| *reason).collect::<Vec<_>>(), [0xa901]);
    assert_eq!(bench.stored().await.len(), 2);
    assert_eq!(bench.incoming(), 0);
}

#[tokio::test]
async fn a_door_that_can_t_keep_anything_says_so_and_takes_it_again_later() {
    // Nobody reads: the first image waits, and there is no room for more.
    let bench = Bench::start(&[("HILUM_MAX_WAITING", "0")]).await;
    let file = sample(SMALL);
    let begin = bench.store(&[&file, &file]).await;
    assert_eq!((begin.status, begin.stored.len()), (202, 1), "{begin:?}");
    assert_eq!(begin.failed.len() + begin.unnamed.len(), 1);
    let refused = bench.store(&[&file, &file]).await;
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.unnamed, [0xa700; 2]);
    assert!(refused.retry_after.is_some() && refused.warning.contains("too many images wait"), "{refused:?}");
}

#[tokio::test]
async fn a_flood_from_one_sender_leaves_the_others_unharmed() {
    let bench =
        Bench::start_for(&[("flood", ""), ("calm", "")], &[("HILUM_SENDER_IMAGES_PER_MINUTE", "3")]).await;
    let file = sample(SMALL);
    let files = vec![file.as_slice(); 6];
    let flood = Answer::of(bench.request("", &files).bearer_auth(token("flood")).send().await.unwrap()).await;
    assert_eq!((flood.status, flood.stored.len()), (202, 3), "{flood:?}");
    assert_eq!(flood.unnamed, [0xa700; 3]);
    let calm = bench.request("", &files[..2]).bearer_auth(token("calm")).send().await.unwrap();
    assert_eq!(calm.status(), 200);
}

#[tokio::test]
async fn what_was_told_stored_is_there_after_a_kill_in_the_middle() {
    let mut bench = Bench::start(&[]).await;
    let file = sample(CHEST);
    let mut told = 0;
    for round in 0..3 {
        let sending = async {
            let mut told = 0;
            while let Ok(response) = bench.request("", &[&file, &file]).send().await {
                let Ok(text) = response.text().await else { break };
                told += text.matches("00081155").count();
            }
            told
        };
        let killing = async {
            let some = wait_until(LIMIT, || async { bench.stored().await.len() > 4 * round + 2 }).await;
            assert!(some);
            let pid = bench.door_pid();
            nix::sys::signal::kill(pid, Signal::SIGKILL).unwrap();
        };
        let (now_told, ()) = tokio::join!(sending, killing);
        told += now_told;
        bench.end(Signal::SIGKILL).await;
        bench.open().await;
    }
    let stored = bench.stored().await;
    assert!(told > 0 && stored.len() >= told, "{} of {told}", stored.len());
    assert!(stored.iter().all(|(_, image)| bench.object(image) == file));
}

#[tokio::test]
async fn a_body_that_breaks_off_keeps_what_came_whole() {
    let bench = Bench::start(&[]).await;
    let (chest, small) = (sample(CHEST), sample(SMALL));
    let whole = body(&[&small, &chest, &chest]);
    let cut = whole.len() - chest.len() / 2;
    bench.send_raw(&whole[..cut], whole.len()).await;
    assert!(wait_until(LIMIT, || async { bench.stored().await.len() == 2 }).await);
    assert!(wait_until(LIMIT, || async { bench.incoming() == 0 }).await);
    // A body that ends by itself in the middle is told so, and what came is told as well.
    let parts = format!("multipart/related; boundary=\"{}\"", crate::bench::BOUNDARY);
    let short = Bench::client().post(bench.url("")).header("content-type", parts).body(whole[..cut].to_vec());
    let answer = Answer::of(short.send().await.unwrap()).await;
    assert_eq!((answer.status, answer.stored.len()), (202, 2), "{answer:?}");
    assert!(answer.warning.contains("1 of 3 objects were not stored"), "{answer:?}");
    assert_eq!(bench.stored().await.len(), 4);
    // So is one that ends behind a whole part: there was to be more.
    let between = body(&[&small]);
    let between = between[..between.len() - "--\r\n".len()].to_vec();
    let parts = format!("multipart/related; boundary=\"{}\"", crate::bench::BOUNDARY);
    let short = Bench::client().post(bench.url("")).header("content-type", parts).body(between);
    let answer = Answer::of(short.send().await.unwrap()).await;
    assert_eq!((answer.status, answer.stored.len(), answer.unnamed.len()), (202, 1, 1), "{answer:?}");
}
