//! But-for causes: what `why` calls a cause is one, and what it calls a cure cures.
//!
//! ```text
//!   script with one fault, loss or delay ──why──▶ without it: holds
//!   scenario@seed ──shrink──why──▶ with a setting: holds   ═══   the scenario with it, same seed
//! ```

use splitbrain::{
    base::{ids::Seed, text::source::Edited, time::Duration},
    engine::protocol::Alternative,
    scenario::{load::load, plan::Plan, registry::Registry},
    search::{
        fingerprint::Fingerprint,
        shrink::{Seen, Tools, shrink},
        why::{Changed, Kind, Outcome, why},
    },
};

#[expect(clippy::unnecessary_wraps, reason = "what catches panics may say so")]
fn catch(work: &mut dyn FnMut()) -> Result<(), String> {
    work();
    Ok(())
}

fn plan(text: &str) -> Plan {
    load(&Registry::built_in(), "asked", &Edited::new(text)).unwrap_or_else(|error| {
        panic!("{:?}\n{text}", error.mistakes);
    })
}

/// One transfer; nobody may be in doubt for 100 ms, and nobody asks or tells again for a second.
fn transfer(what_goes_wrong: &str) -> Plan {
    plan(&format!(
        r#"Scenario(
            title: "one transfer",
            protocol: TwoPhaseCommit(participants: 2, inquiry_interval: "1s", resend_interval: "1s"),
            network: (latency: Fixed("1ms")),
            disk: (force: Fixed("1ms")),
            workload: Requests([(at: "0ms", node: "c", ask: Transfer(from: 0, to: 1, amount: 5))]),
            {what_goes_wrong}
            checks: [AtomicCommit, NoBlocking(limit: "100ms")],
            run: (for: "4s"),
        )"#
    ))
}

fn asked(plan: &Plan, seed: Seed, alternatives: &[Alternative]) -> (Fingerprint, Vec<Changed>) {
    let found = Seen::of(plan, seed, &catch).fingerprints();
    let wanted = found.into_iter().next().expect("it fails");
    let registry = Registry::built_in();
    let tools = Tools { registry: &registry, catch: &catch, runs_max: 5_000 };
    let shrunk = shrink(tools, plan, seed, &wanted)
        .unwrap_or_else(|error| panic!("{wanted}@{seed}: {error}"));
    let changed = why(tools, &shrunk, &wanted, alternatives);
    (wanted, changed)
}

fn outcomes(changed: &[Changed], kind: Kind) -> Vec<(&str, &Outcome)> {
    let of_kind = changed.iter().filter(|one| one.kind == kind);
    of_kind.map(|one| (one.what.as_str(), &one.outcome)).collect()
}

/// Asserts that one thing can be taken away, and that without it all holds.
fn assert_only_cause(changed: &[Changed], what: &str) {
    assert_eq!(outcomes(changed, Kind::Without), [(what, &Outcome::Holds)]);
}

fn alternatives() -> &'static [Alternative] {
    let registry = Registry::built_in();
    let mut protocols = registry.protocols();
    let protocol = protocols.find(|known| known.name() == "TwoPhaseCommit");
    protocol.expect("it is built in").alternatives()
}

#[test]
fn without_the_crash_it_holds() {
    let plan = transfer(
        r#"faults: [(
            id: "window",
            when: Before(event: Step("ForceDecision")),
            do: Crash(node: Actor, down: "1s"),
        )],"#,
    );
    let (_, changed) = asked(&plan, Seed(1), &[]);
    assert_only_cause(&changed, "without the crash of c (window)");
    let shorter = outcomes(&changed, Kind::Shorter);
    assert!(
        shorter.iter().any(|(what, _)| what.starts_with("with c down for less than ")),
        "{shorter:?}"
    );
}

#[test]
fn without_the_loss_it_holds() {
    let lost = r#"script: (messages: [
        (from: "c", to: "p1", label: "Decide", topic: 1, fate: Lost),
    ]),"#;
    let (_, changed) = asked(&transfer(lost), Seed(1), &[]);
    assert_only_cause(&changed, "without the loss of Decide about t1 from c to p1");
}

#[test]
fn without_the_delay_it_holds_and_so_it_does_with_less_of_it_than_is_said() {
    let late = |span: &str| {
        transfer(&format!(
            r#"script: (messages: [
                (from: "c", to: "p1", label: "Decide", topic: 1, fate: Takes("{span}")),
            ]),"#
        ))
    };
    let (wanted, changed) = asked(&late("700ms"), Seed(1), &[]);
    let without = outcomes(&changed, Kind::Without);
    assert!(matches!(without[..], [(_, Outcome::Holds)]), "{without:?}");
    assert!(without[0].0.ends_with("on the way of Decide about t1 from c to p1"), "{without:?}");
    let [(what, Outcome::Holds)] = outcomes(&changed, Kind::Shorter)[..] else {
        panic!("{changed:?}");
    };
    let limit = what.strip_prefix("with Decide about t1 from c to p1 delayed by less than ");
    let limit: Duration = limit.expect(what).parse().expect("a span");
    let fails =
        |span: Duration| Seen::of(&late(&span.to_string()), Seed(1), &catch).fails_so(&wanted);
    assert!(fails(limit), "{limit}");
    assert!(!fails(limit - Duration::from_millis(1)), "{limit}");
}

#[test]
fn a_setting_that_cures_is_said_to_cure_and_one_that_does_not_is_not() {
    let lost = r#"script: (messages: [
        (from: "c", to: "p1", label: "Decide", topic: 1, fate: Lost),
    ]),"#;
    let alternatives = [
        Alternative { settings: &[("inquiry_interval", "\"20ms\"")], called: "quick questions" },
        Alternative { settings: &[("vote_deadline", "\"70ms\"")], called: "less patience" },
    ];
    let (_, changed) = asked(&transfer(lost), Seed(1), &alternatives);
    assert_eq!(
        outcomes(&changed, Kind::Setting),
        [
            ("with quick questions", &Outcome::Holds),
            ("with less patience", &Outcome::StillViolated)
        ]
    );
}

#[test]
fn a_setting_that_is_the_setting_is_not_asked_about_even_where_it_is_the_default() {
    let lost = r#"script: (messages: [
        (from: "c", to: "p1", label: "Decide", topic: 1, fate: Lost),
    ]),"#;
    let plan = transfer(lost);
    assert!(!plan.text.contains("presume"), "it is left out");
    let (_, changed) = asked(&plan, Seed(1), alternatives());
    let told = outcomes(&changed, Kind::Setting);
    assert!(told.iter().all(|(what, _)| *what != "with presumed abort"), "{told:?}");
    assert!(told.iter().any(|(what, _)| *what == "with presumed commit"), "{told:?}");
}

/// What becomes of a scenario under its seed with another setting, without any script.
fn by_hand(plan: &Plan, seed: Seed, alternative: &Alternative, wanted: &Fingerprint) -> Outcome {
    let mut edited = Edited::new(plan.text.clone());
    for (field, value) in alternative.settings {
        let path = format!("protocol.{field}");
        edited.set(&path, value, alternative.called).expect("a setting of the protocol");
    }
    let plan = load(&Registry::built_in(), "by_hand", &edited).expect("it is sound");
    let found = Seen::of(&plan, seed, &catch).fingerprints();
    if found.contains(wanted) {
        Outcome::StillViolated
    } else if found.is_empty() {
        Outcome::Holds
    } else {
        Outcome::Otherwise(found)
    }
}

#[test]
fn what_is_said_of_a_setting_is_what_the_scenario_does_with_it_under_its_seed() {
    let scenarios = [
        include_str!("../scenarios/two_phase_commit/partition.ron"),
        include_str!("../scenarios/two_phase_commit/coordinator_dies_in_the_window.ron"),
        include_str!("../scenarios/two_phase_commit/cooperative_termination_cannot_help.ron"),
    ];
    for text in scenarios {
        let plan = plan(text);
        for seed in [1, 2].map(Seed) {
            let (wanted, changed) = asked(&plan, seed, alternatives());
            let told = outcomes(&changed, Kind::Setting);
            assert!(!told.is_empty(), "{}", plan.title);
            for alternative in alternatives() {
                let what = format!("with {}", alternative.called);
                let Some((_, outcome)) = told.iter().find(|(told, _)| *told == what) else {
                    continue;
                };
                let by_hand = by_hand(&plan, seed, alternative, &wanted);
                assert_eq!(**outcome, by_hand, "{}@{seed} {what}", plan.title);
            }
        }
    }
}

#[test]
fn without_the_failed_sync_the_log_has_what_it_acknowledged() {
    let text = include_str!("../scenarios/wal/a_failed_sync_that_is_retried_loses.ron");
    let (wanted, changed) = asked(&plan(text), Seed(1), &[]);
    assert_eq!(wanted.property, "recovery.acknowledged");
    let told = outcomes(&changed, Kind::Without);
    for what in ["the failed force", "the crash"] {
        let without = told.iter().find(|(told, _)| told.starts_with(&format!("without {what}")));
        assert!(matches!(without, Some((_, Outcome::Holds))), "{what}: {told:?}");
    }
}

#[test]
fn without_the_lie_the_log_has_what_it_acknowledged() {
    let text = include_str!("../scenarios/wal/a_lying_sync_loses.ron");
    let (_, changed) = asked(&plan(text), Seed(1), &[]);
    let told = outcomes(&changed, Kind::Without);
    let without = told.iter().find(|(told, _)| told.ends_with("(lies)"));
    assert!(matches!(without, Some((_, Outcome::Holds))), "{told:?}");
}

#[test]
fn no_setting_cures_a_participant_that_is_cut_off() {
    let plan = plan(include_str!("../scenarios/two_phase_commit/partition.ron"));
    let (_, changed) = asked(&plan, Seed(1), alternatives());
    let told = outcomes(&changed, Kind::Setting);
    assert_eq!(told.len(), 4, "{told:?}");
    assert!(told.iter().all(|(_, outcome)| **outcome == Outcome::StillViolated), "{told:?}");
    assert_only_cause(&changed, "without the cut p1 | c p2 p3 (island)");
}
