//! Everything that the door reads of a peer before it knows anything of it: what the fuzz targets call. Knows no fuzzer.

use dicom_ul::pdu::{Pdu, read_pdu, write_pdu};

use crate::command::Command;
use crate::commitment::{CommitmentRequest, report};
use crate::framing::{Framer, Garbled, Incoming, REQUEST_MAX};
use crate::negotiation::{agree, check};

/// Small, so that short inputs reach it.
const DATA_MAX: u32 = 4096;

/// Reads `bytes` as a peer's side of a connection. The first byte says in what pieces the rest comes.
///
/// # Panics
/// When the pieces decide what is read, when more is kept than may be, or when an answer can't be sent.
pub fn pdus(bytes: &[u8]) {
    let Some((piece, came)) = bytes.split_first() else { return };
    let (all, end) = framed(came, came.len().max(1));
    let in_pieces = framed(came, usize::from(*piece) + 1);
    assert!(in_pieces == (all.clone(), end), "the pieces decide what is read");
    let mut message = Vec::new();
    for incoming in all {
        match incoming {
            Incoming::Request(request) => {
                let _ = check(&request);
                let mut answer = Vec::new();
                let agreement = agree(request, DATA_MAX);
                let written = write_pdu(&mut answer, &Pdu::AssociationAC(agreement.answer));
                let read = read_pdu(&answer[..], REQUEST_MAX, true);
                assert!(written.is_ok() && matches!(read, Ok(Some(_))), "the answer can't be read: {read:?}");
            }
            Incoming::Value(value) => {
                message.extend_from_slice(&value.bytes);
                if value.is_last {
                    messages(&std::mem::take(&mut message));
                }
            }
            _ => {}
        }
    }
}

/// Reads `bytes` as a command, and as a request for storage commitment in either way that it can be written.
///
/// # Panics
/// When what is written of them can't be read again as the same.
pub fn messages(bytes: &[u8]) {
    if let Some(command) = Command::read(bytes) {
        let answer = Command::read(&command.answer(0xa700, "not now"));
        let is_of_it = answer.is_some_and(|answer| {
            (answer.message_id, answer.status, answer.has_data_set)
                == (command.message_id, Some(0xa700), false)
        });
        assert!(is_of_it, "the answer is not one to the command");
    }
    for is_explicit in [false, true] {
        let Some(request) = CommitmentRequest::read(bytes, is_explicit) else { continue };
        let result = hilum_log::CommitmentResult {
            transaction: request.transaction.clone(),
            held: request.references.clone(),
            failed: Vec::new(),
        };
        let again = CommitmentRequest::read(&report(&result, is_explicit), is_explicit);
        assert!(again == Some(request), "the result is not one to the request");
    }
}

/// All that comes of these bytes, `piece` at a time, and the fault that ended it.
fn framed(bytes: &[u8], piece: usize) -> (Vec<Incoming>, Option<Garbled>) {
    let (mut framer, mut all) = (Framer::new(DATA_MAX), Vec::new());
    for piece in bytes.chunks(piece) {
        framer.came().extend_from_slice(piece);
        loop {
            match framer.next() {
                Ok(Some(incoming)) => all.push(incoming),
                Ok(None) => break,
                Err(garbled) => return (all, Some(garbled)),
            }
        }
        assert!(framer.came().len() < REQUEST_MAX as usize + 6, "more is kept than a PDU may have");
    }
    (all, None)
}

/// The short form of `make fuzz`, without a sanitizer.
#[cfg(test)]
mod tests {
    use hilum_test_log::spoilt_files;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn spoilt_pdus_are_understood_or_refused(bytes in spoilt_files("tests/fuzz/seeds/pdus")) {
            pdus(&bytes);
        }

        #[test]
        fn spoilt_messages_are_understood_or_refused(bytes in spoilt_files("tests/fuzz/seeds/messages")) {
            messages(&bytes);
        }
    }
}
