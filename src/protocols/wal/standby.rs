//! The standby: it keeps the same log, and takes over when no lease can hold.
//!
//! ```text
//!   primary   Ship(changes, sent) ──▶ standby: puts its takeover off by `silence`, logs, forces
//!             lease until sent + lease ◀── Shipped(synced, sent)
//!   silence                            ──▶ ● its log ──▶ ● succession ──▶ serves
//!             serves nothing ◀── Succeeded ── to every later Ship
//! ```
//!
//! The promise is given after it counts, and the lease is counted from before it was asked for, so
//! the one ends before the other whatever a message takes. A third node that decides was rejected:
//! it belongs to consensus.
//!
//! After Gray & Reuter (1993), section 12.6; Gray & Cheriton (1989) for the lease.

use super::{
    Ctx, Duty, Message, SHIPMENT_MAX, STANDBY, SUCCESSION, Shipment, Step, Timer, Wal,
    settings::{PRIMARY, Standby, Takeover},
};
use crate::{
    base::{
        ids::{Lsn, NodeId},
        time::Time,
    },
    engine::facts::Fact,
};

/// Shipping: the standby keeps the same log.
impl Wal {
    pub(super) fn has_standby(&self, ctx: &Ctx<'_>) -> bool {
        let leads = matches!(self.duty, Duty::Primary | Duty::Candidate);
        leads && ctx.config().standby != Standby::Absent
    }

    /// Sends what the standby may miss, up to a position.
    pub(super) fn ship(&mut self, upto: Lsn, ctx: &mut Ctx<'_>) {
        if !self.has_standby(ctx) {
            return;
        }
        let after = self.to_ship.first().map_or(upto, |(first, _)| Lsn(first.0 - 1));
        let missing = self.to_ship.range(..=upto).take(SHIPMENT_MAX);
        let changes = missing.map(|(_, change)| *change).collect();
        let sent = ctx.now();
        ctx.send(STANDBY, Message::Ship(Shipment { after, changes, sent }));
    }

    pub(super) fn ship_again(&mut self, ctx: &mut Ctx<'_>) {
        ctx.set_timer(ctx.config().ship_interval, Timer::Ship);
        ctx.overtake();
        self.ship(self.journal.synced(), ctx);
    }

    /// The standby logs what follows its own log, and says how much of it is synced.
    pub(super) fn on_ship(&mut self, from: NodeId, shipment: Shipment, ctx: &mut Ctx<'_>) {
        ctx.overtake(); // The promise not to take over counts before it is given.
        match self.duty {
            Duty::Standby => {}
            Duty::Successor => return ctx.send(from, Message::Succeeded),
            Duty::Primary | Duty::Candidate | Duty::Succeeded | Duty::Refusing(_) => return,
        }
        if let Takeover::After { silence, .. } = ctx.config().takeover {
            ctx.set_timer(silence, Timer::TakeOver);
        }
        let positions = (shipment.after.0 + 1..).map(Lsn);
        for (lsn, change) in positions.zip(shipment.changes) {
            if lsn == self.journal.last().next() && ctx.has_room() {
                self.log(change, ctx);
            }
        }
        if self.journal.last() > self.journal.synced() {
            self.ask_for_force(ctx);
        }
        ctx.send(from, Message::Shipped(self.journal.synced(), shipment.sent));
    }

    /// The standby has synced more: it shows that, and says so.
    pub(super) fn show(&mut self, upto: Lsn, ctx: &mut Ctx<'_>) {
        for lsn in self.shipped.0 + 1..=upto.0 {
            ctx.state(Fact::Applied(u64::from(lsn)));
        }
        self.shipped = self.shipped.max(upto);
        ctx.send(PRIMARY, Message::Shipped(upto, Time::ZERO));
        if self.journal.last() > upto {
            self.ask_for_force(ctx);
        }
    }

    pub(super) fn on_shipped(&mut self, upto: Lsn, asked: Time, ctx: &mut Ctx<'_>) {
        ctx.overtake(); // What this shows is durable, here and there.
        self.shipped = self.shipped.max(upto);
        self.to_ship.retain(|lsn, _| *lsn > upto);
        if let Takeover::After { lease, .. } = ctx.config().takeover
            && asked > Time::ZERO
        {
            self.lease_ends = self.lease_ends.max(asked + lease);
            // An answer that was long on its way brings a lease that is over.
            if self.duty == Duty::Candidate && ctx.now() < self.lease_ends {
                self.duty = Duty::Primary;
                self.state_recovered(ctx);
            }
        }
        self.answer_waiting(ctx);
    }
}

/// Takeover: never two at once.
impl Wal {
    pub(super) fn may_serve(&self, ctx: &mut Ctx<'_>) -> bool {
        match (&self.duty, ctx.config().takeover) {
            (Duty::Primary, Takeover::Never) | (Duty::Successor, _) => true,
            (Duty::Primary, Takeover::After { .. }) => {
                ctx.now() < self.lease_ends || !ctx.step(Step::HoldLease)
            }
            (Duty::Candidate | Duty::Standby | Duty::Succeeded | Duty::Refusing(_), _) => false,
        }
    }

    pub(super) fn stand_down(&mut self) {
        self.duty = Duty::Succeeded;
        self.waiting.clear();
    }

    /// The primary was silent for longer than any lease can last.
    pub(super) fn take_over(&mut self, ctx: &mut Ctx<'_>) {
        if self.duty != Duty::Standby {
            return;
        }
        self.duty = Duty::Successor;
        let upto = self.journal.last();
        ctx.sync_file(Step::ForceBeforeAcknowledge, self.journal.file());
        ctx.state(Fact::Synced(u64::from(upto.0)));
        self.journal.note_synced(upto);
        ctx.create_file(SUCCESSION);
        ctx.sync_names(Step::SyncSuccession);
        self.state_recovered(ctx);
    }
}
