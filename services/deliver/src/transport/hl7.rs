//! HL7 v2 over MLLP: a message between two marks, and the acknowledgement that comes back.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::SendError;
use crate::forms::Object;
use crate::http::excerpt;

/// Before a message.
const BEGIN: u8 = 0x0b;
/// After a message, both.
const END: [u8; 2] = [0x1c, 0x0d];
/// Longest acknowledgement that is read, bytes.
const ANSWER_MAX: usize = 64 << 10;

/// A receiver of messages.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) host: String,
    pub(super) port: u16,
}

impl Peer {
    /// Sends each message on a connection of its own and waits until it is acknowledged.
    pub(super) async fn send(&self, objects: &[Object]) -> Result<String, SendError> {
        let mut receipt = String::new();
        for object in objects {
            receipt = self.send_one(&object.bytes).await?;
        }
        Ok(receipt)
    }

    async fn send_one(&self, message: &[u8]) -> Result<String, SendError> {
        let sent_id = control_id(message).ok_or_else(|| SendError::refused("what was made is no message"))?;
        let broke = |error: std::io::Error| SendError::failed_because("the connection broke", error);
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let mut stream = stream.map_err(|error| SendError::failed_because("it can't be reached", error))?;
        stream.write_all(&framed(message)).await.map_err(broke)?;
        let answer = read_frame(&mut stream).await?;
        acknowledged(&answer, &sent_id)
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&[BEGIN][..], message, &END].concat()
}

/// Reads up to the end of the first frame; what it holds.
async fn read_frame(stream: &mut TcpStream) -> Result<Vec<u8>, SendError> {
    let mut read = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let count = stream.read(&mut chunk).await;
        let count = count.map_err(|error| SendError::failed_because("the connection broke", error))?;
        if count == 0 {
            return Err(SendError::failed("it closed the connection and acknowledged nothing"));
        }
        read.extend_from_slice(&chunk[..count]);
        if let Some(frame) = frame_in(&read) {
            return Ok(frame.to_vec());
        }
        if read.len() > ANSWER_MAX {
            return Err(SendError::failed("its acknowledgement has no end"));
        }
    }
}

/// What stands between the marks, once both are there.
fn frame_in(read: &[u8]) -> Option<&[u8]> {
    let begin = read.iter().position(|byte| *byte == BEGIN)? + 1;
    let length = read[begin..].windows(END.len()).position(|window| window == END)?;
    Some(&read[begin..begin + length])
}

/// The fields of the first segment with this name. In MSH the separator is itself the first field, as in the standard.
fn fields<'a>(message: &'a str, segment: &str) -> Option<Vec<&'a str>> {
    let separator = message.strip_prefix("MSH")?.chars().next()?;
    let line = message.split(['\r', '\n']).find(|line| line.split(separator).next() == Some(segment))?;
    let mut fields: Vec<&str> = line.split(separator).collect();
    if segment == "MSH" {
        fields.insert(1, "");
    }
    Some(fields)
}

/// MSH-10.
fn control_id(message: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(message);
    let id = fields(&text, "MSH")?.get(10).map(|id| (*id).to_owned());
    id.filter(|id| !id.is_empty())
}

/// What the acknowledgement says of the message with this id (HL7 v2.5.1, 2.9.2, table 0008).
fn acknowledged(answer: &[u8], sent_id: &str) -> Result<String, SendError> {
    let text = String::from_utf8_lossy(answer);
    let fields =
        fields(&text, "MSA").ok_or_else(|| SendError::failed("it answered something else than an ACK"))?;
    let field = |number: usize| fields.get(number).copied().unwrap_or_default();
    let code = field(1);
    if field(2) != sent_id {
        return Err(SendError::failed("it acknowledged another message"));
    }
    match code {
        "AA" | "CA" => Ok(format!("ACK {code}")),
        "AE" | "AR" | "CE" | "CR" => {
            let said = excerpt(field(3).as_bytes());
            let said = if said.is_empty() { "and gave no reason".to_owned() } else { said };
            Err(SendError::failed(format!("it answered {code}: {said}")))
        }
        _ => {
            Err(SendError::failed(format!("it answered with the unknown code {}", excerpt(code.as_bytes()))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: &[u8] = b"MSH|^~\\&|HILUM|N|R|N|20260101||ORU^R01^ORU_R01|42-1|P|2.5.1\rPID|1\r";

    fn answer(msa: &str) -> Vec<u8> {
        format!("MSH|^~\\&|R|N|HILUM|N|20260101||ACK^R01|9|P|2.5.1\r{msa}\r").into_bytes()
    }

    #[test]
    fn a_message_stands_between_its_marks() {
        let framed = framed(b"MSH|");
        assert_eq!(framed, b"\x0bMSH|\x1c\r");
        assert_eq!(frame_in(&framed), Some(&b"MSH|"[..]));
        assert_eq!(frame_in(b"noise\x0bA\x1c\rrest"), Some(&b"A"[..]));
        for part in 0..framed.len() {
            assert_eq!(frame_in(&framed[..part]), None, "{part} bytes");
        }
    }

    #[test]
    fn the_control_id_is_the_tenth_field() {
        assert_eq!(control_id(MESSAGE).as_deref(), Some("42-1"));
        assert_eq!(control_id(b"MSH#^~\\&#a#b#c#d#e##f#7#P\r").as_deref(), Some("7"));
        for bad in [&b""[..], b"MSH", b"MSH|", b"PID|1", b"MSH|^~\\&|a|b|c|d|e||f||P"] {
            assert_eq!(control_id(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn only_an_acceptance_of_this_message_is_one() {
        assert_eq!(acknowledged(&answer("MSA|AA|42-1"), "42-1").unwrap(), "ACK AA");
        assert_eq!(acknowledged(&answer("MSA|CA|42-1|"), "42-1").unwrap(), "ACK CA");
        for (msa, told) in [
            ("MSA|AE|42-1|no such order", "it answered AE: no such order"),
            ("MSA|AR|42-1", "it answered AR: and gave no reason"),
            ("MSA|AA|41-9", "it acknowledged another message"),
            ("MSA|XX|42-1", "unknown code XX"),
            ("ERR|1", "something else than an ACK"),
        ] {
            let error = acknowledged(&answer(msa), "42-1").unwrap_err();
            assert!(error.to_string().contains(told), "{msa}: {error}");
        }
        assert!(acknowledged(b"", "42-1").is_err());
    }
}
