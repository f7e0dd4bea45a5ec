//! Commands and their answers: command sets, always in implicit VR little endian (PS3.7, 6.3.1 and annex E). They come from
//! outside, so they are read here, element by element and without depth. Pure.

use crate::uid::{COMMITMENT, COMMITMENT_INSTANCE, unpadded};

/// The longest command that is read, bytes: a request has some 300.
pub(crate) const COMMAND_MAX: usize = 16 << 10;

/// What an answer has in addition to its request.
const ANSWER: u16 = 0x8000;
/// Command Data Set Type of what has no data set; every other number says that it has one.
const NO_DATA_SET: u16 = 0x0101;
const WITH_DATA_SET: u16 = 0x0001;
const EVENT_REPORT: u16 = 0x0100;
/// The most characters of an Error Comment.
const COMMENT_MAX: usize = 64;

/// What a command asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CommandKind {
    Store,
    Echo,
    Cancel,
    /// N-ACTION, which asks for storage commitment.
    Action,
    /// An answer: only results of storage commitment are answered.
    Answer,
    /// Something else.
    Other,
}

/// A command that came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Command {
    /// Command Field (0000,0100).
    pub(crate) field: u16,
    /// Message ID (0000,0110).
    pub(crate) message_id: u16,
    /// Whether a data set follows.
    pub(crate) has_data_set: bool,
    /// Affected SOP Class UID (0000,0002), or the requested one; empty where there is none.
    pub(crate) sop_class: String,
    /// Affected SOP Instance UID (0000,1000), or the requested one; empty where there is none.
    pub(crate) sop_instance: String,
    /// Action Type ID (0000,1008).
    pub(crate) action: Option<u16>,
    /// Status (0000,0900) of an answer.
    pub(crate) status: Option<u16>,
}

impl Command {
    /// Reads a command set; `None` if it is none, or lacks what every command has.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let (mut field, mut message_id, mut data_set_type) = (None, None, None);
        let (mut sop_class, mut sop_instance) = (String::new(), String::new());
        let (mut action, mut status) = (None, None);
        let mut rest = bytes;
        while !rest.is_empty() {
            let (head, tail) = rest.split_at_checked(8)?;
            let length = usize::try_from(u32::from_le_bytes(head[4..8].try_into().ok()?)).ok()?;
            let (value, tail) = tail.split_at_checked(length)?;
            let number = || Some(u16::from_le_bytes(value.try_into().ok()?));
            let uid = || std::str::from_utf8(value).map(|text| unpadded(text).to_owned()).ok();
            match (u16::from_le_bytes([head[0], head[1]]), u16::from_le_bytes([head[2], head[3]])) {
                (0, 0x0100) => field = number(),
                (0, 0x0110 | 0x0120) => message_id = number(),
                (0, 0x0800) => data_set_type = number(),
                (0, 0x0002 | 0x0003) => sop_class = uid()?,
                (0, 0x0900) => status = number(),
                (0, 0x1000 | 0x1001) => sop_instance = uid()?,
                (0, 0x1008) => action = number(),
                _ => {}
            }
            rest = tail;
        }
        let has_data_set = data_set_type? != NO_DATA_SET;
        let (field, message_id) = (field?, message_id?);
        Some(Self { field, message_id, has_data_set, sop_class, sop_instance, action, status })
    }

    pub(crate) fn kind(&self) -> CommandKind {
        match self.field {
            0x0001 => CommandKind::Store,
            0x0030 => CommandKind::Echo,
            0x0fff => CommandKind::Cancel,
            0x0130 => CommandKind::Action,
            field if field & ANSWER != 0 => CommandKind::Answer,
            _ => CommandKind::Other,
        }
    }

    /// The answer to it: a status, and a comment of it in words. The comment must be ours: it is shown to people.
    pub(crate) fn answer(&self, status: u16, comment: &str) -> Vec<u8> {
        let mut elements = Elements::default();
        if !self.sop_class.is_empty() {
            elements.uid(0x0002, &self.sop_class);
        }
        elements.number(0x0100, self.field | ANSWER);
        elements.number(0x0120, self.message_id);
        elements.number(0x0800, NO_DATA_SET);
        elements.number(0x0900, status);
        if !comment.is_empty() {
            elements.put(0x0902, &comment.as_bytes()[..comment.len().min(COMMENT_MAX)], b' ');
        }
        if !self.sop_instance.is_empty() {
            elements.uid(0x1000, &self.sop_instance);
        }
        elements.command()
    }
}

/// The command that tells a result of storage commitment (PS3.4, J.3.3): that all is held, or that something is not. Its data set
/// follows.
pub(crate) fn event_report(message_id: u16, all_are_held: bool) -> Vec<u8> {
    let mut elements = Elements::default();
    elements.uid(0x0002, COMMITMENT);
    elements.number(0x0100, EVENT_REPORT);
    elements.number(0x0110, message_id);
    elements.number(0x0800, WITH_DATA_SET);
    elements.uid(0x1000, COMMITMENT_INSTANCE);
    elements.number(0x1002, if all_are_held { 1 } else { 2 });
    elements.command()
}

/// The elements of a command, in the order of their tags.
#[derive(Default)]
struct Elements(Vec<u8>);

impl Elements {
    fn put(&mut self, element: u16, value: &[u8], padding: u8) {
        let length = value.len().next_multiple_of(2);
        self.0.extend_from_slice(&[0, 0]);
        self.0.extend_from_slice(&element.to_le_bytes());
        self.0.extend_from_slice(&u32::try_from(length).unwrap_or(0).to_le_bytes());
        self.0.extend_from_slice(value);
        self.0.extend(std::iter::repeat_n(padding, length - value.len()));
    }

    fn uid(&mut self, element: u16, uid: &str) {
        self.put(element, uid.as_bytes(), 0);
    }

    fn number(&mut self, element: u16, number: u16) {
        self.put(element, &number.to_le_bytes(), 0);
    }

    /// With the length of all in front.
    fn command(self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(0).to_le_bytes();
        [&[0, 0, 0, 0, 4, 0, 0, 0][..], &length, &self.0].concat()
    }
}

#[cfg(test)]
mod tests {
    use hilum_dicom::Transfer;
    use proptest::prelude::*;

    use super::*;

    fn request() -> Vec<u8> {
        let transfer = Transfer {
            sop_class: "1.2.840.10008.5.1.4.1.1.7".to_owned(),
            sop_instance: "1.2.3".to_owned(),
            transfer_syntax: String::new(),
            data_set: &[],
        };
        transfer.store_request(513).unwrap()
    }

    #[test]
    fn a_request_is_read_and_a_cut_one_is_not() {
        let bytes = request();
        let command = Command::read(&bytes).unwrap();
        assert_eq!(
            (command.kind(), command.message_id, command.has_data_set),
            (CommandKind::Store, 513, true)
        );
        assert_eq!((&*command.sop_class, &*command.sop_instance), ("1.2.840.10008.5.1.4.1.1.7", "1.2.3"));
        let whole = (0..bytes.len()).filter(|length| Command::read(&bytes[..*length]).is_some()).count();
        // Without its last element it lacks the instance, and is a command all the same.
        assert!(whole <= 1, "{whole}");
        let mut lying = bytes.clone();
        lying[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(Command::read(&lying), None);
    }

    #[test]
    fn an_answer_names_what_it_answers_and_its_comment_fits() {
        let command = Command::read(&request()).unwrap();
        let answer = command.answer(0xa700, &"long ".repeat(40));
        let read = Command::read(&answer).unwrap();
        assert_eq!((read.field, read.kind(), read.message_id), (0x8001, CommandKind::Answer, 513));
        assert_eq!(
            (read.sop_class, read.sop_instance, read.has_data_set),
            (command.sop_class, command.sop_instance, false)
        );
        let at = answer.windows(4).position(|tag| tag == [0, 0, 0x02, 0x09]).unwrap();
        assert_eq!(answer[at + 4], 64);
        assert_eq!(u32::from_le_bytes(answer[8..12].try_into().unwrap()) as usize, answer.len() - 12);
        assert!(answer.len().is_multiple_of(2));
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_command_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            if let Some(command) = Command::read(&bytes) {
                prop_assert!(Command::read(&command.answer(0, "")).is_some());
            }
        }
    }
}
