//! What is sent arrives, and what is told stored is there.

use dicom_ul::association::client::ClientAssociationOptions;
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use hilum_events::{Priority, Way};
use nix::sys::signal::Signal;

use crate::bench::{Bench, sample};
use crate::sender::{Object, Sender, VERIFICATION, command, contexts_of};

const CHEST: &str = "images/chest_mhh_19073f37.dcm";

fn chest() -> Object {
    Object::of(&sample(CHEST))
}

#[tokio::test]
async fn an_object_that_is_told_stored_is_there_as_it_was_sent_and_its_fact_says_how_it_came() {
    let titles =
        "[ae.OTHER]\n[ae.WARD]\nsite = 'north'\npriority = 'stat'\n[[ae.WARD.caller]]\ntitle = 'SENDER'\n";
    let bench = Bench::start_with(titles, &[]).await;
    let object = chest();
    let mut sender = Sender::associated_with(bench.port, "WARD", std::slice::from_ref(&object)).await;
    assert_eq!(sender.echo().await.status, 0);
    for _ in 0..2 {
        let answer = sender.store(&object).await;
        assert_eq!((answer.field, answer.status, &*answer.comment), (0x8001, 0, ""));
    }
    sender.release().await;
    let mut other = Sender::associated_with(bench.port, "OTHER", std::slice::from_ref(&object)).await;
    assert_eq!(other.store(&object).await.status, 0);
    other.release().await;

    let stored = bench.stored().await;
    assert_eq!(stored.len(), 3);
    let (envelope, first) = &stored[0];
    assert_eq!((envelope.site.as_str(), first.priority), ("north", Priority::Stat));
    let source = first.source.as_ref().unwrap();
    assert_eq!((source.way, source.sender.as_deref()), (Way::Dicom, Some("SENDER")));
    assert_eq!(source.peer.as_deref(), Some("127.0.0.1"));
    assert_eq!(source.transfer, stored[1].1.source.as_ref().unwrap().transfer);
    let (envelope, last) = &stored[2];
    let of_other = last.source.as_ref().unwrap();
    assert_eq!((envelope.site.as_str(), last.priority), ("default", Priority::Routine));
    assert_eq!(of_other.sender, None);
    assert_ne!(of_other.transfer, source.transfer);
    // Whoever sent it when: it is the same content.
    assert!(stored.iter().all(|(_, image)| image.image.blob == first.image.blob));
    let kept = Object::of(&bench.object(first));
    assert_eq!((kept.data_set, kept.sop_instance), (object.data_set, object.sop_instance));
    assert_eq!((kept.sop_class, kept.transfer_syntax), (object.sop_class, object.transfer_syntax));
    assert_eq!(bench.metric("hilum_dicom_objects_total{outcome=\"stored\"}").await, 3.0);
    assert_eq!(bench.metric("hilum_dicom_associations_total{ending=\"released\"}").await, 2.0);
    assert_eq!(bench.metric("hilum_dicom_associations").await, 0.0);
}

#[tokio::test]
async fn an_object_comes_in_pieces_of_any_length_and_many_in_one_association() {
    let bench = Bench::start().await;
    let names = [
        "grey8_rle",
        "grey8_deflated",
        "grey8_big_endian",
        "grey8_jpeg_2000",
        "grey8_jpeg_ls",
        "grey8_implicit",
    ];
    let objects: Vec<Object> =
        names.iter().map(|name| Object::of(&sample(&format!("encodings/{name}.dcm")))).collect();
    let mut sender = Sender::associated(bench.port, &objects).await;
    for (object, len) in objects.iter().zip([1, 7, 100, 4000, 16_000, 131_066]) {
        let (context, request) = (sender.context_of(object).unwrap(), object.request(9));
        sender.send_pieces(context, PDataValueType::Command, &request, len).await.unwrap();
        // Not all of it byte by byte.
        let (first, rest) = object.data_set.split_at(object.data_set.len().min(500) / len * len);
        let mut pieces: Vec<&[u8]> = first.chunks(len).collect();
        pieces.extend(rest.chunks(len.max(1000)));
        for (number, piece) in pieces.iter().enumerate() {
            let value = PDataValue {
                presentation_context_id: context,
                value_type: PDataValueType::Data,
                is_last: number + 1 == pieces.len(),
                data: piece.to_vec(),
            };
            sender.send(&Pdu::PData { data: vec![value] }).await.unwrap();
        }
        let answer = sender.answer().await;
        assert_eq!((answer.status, answer.message_id), (0, 9), "{object:.80?}");
    }
    sender.release().await;
    let stored = bench.stored().await;
    for (object, (_, image)) in objects.iter().zip(&stored) {
        assert!(Object::of(&bench.object(image)).data_set == object.data_set, "{}", object.transfer_syntax);
    }
}

#[tokio::test]
async fn the_library_that_hilum_sends_with_is_a_sender_like_any_other() {
    let bench = Bench::start().await;
    let object = chest();
    let options = ClientAssociationOptions::new()
        .calling_ae_title("SENDER")
        .called_ae_title("HILUM")
        .with_presentation_context(VERIFICATION, vec!["1.2.840.10008.1.2"])
        .with_presentation_context(&*object.sop_class, vec![&*object.transfer_syntax]);
    let mut association = options.establish_async(("127.0.0.1", bench.port)).await.unwrap();
    let pieces =
        [(PDataValueType::Command, object.request(1)), (PDataValueType::Data, object.data_set.clone())];
    for (value_type, bytes) in pieces {
        let chunks: Vec<&[u8]> = bytes.chunks(16_000).collect();
        for (number, chunk) in chunks.iter().enumerate() {
            let value = PDataValue {
                presentation_context_id: 3,
                value_type: value_type.clone(),
                is_last: number + 1 == chunks.len(),
                data: chunk.to_vec(),
            };
            association.send(&Pdu::PData { data: vec![value] }).await.unwrap();
        }
    }
    assert!(matches!(association.receive().await.unwrap(), Pdu::PData { .. }));
    association.release().await.unwrap();
    assert_eq!(bench.stored().await.len(), 1);
}

#[tokio::test]
async fn an_object_that_can_t_be_taken_is_told_why_and_the_next_one_is_taken() {
    let bench = Bench::start_with("", &[("HILUM_MAX_UPLOAD_BYTES", "9000000")]).await;
    let whole = chest();
    let mut cut = whole.clone();
    cut.data_set.truncate(whole.data_set.len() / 2);
    let noise = Object { data_set: b"neither this nor that".repeat(100), ..whole.clone() };
    let empty = Object { data_set: Vec::new(), ..whole.clone() };
    // All but its last element.
    let pixels = whole.data_set.windows(4).position(|tag| tag == b"\xe0\x7f\x10\0").unwrap();
    let no_picture = Object { data_set: whole.data_set[..pixels].to_vec(), ..whole.clone() };
    let long = Object { data_set: [&whole.data_set[..], &vec![0; 10_000_000]].concat(), ..whole.clone() };
    let renamed = Object { sop_instance: "1.2.3.4".to_owned(), ..whole.clone() };
    let no_uid = Object { sop_instance: "../../etc".to_owned(), ..whole.clone() };
    let mut of_other_class = whole.clone();
    of_other_class.sop_class = if whole.sop_class.ends_with(".7") { CT } else { SC }.to_owned();
    let mut sender = Sender::associated(bench.port, &[whole.clone(), of_other_class.clone()]).await;
    for (object, status, words) in [
        (&cut, 0xc000, "truncated"),
        (&noise, 0xc000, "not readable"),
        (&empty, 0xc000, "empty"),
        (&no_picture, 0xc000, "no_pixel_data"),
        (&long, 0xc001, "HILUM_MAX_UPLOAD_BYTES"),
        (&renamed, 0xa900, "instance"),
        (&of_other_class, 0xa900, "class"),
        (&no_uid, 0x0117, "UID"),
        (&whole, 0, ""),
    ] {
        let answer = sender.store(object).await;
        assert_eq!((answer.status, answer.field), (status, 0x8001), "{words}: {answer:?}");
        assert!(answer.comment.contains(words) && answer.comment.len() <= 64, "{answer:?}");
    }
    sender.release().await;
    assert_eq!(bench.stored().await.len(), 1, "of what was refused nothing is told");
    let unfinished = bench.log.folder.path().join("objects/incoming");
    let left = std::fs::read_dir(unfinished).map_or(0, Iterator::count);
    assert_eq!(left, 0, "of what was refused nothing is left");
}

const SC: &str = "1.2.840.10008.5.1.4.1.1.7";
const CT: &str = "1.2.840.10008.5.1.4.1.1.2";

#[tokio::test]
async fn what_is_whole_and_not_for_the_model_never_stops_a_sender() {
    let titles = "[ae.KEEPS]\n[ae.IGNORES]\nother = 'ignore'\n";
    let bench = Bench::start_with(titles, &[]).await;
    let slice = Object::of(&sample("images/CT_small.dcm"));
    let plan = Object::of(&sample("images/rtplan.dcm"));
    let colour = Object::of(&sample("images/SC_rgb_rle.dcm"));
    let objects = [slice.clone(), plan.clone(), colour.clone(), chest()];
    for (title, stored) in [("KEEPS", 3), ("IGNORES", 4)] {
        let mut sender = Sender::associated_with(bench.port, title, &objects).await;
        for object in &objects {
            assert_eq!(sender.store(object).await.status, 0, "{title} {}", object.sop_class);
        }
        sender.release().await;
        assert_eq!(bench.stored().await.len(), stored, "{title}");
    }
    // The plan has no picture: there is nothing of it to read.
    assert_eq!(bench.metric("hilum_dicom_objects_total{outcome=\"ignored\"}").await, 4.0);
    let kept = bench.stored().await;
    let identity = kept[1].1.image.dicom.as_ref().unwrap();
    assert_eq!(identity.sop_instance_uid, colour.sop_instance, "what no model reads counts in its study");
    assert!(identity.rows > 0 && Object::of(&bench.object(&kept[1].1)).data_set == colour.data_set);
}

#[tokio::test]
async fn what_the_model_was_not_made_for_is_ignored_where_the_title_says_so() {
    let folder = hilum_servers::TestFolder::new().unwrap();
    let model = folder.path().join("model");
    hilum_models::demo::write_demo(&model).unwrap();
    let titles = "[ae.KEEPS]\n[ae.IGNORES]\nother = 'ignore'\n";
    let bench = Bench::start_with(titles, &[("HILUM_MODEL", model.to_str().unwrap())]).await;
    let names = ["d00_ref8", "d51o_anatomic_region_knee", "d53a_dog_species"];
    let objects = names.map(|name| Object::of(&sample(&format!("field/{name}.dcm"))));
    for (title, stored) in [("KEEPS", 3), ("IGNORES", 4)] {
        let mut sender = Sender::associated_with(bench.port, title, &objects).await;
        for (object, name) in objects.iter().zip(names) {
            let answer = sender.store(object).await;
            assert_eq!(answer.status, 0, "{title} {name}: {answer:?}");
        }
        sender.release().await;
        assert_eq!(bench.stored().await.len(), stored, "{title}");
    }
    let log = std::fs::read_to_string(bench.log_file()).unwrap();
    assert!(log.contains("other_body_part") && log.contains("other_species"), "{log}");
}

#[tokio::test]
async fn what_the_door_does_not_do_is_said_and_the_association_goes_on() {
    let bench = Bench::start().await;
    let object = chest();
    let mut sender = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
    let context = sender.context_of(&object).unwrap();
    // A query with its data set.
    let find = command(&object.sop_class, 0x0020, 7, true);
    sender.send_pieces(context, PDataValueType::Command, &find, 64).await.unwrap();
    sender.send_pieces(context, PDataValueType::Data, b"a query", 64).await.unwrap();
    let answer = sender.answer().await;
    assert_eq!((answer.field, answer.status, answer.message_id), (0x8020, 0x0211, 7));
    // Calling something off is not answered.
    let cancel = command(&object.sop_class, 0x0fff, 7, false);
    sender.send_pieces(context, PDataValueType::Command, &cancel, 64).await.unwrap();
    let store = command(&object.sop_class, 0x0001, 8, false);
    assert_eq!(sender.command(context, &store).await.status, 0x0117);
    assert_eq!(sender.store(&object).await.status, 0);
    assert_eq!(sender.echo().await.field, 0x8030);
    sender.release().await;
}

#[tokio::test]
async fn a_door_that_can_t_keep_anything_says_so_and_takes_it_again_later() {
    let mut bench = Bench::start().await;
    let object = chest();
    let mut sender = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
    bench.log.nats.process().signal(Signal::SIGSTOP);
    let answer = sender.store(&object).await;
    assert_eq!(answer.status, 0xa700, "{answer:?}");
    bench.log.nats.process().signal(Signal::SIGCONT);
    loop {
        let answer = sender.store(&object).await;
        if answer.status == 0 {
            break;
        }
        assert_eq!(answer.status, 0xa700, "{answer:?}");
    }
    sender.release().await;
}

#[tokio::test]
async fn what_was_told_stored_is_there_after_a_kill_in_the_middle() {
    let mut bench = Bench::start().await;
    let object = chest();
    let mut sender = Sender::associated(bench.port, std::slice::from_ref(&object)).await;
    for _ in 0..3 {
        assert_eq!(sender.store(&object).await.status, 0);
    }
    // Half of one more.
    let (context, request) = (sender.context_of(&object).unwrap(), object.request(99));
    sender.send_pieces(context, PDataValueType::Command, &request, 4096).await.unwrap();
    let half = &object.data_set[..object.data_set.len() / 2];
    let value = PDataValue {
        presentation_context_id: context,
        value_type: PDataValueType::Data,
        is_last: false,
        data: half[..16_000].to_vec(),
    };
    sender.send(&Pdu::PData { data: vec![value] }).await.unwrap();
    bench.end(Signal::SIGKILL).await;
    let stored = bench.stored().await;
    assert_eq!(stored.len(), 3);
    assert!(stored.iter().all(|(_, image)| Object::of(&bench.object(image)).data_set == object.data_set));
    bench.open().await;
    let mut again = Sender::connect(bench.port).await;
    again.associate("HILUM", "SENDER", &contexts_of(std::slice::from_ref(&object))).await;
    assert_eq!(again.store(&object).await.status, 0);
    again.release().await;
    assert_eq!(bench.stored().await.len(), 4);
}
