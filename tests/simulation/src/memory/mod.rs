//! A server in memory with as much of nats-server as Hilum uses, no more: streams whose subjects are written under a
//! condition, durable consumers, tickets for later. Time comes in as an argument. That it answers as nats-server does is
//! shown by one contract suite that runs on both (`tests/simulation/contract.rs`).

mod consumer;

use std::collections::BTreeMap;

use bytes::Bytes;
use hilum_events::finds;
use hilum_log::{
    Advisory, AdvisoryKind, ConsumerPosition, Publish, PublishFailure, Published, Recorded, TicketSubject,
};
use jiff::{SignedDuration, Timestamp};

pub(crate) use consumer::lane_name;
use consumer::{Consumer, Next};

pub use consumer::ConsumerConfig;

/// How long a message id is remembered.
const WINDOW: SignedDuration = SignedDuration::from_secs(120);

/// The streams, by the first token of their subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum StreamName {
    /// The log.
    Events,
    /// Tickets; one that was settled is removed.
    Retries,
    /// Stories of what was given up.
    DeadLetters,
    /// Which reading saw a picture.
    Pictures,
}

/// The server.
#[derive(Debug, Clone)]
pub struct Memory {
    /// Which log it keeps: another name after a restore.
    pub epoch: u32,
    /// The log takes no more than so many facts.
    pub max_facts: Option<usize>,
    events: Stream,
    retries: Stream,
    dead_letters: Stream,
    pictures: Stream,
    schedules: Vec<Schedule>,
    consumers: BTreeMap<String, (StreamName, Consumer)>,
    advisories: Vec<Advisory>,
}

/// A message as it stands in its stream.
#[derive(Debug, Clone)]
pub struct Message {
    /// Position.
    pub seq: u64,
    /// Subject.
    pub subject: String,
    /// Bytes.
    pub payload: Bytes,
    /// As a fact, if it is of the log.
    fact: Option<Recorded>,
}

/// A message that was handed out.
#[derive(Debug, Clone)]
pub struct Delivered {
    /// The consumer's name on the server.
    pub consumer: String,
    /// The message.
    pub message: Message,
    /// 1 for the first time.
    pub deliveries: u64,
}

#[derive(Debug, Clone, Default)]
struct Stream {
    /// By position, from 1; `None` for what was removed or lost.
    messages: Vec<Option<Message>>,
    ids: Vec<(String, u64, Timestamp)>,
}

#[derive(Debug, Clone)]
struct Schedule {
    at: Timestamp,
    /// Its own position among the retries.
    seq: u64,
    due: String,
}

impl Message {
    /// As a fact of the log.
    pub fn fact(&self) -> Option<&Recorded> {
        self.fact.as_ref()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            epoch: 1,
            max_facts: None,
            events: Stream::default(),
            retries: Stream::default(),
            dead_letters: Stream::default(),
            pictures: Stream::default(),
            schedules: Vec::new(),
            consumers: BTreeMap::new(),
            advisories: Vec::new(),
        }
    }
}

impl Memory {
    /// Writes a message under its condition. Asked in this order, as by nats-server: known by its id, wrong place, no room.
    ///
    /// # Errors
    /// When it was not written.
    pub fn publish(&mut self, message: Publish, now: Timestamp) -> Result<Published, PublishFailure> {
        let name = stream_of(&message.subject).ok_or(PublishFailure::Away)?;
        let max_facts = self.max_facts.filter(|_| name == StreamName::Events);
        let stream = self.stream_mut(name);
        if let Some(id) = &message.message_id {
            let is_known = |(known, _, at): &&(String, u64, Timestamp)| known == id && now < *at + WINDOW;
            if let Some((_, seq, _)) = stream.ids.iter().rev().find(is_known) {
                return Ok(Published { seq: *seq, is_duplicate: true });
            }
        }
        if let Some((filter, expected)) = &message.expected_last
            && stream.last(filter).map_or(0, |last| last.seq) != *expected
        {
            return Err(PublishFailure::WrongLast);
        }
        if max_facts.is_some_and(|max| stream.count() >= max) {
            return Err(PublishFailure::Full);
        }
        let seq = stream.write(name, message.subject, message.payload, now);
        if let Some(id) = message.message_id {
            stream.ids.push((id, seq, now));
        }
        Ok(Published { seq, is_duplicate: false })
    }

    /// Has the ticket written to `due` at a time; it stands under `later` until then, and replaces what stood there.
    pub fn schedule(&mut self, later: &str, due: String, ticket: Bytes, at: Timestamp, now: Timestamp) {
        self.remove(StreamName::Retries, later);
        let seq = self.retries.write(StreamName::Retries, later.to_owned(), ticket, now);
        self.schedules.push(Schedule { at, seq, due });
    }

    /// When the next ticket is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.schedules.iter().map(|schedule| schedule.at).min()
    }

    /// Writes the tickets that are due.
    pub fn tick(&mut self, now: Timestamp) {
        while let Some(index) = self.schedules.iter().position(|schedule| schedule.at <= now) {
            let Schedule { seq, due, .. } = self.schedules.remove(index);
            let Some(ticket) = self.retries.take(seq) else { continue };
            self.retries.write(StreamName::Retries, due, ticket.payload, now);
        }
    }

    /// The newest message under `filter`.
    pub fn last(&self, name: StreamName, filter: &str) -> Option<&Message> {
        self.stream(name).last(filter)
    }

    /// The message at a position.
    pub fn at(&self, name: StreamName, seq: u64) -> Option<&Message> {
        self.stream(name).at(seq)
    }

    /// The first message behind a position.
    pub fn next(&self, name: StreamName, after_seq: u64, filters: &[String]) -> Option<&Message> {
        self.stream(name).next(after_seq, filters)
    }

    /// Position of the newest message that was ever written.
    pub fn last_seq(&self, name: StreamName) -> u64 {
        self.stream(name).messages.len() as u64
    }

    /// Position of the oldest fact; of the next one when there is none.
    pub fn first_fact_seq(&self) -> u64 {
        let first = self.events.messages.iter().flatten().next().map(|message| message.seq);
        first.unwrap_or(self.last_seq(StreamName::Events) + 1)
    }

    /// Positions behind that at which there is nothing.
    pub fn missing_facts(&self) -> u64 {
        let places = self.last_seq(StreamName::Events) + 1 - self.first_fact_seq();
        places - self.events.count() as u64
    }

    /// How many messages stand under `filter`.
    pub fn count(&self, name: StreamName, filter: &str) -> usize {
        self.messages(name).filter(|message| finds(filter, &message.subject)).count()
    }

    /// All messages, oldest first.
    pub fn messages(&self, name: StreamName) -> impl Iterator<Item = &Message> {
        self.stream(name).messages.iter().flatten()
    }

    /// Whether the log takes another fact.
    pub fn has_room(&self) -> bool {
        self.max_facts.is_none_or(|max| self.events.count() < max)
    }

    /// Removes what stands under `filter`.
    pub fn remove(&mut self, name: StreamName, filter: &str) {
        let stream = self.stream_mut(name);
        for place in &mut stream.messages {
            if place.as_ref().is_some_and(|message| finds(filter, &message.subject)) {
                *place = None;
            }
        }
    }

    /// Loses a message, as a disk does.
    pub fn lose(&mut self, name: StreamName, seq: u64) {
        self.stream_mut(name).take(seq);
    }

    /// Goes back to an older copy of the log, which is without its consumers.
    pub fn restore(&mut self, last_seq: u64) {
        self.epoch += 1;
        self.events.messages.truncate(usize::try_from(last_seq).unwrap_or(usize::MAX));
        self.events.ids.retain(|(_, seq, _)| *seq <= last_seq);
        self.consumers.retain(|_, (name, _)| *name != StreamName::Events);
    }

    /// Makes a consumer that hands out what stands behind `after_seq`, unless it is there.
    pub fn make_consumer(&mut self, name: StreamName, config: ConsumerConfig, after_seq: u64) {
        let made = || (name, Consumer::new(config.clone(), after_seq));
        self.consumers.entry(config.name.clone()).or_insert_with(made);
    }

    /// Forgets a consumer.
    pub fn drop_consumer(&mut self, consumer: &str) {
        self.consumers.remove(consumer);
    }

    /// Whether it is there.
    pub fn has_consumer(&self, consumer: &str) -> bool {
        self.consumers.contains_key(consumer)
    }

    /// Hands out a message of a consumer.
    pub fn pull(&mut self, consumer: &str, now: Timestamp) -> Option<Delivered> {
        loop {
            let (name, state) = self.consumers.get_mut(consumer)?;
            let stream = if *name == StreamName::Events { &self.events } else { &self.retries };
            let find = |after_seq, filters: &[String]| Some(stream.next(after_seq, filters)?.seq);
            match state.next(now, find) {
                Next::Nothing => return None,
                Next::GivenUp { seq, deliveries } => {
                    self.advise(consumer, AdvisoryKind::MaxDeliveries, seq, deliveries, now);
                }
                Next::Message { seq, deliveries } => match stream.at(seq) {
                    Some(message) => {
                        let message = message.clone();
                        return Some(Delivered { consumer: consumer.to_owned(), message, deliveries });
                    }
                    // It was removed since it was handed out.
                    None => drop(state.settle(seq)),
                },
            }
        }
    }

    /// Whether a consumer has anything to hand out.
    pub fn has_any(&mut self, consumer: &str, now: Timestamp) -> bool {
        let Some((name, state)) = self.consumers.get_mut(consumer) else { return false };
        let stream = if *name == StreamName::Events { &self.events } else { &self.retries };
        let find = |after_seq, filters: &[String]| Some(stream.next(after_seq, filters)?.seq);
        state.has_any(now, stream.messages.len() as u64, find)
    }

    /// A worker has settled a message.
    pub fn acknowledge(&mut self, consumer: &str, seq: u64) {
        let Some((name, state)) = self.consumers.get_mut(consumer) else { return };
        let was_in_hand = state.settle(seq).is_some();
        if was_in_hand && *name == StreamName::Retries {
            self.retries.take(seq);
        }
    }

    /// A worker wants a message not to be handed out again.
    pub fn terminate(&mut self, consumer: &str, seq: u64, now: Timestamp) {
        let Some((name, state)) = self.consumers.get_mut(consumer) else { return };
        let (Some(it), name) = (state.settle(seq), *name) else { return };
        self.advise(consumer, AdvisoryKind::Terminated, seq, it.deliveries, now);
        if name == StreamName::Retries {
            self.retries.take(seq);
        }
    }

    /// A worker gives a message to another one.
    pub fn hand_back(&mut self, consumer: &str, seq: u64, now: Timestamp) {
        if let Some((_, state)) = self.consumers.get_mut(consumer) {
            state.hand_back(seq, now);
        }
    }

    /// A worker still has a message in hand.
    pub fn report_progress(&mut self, consumer: &str, seq: u64, now: Timestamp) {
        if let Some((_, state)) = self.consumers.get_mut(consumer) {
            state.report_progress(seq, now);
        }
    }

    /// When the first of the messages in hand is handed out again.
    pub fn next_redelivery(&self) -> Option<Timestamp> {
        let all = self.consumers.values().flat_map(|(_, state)| state.in_hand.values());
        all.map(|it| it.until).min()
    }

    /// The consumers that have something to hand out or in hand.
    pub fn undrained(&self) -> impl Iterator<Item = &str> {
        let is_drained = |name: StreamName, state: &Consumer| {
            let waits =
                || self.stream(name).next(state.searched_seq.max(state.delivered_seq), &state.config.filters);
            state.in_hand.is_empty() && waits().is_none()
        };
        let undrained = self.consumers.iter().filter(move |(_, (name, state))| !is_drained(*name, state));
        undrained.map(|(consumer, _)| consumer.as_str())
    }

    /// The name of one of the consumers of the log.
    pub fn name_of(&self, number: usize) -> String {
        let of_events = self.consumers.iter().filter(|(_, (name, _))| *name == StreamName::Events);
        of_events.map(|(consumer, _)| consumer.clone()).nth(number).unwrap_or_default()
    }

    /// What is in hand, by consumer and position.
    pub fn in_hand(&self) -> Vec<(String, u64)> {
        let of = |(consumer, (_, state)): (&String, &(StreamName, Consumer))| {
            state.in_hand.keys().map(|seq| (consumer.clone(), *seq)).collect::<Vec<_>>()
        };
        self.consumers.iter().flat_map(of).collect()
    }

    /// How far the consumers of the log have come.
    pub fn positions(&self) -> Vec<ConsumerPosition> {
        let of_events = self.consumers.values().filter(|(name, _)| *name == StreamName::Events);
        let position = |(name, state): &(StreamName, Consumer)| ConsumerPosition {
            consumer: state.config.declared.clone(),
            lane: state.config.lane,
            delivered_seq: state.delivered_seq,
            ack_floor_seq: state.ack_floor_seq(),
            waiting: u64::from(self.stream(*name).next(state.delivered_seq, &state.config.filters).is_some()),
            in_hand: state.in_hand.len() as u64,
        };
        of_events.map(position).collect()
    }

    /// What was said of messages that are not handed out any more, behind a position; not of tickets that are gone.
    pub fn advisories_after(&self, seq: u64) -> Vec<Advisory> {
        self.advisories.iter().filter(|advisory| advisory.seq > seq).cloned().collect()
    }

    fn advise(&mut self, consumer: &str, kind: AdvisoryKind, seq: u64, deliveries: u64, at: Timestamp) {
        let Some((name, state)) = self.consumers.get(consumer) else { return };
        let by_ticket = *name == StreamName::Retries;
        let mut about = (state.config.declared.clone(), seq);
        if by_ticket {
            let Some(ticket) = self.retries.at(seq) else { return };
            let Some(ticket) = TicketSubject::parse(&ticket.subject) else { return };
            about = (ticket.consumer.to_owned(), ticket.stream_seq);
        }
        let number = self.advisories.len() as u64 + 1;
        let (consumer, stream_seq) = about;
        self.advisories.push(Advisory { seq: number, kind, by_ticket, consumer, stream_seq, deliveries, at });
    }

    fn stream(&self, name: StreamName) -> &Stream {
        match name {
            StreamName::Events => &self.events,
            StreamName::Retries => &self.retries,
            StreamName::DeadLetters => &self.dead_letters,
            StreamName::Pictures => &self.pictures,
        }
    }

    fn stream_mut(&mut self, name: StreamName) -> &mut Stream {
        match name {
            StreamName::Events => &mut self.events,
            StreamName::Retries => &mut self.retries,
            StreamName::DeadLetters => &mut self.dead_letters,
            StreamName::Pictures => &mut self.pictures,
        }
    }
}

impl Stream {
    fn write(&mut self, name: StreamName, subject: String, payload: Bytes, now: Timestamp) -> u64 {
        let seq = self.messages.len() as u64 + 1;
        let fact = (name == StreamName::Events).then(|| Recorded::at(seq, &subject, now, payload.clone()));
        self.messages.push(Some(Message { seq, subject, payload, fact }));
        seq
    }

    fn at(&self, seq: u64) -> Option<&Message> {
        self.messages.get(usize::try_from(seq.checked_sub(1)?).ok()?)?.as_ref()
    }

    fn take(&mut self, seq: u64) -> Option<Message> {
        self.messages.get_mut(usize::try_from(seq.checked_sub(1)?).ok()?)?.take()
    }

    fn last(&self, filter: &str) -> Option<&Message> {
        self.messages.iter().rev().flatten().find(|message| finds(filter, &message.subject))
    }

    fn next(&self, after_seq: u64, filters: &[String]) -> Option<&Message> {
        let behind = self.messages.get(usize::try_from(after_seq).ok()?..)?;
        behind.iter().flatten().find(|message| any_finds(filters, &message.subject))
    }

    fn count(&self) -> usize {
        self.messages.iter().flatten().count()
    }
}

/// Whether any of `filters` finds the subject, or there is none.
fn any_finds(filters: &[String], subject: &str) -> bool {
    filters.is_empty() || filters.iter().any(|filter| finds(filter, subject))
}

/// The stream that takes a subject, or has the name.
pub(crate) fn stream_of(subject: &str) -> Option<StreamName> {
    match subject.split('.').next()? {
        "evt" => Some(StreamName::Events),
        "retry" => Some(StreamName::Retries),
        "dlq" => Some(StreamName::DeadLetters),
        "picture" => Some(StreamName::Pictures),
        _ => None,
    }
}
