//! Where tickets stand in the stream of retries: `retry.<queue>.<consumer>.<position>`. The queue is `later` while a ticket waits
//! for its time, `due` once it is to be handed out, and one for each need.

const RETRY: &str = "retry";
const DUE: &str = "due";
const LATER: &str = "later";

/// What the subject of a ticket says: which consumer shall try which message again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketSubject<'a> {
    /// The consumer as declared.
    pub consumer: &'a str,
    /// Position of the message in the event stream.
    pub stream_seq: u64,
}

impl<'a> TicketSubject<'a> {
    /// Takes the subject of a ticket apart, whichever queue it is in; `None` when it is not formed like one.
    pub fn parse(subject: &'a str) -> Option<Self> {
        let mut tokens = subject.split('.');
        let (retry, _queue, consumer, stream_seq) =
            (tokens.next()?, tokens.next()?, tokens.next()?, tokens.next()?);
        if retry != RETRY || tokens.next().is_some() {
            return None;
        }
        Some(Self { consumer, stream_seq: stream_seq.parse().ok()? })
    }

    /// Where the ticket is handed out.
    pub fn due(self) -> String {
        self.within(DUE)
    }

    /// Where the ticket waits for its time.
    pub fn later(self) -> String {
        self.within(LATER)
    }

    /// Where the ticket waits for a worker that has what the need with this key stands for.
    pub fn for_need(self, key: &str) -> String {
        self.within(&queue_of_need(key))
    }

    /// Filter that finds the ticket in whichever queue.
    pub fn anywhere(self) -> String {
        self.within("*")
    }

    fn within(self, queue: &str) -> String {
        format!("{RETRY}.{queue}.{}.{}", self.consumer, self.stream_seq)
    }
}

/// Filter that finds the tickets of a consumer that are to be handed out.
pub fn due_tickets_filter(consumer: &str) -> String {
    format!("{RETRY}.{DUE}.{consumer}.>")
}

/// Filter that finds the tickets of a consumer that wait for a need.
pub fn tickets_for_need_filter(key: &str, consumer: &str) -> String {
    format!("{RETRY}.{}.{consumer}.>", queue_of_need(key))
}

fn queue_of_need(key: &str) -> String {
    format!("for-{key}")
}

#[cfg(test)]
mod tests {
    use hilum_events::finds;

    use super::*;

    #[test]
    fn a_ticket_is_known_by_its_subject_in_every_queue() {
        let ticket = TicketSubject { consumer: "deliver-pacs-two", stream_seq: 7 };
        assert_eq!(ticket.due(), "retry.due.deliver-pacs-two.7");
        assert_eq!(ticket.later(), "retry.later.deliver-pacs-two.7");
        for subject in [ticket.due(), ticket.later(), ticket.for_need("0a1b")] {
            assert_eq!(TicketSubject::parse(&subject), Some(ticket));
            assert!(finds(&ticket.anywhere(), &subject));
        }
        assert!(finds(&due_tickets_filter(ticket.consumer), &ticket.due()));
        assert!(finds(&tickets_for_need_filter("0a1b", ticket.consumer), &ticket.for_need("0a1b")));
        for other in ["", "retry.due.infer", "retry.due.infer.x", "retry.due.infer.7.8", "evt.due.infer.7"] {
            assert_eq!(TicketSubject::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_filter_finds_the_tickets_of_its_consumer_in_its_queue_and_no_others() {
        let ticket = |consumer, stream_seq| TicketSubject { consumer, stream_seq };
        let mut all = Vec::new();
        for ticket in [ticket("infer-stat", 7), ticket("infer-stat", 8), ticket("infer-routine", 7)] {
            // Needs may have any key, also the name of a queue.
            all.extend([ticket.due(), ticket.later(), ticket.for_need("due"), ticket.for_need("0a")]);
        }
        let found = |filter: String| -> Vec<&String> {
            all.iter().filter(|subject| finds(&filter, subject)).collect()
        };
        assert_eq!(found(ticket("infer-stat", 7).anywhere()), all.iter().take(4).collect::<Vec<_>>());
        assert_eq!(found(due_tickets_filter("infer-stat")), [&all[0], &all[4]]);
        assert_eq!(found(tickets_for_need_filter("due", "infer-stat")), [&all[2], &all[6]]);
        assert_eq!(found(tickets_for_need_filter("0a", "infer-routine")), [&all[11]]);
    }
}
