//! The log on JetStream, in three rooms: the port to its facts, work that is handed out with retry, and the upkeep of streams and
//! consumers; and the frame for states that follow from the log. The only crate that knows NATS.

mod admin;
mod fold;
mod port;
mod work;

pub use admin::{
    ApplyError, DeadLetter, Drift, Ensured, FLOORS_RECORD, Floors, FloorsError, MadeAnew, apply,
    apply_definitions, apply_definitions_knowing, apply_knowing, drift,
};
pub use fold::{Fold, FoldHalt, FoldState, PositionedState};
pub use hilum_streams::{
    Advisory, AdvisoryKind, COMMITMENT_RESULTS, COMMITMENTS, CommitmentResult, ConsumerDefinition,
    ConsumerPosition, HELD_INSTANCES, HeldInstance, InstanceReference, Lanes, NOTIFICATION_BODIES,
    NOTIFICATIONS, Notification, PARKED_NOTIFICATIONS, ParkedNotification, QueueDepth, Retention,
    SEEN_OBJECTS, StreamDefinition, TicketSubject, Try, UPLOADED_OBJECTS, UploadedObject, WaitingResult,
    consumer_of, declared as declared_consumer, definitions, due_tickets_filter, held_instance_subject,
    notification_subject, parked_notification_subject, seen_object_subject, service_of, target_of,
    uploaded_object_subject,
};
pub use port::{
    Answer, AppendError, Appended, AwayError, CLOCK_NOTE, ConnectError, Follower, Gap, HoleError, Log,
    LogServer, OtherLog, Publish, PublishFailure, Published, Recorded, SEAL_RECORD, Seal, SealError,
    ServerClock, SiteQueue, StreamPosition, Trace, Trouble, UnavailableError, WallClock, unseen_lane,
};
pub use work::{
    Failure, Handle, Handout, Need, Queue, QueueConsumer, Queued, Reply, Unmet, WorkConfig, WorkError,
    WorkItem, Worker, encoded, work,
};
