//! A sender of DICOM that says exactly what a test wants it to say.

use std::io;
use std::time::Duration;

use bytes::BytesMut;
use dicom_ul::pdu::{
    AssociationRJ, AssociationRQ, MAXIMUM_PDU_SIZE, PDataValue, PDataValueType, Pdu,
    PresentationContextProposed, PresentationContextResultReason, UserVariableItem, read_pdu, write_pdu,
};
use hilum_dicom::Transfer;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub(crate) const CR: &str = "1.2.840.10008.5.1.4.1.1.1";
pub(crate) const VERIFICATION: &str = "1.2.840.10008.1.1";
pub(crate) const IMPLICIT: &str = "1.2.840.10008.1.2";

/// Longer than any answer takes.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// An object as it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Object {
    pub(crate) sop_class: String,
    pub(crate) sop_instance: String,
    pub(crate) transfer_syntax: String,
    pub(crate) data_set: Vec<u8>,
}

impl Object {
    /// That of a file; of one whose meta information can't be read what a careless sender makes of it.
    pub(crate) fn of(file: &[u8]) -> Self {
        let trimmed = |uid: &str| uid.trim_end_matches(['\0', ' ']).to_owned();
        match Transfer::of(file) {
            Ok(transfer) => Self {
                sop_class: trimmed(&transfer.sop_class),
                sop_instance: trimmed(&transfer.sop_instance),
                transfer_syntax: trimmed(&transfer.transfer_syntax),
                data_set: transfer.data_set.to_vec(),
            },
            Err(_) => Self {
                sop_class: CR.to_owned(),
                sop_instance: "1.2.3".to_owned(),
                transfer_syntax: IMPLICIT.to_owned(),
                data_set: if file.get(128..132) == Some(b"DICM") { &file[132..] } else { file }.to_vec(),
            },
        }
    }

    /// A file with the same in it.
    pub(crate) fn file(&self) -> Vec<u8> {
        let mut uid = self.transfer_syntax.clone().into_bytes();
        uid.resize(uid.len().next_multiple_of(2), 0);
        let len = u16::try_from(uid.len()).unwrap().to_le_bytes();
        let head = [0; 128];
        [&head[..], b"DICM\x02\0\x10\0UI", &len, &uid, &self.data_set].concat()
    }

    /// The command that asks for it to be stored.
    pub(crate) fn request(&self, message_id: u16) -> Vec<u8> {
        let transfer = Transfer {
            sop_class: self.sop_class.clone(),
            sop_instance: self.sop_instance.clone(),
            transfer_syntax: String::new(),
            data_set: &[],
        };
        transfer.store_request(message_id).unwrap()
    }
}

/// What an answer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) field: u16,
    pub(crate) message_id: u16,
    pub(crate) status: u16,
    pub(crate) comment: String,
}

/// How a request for an association was answered.
#[derive(Debug)]
pub(crate) enum Reply {
    Accepted,
    Rejected(AssociationRJ),
}

/// A connection to the door.
pub(crate) struct Sender<S = TcpStream> {
    stream: S,
    came: BytesMut,
    contexts: Vec<(u8, String, String)>,
    next_message: u16,
}

impl Sender {
    /// Connects, and says nothing.
    pub(crate) async fn connect(port: u16) -> Self {
        Self::on(TcpStream::connect(("127.0.0.1", port)).await.unwrap())
    }

    /// Begins an association with HILUM for these objects.
    pub(crate) async fn associated(port: u16, objects: &[Object]) -> Self {
        Self::associated_with(port, "HILUM", objects).await
    }

    /// Begins an association with this title.
    pub(crate) async fn associated_with(port: u16, called: &str, objects: &[Object]) -> Self {
        let mut sender = Self::connect(port).await;
        let contexts = contexts_of(objects);
        let reply = sender.associate(called, "SENDER", &contexts).await;
        assert!(matches!(reply, Reply::Accepted), "{reply:?}");
        sender
    }
}

/// What is to be proposed for these objects, and verification.
pub(crate) fn contexts_of(objects: &[Object]) -> Vec<(String, String)> {
    let mut contexts = vec![(VERIFICATION.to_owned(), IMPLICIT.to_owned())];
    for object in objects {
        let context = (object.sop_class.clone(), object.transfer_syntax.clone());
        if !contexts.contains(&context) {
            contexts.push(context);
        }
    }
    contexts
}

impl<S: AsyncRead + AsyncWrite + Unpin> Sender<S> {
    pub(crate) fn on(stream: S) -> Self {
        Self { stream, came: BytesMut::new(), contexts: Vec::new(), next_message: 1 }
    }

    pub(crate) async fn associate(
        &mut self,
        called: &str,
        calling: &str,
        contexts: &[(String, String)],
    ) -> Reply {
        let proposed =
            |(index, (abstract_syntax, syntax)): (usize, &(String, String))| PresentationContextProposed {
                id: u8::try_from(2 * index + 1).unwrap(),
                abstract_syntax: abstract_syntax.clone(),
                transfer_syntaxes: vec![syntax.clone()],
            };
        let request = AssociationRQ {
            protocol_version: 1,
            calling_ae_title: calling.to_owned(),
            called_ae_title: called.to_owned(),
            application_context_name: "1.2.840.10008.3.1.1.1".to_owned(),
            presentation_contexts: contexts.iter().enumerate().map(proposed).collect(),
            user_variables: vec![UserVariableItem::MaxLength(16384)],
        };
        self.send(&Pdu::AssociationRQ(request)).await.unwrap();
        match self.receive().await.unwrap() {
            Some(Pdu::AssociationAC(accepted)) => {
                let results = accepted.presentation_contexts.iter().zip(contexts);
                let accepted_ones = results
                    .filter(|(result, _)| result.reason == PresentationContextResultReason::Acceptance);
                self.contexts = accepted_ones
                    .map(|(result, (class, syntax))| (result.id, class.clone(), syntax.clone()))
                    .collect();
                Reply::Accepted
            }
            Some(Pdu::AssociationRJ(rejected)) => Reply::Rejected(rejected),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn send(&mut self, pdu: &Pdu) -> io::Result<()> {
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, pdu).unwrap();
        self.send_bytes(&bytes).await
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// The next PDU; `None` when the door has closed the connection.
    pub(crate) async fn receive(&mut self) -> io::Result<Option<Pdu>> {
        let receiving = async {
            loop {
                if let Some(head) = self.came.first_chunk::<6>() {
                    let len = 6 + u32::from_be_bytes(head[2..6].try_into().unwrap()) as usize;
                    if self.came.len() >= len {
                        let pdu = self.came.split_to(len);
                        return Ok(read_pdu(&pdu[..], MAXIMUM_PDU_SIZE, false).unwrap());
                    }
                }
                if self.stream.read_buf(&mut self.came).await? == 0 {
                    return Ok(None);
                }
            }
        };
        timeout(ANSWER_LIMIT, receiving).await.expect("the door says something")
    }

    /// The context for this object.
    pub(crate) fn context_of(&self, object: &Object) -> Option<u8> {
        let fits = |(_, class, syntax): &&(u8, String, String)| {
            *class == object.sop_class && *syntax == object.transfer_syntax
        };
        self.contexts.iter().find(fits).map(|(id, ..)| *id)
    }

    /// Sends a command or a data set, in pieces.
    pub(crate) async fn send_pieces(
        &mut self,
        context: u8,
        value_type: PDataValueType,
        bytes: &[u8],
        len: usize,
    ) -> io::Result<()> {
        let pieces = bytes.len().div_ceil(len).max(1);
        for number in 0..pieces {
            let data = bytes[number * len..bytes.len().min((number + 1) * len)].to_vec();
            let (value_type, is_last) = (value_type.clone(), number + 1 == pieces);
            let value = PDataValue { presentation_context_id: context, value_type, is_last, data };
            self.send(&Pdu::PData { data: vec![value] }).await?;
        }
        Ok(())
    }

    /// Has an object stored; what the door says.
    pub(crate) async fn store(&mut self, object: &Object) -> Answer {
        let context = self.context_of(object).unwrap_or_else(|| panic!("no context for {object:.60?}"));
        let request = object.request(self.next_message());
        self.send_pieces(context, PDataValueType::Command, &request, 4096).await.unwrap();
        self.send_pieces(context, PDataValueType::Data, &object.data_set, 16_000).await.unwrap();
        self.answer().await
    }

    /// Asks whether the door is there.
    pub(crate) async fn echo(&mut self) -> Answer {
        let id = self.next_message();
        self.command(1, &command(VERIFICATION, 0x0030, id, false)).await
    }

    /// Sends a command that has no data set; what the door says.
    pub(crate) async fn command(&mut self, context: u8, command: &[u8]) -> Answer {
        self.send_pieces(context, PDataValueType::Command, command, 4096).await.unwrap();
        self.answer().await
    }

    pub(crate) fn next_message(&mut self) -> u16 {
        self.next_message += 1;
        self.next_message
    }

    pub(crate) async fn answer(&mut self) -> Answer {
        let mut bytes = Vec::new();
        loop {
            let Some(Pdu::PData { data }) = self.receive().await.unwrap() else { panic!("no answer") };
            for value in data {
                assert_eq!(value.value_type, PDataValueType::Command);
                bytes.extend(value.data);
                if value.is_last {
                    return read_answer(&bytes);
                }
            }
        }
    }

    /// Ends the association as is due.
    pub(crate) async fn release(mut self) {
        self.send(&Pdu::ReleaseRQ).await.unwrap();
        assert_eq!(self.receive().await.unwrap(), Some(Pdu::ReleaseRP));
        assert_eq!(self.receive().await.unwrap(), None);
    }
}

/// A command set of these elements.
pub(crate) fn command(sop_class: &str, field: u16, message_id: u16, has_data_set: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut put = |element: u16, value: &[u8]| {
        bytes.extend([0, 0]);
        bytes.extend(element.to_le_bytes());
        bytes.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        bytes.extend(value);
    };
    let mut class = sop_class.as_bytes().to_vec();
    class.resize(class.len().next_multiple_of(2), 0);
    put(0x0002, &class);
    put(0x0100, &field.to_le_bytes());
    put(0x0110, &message_id.to_le_bytes());
    put(0x0800, &if has_data_set { 0x0001_u16 } else { 0x0101 }.to_le_bytes());
    bytes
}

fn read_answer(bytes: &[u8]) -> Answer {
    let mut answer = Answer { field: 0, message_id: 0, status: 0xffff, comment: String::new() };
    let mut rest = bytes;
    while !rest.is_empty() {
        let len = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        let value = &rest[8..8 + len];
        let number = || u16::from_le_bytes(value.try_into().unwrap());
        match u16::from_le_bytes([rest[2], rest[3]]) {
            0x0100 => answer.field = number(),
            0x0120 => answer.message_id = number(),
            0x0900 => answer.status = number(),
            0x0902 => answer.comment = String::from_utf8(value.to_vec()).unwrap().trim_end().to_owned(),
            _ => {}
        }
        rest = &rest[8 + len..];
    }
    answer
}
