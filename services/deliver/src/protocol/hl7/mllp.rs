//! MLLP: a message between two marks, and the acknowledgement that comes back.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::protocol::address::HostPort;
use crate::protocol::error::SendError;
use crate::protocol::sender::ObjectSender;
use crate::shipment::{Object, Shipment};

/// The byte before a message.
const BEGIN: u8 = 0x0b;
/// The bytes after a message. Behind an acknowledgement the first is enough: some receivers leave the second out.
const END: [u8; 2] = [0x1c, 0x0d];
/// Longest run of acknowledgements that is read, bytes.
const ANSWER_MAX: usize = 64 << 10;
/// The bytes by which MLLP of release 2 commits to a message, or does not, before any acknowledgement.
const COMMIT: (u8, u8) = (0x06, 0x15);

/// A receiver of messages.
#[derive(Debug)]
pub(super) struct MllpSender(pub(super) HostPort);

impl ObjectSender for MllpSender {
    /// Sends the message on a connection of its own and waits until it is acknowledged.
    async fn send_object(&self, _: &Shipment, object: &Object) -> Result<String, SendError> {
        let message = &object.bytes;
        let sent_id = control_id(message).ok_or_else(|| SendError::refused("what was made is no message"))?;
        let stream = TcpStream::connect((self.0.host.as_str(), self.0.port)).await;
        let mut stream = stream.map_err(|error| SendError::failed_because("it can't be reached", &error))?;
        let sent = stream.write_all(&framed(message)).await;
        sent.map_err(|error| SendError::failed_because("the connection broke", &error))?;
        answered(&mut stream, &sent_id).await
    }
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&[BEGIN][..], message, &END].concat()
}

/// Reads acknowledgements until one is for our message; those for other messages came late.
async fn answered(stream: &mut TcpStream, sent_id: &str) -> Result<String, SendError> {
    let mut read = Vec::new();
    let (mut total, mut stale) = (0, false);
    let mut chunk = [0; 4096];
    loop {
        while let Some((frame, length)) = frame_in(&read) {
            match acknowledged(frame, sent_id)? {
                Some(receipt) => return Ok(receipt),
                None => stale = true,
            }
            read.drain(..length);
        }
        if total > ANSWER_MAX {
            return Err(SendError::failed("its acknowledgement has no end"));
        }
        let count = stream.read(&mut chunk).await;
        let count = count.map_err(|error| SendError::failed_because("the connection broke", &error))?;
        if count == 0 {
            return Err(SendError::failed(unfinished(&read, stale)));
        }
        total += count;
        read.extend_from_slice(&chunk[..count]);
    }
}

/// What was wrong with the bytes that came before the connection was closed.
fn unfinished(read: &[u8], stale: bool) -> &'static str {
    match read.trim_ascii() {
        [] if stale => "it acknowledged another message and closed the connection",
        [] => "it closed the connection and acknowledged nothing",
        rest if rest.contains(&BEGIN) => "it closed the connection within an acknowledgement",
        _ => {
            "its answer is not framed as MLLP wants it: the byte 0B before an acknowledgement, 1C 0D after it"
        }
    }
}

/// What stands between the marks, once both are there, and the length up to the end of the second one.
fn frame_in(read: &[u8]) -> Option<(&[u8], usize)> {
    let begin = read.iter().position(|byte| *byte == BEGIN)? + 1;
    let length = read[begin..].iter().position(|byte| *byte == END[0])?;
    Some((&read[begin..begin + length], begin + length + 1))
}

/// The fields of the first segment with this name. In MSH the separator is itself the first field, as in the standard.
fn fields<'a>(message: &'a str, segment: &str) -> Option<Vec<&'a str>> {
    let separator = message.strip_prefix("MSH")?.chars().next()?;
    let mut lines = message.split(['\r', '\n']).map(str::trim_start);
    let line = lines.find(|line| line.split(separator).next().map(str::trim_end) == Some(segment))?;
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

/// What the acknowledgement says of the message with this id (HL7 v2.5.1, 2.9.2, table 0008); `None` if it is about another
/// message. Its words are passed on to nobody.
fn acknowledged(answer: &[u8], sent_id: &str) -> Result<Option<String>, SendError> {
    match answer {
        [first] if *first == COMMIT.0 => {
            return Err(SendError::failed(
                "it speaks MLLP of release 2 (a commit acknowledgement, byte 06): set it to release 1",
            ));
        }
        [first] if *first == COMMIT.1 => {
            return Err(SendError::failed(
                "it speaks MLLP of release 2 and did not take the message (byte 15)",
            ));
        }
        _ => {}
    }
    let text = String::from_utf8_lossy(answer);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with("MSH") {
        return Err(SendError::failed("its acknowledgement does not begin with MSH"));
    }
    let fields = fields(text, "MSA")
        .ok_or_else(|| SendError::failed("its answer has no MSA: it is no acknowledgement"))?;
    let field = |number: usize| fields.get(number).copied().unwrap_or_default().trim();
    match field(2) {
        "" => return Err(SendError::failed("its acknowledgement names no message: MSA-2 is empty")),
        id if id != sent_id => return Ok(None),
        _ => {}
    }
    match field(1) {
        code @ ("AA" | "CA") => Ok(Some(format!("ACK {code}"))),
        code @ ("AE" | "AR" | "CE" | "CR") => {
            let error = error_code(text).map(|error| format!(", error {error}")).unwrap_or_default();
            Err(SendError::failed(format!("it answered {code}{error}")))
        }
        "" => Err(SendError::failed("its acknowledgement has no code: MSA-1 is empty")),
        _ => Err(SendError::failed("its acknowledgement has a code that HL7 does not know in MSA-1")),
    }
}

/// The code of ERR-3 or MSA-6, if it is one of table 0357.
fn error_code(text: &str) -> Option<u16> {
    let code = |segment: &str, field: usize| {
        let value = fields(text, segment)?.get(field)?.split('^').next()?.trim().parse().ok()?;
        matches!(value, 100..=104 | 200..=207).then_some(value)
    };
    code("ERR", 3).or_else(|| code("MSA", 6))
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
        assert_eq!(frame_in(&framed), Some((&b"MSH|"[..], 6)));
        assert_eq!(frame_in(b"noise\x0bA\x1c\rrest"), Some((&b"A"[..], 8)));
        for part in 0..framed.len() - 1 {
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
        for accepted in [
            "MSA|AA|42-1",
            "MSA|CA|42-1|",
            "MSA|AA| 42-1  |all is well",
            "MSA |AA|42-1",
            "SFT|x\rMSA|AA|42-1",
        ] {
            let receipt = acknowledged(&answer(accepted), "42-1").unwrap().unwrap();
            assert!(receipt == "ACK AA" || receipt == "ACK CA", "{receipt}");
        }
        assert_eq!(acknowledged(&answer("MSA|AA|41-9"), "42-1").unwrap(), None);
        assert_eq!(acknowledged(&answer("MSA|AE|42|of another"), "42-1").unwrap(), None);
        for (msa, told) in [
            ("MSA|AE|42-1|PID-3 required: CANARY^NAME", "it answered AE"),
            ("MSA|AR|42-1", "it answered AR"),
            ("MSA|AE|42-1\rERR||PID^1^3|101^CANARY^HL70357|E||||CANARY", "it answered AE, error 101"),
            ("MSA|AE|42-1|CANARY|||207^CANARY", "it answered AE, error 207"),
            ("MSA|AE|42-1\rERR|||900101", "it answered AE"),
            ("MSA|AA", "its acknowledgement names no message: MSA-2 is empty"),
            ("MSA|CANARY|42-1", "its acknowledgement has a code that HL7 does not know in MSA-1"),
            ("MSA||42-1", "its acknowledgement has no code: MSA-1 is empty"),
            ("ERR|1", "its answer has no MSA: it is no acknowledgement"),
        ] {
            let error = acknowledged(&answer(msa), "42-1").unwrap_err();
            assert_eq!(error.to_string(), told, "{msa}");
        }
        for (other, told) in [
            (&b"CANARY"[..], "does not begin with MSH"),
            (b"", "does not begin with MSH"),
            (b"\x06", "release 2"),
            (b"\x15", "release 2"),
        ] {
            let error = acknowledged(other, "42-1").unwrap_err();
            assert!(error.to_string().contains(told), "{other:?}: {error}");
        }
    }

    #[test]
    fn what_ended_too_early_is_named() {
        for (read, stale, told) in [
            (&b""[..], false, "acknowledged nothing"),
            (b"\r", true, "another message"),
            (b"\x0bMSH|", false, "within an acknowledgement"),
            (b"MSH|^~\\&|R\rMSA|AA|42-1\r", false, "not framed"),
        ] {
            assert!(unfinished(read, stale).contains(told), "{told}");
        }
    }
}
