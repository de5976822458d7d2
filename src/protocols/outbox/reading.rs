//! What the database does for relays: rows behind a cursor, and deleting those before it.
//!
//! ```text
//!   ReadOutbox(after) ──▶ delete rows up to `after` ──▶ Rows(after, [(place, event), …])
//!
//!   ById        place = id of the row           WHERE id > after ORDER BY id
//!   ByCommit    place = commit that wrote it    WHERE commit > after ORDER BY commit
//!   Tailing     place = the same, in the log    nothing there? it is answered when there is
//! ```
//!
//! A question says what is published, so no other message has to, and a row is deleted only when a
//! relay has said so. Deleting is a transaction of its own, and a hint: one that a crash takes back
//! leaves rows that are published once more. It takes a number like any commit, which is why only
//! rows have places, and never what deletes them: a crash may give that number to an order.

use super::settings::{Cursor, Publish};
use super::{Config, Ctx, Event, Message, Name, OutboxTable, Row, Service, Step};
use crate::{
    base::ids::NodeId,
    blocks::database::{Commit, OutOfReach, Version},
};

/// Where a row stands for a relay, which row it is, and what it says.
type Placed = (u64, u64, Event);

impl Service {
    /// A relay has published all up to here, and wants what follows.
    pub(super) fn on_read(&mut self, relay: NodeId, after: u64, ctx: &mut Ctx<'_>) {
        let config = ctx.config();
        self.confirmed.insert(relay, after);
        self.prune(relay, after, ctx);
        let rows = self.rows(relay, after, ctx);
        if rows.is_empty() && matches!(config.publish, Publish::Tailing { .. }) {
            self.waiting.insert(relay, after);
            return;
        }
        ctx.send(relay, Message::Rows { after, rows });
    }

    /// Something was committed: relays at the end of the log hear of it.
    pub(super) fn wake(&mut self, ctx: &mut Ctx<'_>) {
        for relay in ctx.config().relays() {
            let Some(&after) = self.waiting.get(&relay) else { continue };
            let rows = self.rows(relay, after, ctx);
            if !rows.is_empty() {
                self.waiting.remove(&relay);
                ctx.send(relay, Message::Rows { after, rows });
            }
        }
    }

    /// Deletes what a relay says is published, and lets go of the log that all have read.
    fn prune(&mut self, relay: NodeId, after: u64, ctx: &mut Ctx<'_>) {
        let rows = self.placed(relay, ctx.config());
        let done: Vec<u64> =
            rows.into_iter().filter(|row| row.0 <= after).map(|(_, row, _)| row).collect();
        if done.is_empty() || !ctx.step(Step::Prune) {
            return;
        }
        let mut txn = self.database.begin();
        for row in done {
            txn.delete(OutboxTable, row).expect("it was found in this handler");
        }
        let record = txn.commit();
        self.database.apply(ctx.write(record));
        let slowest = ctx.config().relays().map(|relay| self.confirmed.get(&relay).copied());
        let slowest = Version(slowest.min().flatten().unwrap_or_default());
        if self.database.changes_kept_after() < slowest {
            let record = self.database.truncate_changes(slowest);
            self.database.apply(ctx.write(record));
        }
    }

    /// The rows of a relay's share that follow a place, in the order in which they go out.
    fn rows(&self, relay: NodeId, after: u64, ctx: &mut Ctx<'_>) -> Vec<(u64, Event)> {
        let config = ctx.config();
        let rows = match config.publish {
            Publish::Tailing { .. } => self.logged(relay, after, config),
            Publish::Polling { .. } | Publish::DualWrite { .. } => self.placed(relay, config),
        };
        let mut rows: Vec<Placed> = rows.into_iter().filter(|row| after < row.0).collect();
        rows.sort_unstable_by_key(|row| row.0);
        rows.truncate(config.batch_max.into());
        let places: Vec<u64> = rows.iter().map(|row| row.0).collect();
        if !rows.is_sorted_by_key(|row| row.1) && !ctx.step(Step::InOrderOfCommits) {
            rows.sort_unstable_by_key(|row| row.1);
        }
        places.into_iter().zip(rows).map(|(place, (.., event))| (place, event)).collect()
    }

    /// The rows of a relay's share that stand in the table.
    fn placed(&self, relay: NodeId, config: &Config) -> Vec<Placed> {
        let by_id = matches!(config.publish, Publish::Polling { cursor: Cursor::ById, .. });
        let rows = self.database.scan(OutboxTable).map(|(id, event)| {
            let commit = self.database.row_version(OutboxTable, id).0;
            (if by_id { id.0 } else { commit }, id.0, *event)
        });
        rows.filter(|(_, row, event)| config.is_share_of(relay, (*row, event.key))).collect()
    }

    /// Those that the log of the database tells of, be they deleted by now or not.
    fn logged(&self, relay: NodeId, after: u64, config: &Config) -> Vec<Placed> {
        let changes = match self.database.changes_after(Version(after)) {
            Ok(changes) => changes,
            // A relay that lost its cursor: what is cut off was published.
            Err(OutOfReach::TooLate { kept_after }) => {
                let kept = self.database.changes_after(kept_after);
                kept.expect("that is where it begins")
            }
            Err(OutOfReach::Ahead { .. }) => return Vec::new(),
        };
        let written = changes.flat_map(|Commit { version, changes }| {
            let rows = changes.iter().filter(|change| change.id.table == Name::OutboxTable);
            rows.filter_map(|change| match &change.row {
                Some(Row::OutboxTable(event)) => Some((version.0, change.id.key.0, *event)),
                Some(Row::Orders(_)) | None => None,
            })
        });
        written.filter(|(_, row, event)| config.is_share_of(relay, (*row, event.key))).collect()
    }
}
