//! What kind of trouble an error of the server is, by its code: the one place that sorts them. What is permanent is never
//! taken for "away": whoever waited for it to pass would wait for ever.

use std::error::Error;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    ConsumerInfoError, ConsumerInfoErrorKind, CreateStreamError, CreateStreamErrorKind, GetStreamError,
    GetStreamErrorKind, PublishError, PublishErrorKind,
};
use async_nats::jetstream::stream::{
    ConsumerCreateStrictError, ConsumerCreateStrictErrorKind, ConsumerError, ConsumerErrorKind,
    ConsumerUpdateError, ConsumerUpdateErrorKind, RawMessageError, RawMessageErrorKind,
};

use hilum_causes::causes;

/// Whether trying again may help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// The server is not there, is just starting or chooses a leader: it passes by itself, and says nothing about what was
    /// asked.
    Away,
    /// No more is taken until somebody makes room. Then it passes.
    Full,
    /// The server does not do this, however often it is asked: something has to be changed.
    Refused,
}

/// Sorts an error by the first of its causes that has a code of the server.
pub(crate) fn trouble_of(error: &(dyn Error + 'static)) -> Trouble {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(code) = code_of(error) {
            return sort(code);
        }
        let publish = error.downcast_ref::<PublishError>().map(PublishError::kind);
        if publish == Some(PublishErrorKind::MaxPayloadExceeded) {
            return Trouble::Refused;
        }
        cause = error.source();
    }
    // No answer of JetStream at all.
    Trouble::Away
}

fn sort(code: ErrorCode) -> Trouble {
    match code {
        ErrorCode::STREAM_STORE_FAILED
        | ErrorCode::STORAGE_RESOURCES_EXCEEDED
        | ErrorCode::MEMORY_RESOURCES_EXCEEDED
        | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
        | ErrorCode::INSUFFICIENT_RESOURCES
        | ErrorCode::STREAM_MAX_STREAM_BYTES_EXCEEDED => Trouble::Full,
        // A cluster that finds its leader or its servers, a write to the same place that is under way, a server that is
        // stopping or starting.
        ErrorCode::CLUSTER_NOT_AVAILABLE
        | ErrorCode::CLUSTER_NOT_LEADER
        | ErrorCode::CLUSTER_NOT_ASSIGNED
        | ErrorCode::CLUSTER_INCOMPLETE
        | ErrorCode::CLUSTER_NO_PEERS
        | ErrorCode::CLUSTER_PEER_NOT_MEMBER
        | ErrorCode::CLUSTER_SERVER_NOT_MEMBER
        | ErrorCode::CLUSTER_SERVER_MEMBER_CHANGE_INFLIGHT
        | ErrorCode::RAFT_GENERAL
        | ErrorCode::STREAM_OFFLINE
        | ErrorCode::STREAM_OFFLINE_REASON
        | ErrorCode::CONSUMER_OFFLINE
        | ErrorCode::CONSUMER_OFFLINE_REASON
        | ErrorCode::STREAM_GENERALOR
        | ErrorCode::STREAM_WRONG_LAST_SEQUENCE
        | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT
        | ErrorCode::STREAM_WRONG_LAST_MESSAGE_ID
        | ErrorCode::STREAM_DUPLICATE_MESSAGE_CONFLICT
        | ErrorCode::STREAM_EXPECTED_LAST_SEQ_PER_SUBJECT_NOT_READY
        | ErrorCode::STREAM_TOO_MANY_REQUESTS
        | ErrorCode::JETSTREAM_NOT_ENABLED
        | ErrorCode::CONSUMER_CREATE
        | ErrorCode::CONSUMER_STORE_FAILED
        | ErrorCode::NO_MESSAGE_FOUND => Trouble::Away,
        // An error without a code is a fault of the server, not of the request.
        ErrorCode(0) => Trouble::Away,
        _ => Trouble::Refused,
    }
}

/// What to do about a code, where that is known.
fn to_do(code: ErrorCode) -> Option<&'static str> {
    Some(match code {
        ErrorCode::MAXIMUM_CONSUMERS_LIMIT => {
            "remove consumers that nobody uses (`nats consumer ls EVENTS`), or raise `default_max_consumers` of nats-server"
        }
        ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => {
            "it is longer than the stream's max_message_bytes in streams/"
        }
        ErrorCode::STREAM_NOT_FOUND => {
            "`hilum doctor` tells which stream is missing; an event log that is lost is restored from a copy, and not made \
             anew"
        }
        ErrorCode::CONSUMER_NOT_FOUND => {
            "`hilum streams apply` makes what is declared and missing, a restart of hilum-deliver what a target needs"
        }
        ErrorCode::NO_ACCOUNT | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
            "give the account of this connection JetStream"
        }
        code if sort(code) == Trouble::Full => {
            "make room on the disk of nats-server, or raise its max_file_store or the limits of the stream"
        }
        _ => return None,
    })
}

fn code_of(error: &(dyn Error + 'static)) -> Option<ErrorCode> {
    use async_nats::jetstream::Error as Answer;
    if let Some(answer) = error.downcast_ref::<Answer>() {
        return Some(answer.error_code());
    }
    let info = error.downcast_ref::<ConsumerInfoError>().map(ConsumerInfoError::kind);
    if info == Some(ConsumerInfoErrorKind::NotFound) {
        return Some(ErrorCode::CONSUMER_NOT_FOUND);
    }
    // These have the answer in their kind and not as their source.
    macro_rules! by_kind {
        ($($type:ty => $($kind:path)|+),+ $(,)?) => {$(
            if let Some(error) = error.downcast_ref::<$type>() {
                return match error.kind() {
                    $($kind(answer) => Some(answer.error_code()),)+
                    _ => None,
                };
            }
        )+};
    }
    by_kind! {
        ConsumerError => ConsumerErrorKind::JetStream,
        ConsumerCreateStrictError => ConsumerCreateStrictErrorKind::JetStream,
        ConsumerUpdateError => ConsumerUpdateErrorKind::JetStream,
        ConsumerInfoError => ConsumerInfoErrorKind::JetStream,
        CreateStreamError => CreateStreamErrorKind::JetStream,
        GetStreamError => GetStreamErrorKind::JetStream,
        RawMessageError => RawMessageErrorKind::JetStream,
    }
    None
}

/// The error with its causes and what to do about it, as one sentence.
pub(crate) fn sentence(error: &(dyn Error + 'static)) -> String {
    let mut sentence = causes(error).join(": ");
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(to_do) = code_of(error).and_then(to_do) {
            sentence = format!("{sentence}; {to_do}");
            break;
        }
        cause = error.source();
    }
    sentence
}
