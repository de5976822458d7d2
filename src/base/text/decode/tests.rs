//! Tests of decoding: for each kind of mistake, the code, the token and the words.
//!
//! ```text
//! text with one or more mistakes ──▶ (code, underlined token, message) of each
//! ```
//!
//! A small schema stands for the real one, so that these tests only change with decoding. Whole
//! pictures are compared once; the rest compares tokens, which do not depend on the drawing.

use proptest::prelude::*;
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::*;
use crate::base::text::diagnostic::{Colour, Source, render};

#[derive(Debug, PartialEq)]
struct Delay(u64);

impl<'de> Deserialize<'de> for Delay {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.strip_suffix('s').and_then(|number| number.parse().ok());
        number
            .map(Delay)
            .ok_or_else(|| D::Error::custom(format!("SB0107: unknown unit in \"{text}\": write s")))
    }
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Scenario {
    title: String,
    network: Network,
    #[serde(default)]
    faults: Vec<Fault>,
    #[serde(default)]
    expect: Option<Presume>,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Network {
    latency: Law,
    loss: Option<Delay>,
    #[serde(default)]
    clients: u8,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
enum Law {
    Fixed(Delay),
    Between(Delay, Delay),
    Quantiles(Vec<(u8, Delay)>),
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
struct Fault {
    id: String,
    when: When,
    r#do: Action,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
enum When {
    Never,
    At(Delay),
    Before { event: Event, nth: u32 },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
enum Event {
    Step(String),
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
enum Action {
    Crash { node: String, down: Delay },
    Cut { groups: Vec<Group> },
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
enum Group {
    Nodes(Vec<String>),
    Rest,
}

#[derive(Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
enum Presume {
    Abort,
    Commit,
}

fn whole<T: DeserializeOwned>(text: &str) -> Result<T, Vec<Diagnostic>> {
    decode_all(text, Span { start: 0, end: text.len() })
}

/// Code, token and message of each mistake.
fn wrong<T: DeserializeOwned>(text: &str) -> Vec<(&str, &str, String)> {
    let Err(diagnostics) = whole::<T>(text) else { panic!("{text} is accepted") };
    let told = |wrong: Diagnostic| (wrong.code.as_str(), wrong.span.of(text), wrong.message);
    diagnostics.into_iter().map(told).collect()
}

fn one<T: DeserializeOwned>(text: &str, code: &str, token: &str, message: &str) {
    let found = wrong::<T>(text);
    assert_eq!(found, [(code, token, message.to_owned())], "{text}");
}

const GOOD: &str = r#"// A comment.
#![schema = "x"]
Scenario(
    title: "t",
    network: (latency: Quantiles([(0, "1s"), (100, "2s"),]), loss: "3s"),
    faults: [
        (id: "a", when: Before(event: Step("S"), nth: 1), do: Crash(node: "p1", down: "5s")),
        (id: "b", when: At("1s"), do: Cut(groups: [Nodes(["p1"]), Rest])),
    ],
    expect: Abort,
)"#;

#[test]
fn a_good_file_is_read() {
    let scenario: Scenario = whole(GOOD).expect("a test knows that it is there");
    assert_eq!(scenario.network.loss, Some(Delay(3)));
    assert_eq!(scenario.faults.len(), 2);
    assert_eq!(scenario.expect, Some(Presume::Abort));
}

#[test]
fn one_mistake_anywhere_is_found_on_its_token() {
    for (good, bad, code, token, message) in [
        ("loss:", "los:", "SB0101", "los", "unknown field `los` in `network`"),
        ("down:", "dwn: 1, down:", "SB0101", "dwn", "unknown field `dwn` in `Crash`"),
        ("Rest", "Rset", "SB0102", "Rset", "`groups[1]` cannot be `Rset`"),
        ("Step(", "Stop(", "SB0102", "Stop", "`event` cannot be `Stop`"),
        ("Abort", "Abrt", "SB0102", "Abrt", "`expect` cannot be `Abrt`"),
        ("nth: 1", "", "SB0103", "Before", "missing field `nth` in `Before`"),
        (
            "nth: 1",
            "nth: \"1\"",
            "SB0104",
            "\"1\"",
            "`nth` expects a whole number from 0 to 4294967295, found text",
        ),
        (
            "nth: 1",
            "nth: 1.5",
            "SB0104",
            "1.5",
            "`nth` expects a whole number from 0 to 4294967295, found the number `1.5`",
        ),
        ("nth: 1", "nth: -1", "SB0108", "-1", "`nth` expects a whole number from 0 to 4294967295"),
        (
            "(100,",
            "(300,",
            "SB0108",
            "300",
            "`Quantiles[1][0]` expects a whole number from 0 to 255",
        ),
        ("\"2s\"", "\"2sec\"", "SB0107", "\"2sec\"", "unknown unit in \"2sec\": write s"),
        ("\"2s\"", "2s", "SB0107", "2s", "`2s` needs quotes"),
        (
            "At(\"1s\")",
            "At( \"1m\" /* x */ , )",
            "SB0107",
            "\"1m\"",
            "unknown unit in \"1m\": write s",
        ),
        ("\"3s\"", "Some(\"3m\")", "SB0107", "\"3m\"", "unknown unit in \"3m\": write s"),
        (
            "id: \"b\"",
            "id: \"b\", id: \"c\"",
            "SB0106",
            "id",
            "the field `id` is given twice in `faults[1]`",
        ),
        (
            "[\"p1\"]",
            "\"p1\"",
            "SB0104",
            "\"p1\"",
            "`Nodes` expects a list in square brackets, found text",
        ),
        (
            "node: \"p1\"",
            "node: p1",
            "SB0104",
            "p1",
            "`node` expects text in quotes, found the name `p1`",
        ),
        (
            "At(\"1s\")",
            "At",
            "SB0104",
            "At",
            "`when` expects one value in parentheses, found the name `At`",
        ),
        (
            "At(\"1s\")",
            "At(at: \"1s\")",
            "SB0104",
            "At(at: \"1s\")",
            "`when` expects one value in parentheses, found `At` with named fields",
        ),
        (
            "At(\"1s\")",
            "Never()",
            "SB0104",
            "Never()",
            "`when` expects the bare name `Never`, found the name `Never()`",
        ),
        ("At(\"1s\")", "Before", "SB0103", "Before", "missing fields `event`, `nth` in `Before`"),
        (
            "At(\"1s\")",
            "\"Never\"",
            "SB0104",
            "\"Never\"",
            "`when` expects one of Never, At, Before, found text",
        ),
        (
            "(0, \"1s\")",
            "(0, \"1s\", 7)",
            "SB0104",
            "7",
            "`Quantiles[0]` expects 2 values in parentheses, found 3",
        ),
        (
            "(0, \"1s\")",
            "(0)",
            "SB0104",
            "(0)",
            "`Quantiles[0]` expects a tuple of size 2, found 1",
        ),
        (
            "Scenario",
            "Scenaro",
            "SB0104",
            "Scenaro",
            "expected `Scenario` or no name, found `Scenaro` with named fields",
        ),
        (
            "\"t\"",
            "\"\\q\"",
            "SB0105",
            "\"\\q\"",
            "this text cannot be read: Unknown escape character",
        ),
        (
            "nth: 1)",
            "nth: 1",
            "SB0105",
            "(",
            "values with and without a name are mixed in one pair of parentheses",
        ),
        ("\"t\",", "\"t\"", "SB0105", "network", "expected `,` or `)`, found `network`"),
    ] {
        assert!(GOOD.contains(good), "{good}");
        one::<Scenario>(&GOOD.replacen(good, bad, 1), code, token, message);
    }
}

#[test]
fn a_field_of_another_level_is_not_taken_for_this_one() {
    let text = "(title: \"t\", network: (latency: Fixed(\"1s\"), title: \"x\"))";
    let found = whole::<Scenario>(text).unwrap_err();
    assert_eq!(found[0].span.start, text.rfind("title").expect("a test knows that it is there"));
    assert_eq!(found[0].help, ["fields: latency, loss, clients"]);
}

#[test]
fn all_mistakes_of_a_file_are_found_at_once() {
    let text = r#"(
        titel: "t",
        network: (latency: Fixed("1m"), clients: 256),
        faults: [(id: 5, when: Att("1s"), do: Crash()), (id: "b", when: At("1m"), do: Cut())],
        expect: Comit,
    )"#;
    let tokens: Vec<_> = wrong::<Scenario>(text).into_iter().map(|(c, t, _)| (c, t)).collect();
    assert_eq!(
        tokens,
        [
            ("SB0103", "("),
            ("SB0101", "titel"),
            ("SB0107", "\"1m\""),
            ("SB0108", "256"),
            ("SB0104", "5"),
            ("SB0102", "Att"),
            ("SB0103", "Crash"),
            ("SB0107", "\"1m\""),
            ("SB0103", "Cut"),
            ("SB0102", "Comit"),
        ]
    );
}

#[test]
fn all_missing_fields_are_named_and_defaults_are_not() {
    one::<Scenario>(
        "Scenario()",
        "SB0103",
        "Scenario",
        "missing fields `title`, `network` in `Scenario`",
    );
    one::<Network>("()", "SB0103", "(", "missing field `latency` here");
    one::<Vec<Fault>>("[(\n)]", "SB0103", "(", "missing fields `id`, `when`, `do` in `[0]`");
}

#[test]
fn a_mistake_is_drawn_under_its_token_with_a_suggestion() {
    let text = "(title: \"t\",\n network: (latency: Fixd(\"1s\")))";
    let source = Source { name: "x.ron", text };
    let expected = r#"error[SB0102]: `latency` cannot be `Fixd`
 --> x.ron:2:21
  |
2 |  network: (latency: Fixd("1s")))
  |                     ^^^^ not a choice
  |
  = help: did you mean `Fixed`? choices: Fixed, Between, Quantiles
"#;
    let found = whole::<Scenario>(text).unwrap_err();
    assert_eq!(render(&found, &source, Colour::Never), expected);
}

#[test]
fn a_part_is_decoded_with_positions_of_the_whole() {
    let text = "// é\n(é: 1, network: (latency: Between(\"1s\", \"2m\")))";
    let tree = Tree::parse(text).expect("a test knows that it is there");
    let part = tree.find(text, "network").expect("a test knows that it is there").span;
    let found = decode::<Network>(text, part).unwrap_err();
    assert_eq!((found.code, found.span.of(text)), (Code::BadQuantity, "\"2m\""));
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
struct NoBlocking {
    limit: Option<Delay>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct TwoPhaseCommit {
    #[expect(dead_code, reason = "only its absence is tested")]
    participants: u8,
}

#[test]
fn a_named_value_is_taken_apart_and_its_arguments_are_read() {
    let text = "[NoBlocking, NoBlocking(), NoBlocking (limit: \"1s\",)]";
    let tree = Tree::parse(text).expect("a test knows that it is there");
    let limits = [None, None, Some(Delay(1))];
    let arguments = ["()", "()", "(limit: \"1s\",)"];
    for ((node, limit), arguments) in tree.root.items().iter().zip(limits).zip(arguments) {
        let named = decode_named(text, node).expect("a test knows that it is there");
        assert_eq!((named.name, named.name_span.of(text)), ("NoBlocking", "NoBlocking"));
        assert_eq!(named.arguments_text(text), arguments);
        assert_eq!(
            named.decode::<NoBlocking>(text).expect("a test knows that it is there"),
            NoBlocking { limit }
        );
    }
}

#[test]
fn mistakes_in_arguments_point_into_the_whole_text_and_know_the_name() {
    for (argument, code, token, message) in [
        ("", "SB0103", "TwoPhaseCommit", "missing field `participants` in `TwoPhaseCommit`"),
        ("()", "SB0103", "TwoPhaseCommit", "missing field `participants` in `TwoPhaseCommit`"),
        ("(participants: 3, x: 1)", "SB0101", "x", "unknown field `x` in `TwoPhaseCommit`"),
        (
            "(participants: 300)",
            "SB0108",
            "300",
            "`participants` expects a whole number from 0 to 255",
        ),
        (
            "(3)",
            "SB0104",
            "(3)",
            "expected named fields in parentheses, found values without names",
        ),
    ] {
        let text = format!("(protocol: TwoPhaseCommit{argument})");
        let tree = Tree::parse(&text).expect("a test knows that it is there");
        let named = decode_named(
            &text,
            tree.find(&text, "protocol").expect("a test knows that it is there"),
        )
        .expect("a test knows that it is there");
        let found = named.decode::<TwoPhaseCommit>(&text).unwrap_err();
        let told = (found[0].code.as_str(), found[0].span.of(&text), found[0].message.as_str());
        assert_eq!((found.len(), told), (1, (code, token, message)));
    }
}

#[test]
fn a_value_without_a_name_is_refused_where_a_name_is_looked_up() {
    for text in ["\"AtomicCommit\"", "(limit: 1)", "5", "[]"] {
        let node = Tree::parse(text).expect("a test knows that it is there").root;
        assert_eq!(decode_named(text, &node).unwrap_err().code, Code::WrongType);
    }
    let quoted =
        decode_named("\"A\"", &Tree::parse("\"A\"").expect("a test knows that it is there").root)
            .unwrap_err();
    assert_eq!(quoted.help, ["write it without quotes: A"]);
}

#[test]
fn what_only_ron_refuses_is_told_in_its_words() {
    let found = wrong::<ron::Value>("(a: 1,\n b: \"\\q\")");
    assert_eq!(found.len(), 1);
    assert!(matches!(found[0].0, "SB0105" | "SB0109"), "{found:?}");
    let found = wrong::<u64>("#![enable(nonsense)] 5");
    assert_eq!((found[0].0, found[0].1), ("SB0109", "5"));
}

#[test]
fn a_raw_value_can_be_asked_for() {
    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Open {
        protocol: Box<ron::value::RawValue>,
        #[expect(dead_code, reason = "only its mistake is tested")]
        seed: u8,
    }
    let text = "(protocol: A(b: 1), seed: 7)";
    assert_eq!(
        whole::<Open>(text).expect("a test knows that it is there").protocol.get_ron(),
        "A(b: 1)"
    );
    one::<Open>(
        "(protocol: A(b: 1), seed: 700)",
        "SB0108",
        "700",
        "`seed` expects a whole number from 0 to 255",
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_damaged_file_is_refused_with_places_in_the_text(
        from in 0..GOOD.len(),
        length in 0_usize..9,
        put_in in "[(),:\\[\\]\"a5 ]{0,3}|Some|None|\"5m\"|5s|-1|é",
    ) {
        let end = (from + length).min(GOOD.len());
        let text = format!("{}{put_in}{}", &GOOD[..from], &GOOD[end..]);
        if let Err(found) = whole::<Scenario>(&text) {
            prop_assert!(!found.is_empty());
            for wrong in &found {
                prop_assert!(text.get(wrong.span.start..wrong.span.end).is_some(), "{wrong:?}");
            }
            let source = Source { name: "x.ron", text: &text };
            prop_assert!(render(&found, &source, Colour::Never).starts_with("error[SB01"));
        }
    }
}
