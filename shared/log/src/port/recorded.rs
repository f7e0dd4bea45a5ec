//! A fact as it stands in the log, with its address and the trace that it belongs to.

use std::collections::HashMap;

use async_nats::HeaderMap;
use async_nats::jetstream::message::{Message, StreamMessage};
use async_nats::jetstream::stream::{RawMessageError, RawMessageErrorKind};
use bytes::Bytes;
use hilum_events::{DecodeError, Envelope};
use jiff::Timestamp;
use opentelemetry::propagation::{Extractor, Injector};
use opentelemetry::trace::TraceContextExt as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use super::error::UnavailableError;

/// One message of the event stream.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Position in the stream, from 1.
    pub seq: u64,
    /// Where it stands.
    pub subject: String,
    /// When the server stored it, by its clock, as told by [`crate::ServerClock`]: what counts from here counts by that.
    pub stored_at: Timestamp,
    /// The fact, or why it can't be read by this release.
    pub content: Result<Envelope, DecodeError>,
    /// Messages after this one that match the reader's filter.
    pub pending: u64,
    pub(crate) payload: Bytes,
    pub(crate) headers: HashMap<String, String>,
}

impl Recorded {
    pub(crate) fn new(address: StreamAddress<'_>, headers: Option<&HeaderMap>, payload: Bytes) -> Self {
        let headers = headers
            .into_iter()
            .flat_map(HeaderMap::iter)
            .filter_map(|(name, values)| Some((name.to_string(), values.first()?.to_string())))
            .collect();
        Self {
            seq: address.seq,
            subject: address.subject.to_owned(),
            stored_at: address.stored_at,
            content: Envelope::decode_at(address.subject, &payload),
            pending: address.pending,
            payload,
            headers,
        }
    }

    /// A message of the event stream, from its parts.
    pub fn at(seq: u64, subject: &str, stored_at: Timestamp, payload: Bytes) -> Self {
        Self::new(StreamAddress { seq, subject, stored_at, pending: 0 }, None, payload)
    }

    /// The fact, when this release can read it.
    pub fn envelope(&self) -> Option<&Envelope> {
        self.content.as_ref().ok()
    }

    /// Length of the message's payload, bytes.
    pub fn payload_len(&self) -> usize {
        self.payload.len()
    }

    /// Makes `span` a child of the span that wrote this fact.
    pub fn continue_trace_in(&self, span: &tracing::Span) {
        self.trace().continue_in(span);
    }

    /// The trace that this fact belongs to, for whoever keeps the fact without its message.
    pub fn trace(&self) -> Trace {
        Trace(opentelemetry::global::get_text_map_propagator(|propagator| {
            propagator.extract(&HeaderReader(&self.headers))
        }))
    }

    /// The W3C trace id, 32 hexadecimal digits.
    pub fn trace_id(&self) -> Option<String> {
        let span = self.trace().0.span().span_context().clone();
        span.is_valid().then(|| span.trace_id().to_string())
    }
}

/// The span that wrote a fact.
#[derive(Debug, Clone, Default)]
pub struct Trace(opentelemetry::Context);

impl Trace {
    /// Makes `span` a child of it.
    pub fn continue_in(&self, span: &tracing::Span) {
        // Fails only when no trace is collected at all.
        let _ = span.set_parent(self.0.clone());
    }
}

/// Where a message stands in the event stream.
pub(crate) struct StreamAddress<'a> {
    pub seq: u64,
    pub subject: &'a str,
    pub stored_at: Timestamp,
    pub pending: u64,
}

/// A message of a consumer of the event stream.
pub(crate) fn of_message(message: &Message) -> Result<Recorded, UnavailableError> {
    let info = message.info().map_err(UnavailableError::new("read a message's place"))?;
    let address = StreamAddress {
        seq: info.stream_sequence,
        subject: &message.subject,
        stored_at: timestamp(info.published.unix_timestamp_nanos()),
        pending: info.pending,
    };
    Ok(Recorded::new(address, message.headers.as_ref(), message.payload.clone()))
}

/// What the server answered to a question for one message; `None` when there is none.
pub(crate) fn of_answer(
    found: Result<StreamMessage, RawMessageError>,
) -> Result<Option<Recorded>, UnavailableError> {
    match found {
        Ok(message) => {
            let address = StreamAddress {
                seq: message.sequence,
                subject: &message.subject,
                stored_at: timestamp(message.time.unix_timestamp_nanos()),
                pending: 0,
            };
            Ok(Some(Recorded::new(address, Some(&message.headers), message.payload)))
        }
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(UnavailableError::new("read the event log")(error)),
    }
}

/// The server's clock as ours; its range is smaller than what a timestamp holds.
pub(crate) fn timestamp(nanoseconds: i128) -> Timestamp {
    Timestamp::from_nanosecond(nanoseconds).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Writes the current span into message headers.
pub(crate) fn inject_trace(headers: &mut HeaderMap) {
    let context = tracing::Span::current().context();
    opentelemetry::global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&context, &mut HeaderWriter(headers));
    });
}

struct HeaderReader<'a>(&'a HashMap<String, String>);

impl Extractor for HeaderReader<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    fn keys(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }
}

struct HeaderWriter<'a>(&'a mut HeaderMap);

impl Injector for HeaderWriter<'_> {
    fn set(&mut self, key: &str, value: String) {
        self.0.insert(key, value.as_str());
    }
}
