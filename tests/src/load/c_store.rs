//! C-STORE with associations that are kept: what comes over one has often others before it that were told stored.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use dicom_ul::association::Error as AssociationError;
use dicom_ul::association::client::{AsyncClientAssociation, ClientAssociationOptions};
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use hilum_dicom::Transfer;
use tokio::net::TcpStream;

use crate::journal::Answer;

/// Computed Radiography Image Storage.
const CLASS: &str = "1.2.840.10008.5.1.4.1.1.1";
/// Explicit VR little endian, JPEG-LS.
const SYNTAXES: [&str; 2] = ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.4.80"];
/// What the door calls itself in the files that it makes (docs/ways-in.md).
const IMPLEMENTATION_CLASS: &str = "2.25.76372331536738566997558264744841884588";
/// Status (0000,0900) in an answer, which is a number of two bytes.
const STATUS: [u8; 8] = [0, 0, 0, 9, 2, 0, 0, 0];
/// Short, so that a kill finds an object between two of its pieces.
const PIECE: usize = 16 << 10;

type Association = AsyncClientAssociation<TcpStream>;

/// A door, and the title that it is called by.
pub(super) type Called = (String, &'static str);

/// Associations that wait for their next object.
#[derive(Default)]
pub(super) struct Associations(Mutex<HashMap<Called, Vec<Association>>>);

impl Associations {
    /// Has the object of a file stored, within `patience`.
    pub(super) async fn store(&self, called: Called, file: &[u8], patience: Duration) -> Answer {
        let stored = tokio::time::timeout(patience, self.store_by_one(called, file)).await;
        stored.unwrap_or(Answer::Unknown)
    }

    async fn store_by_one(&self, called: Called, file: &[u8]) -> Answer {
        let waiting = self.0.lock().unwrap().get_mut(&called).and_then(Vec::pop);
        let mut association = match waiting {
            Some(association) => association,
            None => match associate(&called).await {
                Ok(association) => association,
                Err(AssociationError::Connect { .. }) => return Answer::Unreachable,
                Err(_) => return Answer::Unknown,
            },
        };
        match store(&mut association, file).await {
            Ok(Some(status)) => {
                self.0.lock().unwrap().entry(called).or_default().push(association);
                if status == 0 { Answer::Taken } else { Answer::Refused(status) }
            }
            Ok(None) | Err(_) => Answer::Unknown,
        }
    }
}

async fn associate((address, title): &Called) -> Result<Association, AssociationError> {
    let mut options = ClientAssociationOptions::new().calling_ae_title("FAULTS").called_ae_title(*title);
    for syntax in SYNTAXES {
        options = options.with_presentation_context(CLASS, vec![syntax]);
    }
    options.establish_async(address.as_str()).await
}

/// The status of the answer; `None` when there is another answer.
async fn store(association: &mut Association, file: &[u8]) -> Result<Option<u16>, AssociationError> {
    let object = Transfer::of(file).unwrap();
    let contexts = association.presentation_contexts();
    let context =
        contexts.iter().find(|context| uid(&context.transfer_syntax) == uid(&object.transfer_syntax));
    let context = context.expect("the door takes all that it can read").id;
    let request = object.store_request(1).unwrap();
    for (value_type, bytes) in
        [(PDataValueType::Command, &request[..]), (PDataValueType::Data, object.data_set)]
    {
        let mut pieces = bytes.chunks(PIECE).peekable();
        while let Some(piece) = pieces.next() {
            let value = PDataValue {
                presentation_context_id: context,
                value_type: value_type.clone(),
                is_last: pieces.peek().is_none(),
                data: piece.to_vec(),
            };
            association.send(&Pdu::PData { data: vec![value] }).await?;
        }
    }
    let mut answer = Vec::new();
    loop {
        let Pdu::PData { data } = association.receive().await? else { return Ok(None) };
        for value in data {
            answer.extend(value.data);
            if value.is_last {
                return Ok(status_of(&answer));
            }
        }
    }
}

fn status_of(answer: &[u8]) -> Option<u16> {
    let at = answer.windows(STATUS.len()).position(|head| head == STATUS)? + STATUS.len();
    Some(u16::from_le_bytes([*answer.get(at)?, *answer.get(at + 1)?]))
}

/// The file that the door makes of the object of a file: the data set as it was sent, behind a header that follows from it.
pub(super) fn as_kept(file: &[u8]) -> Vec<u8> {
    let object = Transfer::of(file).unwrap();
    let mut meta = b"\x02\0\x01\0OB\0\0\x02\0\0\0\0\x01".to_vec();
    let uids = [
        (0x02, uid(&object.sop_class)),
        (0x03, uid(&object.sop_instance)),
        (0x10, uid(&object.transfer_syntax)),
        (0x12, IMPLEMENTATION_CLASS),
    ];
    for (element, uid) in uids {
        let len = uid.len().next_multiple_of(2);
        meta.extend([2, 0, element, 0, b'U', b'I', u8::try_from(len).unwrap(), 0]);
        meta.extend(uid.bytes().chain(std::iter::repeat_n(0, len - uid.len())));
    }
    let len = u32::try_from(meta.len()).unwrap().to_le_bytes();
    [&[0; 128][..], b"DICM\x02\0\0\0UL\x04\0", &len, &meta, object.data_set].concat()
}

/// The identifier without its padding.
fn uid(text: &str) -> &str {
    text.trim_end_matches(['\0', ' '])
}
