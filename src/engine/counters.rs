//! Counters: what a run cost, counted where it happens and not where a protocol says so.
//!
//! ```text
//!   network ──▶ messages[role of the sender][label]      disk ──▶ records[role][label]
//! ```
//!
//! Plain additions on dense tables, indexed by role and label; names are looked up when somebody
//! prints them. What a protocol claims to send was rejected as a source: the point of counting is
//! to compare the claim with the wire.

/// What became of messages with one label.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessageCounts {
    /// Sent, copies not counted.
    pub sent: u64,
    /// Handled by a receiver.
    pub delivered: u64,
    /// Extra copies made by links, replays included.
    pub copied: u64,
    /// Lost by a link.
    pub dropped: u64,
    /// Damaged, found by the frame check.
    pub corrupt: u64,
    /// Stopped at a cut.
    pub cut: u64,
    /// Met a receiver that was down.
    pub dead: u64,
    /// Met a full queue.
    pub overflowed: u64,
    /// Calls of a node to itself; not counted as sent.
    pub local: u64,
}

impl MessageCounts {
    /// Sum of two counts.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            sent: self.sent + other.sent,
            delivered: self.delivered + other.delivered,
            copied: self.copied + other.copied,
            dropped: self.dropped + other.dropped,
            corrupt: self.corrupt + other.corrupt,
            cut: self.cut + other.cut,
            dead: self.dead + other.dead,
            overflowed: self.overflowed + other.overflowed,
            local: self.local + other.local,
        }
    }
}

/// How records with one label were logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// With a force.
    pub forced: u64,
    /// Without.
    pub unforced: u64,
}

/// Life of the nodes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NodeCounts {
    /// Crashes of a node that was up.
    pub crashes: u64,
    /// Of those, crashes that fell between two effects of a handler.
    pub cut_handlers: u64,
    /// Of those, crashes that hit a node while a force was under way.
    pub during_force: u64,
    /// Unsynced records that crashes destroyed.
    pub records_lost: u64,
    /// Unsynced records that survived a crash by luck.
    pub records_kept: u64,
    /// Boots after a crash.
    pub recoveries: u64,
}

/// What raw files cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCounts {
    /// Sectors that syncs wrote.
    pub sectors_written: u64,
    /// Sectors that were read.
    pub sectors_read: u64,
    /// How often the head had to move.
    pub seeks: u64,
    /// Syncs that failed.
    pub failed_syncs: u64,
    /// Unsynced sectors that crashes destroyed.
    pub sectors_lost: u64,
    /// Unsynced sectors that survived a crash by luck.
    pub sectors_kept: u64,
    /// Changes of names that crashes took back.
    pub names_lost: u64,
}

/// How operations ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OperationCounts {
    /// Asked.
    pub invoked: u64,
    /// Answered: done.
    pub ok: u64,
    /// Answered: not done.
    pub not_done: u64,
    /// Given up.
    pub unknown: u64,
}

/// Everything that is counted in one run.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    labels: usize,
    record_labels: usize,
    pub(super) messages: Vec<MessageCounts>,
    pub(super) records: Vec<RecordCounts>,
    /// Per step: how often it was passed.
    pub steps: Vec<u64>,
    /// Physical forces: several records may share one.
    pub flushes: u64,
    /// What raw files cost.
    pub disk: DiskCounts,
    /// Life of the nodes.
    pub nodes: NodeCounts,
    /// How operations ended.
    pub operations: OperationCounts,
    /// Events handled.
    pub events: u64,
}

impl Counters {
    pub(super) fn new(roles: usize, labels: usize, record_labels: usize, steps: usize) -> Self {
        Self {
            labels,
            record_labels,
            messages: vec![MessageCounts::default(); roles * labels],
            records: vec![RecordCounts::default(); roles * record_labels],
            steps: vec![0; steps],
            ..Self::default()
        }
    }

    pub(super) fn reset(&mut self) {
        self.messages.fill(MessageCounts::default());
        self.records.fill(RecordCounts::default());
        self.steps.fill(0);
        self.flushes = 0;
        self.disk = DiskCounts::default();
        self.nodes = NodeCounts::default();
        self.operations = OperationCounts::default();
        self.events = 0;
    }

    #[inline]
    pub(super) fn message(&mut self, role: u8, label: u16) -> &mut MessageCounts {
        &mut self.messages[usize::from(role) * self.labels + usize::from(label)]
    }

    #[inline]
    pub(super) fn record(&mut self, role: u8, label: u16) -> &mut RecordCounts {
        &mut self.records[usize::from(role) * self.record_labels + usize::from(label)]
    }

    /// How many messages nodes sent to each other.
    pub fn messages_sent(&self) -> u64 {
        self.messages.iter().map(|counts| counts.sent).sum()
    }

    /// How many messages were handled, those of a node to itself included.
    pub fn messages_delivered(&self) -> u64 {
        self.messages.iter().map(|counts| counts.delivered).sum()
    }

    /// What became of the messages of a label that nodes of a role sent.
    pub fn messages_of(&self, role: usize, label: usize) -> MessageCounts {
        self.messages[role * self.labels + label]
    }

    /// How nodes of a role logged records of a label.
    pub fn records_of(&self, role: usize, label: usize) -> RecordCounts {
        self.records[role * self.record_labels + label]
    }
}
