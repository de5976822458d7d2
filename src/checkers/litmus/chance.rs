//! Chance: short random stories on which judge and recheck must agree, whatever comes of them.
//!
//! ```text
//!   script of dice ──a world that keeps the rules──▶ story ──▶ judge ≡ recheck, for every witness
//! ```
//!
//! Stories told by hand, and what is near them, show what their teller thought of. Dice show the
//! rest, above all of logs: several nodes that log, recover, take over and apply in any order.
//!
//! Limits: a dozen signals, so that every witness of up to two events can be tried.

use super::{
    variations::{disagreements, told},
    worlds::could_be_told,
    *,
};

/// Judges and rechecks agree on a story.
fn agree(checks: &[&str], story: &[Signal]) {
    for check in checks {
        let case = Case { end: Time::from_secs(5), ..Case::of(check) };
        let odd = disagreements(&case, case.build().as_mut(), story);
        assert!(odd.is_empty(), "{odd:?} in {}", told(story));
    }
}

/// One throw: what happens, where, and which of several ways.
type Throw = (u8, u16, u64);

/// What is known of logs in the course of a story.
#[derive(Default)]
struct Logs {
    story: Vec<What>,
    /// By node, where its log ends.
    ends: [u64; 3],
    /// The number of changes logged so far; each has a value of its own.
    values: i64,
    asked: u32,
}

impl Logs {
    fn go_on(&mut self, (what, node, luck): Throw) {
        let end = self.ends[usize::from(node)];
        let furthest = self.ends.into_iter().max().unwrap_or(0);
        match what {
            0..=2 => {
                self.values += 1;
                self.ends[usize::from(node)] = end + 1;
                self.story.push(log::logged(node, end + 1, self.values));
            }
            3 => self.story.push(log::synced(node, luck % (furthest + 1))),
            4 | 5 => self.story.push(log::applied(node, 1 + luck % (furthest + 1))),
            6 => {
                let upto = luck % (end + 1);
                self.ends[usize::from(node)] = upto;
                self.story.extend([crash(node), boot(node), log::recovered(node, upto)]);
            }
            7 => {
                let upto = luck % (furthest + 1);
                self.ends = self.ends.map(|end| end.min(upto));
                self.ends[usize::from(node)] = upto;
                self.story.push(log::recovered(node, upto));
            }
            8 => {
                self.asked += 1;
                self.story.push(log::write(self.asked, self.values + 1));
            }
            9 if self.asked > 0 => {
                let op = 1 + luck as u32 % self.asked;
                self.story.push(registers::told(op, None));
            }
            10 if self.values > 0 => {
                let read = 100 + self.story.len() as u32;
                let value = 1 + (luck as i64).rem_euclid(self.values);
                let asked = registers::asked(read, 1, Operation::Read { key: 5 });
                self.story.extend([asked, registers::told(read, Some(value))]);
            }
            11 => self.story.push(log::holds(node, (luck as i64).rem_euclid(self.values + 1))),
            _ => self.story.push(log::refuses(node, 1 + luck % (furthest + 1))),
        }
    }
}

fn story_of_logs(script: Vec<Throw>) -> Vec<Signal> {
    let mut logs = Logs::default();
    for throw in script {
        let length = logs.story.len();
        logs.go_on(throw);
        if !could_be_told(&tell(&logs.story), &[]) {
            logs.story.truncate(length);
        }
    }
    tell(&logs.story)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn judges_and_rechecks_of_logs_agree_on_short_stories_of_chance(
        script in prop::collection::vec((0..13_u8, 0..3_u16, any::<u64>()), 1..10),
    ) {
        let story = story_of_logs(script);
        agree(&["Recovery", "Shipping", "Takeover"], &story);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn judges_and_rechecks_agree_on_short_stories_of_chance(signals in any_history(1..7)) {
        let mut story = Vec::new();
        for signal in signals {
            story.push(signal);
            if !could_be_told(&story, &[]) {
                story.pop();
            }
        }
        let checks: Vec<&str> = all().iter().map(|entry| entry.name).collect();
        agree(&checks, &story);
    }
}
