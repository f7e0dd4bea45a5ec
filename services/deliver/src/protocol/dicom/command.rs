//! The command sets of C-STORE: always in implicit VR little endian (PS3.7, 6.3.1 and 9.3.1).

/// What a response says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoreResponse {
    /// The request that it answers.
    pub(super) message_id: u16,
    /// What became of the object.
    pub(super) status: u16,
}

const C_STORE_RQ: u16 = 0x0001;
const C_STORE_RSP: u16 = 0x8001;
const MEDIUM: u16 = 0x0000;
const WITH_DATA_SET: u16 = 0x0001;

const GROUP_LENGTH: u16 = 0x0000;
const AFFECTED_SOP_CLASS: u16 = 0x0002;
const COMMAND_FIELD: u16 = 0x0100;
const MESSAGE_ID: u16 = 0x0110;
const MESSAGE_ID_RESPONDED_TO: u16 = 0x0120;
const PRIORITY: u16 = 0x0700;
const DATA_SET_TYPE: u16 = 0x0800;
const STATUS: u16 = 0x0900;
const AFFECTED_SOP_INSTANCE: u16 = 0x1000;

/// A request to store the object with these identifiers.
pub(super) fn store_request(message_id: u16, sop_class: &str, sop_instance: &str) -> Vec<u8> {
    let mut elements = Vec::new();
    put(&mut elements, AFFECTED_SOP_CLASS, &padded(sop_class));
    put(&mut elements, COMMAND_FIELD, &C_STORE_RQ.to_le_bytes());
    put(&mut elements, MESSAGE_ID, &message_id.to_le_bytes());
    put(&mut elements, PRIORITY, &MEDIUM.to_le_bytes());
    put(&mut elements, DATA_SET_TYPE, &WITH_DATA_SET.to_le_bytes());
    put(&mut elements, AFFECTED_SOP_INSTANCE, &padded(sop_instance));
    let mut command = Vec::with_capacity(elements.len() + 12);
    let length = u32::try_from(elements.len()).expect("some hundred bytes");
    put(&mut command, GROUP_LENGTH, &length.to_le_bytes());
    command.extend_from_slice(&elements);
    command
}

/// What a response says; `None` if it is none.
pub(super) fn store_response(command: &[u8]) -> Option<StoreResponse> {
    let (mut field, mut message_id, mut status) = (None, None, None);
    let mut rest = command;
    while !rest.is_empty() {
        let (head, tail) = rest.split_at_checked(8)?;
        let length = usize::try_from(u32::from_le_bytes(head[4..8].try_into().ok()?)).ok()?;
        let (value, tail) = tail.split_at_checked(length)?;
        let number = || Some(u16::from_le_bytes(value.try_into().ok()?));
        match (u16::from_le_bytes([head[0], head[1]]), u16::from_le_bytes([head[2], head[3]])) {
            (0, COMMAND_FIELD) => field = number(),
            (0, MESSAGE_ID_RESPONDED_TO) => message_id = number(),
            (0, STATUS) => status = number(),
            _ => {}
        }
        rest = tail;
    }
    (field == Some(C_STORE_RSP)).then_some(StoreResponse { message_id: message_id?, status: status? })
}

/// An element of group 0000.
fn put(elements: &mut Vec<u8>, element: u16, value: &[u8]) {
    let length = u32::try_from(value.len()).expect("a few bytes");
    elements.extend_from_slice(&[0, 0]);
    elements.extend_from_slice(&element.to_le_bytes());
    elements.extend_from_slice(&length.to_le_bytes());
    elements.extend_from_slice(value);
}

/// Values have an even length; identifiers are filled up with a zero.
fn padded(uid: &str) -> Vec<u8> {
    let mut bytes = uid.as_bytes().to_vec();
    if bytes.len() % 2 == 1 {
        bytes.push(0);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_tells_its_length_and_the_object() {
        let command = store_request(7, "1.2.3", "1.2.3.4");
        let length = u32::from_le_bytes(command[8..12].try_into().unwrap());
        assert_eq!(length as usize, command.len() - 12);
        assert!(command.windows(8).any(|window| window == b"1.2.3.4\0"));
        assert_eq!(store_response(&command), None, "a request is no response");
    }

    #[test]
    fn a_response_is_read_and_a_cut_one_is_not() {
        let mut response = Vec::new();
        put(&mut response, COMMAND_FIELD, &C_STORE_RSP.to_le_bytes());
        put(&mut response, MESSAGE_ID_RESPONDED_TO, &7_u16.to_le_bytes());
        put(&mut response, STATUS, &0xa700_u16.to_le_bytes());
        assert_eq!(store_response(&response), Some(StoreResponse { message_id: 7, status: 0xa700 }));
        for length in 0..response.len() {
            assert_eq!(store_response(&response[..length]), None, "{length} bytes");
        }
    }
}
