//! Storage commitment: what is told held is there, and only that.

use std::time::Duration;

use dicom_ul::pdu::{
    AssociationAC, PDataValue, PDataValueType, Pdu, PresentationContextResult,
    PresentationContextResultReason, UserVariableItem,
};
use hilum_servers::free_port;
use nix::sys::signal::Signal;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

use crate::bench::{Bench, sample};
use crate::sender::{Object, Sender};

const COMMITMENT: &str = "1.2.840.10008.1.20.1";
const COMMITMENT_INSTANCE: &str = "1.2.840.10008.1.20.1.1";
const EXPLICIT: &str = "1.2.840.10008.1.2.1";
const TRANSACTION: &str = "2.25.4711";

/// An instance as requests name it: class and instance.
type Reference = (String, String);

/// What the door tells of a request.
#[derive(Debug, Default, PartialEq, Eq)]
struct Told {
    event: u16,
    transaction: String,
    held: Vec<Reference>,
    failed: Vec<(Reference, u16)>,
}

fn chest() -> Object {
    Object::of(&sample("images/chest_mhh_19073f37.dcm"))
}

fn other() -> Object {
    Object::of(&sample("encodings/grey8_implicit.dcm"))
}

fn named(object: &Object) -> Reference {
    (object.sop_class.clone(), object.sop_instance.clone())
}

fn put(bytes: &mut Vec<u8>, (group, element): (u16, u16), vr: Option<&[u8; 2]>, value: &[u8]) {
    bytes.extend(group.to_le_bytes());
    bytes.extend(element.to_le_bytes());
    match vr {
        Some(vr @ b"SQ") => {
            bytes.extend(vr);
            bytes.extend([0, 0]);
            bytes.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        }
        Some(vr) => {
            bytes.extend(vr);
            bytes.extend(u16::try_from(value.len()).unwrap().to_le_bytes());
        }
        None => bytes.extend(u32::try_from(value.len()).unwrap().to_le_bytes()),
    }
    bytes.extend(value);
}

fn even(uid: &str) -> Vec<u8> {
    let mut value = uid.as_bytes().to_vec();
    value.resize(value.len().next_multiple_of(2), 0);
    value
}

/// A command of these elements.
fn command(field: u16, message_id: u16, more: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut elements =
        vec![(0x0100, field.to_le_bytes().to_vec()), (0x0110, message_id.to_le_bytes().to_vec())];
    elements.extend(more.iter().cloned());
    elements.sort();
    let mut bytes = Vec::new();
    for (element, value) in elements {
        put(&mut bytes, (0, element), None, &value);
    }
    bytes
}

fn action(message_id: u16, action: u16) -> Vec<u8> {
    command(
        0x0130,
        message_id,
        &[
            (0x0003, even(COMMITMENT)),
            (0x0800, 1_u16.to_le_bytes().to_vec()),
            (0x1001, even(COMMITMENT_INSTANCE)),
            (0x1008, action.to_le_bytes().to_vec()),
        ],
    )
}

fn request(references: &[Reference]) -> Vec<u8> {
    let mut items = Vec::new();
    for (class, instance) in references {
        let mut item = Vec::new();
        put(&mut item, (8, 0x1150), Some(b"UI"), &even(class));
        put(&mut item, (8, 0x1155), Some(b"UI"), &even(instance));
        put(&mut items, (0xfffe, 0xe000), None, &item);
    }
    let mut bytes = Vec::new();
    put(&mut bytes, (8, 0x1195), Some(b"UI"), &even(TRANSACTION));
    put(&mut bytes, (8, 0x1199), Some(b"SQ"), &items);
    bytes
}

/// The elements of a data set in explicit VR with defined lengths, or of a command.
fn elements(mut bytes: &[u8], is_explicit: bool) -> Vec<((u16, u16), Vec<u8>)> {
    let mut all = Vec::new();
    while !bytes.is_empty() {
        let number = |at: usize| u16::from_le_bytes([bytes[at], bytes[at + 1]]);
        let tag = (number(0), number(2));
        let (at, length) = match &bytes[4..6] {
            b"SQ" if is_explicit => (12, u32::from_le_bytes(bytes[8..12].try_into().unwrap()) as usize),
            _ if is_explicit && tag.0 != 0xfffe => (8, number(6).into()),
            _ => (8, u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize),
        };
        all.push((tag, bytes[at..at + length].to_vec()));
        bytes = &bytes[at + length..];
    }
    all
}

fn uid(value: &[u8]) -> String {
    String::from_utf8(value.to_vec()).unwrap().trim_end_matches('\0').to_owned()
}

fn told(command: &[u8], data_set: &[u8]) -> Told {
    let mut told = Told::default();
    for ((_, element), value) in elements(command, false) {
        match element {
            0x0002 => assert_eq!(uid(&value), COMMITMENT),
            0x0100 => assert_eq!(value, 0x0100_u16.to_le_bytes()),
            0x1000 => assert_eq!(uid(&value), COMMITMENT_INSTANCE),
            0x1002 => told.event = u16::from_le_bytes(value.try_into().unwrap()),
            _ => {}
        }
    }
    for ((_, element), value) in elements(data_set, true) {
        if element == 0x1195 {
            told.transaction = uid(&value);
            continue;
        }
        for (_, item) in elements(&value, true) {
            let item = elements(&item, true);
            let reference = (uid(&item[0].1), uid(&item[1].1));
            match element {
                0x1199 => told.held.push(reference),
                0x1198 => {
                    let reason = u16::from_le_bytes(item[2].1.clone().try_into().unwrap());
                    told.failed.push((reference, reason));
                }
                other => panic!("{other:#06x}"),
            }
        }
    }
    told
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<S> {
    /// Asks for commitment; the status of the answer.
    async fn ask(&mut self, context: u8, references: &[Reference]) -> u16 {
        self.ask_by(context, 1, &request(references)).await
    }

    async fn ask_by(&mut self, context: u8, action_type: u16, data_set: &[u8]) -> u16 {
        let message_id = self.next_message();
        let action = action(message_id, action_type);
        self.send_pieces(context, PDataValueType::Command, &action, 4096).await.unwrap();
        self.send_pieces(context, PDataValueType::Data, data_set, 16_000).await.unwrap();
        let answer = self.answer().await;
        assert_eq!((answer.field, answer.message_id), (0x8130, message_id));
        answer.status
    }

    /// What the door tells, which is answered.
    async fn listen(&mut self, context: u8) -> Told {
        let (mut parts, mut part) = ([Vec::new(), Vec::new()], 0);
        while part < 2 {
            let came = self.receive().await.unwrap();
            let Some(Pdu::PData { data }) = came else { panic!("{came:?}") };
            for PDataValue { presentation_context_id, value_type, is_last, data } in data {
                let is_command = value_type == PDataValueType::Command;
                assert_eq!((presentation_context_id, is_command), (context, part == 0));
                parts[part].extend(data);
                part += usize::from(is_last);
            }
        }
        let [event, data_set] = parts;
        let message_id = elements(&event, false).into_iter().find(|((_, element), _)| *element == 0x0110);
        let answer = command(
            0x8100,
            0,
            &[
                (0x0120, message_id.unwrap().1),
                (0x0800, 0x0101_u16.to_le_bytes().to_vec()),
                (0x0900, 0_u16.to_le_bytes().to_vec()),
            ],
        );
        self.send_pieces(context, PDataValueType::Command, &answer, 4096).await.unwrap();
        told(&event, &data_set)
    }
}

/// Associated for these objects and for commitment, whose context comes second.
async fn associated(port: u16, called: &str, objects: &[Object]) -> (Sender, u8) {
    let mut sender = Sender::connect(port).await;
    let mut contexts = crate::sender::contexts_of(objects);
    contexts.push((COMMITMENT.to_owned(), EXPLICIT.to_owned()));
    let reply = sender.associate(called, "SENDER", &contexts).await;
    assert!(matches!(reply, crate::sender::Reply::Accepted), "{reply:?}");
    (sender, u8::try_from(2 * contexts.len() - 1).unwrap())
}

#[tokio::test]
async fn what_is_held_is_told_and_why_the_rest_is_not_also_by_a_door_that_was_killed() {
    let mut bench =
        Bench::start_with("[ae.HILUM]\nsite = 'north'\n[ae.ELSEWHERE]\nsite = 'south'\n", &[]).await;
    let (chest, other) = (chest(), other());
    let objects = [chest.clone(), other.clone()];
    let (mut sender, context) = associated(bench.port, "HILUM", &objects).await;
    for object in &objects {
        assert_eq!(sender.store(object).await.status, 0);
    }
    let held: Vec<Reference> = objects.iter().map(named).collect();
    let never_sent: Reference = (chest.sop_class.clone(), "1.2.3.4.5".to_owned());
    let of_another_class: Reference = ("1.2.840.10008.5.1.4.1.1.4".to_owned(), other.sop_instance.clone());
    assert_eq!(sender.ask(context, &held).await, 0);
    let all_held =
        Told { event: 1, transaction: TRANSACTION.to_owned(), held: held.clone(), failed: Vec::new() };
    assert_eq!(sender.listen(context).await, all_held);
    // The association goes on.
    assert_eq!(sender.echo().await.status, 0);
    let mixed = [held[0].clone(), never_sent.clone(), of_another_class.clone()];
    assert_eq!(sender.ask(context, &mixed).await, 0);
    let expected = Told {
        event: 2,
        transaction: TRANSACTION.to_owned(),
        held: vec![held[0].clone()],
        failed: vec![(never_sent, 0x0112), (of_another_class, 0x0119)],
    };
    assert_eq!(sender.listen(context).await, expected);
    sender.release().await;
    assert_eq!(bench.metric("hilum_dicom_commitment_results_total{outcome=\"told\"}").await, 2.0);

    bench.end(Signal::SIGKILL).await;
    bench.open().await;
    let (mut sender, context) = associated(bench.port, "HILUM", &[]).await;
    assert_eq!(sender.ask(context, &held).await, 0);
    assert_eq!(sender.listen(context).await, all_held);
    // Another site has none of them, and what the storage has lost is not held.
    let (mut elsewhere, context_there) = associated(bench.port, "ELSEWHERE", &[]).await;
    assert_eq!(elsewhere.ask(context_there, &held).await, 0);
    assert_eq!(elsewhere.listen(context_there).await.held, []);
    bench.lose_object(&bench.stored().await[0].1);
    assert_eq!(sender.ask(context, &held).await, 0);
    let told = sender.listen(context).await;
    assert_eq!((told.event, told.held), (2, vec![held[1].clone()]));
    assert_eq!(told.failed, [(held[0].clone(), 0x0112)]);
}

#[tokio::test]
async fn what_is_no_request_is_declined_and_the_association_goes_on() {
    let bench = Bench::start().await;
    let (mut sender, context) = associated(bench.port, "HILUM", &[]).await;
    let reference = ("1.2.840.10008.5.1.4.1.1.1".to_owned(), "1.2.3".to_owned());
    assert_eq!(sender.ask_by(context, 2, &request(std::slice::from_ref(&reference))).await, 0x0123);
    assert_eq!(sender.ask(context, &[]).await, 0x0115);
    assert_eq!(sender.ask_by(context, 1, &[0xff; 500]).await, 0x0115);
    assert_eq!(sender.ask_by(context, 1, &vec![0; 3 << 20]).await, 0x0110);
    assert_eq!(sender.ask(context, &vec![reference; 3]).await, 0);
    assert_eq!(sender.listen(context).await.failed.len(), 3);
    sender.release().await;
    assert_eq!(bench.metric("hilum_dicom_commitments_total{outcome=\"declined\"}").await, 4.0);
}

/// Takes the association by which the door calls back.
async fn called_back(listener: &TcpListener, own: &str) -> (Sender, Told) {
    let (stream, _) =
        tokio::time::timeout(Duration::from_secs(60), listener.accept()).await.unwrap().unwrap();
    let mut sender = Sender::on(stream);
    let came = sender.receive().await.unwrap();
    let Some(Pdu::AssociationRQ(request)) = came else { panic!("{came:?}") };
    assert_eq!((request.called_ae_title.trim(), request.calling_ae_title.trim()), ("SENDER", own));
    let roles = request.user_variables.iter().any(|variable| {
        matches!(variable, UserVariableItem::ScuScpRoleSelectionSubItem(class, _) if class == COMMITMENT)
    });
    assert!(roles, "{:?}", request.user_variables);
    let id = request.presentation_contexts[0].id;
    let accepted = AssociationAC {
        protocol_version: 1,
        calling_ae_title: request.calling_ae_title,
        called_ae_title: request.called_ae_title,
        application_context_name: request.application_context_name,
        presentation_contexts: vec![PresentationContextResult {
            id,
            reason: PresentationContextResultReason::Acceptance,
            transfer_syntax: EXPLICIT.to_owned(),
        }],
        user_variables: vec![UserVariableItem::MaxLength(16384)],
    };
    sender.send(&Pdu::AssociationAC(accepted)).await.unwrap();
    let told = sender.listen(id).await;
    (sender, told)
}

#[tokio::test]
async fn a_sender_that_listens_elsewhere_is_called_back_as_soon_as_it_listens() {
    let port = free_port().unwrap();
    let titles = format!("[ae.WARD]\n[[ae.WARD.caller]]\ntitle = 'SENDER'\ncommit_to = '127.0.0.1:{port}'\n");
    let mut bench = Bench::start_with(&titles, &[]).await;
    let chest = chest();
    let (mut sender, context) = associated(bench.port, "WARD", std::slice::from_ref(&chest)).await;
    assert_eq!(sender.store(&chest).await.status, 0);
    assert_eq!(sender.ask(context, &[named(&chest)]).await, 0);
    // Nothing more is said here, and nobody listens there yet.
    sender.release().await;
    bench.metric_reaches("hilum_dicom_commitment_results_total{outcome=\"failed\"}", 1.0).await;
    bench.end(Signal::SIGKILL).await;
    bench.open().await;
    let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let (mut receiver, told) = called_back(&listener, "WARD").await;
    let held = vec![named(&chest)];
    assert_eq!(told, Told { event: 1, transaction: TRANSACTION.to_owned(), held, failed: Vec::new() });
    assert_eq!(receiver.receive().await.unwrap(), Some(Pdu::ReleaseRQ));
    receiver.send(&Pdu::ReleaseRP).await.unwrap();
    bench.metric_reaches("hilum_dicom_commitment_results_total{outcome=\"told\"}", 1.0).await;
}
