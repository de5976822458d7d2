//! Closed forms: what a paper or a short derivation says a measurement must be.
//!
//! ```text
//!   closed_form: AbortByTimeout(loss: At("network.loss"), participants: 3)
//!                                     └ read from each cell's own text      └ given here
//! ```
//!
//! A parameter is either given or read at a path of the scenario, so that the formula cannot
//! disagree with what was run. A formula gives no number where its source gives none (presumed
//! commit has no row for aborts), and the chart then has no line there. Names and not expressions:
//! each stands for a source, and has a test with a worked number.
//!
//! This file is long because it is a table: every formula with its source.

use super::metrics::fraction;
use crate::base::{quantity::Probability, time::Duration};

/// One formula.
pub struct ClosedForm {
    /// What files call it.
    pub name: &'static str,
    /// The formula, in letters that every font has.
    pub formula: &'static str,
    /// Who says so.
    pub source: &'static str,
    /// Its parameters, in order.
    pub parameters: &'static [(&'static str, Kind)],
    evaluate: fn(&Values) -> Option<f64>,
}

/// What a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number.
    Count,
    /// A percentage or a fraction.
    Probability,
    /// A span of time, in milliseconds once it is read.
    Span,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// The value of a parameter.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A count, a probability or milliseconds.
    Number(f64),
    /// A word.
    Word(String),
}

/// The values of all parameters, in the order of the table.
struct Values<'a>(&'a [Value]);

impl Values<'_> {
    fn number(&self, place: usize) -> f64 {
        match &self.0[place] {
            Value::Number(number) => *number,
            Value::Word(word) => panic!("`{word}` was read as a word, so it is asked for as one"),
        }
    }

    fn count(&self, place: usize) -> u32 {
        self.number(place) as u32
    }

    fn word(&self, place: usize) -> &str {
        match &self.0[place] {
            Value::Word(word) => word,
            Value::Number(number) => panic!("{number} was read as a number, so it is no word"),
        }
    }
}

impl Kind {
    /// Reads a parameter, without the quotes of its text.
    ///
    /// # Errors
    /// What it should be.
    pub fn read(self, text: &str) -> Result<Value, String> {
        match self {
            Self::Count => {
                let count = text.parse::<u32>();
                let count = count.map_err(|_| format!("`{text}` is not a whole number"))?;
                Ok(Value::Number(f64::from(count)))
            }
            Self::Probability => {
                let probability = text.parse::<Probability>().map_err(|error| error.to_string())?;
                Ok(Value::Number(fraction(probability)))
            }
            Self::Span => {
                let span = text.parse::<Duration>().map_err(|error| error.to_string())?;
                Ok(Value::Number(span.as_nanos() as f64 / 1e6))
            }
            Self::Word(known) if known.contains(&text) => Ok(Value::Word(text.to_owned())),
            Self::Word(known) => Err(format!("`{text}` is none of {}", known.join(", "))),
        }
    }
}

impl ClosedForm {
    /// The number for these parameters, in the unit of what it is compared with (shares of one,
    /// milliseconds); none where the source gives none.
    ///
    /// # Panics
    /// When there are not as many values as parameters.
    pub fn evaluate(&self, values: &[Value]) -> Option<f64> {
        assert!(values.len() == self.parameters.len(), "every parameter has a value");
        (self.evaluate)(&Values(values)).filter(|number| number.is_finite())
    }
}

const PRESUMPTION: Kind = Kind::Word(&["Nothing", "Abort", "Commit"]);
const COMMITTER: Kind = Kind::Word(&["TwoPhaseCommit", "PaxosCommit", "FasterPaxosCommit"]);
const SEAT: Kind = Kind::Word(&["Apart", "CoLocated"]);

const R_STAR: &str = "Mohan, Lindsay & Obermarck, ACM TODS 11(4), 1986";
const CONSENSUS: &str = "Gray & Lamport, Consensus on Transaction Commit, ACM TODS 31(1), 2006";
const TIMING: &str = "counted along the arrows of the protocol";
const PBS: &str = "Bailis et al., PVLDB 5(8), 2012";
const BINOMIAL: &str = "independent trials";

const COMMIT_PARAMETERS: &[(&str, Kind)] =
    &[("presume", PRESUMPTION), ("updaters", Kind::Count), ("readers", Kind::Count)];
const ABORT_PARAMETERS: &[(&str, Kind)] =
    &[("presume", PRESUMPTION), ("of", Kind::Count), ("no", Kind::Count)];
const GRAY_LAMPORT_PARAMETERS: &[(&str, Kind)] = &[
    ("protocol", COMMITTER),
    ("managers", Kind::Count),
    ("faults", Kind::Count),
    ("coordinator", SEAT),
];

const ENVIRONMENT: Kind = Kind::Word(&["LNKD-SSD", "LNKD-DISK", "YMMR", "WAN"]);
const PBS_PARAMETERS: &[(&str, Kind)] =
    &[("environment", ENVIRONMENT), ("reads", Kind::Count), ("writes", Kind::Count)];

/// Every formula.
pub const ALL: &[ClosedForm] = &[
    ClosedForm {
        name: "CommitMessages",
        formula: "u updaters, r readers: basic 4(u+r); presumed abort 4u + 2r; presumed commit 3u + 2r",
        source: R_STAR,
        parameters: COMMIT_PARAMETERS,
        evaluate: |of| {
            let (updaters, readers) = (of.number(1), of.number(2));
            Some(match of.word(0) {
                "Nothing" => 4.0 * (updaters + readers),
                "Abort" => 4.0 * updaters + 2.0 * readers,
                _ => 3.0 * updaters + 2.0 * readers,
            })
        },
    },
    ClosedForm {
        name: "CommitForcedWrites",
        formula: "u updaters, r readers: basic 1 + 2(u+r); presumed abort 1 + 2u; presumed commit 2 + u",
        source: R_STAR,
        parameters: COMMIT_PARAMETERS,
        evaluate: |of| {
            let (updaters, readers) = (of.number(1), of.number(2));
            match of.word(0) {
                "Nothing" => Some(1.0 + 2.0 * (updaters + readers)),
                _ if updaters < 1.0 => None,
                "Abort" => Some(1.0 + 2.0 * updaters),
                _ => Some(2.0 + updaters),
            }
        },
    },
    ClosedForm {
        name: "CommitRecords",
        formula: "u updaters, r readers: basic 2 + 2(u+r); else 2 + 2u",
        source: R_STAR,
        parameters: COMMIT_PARAMETERS,
        evaluate: |of| {
            let (updaters, readers) = (of.number(1), of.number(2));
            match of.word(0) {
                "Nothing" => Some(2.0 + 2.0 * (updaters + readers)),
                _ if updaters < 1.0 => None,
                _ => Some(2.0 + 2.0 * updaters),
            }
        },
    },
    ClosedForm {
        name: "AbortMessages",
        formula: "y Yes of n: basic 2n + 2y; presumed abort 2n + y",
        source: R_STAR,
        parameters: ABORT_PARAMETERS,
        evaluate: |of| {
            let (all, yes) = (of.number(1), of.number(1) - of.number(2));
            match of.word(0) {
                _ if yes < 0.0 => None,
                "Nothing" => Some(2.0 * all + 2.0 * yes),
                "Abort" => Some(2.0 * all + yes),
                _ => None,
            }
        },
    },
    ClosedForm {
        name: "AbortForcedWrites",
        formula: "y Yes, z No: basic 1 + 2y + z; presumed abort y",
        source: R_STAR,
        parameters: ABORT_PARAMETERS,
        evaluate: |of| {
            let (yes, no) = (of.number(1) - of.number(2), of.number(2));
            match of.word(0) {
                _ if yes < 0.0 => None,
                "Nothing" => Some(1.0 + 2.0 * yes + no),
                "Abort" => Some(yes),
                _ => None,
            }
        },
    },
    ClosedForm {
        name: "AbortRecords",
        formula: "y Yes, z No: basic 2 + 2y + z; presumed abort 1 + 2y + z",
        source: R_STAR,
        parameters: ABORT_PARAMETERS,
        evaluate: |of| {
            let (yes, no) = (of.number(1) - of.number(2), of.number(2));
            match of.word(0) {
                _ if yes < 0.0 => None,
                "Nothing" => Some(2.0 + 2.0 * yes + no),
                "Abort" => Some(1.0 + 2.0 * yes + no),
                _ => None,
            }
        },
    },
    ClosedForm {
        name: "GrayLamportMessages",
        formula: "2PC 3N - 1, Paxos Commit (N+1)(F+3) - 2, faster N(2F+3); co-located 3N - 3, N(F+3) - 3, (N-1)(2F+3)",
        source: CONSENSUS,
        parameters: GRAY_LAMPORT_PARAMETERS,
        evaluate: |of| {
            let (managers, faults) = (of.number(1), of.number(2));
            Some(match (of.word(0), of.word(3)) {
                ("TwoPhaseCommit", "Apart") => 3.0 * managers - 1.0,
                ("TwoPhaseCommit", _) => 3.0 * managers - 3.0,
                ("PaxosCommit", "Apart") => (managers + 1.0) * (faults + 3.0) - 2.0,
                ("PaxosCommit", _) => managers * (faults + 3.0) - 3.0,
                (_, "Apart") => managers * (2.0 * faults + 3.0),
                _ => (managers - 1.0) * (2.0 * faults + 3.0),
            })
        },
    },
    ClosedForm {
        name: "GrayLamportForcedWrites",
        formula: "2PC N + 1, Paxos Commit N + F + 1",
        source: CONSENSUS,
        parameters: GRAY_LAMPORT_PARAMETERS,
        evaluate: |of| {
            let (managers, faults) = (of.number(1), of.number(2));
            let one_log = of.word(0) == "TwoPhaseCommit";
            Some(managers + 1.0 + if one_log { 0.0 } else { faults })
        },
    },
    ClosedForm {
        name: "GrayLamportDelays",
        formula: "message delays: 2PC 4, Paxos Commit 5, faster 4; one less co-located",
        source: CONSENSUS,
        parameters: GRAY_LAMPORT_PARAMETERS,
        evaluate: |of| {
            let apart = if of.word(0) == "PaxosCommit" { 5.0 } else { 4.0 };
            Some(apart - if of.word(3) == "Apart" { 0.0 } else { 1.0 })
        },
    },
    ClosedForm {
        name: "AbortByTimeout",
        formula: "1 - (1 - p)^(2n)",
        source: "no retry: all n Prepare and all n Yes must arrive",
        parameters: &[("loss", Kind::Probability), ("participants", Kind::Count)],
        evaluate: |of| Some(1.0 - power(1.0 - of.number(0), 2 * of.count(1))),
    },
    ClosedForm {
        name: "InDoubt",
        formula: "2d + f until a commit is heard; f more to force it, unless commit is presumed",
        source: TIMING,
        parameters: &[("delay", Kind::Span), ("force", Kind::Span), ("presume", PRESUMPTION)],
        evaluate: |of| {
            let forced = if of.word(2) == "Commit" { 0.0 } else { of.number(1) };
            Some(2.0 * of.number(0) + of.number(1) + forced)
        },
    },
    ClosedForm {
        name: "InDoubtWhileDown",
        formula: "i ceil(D / i) + 2d: the first question that finds the coordinator up, and its answer",
        source: TIMING,
        parameters: &[("down", Kind::Span), ("inquiry", Kind::Span), ("delay", Kind::Span)],
        evaluate: |of| {
            let (down, inquiry) = (of.number(0), of.number(1));
            Some(libm::ceil(down / inquiry) * inquiry + 2.0 * of.number(2))
        },
    },
    ClosedForm {
        name: "QuorumAvailability",
        formula: "sum over k >= Q of C(N,k) (1-p)^k p^(N-k)",
        source: BINOMIAL,
        parameters: &[
            ("replicas", Kind::Count),
            ("quorum", Kind::Count),
            ("down", Kind::Probability),
        ],
        evaluate: |of| {
            let (replicas, down) = (of.count(0), of.number(2));
            let up = |k| choose(replicas, k) * power(1.0 - down, k) * power(down, replicas - k);
            Some((of.count(1)..=replicas).map(up).sum())
        },
    },
    ClosedForm {
        name: "StaleByVersions",
        formula: "p^k with p = C(N-W,R) / C(N,R)",
        source: PBS,
        parameters: &[
            ("replicas", Kind::Count),
            ("reads", Kind::Count),
            ("writes", Kind::Count),
            ("versions", Kind::Count),
        ],
        evaluate: |of| {
            let (replicas, reads) = (of.count(0), of.count(1));
            let without = replicas.checked_sub(of.count(2))?;
            Some(power(choose(without, reads) / choose(replicas, reads), of.count(3)))
        },
    },
    ClosedForm {
        name: "StaleAfter",
        formula: "C(N-W,R) / C(N,R) exp(-R t / m): the R that answer are missed by N - W copies still on their way",
        source: "memoryless delays of mean m",
        parameters: &[
            ("replicas", Kind::Count),
            ("reads", Kind::Count),
            ("writes", Kind::Count),
            ("mean", Kind::Span),
            ("after", Kind::Span),
        ],
        evaluate: |of| {
            let (replicas, reads) = (of.count(0), of.count(1));
            let without = replicas.checked_sub(of.count(2))?;
            let missed = choose(without, reads) / choose(replicas, reads);
            Some(missed * libm::exp(-of.number(1) * of.number(4) / of.number(3)))
        },
    },
    ClosedForm {
        name: "WaitForSome",
        formula: "m (H(N) - H(N-k)): the k-th of N exponential spans of mean m",
        source: "order statistics",
        parameters: &[("replicas", Kind::Count), ("quorum", Kind::Count), ("mean", Kind::Span)],
        evaluate: |of| {
            let (replicas, quorum) = (of.count(0), of.count(1));
            let first = replicas.checked_sub(quorum)? + 1;
            Some(of.number(2) * (first..=replicas).map(|nth| 1.0 / f64::from(nth)).sum::<f64>())
        },
    },
    ClosedForm {
        name: "BeyondVisibility",
        formula: "1 - 99.9 %, by definition, at the true quantile of t (the printed ones are biased low)",
        source: PBS,
        parameters: &[("after", Kind::Span)],
        evaluate: |of| {
            // SSD 1,1; DISK 1,1 and 2,1; YMMR 1,1 with the shape 3.35 that is printed; WAN 1,1.
            const TRUE_QUANTILES: [f64; 5] = [1.967, 52.23, 14.13, 1_458.6, 115.85];
            let after = of.number(0);
            let is_one = TRUE_QUANTILES.iter().any(|quantile| (after - quantile).abs() < 1e-6);
            is_one.then_some(0.001)
        },
    },
    ClosedForm {
        name: "PublishedReadLatency",
        formula: "99.9th percentile of reads, N = 3, as printed",
        source: PBS,
        parameters: PBS_PARAMETERS,
        evaluate: |of| published(of).map(|(read, _)| read),
    },
    ClosedForm {
        name: "PublishedWriteLatency",
        formula: "99.9th percentile of writes, N = 3, as printed",
        source: PBS,
        parameters: PBS_PARAMETERS,
        evaluate: |of| published(of).map(|(_, write)| write),
    },
    ClosedForm {
        name: "PublishedStaleness",
        formula: "1 - P(consistent) at t = 0, N = 3: as printed for R = W = 1; 0 for R + W > N",
        source: PBS,
        parameters: PBS_PARAMETERS,
        evaluate: |of| match (of.word(0), of.count(1), of.count(2)) {
            (_, reads, writes) if 3 < reads + writes => Some(0.0),
            ("LNKD-SSD", 1, 1) => Some(1.0 - 0.974),
            ("LNKD-DISK", 1, 1) => Some(1.0 - 0.439),
            ("YMMR", 1, 1) => Some(1.0 - 0.893),
            ("WAN", 1, 1) => Some(1.0 - 0.33),
            _ => None,
        },
    },
    ClosedForm {
        name: "LaterWriteLostUniform",
        formula: "(2E - g)^2 / (8 E^2), 0 from g = 2E on",
        source: "two offsets, each uniform within E",
        parameters: &[("offset", Kind::Span), ("gap", Kind::Span)],
        evaluate: |of| {
            let (offset, short) = (of.number(0), 2.0 * of.number(0) - of.number(1));
            Some(if short <= 0.0 { 0.0 } else { short * short / (8.0 * offset * offset) })
        },
    },
    ClosedForm {
        name: "LaterWriteLostNormal",
        formula: "Q(g / (s sqrt 2))",
        source: "two offsets, each normal with deviation s",
        parameters: &[("deviation", Kind::Span), ("gap", Kind::Span)],
        // Q(x) = erfc(x / sqrt 2) / 2, with x = g / (s sqrt 2).
        evaluate: |of| Some(libm::erfc(of.number(1) / (2.0 * of.number(0))) / 2.0),
    },
    ClosedForm {
        name: "AtLeastOnceSends",
        formula: "1 / ((1-a)(1-b))",
        source: BINOMIAL,
        parameters: &[("request_loss", Kind::Probability), ("ack_loss", Kind::Probability)],
        evaluate: |of| Some(1.0 / ((1.0 - of.number(0)) * (1.0 - of.number(1)))),
    },
    ClosedForm {
        name: "AtLeastOnceDeliveries",
        formula: "1 / (1-b)",
        source: BINOMIAL,
        parameters: &[("ack_loss", Kind::Probability)],
        evaluate: |of| Some(1.0 / (1.0 - of.number(0))),
    },
    ClosedForm {
        name: "CaptureLag",
        formula: "(T - f)^2/2T + 3d + 2f",
        source: "until the poll (none where the log is tailed; one that comes during the force of the \
                 source waits and sees the change), three links, the forces of broker and copy",
        parameters: &[("interval", Kind::Span), ("link", Kind::Span), ("force", Kind::Span)],
        evaluate: |of| {
            let (interval, link, force) = (of.number(0), of.number(1), of.number(2));
            let waits = (interval - force).max(0.0);
            let until = if interval > 0.0 { waits * waits / (2.0 * interval) } else { 0.0 };
            Some(until + 3.0 * link + 2.0 * force)
        },
    },
    ClosedForm {
        name: "AllStepsSucceed",
        formula: "(1 - p)^n",
        source: BINOMIAL,
        parameters: &[("failure", Kind::Probability), ("steps", Kind::Count)],
        evaluate: |of| Some(power(1.0 - of.number(0), of.count(1))),
    },
    ClosedForm {
        name: "SagaMessages",
        formula: "2n when all succeed; 2k + 2(k-1) when step k fails",
        source: "a request and an answer per step and per compensation",
        parameters: &[("steps", Kind::Count), ("fails", Kind::Count)],
        evaluate: |of| {
            let (steps, fails) = (of.number(0), of.number(1));
            Some(if fails < 1.0 { 2.0 * steps } else { 2.0 * fails + 2.0 * (fails - 1.0) })
        },
    },
];

/// The 99.9th percentiles of read and write latency in the table of Bailis et al., milliseconds.
fn published(of: &Values<'_>) -> Option<(f64, f64)> {
    const QUORUMS: [(u32, u32); 6] = [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (1, 3)];
    let table: [(f64, f64); 6] = match of.word(0) {
        "LNKD-SSD" => {
            [(0.66, 0.66), (0.66, 1.63), (1.63, 0.65), (1.62, 1.64), (4.14, 0.65), (0.65, 4.09)]
        }
        "LNKD-DISK" => [
            (0.66, 10.99),
            (0.65, 20.97),
            (1.63, 10.9),
            (1.64, 20.96),
            (4.12, 10.89),
            (0.65, 112.65),
        ],
        "YMMR" => [
            (5.58, 10.83),
            (5.61, 427.12),
            (32.6, 10.73),
            (33.18, 428.11),
            (219.27, 10.79),
            (5.63, 1_870.86),
        ],
        _ => [
            (3.4, 55.12),
            (3.4, 167.64),
            (151.3, 56.36),
            (151.31, 167.72),
            (153.86, 55.19),
            (3.44, 241.55),
        ],
    };
    let row = QUORUMS.iter().position(|quorum| *quorum == (of.count(1), of.count(2)))?;
    Some(table[row])
}

/// The formula of a name.
pub fn find(name: &str) -> Option<&'static ClosedForm> {
    ALL.iter().find(|form| form.name == name)
}

fn power(base: f64, exponent: u32) -> f64 {
    (0..exponent).fold(1.0, |product, _| product * base)
}

/// How many subsets of `k` of `n` there are.
fn choose(n: u32, k: u32) -> f64 {
    if n < k {
        return 0.0;
    }
    (0..k).fold(1.0, |product, i| product * f64::from(n - i) / f64::from(i + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn evaluate(name: &str, values: &[&str]) -> Option<f64> {
        let form = find(name).expect("it is in the table");
        let kinds = form.parameters.iter().map(|(_, kind)| kind);
        let values: Vec<Value> =
            kinds.zip(values).map(|(kind, text)| kind.read(text).expect("it is sound")).collect();
        form.evaluate(&values)
    }

    fn worked(name: &str, values: &[&str], wanted: f64) {
        let value = evaluate(name, values).expect("the source gives a number");
        let near = 5e-7 * wanted.abs().max(1.0);
        assert!((value - wanted).abs() < near, "{name}{values:?} is {value}, not {wanted}");
    }

    #[test]
    fn every_formula_has_a_name_of_its_own_and_a_source() {
        for (place, form) in ALL.iter().enumerate() {
            assert!(ALL[..place].iter().all(|other| other.name != form.name), "{}", form.name);
            assert!(!form.source.is_empty() && form.formula.is_ascii(), "{}", form.name);
        }
    }

    #[test]
    fn commits_of_three_updaters_cost_what_r_star_counts() {
        for (presume, messages, records, forced) in
            [("Nothing", 12.0, 8.0, 7.0), ("Abort", 12.0, 8.0, 7.0), ("Commit", 9.0, 8.0, 5.0)]
        {
            worked("CommitMessages", &[presume, "3", "0"], messages);
            worked("CommitRecords", &[presume, "3", "0"], records);
            worked("CommitForcedWrites", &[presume, "3", "0"], forced);
        }
        worked("CommitMessages", &["Abort", "2", "3"], 14.0);
        worked("CommitMessages", &["Commit", "2", "3"], 12.0);
    }

    #[test]
    fn aborts_cost_what_r_star_counts_where_it_counts() {
        worked("AbortMessages", &["Nothing", "3", "1"], 10.0);
        worked("AbortMessages", &["Abort", "3", "1"], 8.0);
        worked("AbortForcedWrites", &["Nothing", "3", "1"], 6.0);
        worked("AbortForcedWrites", &["Abort", "3", "1"], 2.0);
        worked("AbortRecords", &["Nothing", "3", "1"], 7.0);
        worked("AbortRecords", &["Abort", "3", "1"], 6.0);
        assert_eq!(evaluate("AbortMessages", &["Commit", "3", "1"]), None);
    }

    #[test]
    fn five_managers_cost_what_gray_and_lamport_work_out() {
        for (protocol, messages) in
            [("TwoPhaseCommit", 12.0), ("PaxosCommit", 17.0), ("FasterPaxosCommit", 20.0)]
        {
            worked("GrayLamportMessages", &[protocol, "5", "1", "CoLocated"], messages);
        }
        worked("GrayLamportMessages", &["TwoPhaseCommit", "5", "1", "Apart"], 14.0);
        worked("GrayLamportMessages", &["PaxosCommit", "5", "1", "Apart"], 22.0);
        worked("GrayLamportMessages", &["FasterPaxosCommit", "5", "1", "Apart"], 25.0);
        worked("GrayLamportForcedWrites", &["TwoPhaseCommit", "5", "1", "Apart"], 6.0);
        worked("GrayLamportForcedWrites", &["PaxosCommit", "5", "1", "Apart"], 7.0);
        worked("GrayLamportDelays", &["PaxosCommit", "5", "1", "CoLocated"], 4.0);
        worked("GrayLamportDelays", &["TwoPhaseCommit", "5", "1", "Apart"], 4.0);
    }

    #[test]
    fn waiting_without_retries_and_in_doubt_takes_what_the_arrows_say() {
        worked("AbortByTimeout", &["1%", "3"], 0.058_520);
        worked("InDoubt", &["10ms", "3ms", "Commit"], 23.0);
        worked("InDoubt", &["10ms", "3ms", "Abort"], 26.0);
        worked("InDoubtWhileDown", &["1s", "300ms", "10ms"], 1_220.0);
    }

    #[test]
    fn quorums_are_up_and_stale_as_often_as_worked_out() {
        for (quorum, up) in [("1", 0.999), ("2", 0.972), ("3", 0.729)] {
            worked("QuorumAvailability", &["3", quorum, "10%"], up);
        }
        for (versions, within) in [("1", 1.0 / 3.0), ("2", 5.0 / 9.0), ("3", 19.0 / 27.0)] {
            worked("StaleByVersions", &["3", "1", "1", versions], 1.0 - within);
        }
        worked("StaleByVersions", &["3", "2", "2", "1"], 0.0);
    }

    #[test]
    fn staleness_fades_and_waiting_grows_as_worked_out() {
        worked("StaleAfter", &["3", "1", "1", "10ms", "0ms"], 2.0 / 3.0);
        // Two of three reads, one mean later: (1/3) e^-2.
        worked("StaleAfter", &["3", "2", "1", "10ms", "10ms"], 0.045_111_8);
        worked("StaleAfter", &["3", "2", "2", "10ms", "0ms"], 0.0);
        worked("WaitForSome", &["3", "2", "10ms"], 8.333_333);
        worked("WaitForSome", &["5", "5", "1ms"], 2.283_333);
        worked("BeyondVisibility", &["115850us"], 0.001);
        assert_eq!(evaluate("BeyondVisibility", &["113ms"]), None);
    }

    #[test]
    fn published_numbers_are_those_of_the_table() {
        worked("PublishedReadLatency", &["YMMR", "3", "1"], 219.27);
        worked("PublishedWriteLatency", &["LNKD-DISK", "1", "3"], 112.65);
        worked("PublishedStaleness", &["LNKD-DISK", "1", "1"], 0.561);
        worked("PublishedStaleness", &["WAN", "2", "2"], 0.0);
        assert_eq!(evaluate("PublishedStaleness", &["WAN", "2", "1"]), None);
        assert_eq!(evaluate("PublishedReadLatency", &["WAN", "3", "3"]), None);
    }

    #[test]
    fn clocks_retries_and_sagas_follow_their_formulas() {
        worked("LaterWriteLostUniform", &["10ms", "0ms"], 0.5);
        worked("LaterWriteLostUniform", &["10ms", "10ms"], 0.125);
        worked("LaterWriteLostUniform", &["10ms", "20ms"], 0.0);
        worked("LaterWriteLostNormal", &["10ms", "0ms"], 0.5);
        // g = s sqrt 2: one deviation of the difference.
        worked("LaterWriteLostNormal", &["1000us", "1414214ns"], 0.158_655_2);
        worked("AtLeastOnceSends", &["10%", "10%"], 1.234_568);
        worked("AtLeastOnceDeliveries", &["10%"], 1.111_111);
        worked("CaptureLag", &["0ms", "1ms", "2ms"], 7.0);
        worked("CaptureLag", &["10ms", "1ms", "2ms"], 10.2);
        worked("AllStepsSucceed", &["1%", "100"], 1.0 - 0.633_968);
        worked("SagaMessages", &["4", "0"], 8.0);
        worked("SagaMessages", &["4", "3"], 10.0);
    }

    #[test]
    fn a_parameter_of_another_kind_is_refused() {
        assert!(Kind::Count.read("1%").is_err());
        assert!(Kind::Probability.read("101%").is_err());
        assert!(Kind::Span.read("5").is_err());
        assert!(PRESUMPTION.read("abort").is_err_and(|said| said.contains("Commit")));
    }
}
