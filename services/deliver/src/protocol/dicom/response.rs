//! The response to C-STORE: a command set, always in implicit VR little endian (PS3.7, 6.3.1 and 9.3.1). It comes from
//! outside, so it is read here, element by element and without depth: a library would build whatever is nested in it.

/// What a response says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StoreResponse {
    /// The request that it answers.
    pub(super) message_id: u16,
    /// What became of the object.
    pub(super) status: u16,
}

const C_STORE_RSP: u16 = 0x8001;

const COMMAND_FIELD: u16 = 0x0100;
const MESSAGE_ID_RESPONDED_TO: u16 = 0x0120;
const STATUS: u16 = 0x0900;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn response(field: u16) -> Vec<u8> {
        let element = |number: u16, value: u16| {
            [&[0, 0][..], &number.to_le_bytes(), &2_u32.to_le_bytes(), &value.to_le_bytes()].concat()
        };
        [element(COMMAND_FIELD, field), element(MESSAGE_ID_RESPONDED_TO, 7), element(STATUS, 0xa700)].concat()
    }

    #[test]
    fn a_response_is_read_and_a_cut_one_or_a_request_is_not() {
        let whole = response(C_STORE_RSP);
        assert_eq!(store_response(&whole), Some(StoreResponse { message_id: 7, status: 0xa700 }));
        for length in 0..whole.len() {
            assert_eq!(store_response(&whole[..length]), None, "{length} bytes");
        }
        assert_eq!(store_response(&response(0x0001)), None);
    }
}
