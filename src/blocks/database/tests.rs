//! The database against a naive one: a map, a list of commits, and scripts of statements.
//!
//! ```text
//!   [Begin, Put, …, SetAside(1)] ──one handler──▶ records ──▶ replayed by another node: equal state
//!              └──▶ naive map and list ──▶ the same answers, rows, versions, changes
//! ```
//!
//! Only a log can make what a database applies, so a small host runs the statements on the bench.

use super::*;
use crate::{
    base::ids::{NodeId, OpId},
    engine::{
        bench::{Bench, Listed},
        ctx::Ctx,
        facts::Facts,
        operations::Operation,
        protocol::{Placement, Protocol},
    },
};
use proptest::prelude::*;

crate::tables! {
    enum Row by Name {
        /// Balances by account.
        Accounts(i64),
        /// What to publish, by number.
        Outbox(u64),
    }
}

crate::steps! {
    enum Step {
        /// The only one.
        ForceCommit => "durability",
    }
}

/// One call, all on accounts but where it says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Act {
    Get(u64),
    Sum,
    Put(u64, i64),
    Insert(u64, i64),
    Add(u64, i64),
    Delete(u64),
    Expect(u64, Version),
    /// Into the outbox, under a number that is taken now.
    Publish,
    /// Out of the outbox, what stands there first.
    Prune,
    ValidateWrites,
    ValidateReads,
    SetAside(u8),
    Resume(u8),
    Commit,
    Abort,
    Checkpoint,
    Truncate(Version),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Heard {
    Balance(Option<i64>),
    Sum(i64),
    Did(bool),
    Number(u64),
}

#[derive(Clone, Debug, Serialize)]
struct Host {
    database: Database<Row>,
    drafts: BTreeMap<u8, Draft<Row>>,
    heard: Vec<Heard>,
}

impl Protocol for Host {
    const NAME: &'static str = "Host";
    const SUMMARY: &'static str = "runs statements";
    type Config = RetentionSetting;
    type Message = Vec<Act>;
    type Record = Record<Row>;
    type Timer = ();
    type Step = Step;

    fn topology(_: &RetentionSetting) -> Vec<Placement> {
        vec![Placement::new("node", "node")]
    }

    fn new(setting: &RetentionSetting, _: NodeId) -> Self {
        let database = Database::new(setting.0);
        Self { database, drafts: BTreeMap::new(), heard: Vec::new() }
    }

    fn on_message(&mut self, _: NodeId, acts: Vec<Act>, ctx: &mut Ctx<'_, Self>) {
        let mut draft = Draft::default();
        for act in acts {
            let mut txn = self.database.resume(std::mem::take(&mut draft));
            let record = match act {
                Act::SetAside(slot) => {
                    _ = self.drafts.insert(slot, txn.set_aside());
                    continue;
                }
                Act::Resume(slot) => {
                    draft = self.drafts.remove(&slot).unwrap_or_default();
                    continue;
                }
                Act::Abort => continue,
                Act::Commit => txn.commit(),
                Act::Checkpoint => {
                    let record = self.database.checkpoint();
                    self.apply(ctx.checkpoint(record));
                    continue;
                }
                Act::Truncate(version) => self.database.truncate_changes(version),
                act => {
                    self.heard.push(statement(&mut txn, act));
                    draft = txn.set_aside();
                    continue;
                }
            };
            self.apply(ctx.force(Step::ForceCommit, record));
        }
    }

    fn apply(&mut self, record: Logged<Record<Row>>) {
        self.database.apply(record);
    }

    fn on_request(&mut self, _: OpId, _: Operation, _: &mut Ctx<'_, Self>) {}
    fn on_boot(&mut self, _: &mut Ctx<'_, Self>) {}
    fn on_timer(&mut self, (): (), _: &mut Ctx<'_, Self>) {}
    fn facts(_: &Record<Row>, _: &mut Facts) {}
}

#[derive(Clone, Debug, Default, Deserialize)]
struct RetentionSetting(Retention);

fn statement(txn: &mut Transaction<'_, Row>, act: Act) -> Heard {
    let outcome = match act {
        Act::Get(key) => return Heard::Balance(txn.get(Accounts, key).copied()),
        Act::Sum => return Heard::Sum(txn.scan(Accounts).map(|(_, balance)| balance).sum()),
        Act::Publish => {
            let number = txn.take_number(Outbox);
            txn.put(Outbox, number, number);
            return Heard::Number(number);
        }
        Act::Prune => {
            let first = txn.scan(Outbox).next().map(|(key, _)| key);
            return Heard::Did(first.is_some_and(|key| txn.delete(Outbox, key).is_ok()));
        }
        Act::Put(key, balance) => {
            txn.put(Accounts, key, balance);
            Ok(())
        }
        Act::Insert(key, balance) => txn.insert(Accounts, key, balance),
        Act::Add(key, amount) => txn.update(Accounts, key, |balance| *balance += amount),
        Act::Delete(key) => txn.delete(Accounts, key),
        Act::Expect(key, version) => txn.expect_version(Accounts, key, version),
        Act::ValidateWrites => txn.validate_writes(),
        Act::ValidateReads => txn.validate_reads(),
        other => unreachable!("{other:?} is no statement"),
    };
    Heard::Did(outcome.is_ok())
}

/// A node, and all that is in its log.
struct Node {
    bench: Bench<Host>,
    retention: Retention,
    log: Vec<Record<Row>>,
}

impl Node {
    fn new(retention: Retention) -> Self {
        let bench = Bench::new(RetentionSetting(retention));
        Self { bench, retention, log: Vec::new() }
    }

    /// Runs acts in one handler; returns what they heard.
    fn run(&mut self, acts: &[Act]) -> Vec<Heard> {
        let before = self.host().heard.len();
        for effect in self.bench.message("node", "node", acts.to_vec()) {
            match effect {
                Listed::Checkpoint(record) => self.log = vec![record],
                Listed::Force(_, record) => self.log.push(record),
                other => unreachable!("{other:?}"),
            }
        }
        self.host().heard[before..].to_vec()
    }

    /// Loses the memory and replays the log.
    fn crash(&mut self) {
        self.bench = Bench::new(RetentionSetting(self.retention));
        self.bench.apply("node", self.log.iter().cloned());
    }

    fn host(&self) -> &Host {
        self.bench.state("node")
    }

    fn database(&self) -> &Database<Row> {
        &self.host().database
    }

    fn versions_after(&self, position: u64) -> Result<Vec<u64>, OutOfReach> {
        let changes = self.database().changes_after(Version(position));
        changes.map(|commits| commits.map(|commit| commit.version.0).collect())
    }

    fn outbox(&self) -> Vec<u64> {
        self.database().scan(Outbox).map(|(_, &number)| number).collect()
    }
}

fn node() -> Node {
    Node::new(Retention::UntilTruncated)
}

use Act::*;
use Heard::{Balance, Did, Number};

const YES: Heard = Did(true);
const NO: Heard = Did(false);

// Transactions.

#[test]
fn a_transaction_over_two_tables_is_one_record() {
    let mut node = node();
    assert_eq!(node.run(&[Put(1, 5), Publish, Commit]), [YES, Number(1)]);
    let [Record::Committed(commit)] = node.log.as_slice() else { panic!("{:?}", node.log) };
    assert_eq!(
        format!("{commit:?}"),
        "Commit { version: v1, changes: [Change { id: Accounts@1, row: Some(Accounts(5)) }, Change { id: Outbox@1, row: Some(Outbox(1)) }] }"
    );
    assert_eq!(node.database().get(Accounts, 1_u64), Some(&5));
    assert_eq!(node.database().get(Outbox, 1_u64), Some(&1));
}

#[test]
fn a_transaction_reads_what_it_wrote_and_nobody_else_does() {
    let mut node = node();
    node.run(&[Put(1, 5), Put(3, 1), Commit]);
    let mine = node.run(&[Put(2, 7), Delete(1), Add(3, 1), Get(1), Get(2), Sum, SetAside(0)]);
    assert_eq!(mine[3..], [Balance(None), Balance(Some(7)), Heard::Sum(9)]);
    let other = node.run(&[Get(1), Get(2), Sum]);
    assert_eq!(other, [Balance(Some(5)), Balance(None), Heard::Sum(6)]);
    node.run(&[Resume(0), Commit]);
    assert_eq!(node.run(&[Sum]), [Heard::Sum(9)]);
}

#[test]
fn an_aborted_transaction_leaves_no_trace() {
    let mut node = node();
    node.run(&[Put(1, 5), Commit]);
    let before = node.database().checkpoint();
    node.run(&[Put(1, 6), Delete(1), Publish, Abort, Put(2, 2), SetAside(0)]);
    assert_eq!((node.database().checkpoint(), node.log.len()), (before, 1));
}

#[test]
fn constraints_are_refused_before_anything_is_logged() {
    let mut node = node();
    assert_eq!(node.run(&[Add(1, 5), Delete(1), Insert(1, 5), Insert(1, 6)]), [NO, NO, YES, NO]);
    node.run(&[Insert(1, 5), Commit]);
    assert_eq!(node.run(&[Insert(1, 5), Expect(1, Version(1))]), [NO, YES]);
    assert_eq!(node.run(&[Expect(1, Version(0)), Expect(2, Version(0))]), [NO, YES]);
    assert_eq!(node.log.len(), 1);
    let mut database = node.database().clone();
    let refused = database.begin().insert(Accounts, 1_u64, 5).map_err(|why| why.to_string());
    assert_eq!(refused, Err(String::from("Accounts@1 is there already")));
}

#[test]
fn a_row_has_the_version_of_the_commit_that_wrote_it() {
    let mut node = node();
    node.run(&[Put(1, 5), Put(2, 5), Commit]);
    node.run(&[Put(1, 6), Commit]);
    let of = |node: &Node, key: u64| node.database().row_version(Accounts, key).0;
    assert_eq!((of(&node, 1), of(&node, 2), of(&node, 3)), (2, 1, 0));
    node.run(&[Delete(1), Commit, Put(1, 7), Commit]);
    assert_eq!((of(&node, 1), node.database().table_version(Accounts).0), (4, 4));
    assert_eq!(node.database().table_version(Outbox).0, 0);
}

#[test]
fn a_lost_update_is_seen_by_versions_of_writes() {
    let mut node = node();
    node.run(&[Put(1, 5), Commit]);
    node.run(&[Add(1, 1), SetAside(0)]);
    node.run(&[Add(1, 2), ValidateWrites, Commit]);
    assert_eq!(node.run(&[Resume(0), ValidateWrites, SetAside(0)]), [NO]);
    node.run(&[Resume(0), Commit]);
    assert_eq!(node.run(&[Get(1)]), [Balance(Some(6))], "unvalidated, it overwrites");
}

#[test]
fn skew_is_seen_by_versions_of_reads_only() {
    let mut node = node();
    node.run(&[Put(1, 1), Put(2, 1), Commit]);
    node.run(&[Get(1), Get(2), Put(1, 0), SetAside(0)]);
    node.run(&[Get(1), Get(2), Put(2, 0), ValidateReads, Commit]);
    assert_eq!(node.run(&[Resume(0), ValidateWrites, ValidateReads]), [YES, NO]);
}

#[test]
fn a_row_that_appears_in_a_scanned_table_is_seen() {
    let mut node = node();
    node.run(&[Sum, Publish, SetAside(0)]);
    node.run(&[Publish, Commit]);
    assert_eq!(node.run(&[Resume(0), ValidateReads, SetAside(0)]), [YES], "another table");
    node.run(&[Put(9, 1), Commit]);
    assert_eq!(node.run(&[Resume(0), ValidateReads]), [NO]);
}

#[test]
#[should_panic(expected = "v1 after v1")]
fn two_commits_of_one_version_are_the_hosts_mistake() {
    let mut node = node();
    node.run(&[Put(1, 5), Commit]);
    let record = node.log[0].clone();
    node.bench.apply("node", [record]);
}

// Numbers.

#[test]
fn a_number_taken_early_commits_behind_a_higher_one() {
    let mut node = node();
    assert_eq!(node.run(&[Publish, SetAside(0)]), [Number(1)]);
    assert_eq!(node.run(&[Publish, Commit]), [Number(2)]);
    let cursor = node.outbox().last().copied().unwrap_or_default();
    node.run(&[Resume(0), Commit]);
    assert_eq!(node.outbox(), [1, 2]);
    let after = node.database().scan_after(Outbox, cursor);
    assert_eq!(after.count(), 0, "a cursor by number never sees 1");
    assert_eq!(node.versions_after(1), Ok(vec![2]), "the stream of changes does");
}

#[test]
fn a_number_taken_in_vain_is_a_gap_and_no_number_is_committed_twice() {
    let mut node = node();
    assert_eq!(node.run(&[Publish, Abort, Publish, Commit]), [Number(1), Number(2)]);
    node.run(&[Prune, Commit]);
    node.crash();
    assert_eq!(node.outbox(), [0_u64; 0]);
    assert_eq!(node.run(&[Publish, Abort, Checkpoint, Publish]), [Number(3), Number(4)]);
    node.crash();
    assert_eq!(node.run(&[Publish]), [Number(3)], "3 and 4 were never committed");
}

// Changes.

#[test]
fn changes_are_the_commits_in_order_without_a_gap() {
    let mut node = node();
    for amount in 1..=3 {
        node.run(&[Put(1, amount), Commit, Put(2, amount), Abort]);
    }
    node.crash();
    node.run(&[Checkpoint, Put(1, 4), Commit]);
    assert_eq!(node.versions_after(0), Ok(vec![1, 2, 3, 4]));
    assert_eq!(node.versions_after(3), Ok(vec![4]));
    assert_eq!(node.versions_after(4), Ok(vec![]));
    assert_eq!(node.versions_after(5), Err(OutOfReach::Ahead { last: Version(4) }));
}

#[test]
fn a_reader_that_comes_too_late_is_told_from_where_it_can_read() {
    let late = |kept_after| Err(OutOfReach::TooLate { kept_after: Version(kept_after) });
    let commits = |node: &mut Node| (0..4).for_each(|_| _ = node.run(&[Put(1, 1), Commit]));
    let mut nothing = Node::new(Retention::Nothing);
    let mut last = Node::new(Retention::Last(2));
    let mut all = node();
    commits(&mut nothing);
    commits(&mut last);
    commits(&mut all);
    assert_eq!((nothing.versions_after(3), nothing.versions_after(4)), (late(4), Ok(vec![])));
    assert_eq!((last.versions_after(1), last.versions_after(2)), (late(2), Ok(vec![3, 4])));
    all.run(&[Truncate(Version(3)), Truncate(Version(1))]);
    all.crash();
    assert_eq!((all.versions_after(2), all.versions_after(3)), (late(3), Ok(vec![4])));
    all.run(&[Truncate(Version(9)), Put(1, 1), Commit]);
    assert_eq!((all.versions_after(3), all.versions_after(4)), (late(4), Ok(vec![5])));
}

// Replay.

#[test]
fn locks_and_drafts_die_in_a_crash() {
    let mut node = node();
    node.run(&[Put(1, 5), SetAside(0)]);
    let mut database = node.database().clone();
    assert_eq!(database.lock(TxnId(1), Accounts, 1_u64, Mode::Exclusive), Asked::Granted);
    assert_eq!(database.lock(TxnId(2), Accounts, 1_u64, Mode::Shared), Asked::Waits);
    assert_eq!(database.release(TxnId(1)), [TxnId(2)]);
    node.crash();
    assert_eq!((node.host().drafts.len(), node.database().locks().waiting().count()), (0, 0));
}

#[test]
fn a_checkpoint_leaves_what_replay_of_the_whole_log_would() {
    let mut node = Node::new(Retention::Last(3));
    for amount in 0..6 {
        node.run(&[Put(amount as u64 % 4, amount), Publish, Prune, Commit]);
    }
    let mut whole = Node::new(Retention::Last(3));
    whole.log.clone_from(&node.log);
    whole.crash();
    node.run(&[Checkpoint]);
    node.crash();
    assert_eq!(node.log.len(), 1);
    let digest = |node: &Node| crate::base::digest::digest(node.host()).fold.end();
    assert_eq!(digest(&node), digest(&whole));
}

// Everything at once.

/// A draft as a person would note it down.
#[derive(Clone, Debug, Default)]
struct Note {
    read: BTreeMap<RowId<Name>, u64>,
    written: BTreeMap<RowId<Name>, (u64, Option<Row>)>,
    scanned: BTreeMap<Name, u64>,
}

/// A database as a person would write it: a map, and a list of all that ever happened.
#[derive(Clone, Debug, Default)]
struct Naive {
    rows: BTreeMap<RowId<Name>, (u64, Row)>,
    commits: Vec<BTreeMap<RowId<Name>, Option<Row>>>,
    kept_after: u64,
    notes: BTreeMap<u8, Note>,
    taken: u64,
}

impl Naive {
    fn version(&self, at: RowId<Name>) -> u64 {
        self.rows.get(&at).map_or(0, |row| row.0)
    }

    fn changed(&self, table: Name) -> u64 {
        let of = |commit: &BTreeMap<RowId<Name>, _>| commit.keys().any(|id| id.table == table);
        self.commits.iter().rposition(of).map_or(0, |place| place as u64 + 1)
    }

    fn view(&self, note: &Note) -> BTreeMap<RowId<Name>, Row> {
        let mut view: BTreeMap<_, _> =
            self.rows.iter().map(|(id, (_, row))| (*id, row.clone())).collect();
        for (id, (_, row)) in &note.written {
            match row {
                Some(row) => _ = view.insert(*id, row.clone()),
                None => _ = view.remove(id),
            }
        }
        view
    }

    fn write(&self, note: &mut Note, at: RowId<Name>, row: Option<Row>) {
        let seen = note.read.get(&at).copied().unwrap_or_else(|| self.version(at));
        let first = note.written.get(&at).map_or(seen, |written| written.0);
        note.written.insert(at, (first, row));
    }

    fn read(&self, note: &mut Note, at: RowId<Name>) {
        let seen = note.written.get(&at).map_or_else(|| self.version(at), |written| written.0);
        note.read.entry(at).or_insert(seen);
    }

    /// What an act hears; `None` for one that says nothing.
    fn act(&mut self, note: &mut Note, act: Act) -> Option<Heard> {
        let account = |key| RowId { table: Name::Accounts, key: Key(key, 0) };
        let balance = |row: Option<&Row>| row.map(|row| *Accounts::typed(row));
        match act {
            Get(key) => {
                self.read(note, account(key));
                return Some(Balance(balance(self.view(note).get(&account(key)))));
            }
            Sum => {
                note.scanned.entry(Name::Accounts).or_insert(self.changed(Name::Accounts));
                let rows = self.view(note).into_iter();
                let rows = rows.filter(|(id, _)| id.table == Name::Accounts);
                return Some(Heard::Sum(rows.map(|(_, row)| *Accounts::typed(&row)).sum()));
            }
            Put(key, amount) => self.write(note, account(key), Some(Row::Accounts(amount))),
            Insert(key, _) | Add(key, _) | Delete(key) => {
                self.read(note, account(key));
                let now = balance(self.view(note).get(&account(key)));
                let next = match (act, now) {
                    (Insert(_, amount), None) => Some(Row::Accounts(amount)),
                    (Add(_, amount), Some(balance)) => Some(Row::Accounts(balance + amount)),
                    (Delete(_), Some(_)) => None,
                    _ => return Some(NO),
                };
                self.write(note, account(key), next);
            }
            Expect(key, version) => {
                self.read(note, account(key));
                return Some(Did(note.read[&account(key)] == version.0));
            }
            Publish => {
                let ever = self.commits.iter().flat_map(|commit| commit.keys());
                let ever = ever.filter(|id| id.table == Name::Outbox).map(|id| id.key.0);
                self.taken = self.taken.max(ever.max().unwrap_or(0)) + 1;
                let at = RowId { table: Name::Outbox, key: Key(self.taken, 0) };
                self.write(note, at, Some(Row::Outbox(self.taken)));
                return Some(Number(self.taken));
            }
            Prune => {
                note.scanned.entry(Name::Outbox).or_insert(self.changed(Name::Outbox));
                let view = self.view(note);
                let first = view.keys().find(|id| id.table == Name::Outbox);
                let Some(&first) = first else { return Some(NO) };
                self.read(note, first);
                self.write(note, first, None);
            }
            ValidateWrites => {
                let stands = |(id, written): (&RowId<Name>, &(u64, Option<Row>))| {
                    self.version(*id) == written.0
                };
                return Some(Did(note.written.iter().all(stands)));
            }
            ValidateReads => {
                let stands = |(id, seen): (&RowId<Name>, &u64)| self.version(*id) == *seen;
                let same = |(table, seen): (&Name, &u64)| self.changed(*table) == *seen;
                let fine = note.read.iter().all(stands) && note.scanned.iter().all(same);
                return Some(Did(fine));
            }
            SetAside(slot) => _ = self.notes.insert(slot, std::mem::take(note)),
            Resume(slot) => *note = self.notes.remove(&slot).unwrap_or_default(),
            Abort | Checkpoint => *note = Note::default(),
            Commit => self.commit(std::mem::take(note)),
            Truncate(version) => {
                *note = Note::default();
                let last = self.commits.len() as u64;
                self.kept_after = self.kept_after.max(version.0.min(last));
            }
        }
        let silent =
            matches!(act, SetAside(_) | Resume(_) | Abort | Commit | Checkpoint | Truncate(_));
        (!silent).then_some(YES)
    }

    fn commit(&mut self, note: Note) {
        let version = self.commits.len() as u64 + 1;
        let written = note.written.into_iter().map(|(id, (_, row))| (id, row));
        self.commits.push(written.collect());
        for (id, row) in self.commits.last().into_iter().flatten() {
            match row {
                Some(row) => _ = self.rows.insert(*id, (version, row.clone())),
                None => _ = self.rows.remove(id),
            }
        }
    }

    fn crash(&mut self) {
        (self.taken, self.notes) = (0, BTreeMap::new());
    }
}

fn an_act() -> impl Strategy<Value = Act> {
    let key = 0..5_u64;
    let version = (0..8_u64).prop_map(Version);
    prop_oneof![
        2 => key.clone().prop_map(Get),
        1 => Just(Sum),
        2 => (key.clone(), 0..9_i64).prop_map(|(key, amount)| Put(key, amount)),
        2 => (key.clone(), 0..9_i64).prop_map(|(key, amount)| Insert(key, amount)),
        2 => (key.clone(), 0..9_i64).prop_map(|(key, amount)| Add(key, amount)),
        1 => key.clone().prop_map(Delete),
        1 => (key, version.clone()).prop_map(|(key, version)| Expect(key, version)),
        2 => Just(Publish),
        1 => Just(Prune),
        1 => Just(ValidateWrites),
        1 => Just(ValidateReads),
        2 => (0..3_u8).prop_map(SetAside),
        3 => (0..3_u8).prop_map(Resume),
        4 => Just(Commit),
        1 => Just(Abort),
        1 => Just(Checkpoint),
        1 => version.prop_map(Truncate),
    ]
}

fn compare(node: &Node, naive: &Naive) -> Result<(), TestCaseError> {
    let database = node.database();
    let rows: BTreeMap<_, _> =
        database.rows.iter().map(|(id, at)| (*id, (at.version.0, at.row.clone()))).collect();
    prop_assert_eq!(&rows, &naive.rows);
    prop_assert_eq!(database.version().0, naive.commits.len() as u64);
    prop_assert_eq!(database.changes_kept_after().0, naive.kept_after);
    let changes = database.changes_after(database.changes_kept_after());
    for (place, commit) in changes.expect("it begins there").enumerate() {
        let version = naive.kept_after + place as u64 + 1;
        prop_assert_eq!(commit.version.0, version);
        let changes = commit.changes.iter().map(|change| (change.id, change.row.clone()));
        let changes: BTreeMap<_, _> = changes.collect();
        prop_assert_eq!(&changes, &naive.commits[version as usize - 1]);
    }
    Ok(())
}

proptest! {
    #[test]
    fn the_database_agrees_with_a_map_and_a_list_through_crashes(
        handlers in prop::collection::vec((prop::collection::vec(an_act(), 1..10), 0..6_u8), 1..20),
    ) {
        let (mut node, mut naive) = (node(), Naive::default());
        let mut newest: BTreeMap<RowId<Name>, u64> = BTreeMap::new();
        for (acts, fate) in handlers {
            let mut note = Note::default();
            let expected: Vec<_> =
                acts.iter().filter_map(|&act| naive.act(&mut note, act)).collect();
            prop_assert_eq!(node.run(&acts), expected);
            compare(&node, &naive)?;
            for (id, (version, _)) in &naive.rows {
                let before = newest.insert(*id, *version);
                prop_assert!(before <= Some(*version), "{} went back", id);
            }
            let live = node.database().checkpoint();
            if fate == 0 {
                naive.crash();
                node.crash();
                prop_assert_eq!(node.database().checkpoint(), live);
                compare(&node, &naive)?;
            }
        }
    }
}
