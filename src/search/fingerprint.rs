//! Fingerprints: which failures of different seeds are the same bug.
//!
//! ```text
//!   c decided commit on t7 at 0.3s, p2 decided abort on t7 at 0.1s
//!     ──names──▶  coordinator decided commit on txn at #  ·  participant decided abort on txn at #
//!     ──sorted, repeats collapsed, counted──▶  coordinator1 … txn1 …  ──fold──▶  agreement/3f2a9c
//! ```
//!
//! Two witnesses are alike when their sentences say the same of the same kinds of things. A node
//! becomes its role, a transaction, an operation and a client their kind, each numbered by its first
//! appearance in the witness; every other number, time and duration becomes `#`. Clauses that then
//! are equal count once, so that the number of participants does not matter, and their order is
//! that of the alphabet, since which of two contradicting nodes came first differs from seed to seed.
//!
//! The shape is made of the sentence and not of the citations, unless there is no sentence. A
//! checker says in the sentence what is wrong; what it cites besides tells how this one run came
//! there: whether a doubt ended later, whether a vote was replayed. With citations, one bug
//! fell apart into several fingerprints. Folding stack traces or event numbers was rejected:
//! they change with every edit.
//!
//! Limits: two bugs that break a property in the same words are one fingerprint, until a shrunk
//! scenario tells them apart. Six hex digits: a collision within one property is one in 17 million
//! per pair.

use crate::{
    base::{digest::fold_text, ids::NodeId},
    checkers::{Citation, Judgement, Verdict, Witness},
    engine::runner::Catalog,
};
use std::{collections::BTreeMap, fmt, str::FromStr};

/// What a failure is known by: the property, and the shape of the witness.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fingerprint {
    /// The property that is violated: `atomic_commit.agreement`; or `panic`.
    pub property: String,
    /// The shape of the witness, folded into 24 bits.
    pub shape: u32,
}

/// The property of a fingerprint that stands for a panic in a protocol.
pub const PANIC: &str = "panic";

impl Fingerprint {
    /// The fingerprint of a judgement; `None` unless the property is violated.
    pub fn of(judgement: &Judgement, catalog: &Catalog) -> Option<Self> {
        match &judgement.verdict {
            Verdict::Violated(witness) => {
                Some(Self::folded(judgement.property, &shape(witness, catalog)))
            }
            Verdict::Holds | Verdict::Unknown(_) | Verdict::NotExercised => None,
        }
    }

    /// The fingerprint of a panic. The place in the source is left out: it moves with every edit.
    pub fn of_panic(message: &str, catalog: &Catalog) -> Self {
        let what = message.split_once(":\n").map_or(message, |(_place, what)| what);
        Self::folded(PANIC, &clauses(what, catalog))
    }

    fn folded(property: &str, shape: &str) -> Self {
        Self { property: property.to_owned(), shape: (fold_text(shape) & 0xFF_FFFF) as u32 }
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{:06x}", self.property, self.shape)
    }
}

impl FromStr for Fingerprint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no fingerprint, such as no_blocking/3f2a9c");
        let (property, shape) = text.rsplit_once('/').ok_or_else(wrong)?;
        let digits = shape.len() == 6 && shape.bytes().all(|byte| byte.is_ascii_hexdigit());
        let shape = u32::from_str_radix(shape, 16).ok().filter(|_| digits).ok_or_else(wrong)?;
        Ok(Self { property: property.to_owned(), shape })
    }
}

/// The shape of a witness in words, as it is folded.
pub fn shape(witness: &Witness, catalog: &Catalog) -> String {
    if witness.sentence.is_empty() {
        let cited: Vec<String> = witness.citations.iter().map(|one| told(one, catalog)).collect();
        return clauses(&cited.join("; "), catalog);
    }
    clauses(&witness.sentence, catalog)
}

fn told(citation: &Citation, catalog: &Catalog) -> String {
    let node = citation.node.map_or("", |node| catalog.node(node));
    format!("{node} {}", citation.says)
}

/// The clauses of a text without names and numbers, sorted, each once.
fn clauses(text: &str, catalog: &Catalog) -> String {
    let said = text.split(", ").flat_map(|part| part.split("; "));
    let mut shapes: BTreeMap<String, Vec<Word>> = BTreeMap::new();
    for clause in said {
        let words = words(clause, catalog);
        let alike = words.iter().map(Word::kind).collect();
        shapes.entry(alike).or_insert(words);
    }
    let mut seen = BTreeMap::new();
    let numbered: Vec<String> = shapes.values().map(|words| numbered(words, &mut seen)).collect();
    numbered.join(" · ")
}

/// Puts a clause together; the things of a kind are numbered by first appearance.
fn numbered<'a>(words: &'a [Word], seen: &mut BTreeMap<&'a str, Vec<&'a str>>) -> String {
    let mut clause = String::new();
    for word in words {
        clause += word.kind();
        if let Word::Thing { kind, name } = word {
            let known = seen.entry(kind).or_default();
            let place = known.iter().position(|one| one == name).unwrap_or_else(|| {
                known.push(name);
                known.len() - 1
            });
            clause += &(place + 1).to_string();
        }
    }
    clause
}

/// A piece of a clause.
enum Word {
    /// It stays as it is.
    Plain(String),
    /// It is one of several of a kind.
    Thing { kind: String, name: String },
}

impl Word {
    fn kind(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Thing { kind, .. } => kind,
        }
    }
}

fn words(clause: &str, catalog: &Catalog) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = clause;
    while let Some(first) = rest.chars().next() {
        let length = length_of_first(rest, first, catalog);
        let (word, later) = rest.split_at(length);
        words.push(classified(word, catalog));
        rest = later;
    }
    words
}

/// How many bytes the first word takes: a node's name, a number with sign and unit, a word of
/// letters, or one other character.
fn length_of_first(text: &str, first: char, catalog: &Catalog) -> usize {
    let node = catalog.nodes.iter().filter(|name| {
        text.strip_prefix(name.as_str()).is_some_and(|later| !later.starts_with(is_of_word))
    });
    if let Some(length) = node.map(String::len).filter(|length| *length > 0).max() {
        return length;
    }
    let sign = usize::from(matches!(first, '+' | '-'));
    if begins_with_digit(&text[sign..]) {
        return sign + length_of_number(&text[sign..]);
    }
    if is_of_word(first) {
        return text.find(|c| !is_of_word(c)).unwrap_or(text.len());
    }
    first.len_utf8()
}

/// `5`, `5.003s`, `40ms`, `0.1%`.
fn length_of_number(text: &str) -> usize {
    let point = |at: usize| text[at..].strip_prefix('.').is_some_and(begins_with_digit);
    let end = text.char_indices().find(|&(at, c)| !is_of_word(c) && !point(at));
    let end = end.map_or(text.len(), |(at, _)| at);
    end + usize::from(text[end..].starts_with('%'))
}

fn begins_with_digit(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
}

fn is_of_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn classified(word: &str, catalog: &Catalog) -> Word {
    if let Some(node) = catalog.find_node(word).or_else(|| numbered_node(word, catalog)) {
        let role = catalog.roles[usize::from(catalog.role_of[usize::from(node.0)])];
        return Word::Thing { kind: role.to_owned(), name: catalog.node(node).to_owned() };
    }
    let kinds = [("t", "txn"), ("o", "op"), ("k", "client"), ("client", "client")];
    if let Some((_, kind)) = kinds.iter().find(|(letter, _)| is_number_after(word, letter)) {
        return Word::Thing { kind: (*kind).to_owned(), name: word.to_owned() };
    }
    let is_number = begins_with_digit(word.trim_start_matches(['+', '-']));
    Word::Plain(if is_number { "#" } else { word }.to_owned())
}

/// `n2`: how a node prints where nobody looked up its name.
fn numbered_node(word: &str, catalog: &Catalog) -> Option<NodeId> {
    let place: u16 = word.strip_prefix('n')?.parse().ok()?;
    (usize::from(place) < catalog.nodes.len()).then_some(NodeId(place))
}

fn is_number_after(word: &str, letter: &str) -> bool {
    let number = word.strip_prefix(letter);
    number.is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{base::ids::EventId, base::time::Time};

    fn catalog() -> Catalog {
        let mut catalog = Catalog::named(&["c", "p1", "p2", "p10", "p-3"]);
        catalog.roles = vec!["coordinator", "participant"];
        catalog.role_of = vec![0, 1, 1, 1, 1];
        catalog
    }

    fn shape_of(sentence: &str) -> String {
        let witness = Witness { sentence: sentence.to_owned(), citations: Vec::new() };
        shape(&witness, &catalog())
    }

    #[test]
    fn names_become_roles_and_numbers_vanish() {
        let shape = shape_of("p10 in doubt about t7 for 5.003s (limit 1s)");
        assert_eq!(shape, "participant1 in doubt about txn1 for # (limit #)");
        assert_eq!(shape, shape_of("p-3 in doubt about t1234 for 12s (limit 100ms)"));
        assert_ne!(shape, shape_of("c in doubt about t7 for 5.003s (limit 1s)"));
    }

    #[test]
    fn signs_units_and_percents_belong_to_their_number() {
        assert_eq!(
            shape_of("from 150 to -10 (+10), 0.5% of 3.5 at 7."),
            "# of # at #. · from # to # (#)"
        );
    }

    #[test]
    fn letters_that_only_look_like_names_stay() {
        assert_eq!(shape_of("cp1 t x7 p11 n9 tt3"), "cp1 t x7 p11 n9 tt3");
        assert_eq!(shape_of("n1 told k2 and client2"), "participant1 told client1 and client2");
    }

    #[test]
    fn the_number_of_those_concerned_and_their_order_do_not_matter() {
        let one = shape_of("p1 waits for a lock on t3");
        assert_eq!(one, shape_of("p2 waits for a lock on t9, p1 waits for a lock on t9"));
        let both = "c decided commit on t1 at 0s, p1 decided abort on t1 at 1ms";
        let turned = "p2 decided abort on t4 at 3ms, c decided commit on t4 at 12ms";
        assert_eq!(shape_of(both), shape_of(turned));
        let opposite = "c decided abort on t1 at 0s, p1 decided commit on t1 at 1ms";
        assert_ne!(shape_of(both), shape_of(opposite));
    }

    #[test]
    fn one_thing_twice_differs_from_two_things() {
        let same = shape_of("item 7 took effect at p1 at 3s, and again at p1 at 4s");
        let other = shape_of("item 7 took effect at p1 at 3s, and again at p2 at 4s");
        assert_eq!(
            same,
            "and again at participant1 at # · item # took effect at participant1 at #"
        );
        assert_ne!(same, other);
    }

    #[test]
    fn without_a_sentence_the_citations_are_the_shape() {
        let cite = |event, node| Citation {
            event: EventId(event),
            at: Time::from_millis(u64::from(event)),
            node: Some(NodeId(node)),
            says: "began to remember t7".to_owned(),
        };
        let of = |citations| shape(&Witness { sentence: String::new(), citations }, &catalog());
        assert_eq!(of(vec![cite(1, 1)]), "participant1 began to remember txn1");
        assert_eq!(of(vec![cite(3, 2), cite(9, 3)]), of(vec![cite(1, 1)]));
        assert_ne!(of(vec![cite(1, 0)]), of(vec![cite(1, 1)]));
    }

    #[test]
    fn a_panic_is_known_by_what_it_says_and_not_by_where_it_stands() {
        let panic = |text: &str| Fingerprint::of_panic(text, &catalog());
        let here = panic("panicked at src/protocols/a.rs:10:5:\np1 lost t7");
        assert_eq!(here, panic("panicked at src/protocols/a.rs:99:1:\np2 lost t8"));
        assert_ne!(here, panic("panicked at src/protocols/a.rs:10:5:\np1 lost its log"));
        assert_eq!(here.property, PANIC);
    }

    #[test]
    fn a_fingerprint_reads_back_as_itself() {
        let one = Fingerprint { property: "a.b".to_owned(), shape: 0x00_2a9c };
        assert_eq!(one.to_string(), "a.b/002a9c");
        assert_eq!(one.to_string().parse(), Ok(one));
        for wrong in ["a.b", "a.b/2a9c", "a.b/zzzzzz", "a.b/+2a9cc"] {
            assert!(wrong.parse::<Fingerprint>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_a_violation_has_a_fingerprint() {
        let mut judgement = Judgement {
            property: "no_blocking",
            verdict: Verdict::Holds,
            exercised: 1,
            note: String::new(),
        };
        assert_eq!(Fingerprint::of(&judgement, &catalog()), None);
        judgement.verdict = Verdict::Violated(Witness::default());
        assert!(Fingerprint::of(&judgement, &catalog()).is_some());
    }
}
