//! A receiver of C-STORE that answers as its script says.

use std::sync::{Arc, Mutex};

use dicom_ul::association::server::ServerAssociationOptions;
use dicom_ul::pdu::{PDataValue, PDataValueType, Pdu};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::dicom::{EXPLICIT, SC, SR};

/// What Hilum's own structured reports are.
const COMPREHENSIVE_3D_SR: &str = "1.2.840.10008.5.1.4.1.1.88.34";

/// Answers the statuses of its script, one for each object, each with an Error Comment. Ends with its owner.
pub(crate) struct Scp {
    pub(crate) port: u16,
    stored: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Scp {
    pub(crate) async fn start(script: &[u16], comment: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let stored = Arc::new(Mutex::new(Vec::new()));
        let (kept, mut script) = (stored.clone(), script.to_vec());
        script.reverse();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let options = ServerAssociationOptions::new()
                    .accept_any()
                    .ae_title("PACS")
                    .with_abstract_syntax(SR)
                    .with_abstract_syntax(COMPREHENSIVE_3D_SR)
                    .with_abstract_syntax(SC)
                    .with_transfer_syntax(EXPLICIT);
                let mut association = options.establish_async(stream).await.unwrap();
                let mut command = Vec::new();
                while let Ok(pdu) = association.receive().await {
                    let Pdu::PData { data } = pdu else {
                        let _ = association.send(&Pdu::ReleaseRP).await;
                        break;
                    };
                    for value in data {
                        if value.value_type == PDataValueType::Command {
                            command.extend(value.data);
                        } else if value.is_last {
                            let status = script.pop().unwrap_or(0);
                            let answer = response(&command, status, comment);
                            kept.lock().unwrap().push(format!("{} {status:#06x}", sop_class(&command)));
                            command.clear();
                            let id = value.presentation_context_id;
                            let value = PDataValue {
                                presentation_context_id: id,
                                value_type: PDataValueType::Command,
                                is_last: true,
                                data: answer,
                            };
                            association.send(&Pdu::PData { data: vec![value] }).await.unwrap();
                        }
                    }
                }
            }
        });
        Self { port, stored, task }
    }

    /// What was sent, and how it was answered.
    pub(crate) fn got(&self) -> Vec<String> {
        self.stored.lock().unwrap().clone()
    }
}

impl Drop for Scp {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The value of an element of a command set.
fn value(command: &[u8], wanted: u16) -> Vec<u8> {
    let mut rest = command;
    while rest.len() >= 8 {
        let length = u32::from_le_bytes(rest[4..8].try_into().unwrap()) as usize;
        if u16::from_le_bytes([rest[2], rest[3]]) == wanted {
            return rest[8..8 + length].to_vec();
        }
        rest = &rest[8 + length..];
    }
    Vec::new()
}

fn sop_class(command: &[u8]) -> &'static str {
    let class = value(command, 0x0002);
    let class = String::from_utf8(class).unwrap();
    if class.trim_end_matches('\0') == SR { "SR" } else { "SC" }
}

fn response(command: &[u8], status: u16, comment: &str) -> Vec<u8> {
    let mut elements = Vec::new();
    let mut put = |element: u16, value: &[u8]| {
        elements.extend([0, 0]);
        elements.extend(element.to_le_bytes());
        elements.extend(u32::try_from(value.len()).unwrap().to_le_bytes());
        elements.extend(value);
    };
    put(0x0100, &0x8001_u16.to_le_bytes());
    put(0x0120, &value(command, 0x0110));
    put(0x0800, &0x0101_u16.to_le_bytes());
    put(0x0900, &status.to_le_bytes());
    put(0x0902, comment.as_bytes());
    elements
}
