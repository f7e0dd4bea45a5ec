//! What `streams/` declares, and what is said of the messages in these streams: consumers and their lanes, tickets, tries,
//! advisories. Plain types and names; knows no server.

mod advisory;
mod commitment;
mod consumers;
mod dead_letters;
mod definition;
mod lanes;
mod notification;
mod ticket_subject;
mod tries;

pub use advisory::{Advisory, AdvisoryKind};
pub use commitment::{
    COMMITMENT_RESULTS, CommitmentResult, HeldInstance, InstanceReference, WaitingResult,
    held_instance_subject,
};
pub use consumers::{ConsumerPosition, QueueDepth, RETRY_TURN, retry_consumer, service_of, target_of};
pub use dead_letters::{dead_letter_stream, dead_letter_subject};
pub use definition::{
    ADVISORIES, COMMITMENTS, ConsumerDefinition, EVENTS, HELD_INSTANCES, Lanes, NOTIFICATIONS,
    PARKED_NOTIFICATIONS, PICTURES, RETRIES, Retention, SEEN_OBJECTS, StreamDefinition, UPLOADED_OBJECTS,
    definitions,
};
pub use lanes::{
    consumer_of, declared, declared_consumers, is_share, lane_name, laned, lanes_of, streams_with_consumers,
};
pub use notification::{
    NOTIFICATION_BODIES, Notification, ParkedNotification, UploadedObject, notification_subject,
    parked_notification_subject, seen_object_subject, uploaded_object_subject,
};
pub use ticket_subject::{TicketSubject, due_tickets_filter, tickets_for_need_filter};
pub use tries::{Try, times};
