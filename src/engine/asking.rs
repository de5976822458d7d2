//! Clients at work: they invoke, wait, are answered or give up.
//!
//! ```text
//!   Invoke ──▶ history entry ──request──▶ node        GiveUp ──▶ unknown
//!                                 Answer ◀── reply     an answer after the end is dropped
//! ```
//!
//! Here is what the engine does for them; who asks for what is a [`Workload`]'s business
//! (`clients.rs`). Requests and answers travel over the clients' own links.
//!
//! [`Workload`]: super::clients::Workload

use super::{
    clients::{Again, Draw, Request, Target},
    clock::{Clock, ClockLaw},
    core::{Core, Event},
    network::{Endpoint, Lost},
    operations::{Answer, Ending, HistoryEntry},
    protocol::Protocol,
    script::Carried,
    signal::What,
    trace::Kind,
};
use crate::base::{
    draws::below,
    ids::{ClientId, NodeId, OpId},
    queue::Class,
    time::{Duration, Time},
};

impl<P: Protocol> Core<P> {
    /// Schedules every client's first operation.
    pub(super) fn schedule_clients(&mut self) {
        let workload = self.setup.workload.clone();
        let listed = workload.listed();
        if !listed.is_empty() {
            return listed.iter().for_each(|&(at, by)| self.schedule_client(by, Time::ZERO + at));
        }
        for client in 0..workload.clients() {
            let client = ClientId(client);
            let first = workload.first(&mut Draw::new(&self.draws, client, 0));
            self.schedule_client(client, Time::ZERO + first);
        }
    }

    fn schedule_client(&mut self, client: ClientId, at: Time) {
        if at < self.setup.until {
            self.put(at, Class::Invoke, Event::Invoke(client));
        }
    }

    /// A client asks for its next operation.
    pub(super) fn invoke(&mut self, client: ClientId) {
        if self.healed {
            return;
        }
        let workload = self.setup.workload.clone();
        let nth = self.asked[usize::from(client.0)];
        self.asked[usize::from(client.0)] += 1;
        let mut draw = Draw::new(&self.draws, client, nth);
        let Request { operation, target, again } = workload.next(&mut draw);
        let node = match target {
            Target::Node(node) => node,
            Target::Named(place) => self.setup.targets[place],
            Target::Any => {
                let serving = &self.catalog.serving;
                serving[below(draw.word("node"), serving.len() as u64) as usize]
            }
        };
        let op = workload.number(client, nth);
        let ends = (self.catalog.client_end(client), Endpoint::from(node));
        let event =
            self.note(Kind::Invoke, ends, 0, u64::from(op.0), || format!("{op} {operation:?}"));
        self.counters.operations.invoked += 1;
        let invoked_at = self.now;
        let ending = None;
        let entry =
            HistoryEntry { op, client, node, operation, invoked_at, invoked: event, ending };
        self.history.push(entry);
        self.signal(event, What::Invoked(op, client, operation));
        self.cause = event;
        self.request(op, node, ends);
        self.put(self.now + self.setup.patience, Class::End, Event::GiveUp(op));
        if let Again::After(pause) = again
            && workload.listed().is_empty()
        {
            self.schedule_client(client, self.now + pause);
        }
    }

    fn request(&mut self, op: OpId, node: NodeId, ends: (Endpoint, Endpoint)) {
        match self.client_travel(ends, Carried::Request, (op, self.cause)) {
            Some(latency) => {
                let at = self.now + latency;
                self.put(at, Class::Delivery, Event::Request { op, node });
            }
            None => self.lose_for_client(op, ends, Lost::Dropped),
        }
    }

    /// An answer reaches its client.
    pub(super) fn answered(&mut self, op: OpId, answer: Answer) {
        if self.entry(op).ending.is_none() {
            self.end(op, answer.into());
        }
    }

    /// A request or an answer did not arrive.
    pub(super) fn lose_for_client(&mut self, op: OpId, ends: (Endpoint, Endpoint), why: Lost) {
        self.note(Kind::Lose(why), ends, 0, u64::from(op.0), || op.to_string());
    }

    /// A client has waited long enough.
    pub(super) fn give_up(&mut self, op: OpId) {
        if self.entry(op).ending.is_none() {
            self.end(op, Ending::Unknown);
        }
    }

    fn end(&mut self, op: OpId, ending: Ending) {
        let now = self.now;
        let entry = self.history.get_mut(op).expect("what ends was invoked");
        entry.ending = Some((now, ending));
        let entry = *entry;
        let operations = &mut self.counters.operations;
        match ending {
            Ending::Ok(_) => operations.ok += 1,
            Ending::NotDone => operations.not_done += 1,
            Ending::Unknown => operations.unknown += 1,
        }
        if ending != Ending::Unknown {
            self.progress_at = now;
        }
        let content = match ending {
            Ending::Ok(None) => 1,
            Ending::Ok(Some(value)) => (value as u64) << 2 | 3,
            Ending::NotDone => 2,
            Ending::Unknown => 0,
        };
        let ends = (self.catalog.client_end(entry.client), Endpoint::from(entry.node));
        let event = self.note(Kind::End, ends, 0, content, || format!("{op} {ending:?}"));
        self.signal(event, What::Ended(op, ending));
        self.think(entry.client);
    }

    /// A closed-loop client asks again once its operation has ended.
    fn think(&mut self, client: ClientId) {
        let workload = self.setup.workload.clone();
        let nth = self.asked[usize::from(client.0)].saturating_sub(1);
        let request = workload.next(&mut Draw::new(&self.draws, client, nth));
        if let Again::Thinking(pause) = request.again {
            self.schedule_client(client, self.now + pause);
        }
    }

    /// The endpoint of the client that asked for an operation.
    pub(super) fn client_of(&self, op: OpId) -> Endpoint {
        self.catalog.client_end(self.entry(op).client)
    }

    /// The history of an operation that was invoked.
    pub(super) fn entry(&self, op: OpId) -> &HistoryEntry {
        self.history.get(op).expect("what is under way was invoked")
    }

    /// Who asked for an operation; the first client where nobody did, on a bench.
    pub(super) fn asked_by(&self, op: OpId) -> ClientId {
        self.history.get(op).map_or(ClientId(0), |entry| entry.client)
    }

    /// When an operation was asked for, on its client's clock; now where nobody asked.
    pub(super) fn asked_at(&self, op: OpId) -> Time {
        let Some(entry) = self.history.get(op) else { return self.now };
        self.client_clock(self.catalog.client_end(entry.client)).read(entry.invoked_at)
    }

    /// A client's clock: what the script says of it, or what was drawn.
    pub(super) fn client_clock(&self, client: Endpoint) -> Clock {
        let law = ClockLaw { offset_max: self.setup.client_offset_max, ..ClockLaw::default() };
        let name = self.names.endpoints[usize::from(client.0)];
        let scripted = self.setup.script.clock(client);
        scripted.map_or_else(|| Clock::draw(law, &self.draws, name), Clock::fixed)
    }

    /// How long the next handler of a node takes.
    pub(super) fn service_time(&mut self, node: NodeId, event: u64) -> Option<Duration> {
        let name = self.names.endpoints[usize::from(node.0)];
        let key = self.draws.key(crate::base::draws::Purpose::Node, [name, 2, event, 0]);
        let word = key.word(self.attempt(key), 0);
        self.service(node).map(|service| service.time.sample(word))
    }
}
