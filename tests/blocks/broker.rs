//! What the broker promises, judged at the end of runs by what all disks say.
//!
//! ```text
//!   accepted at producers ── published in order ──▶ log ── taken in order ──▶ effects, once each
//!                                                    └── dead letters: poison, and nothing else
//! ```

use crate::{
    bus::{Bus, Config, GROUP, Item, KILLER, POISON, Step, TOPIC},
    weather::{Appends, any, calm, crash, crashing, lossy, sampler},
};
use splitbrain::{
    base::{
        ids::{NodeId, Seed},
        quantity::Probability,
        sampler::Law,
        time::{Duration, Time},
    },
    blocks::broker::{
        Broker, Checkpoints, DeadLetters, Offset, Partition, Position, Producers, Retention,
        Settings, TopicId, Unread,
    },
    engine::{
        faults::{CutAt, DiskFate, Keeps, Pattern, Rule, Span, Victim, Watch, What, When},
        network::Endpoint,
        operations::Ending,
        protocol::Step as _,
        runner::{Configured, Simulation, With},
        setup::Setup,
        trace::Recording,
        world::World,
    },
};
use std::{collections::BTreeMap, sync::Arc};

const DEAD: Partition = Partition { topic: TopicId::DEAD_LETTERS, number: 0 };

fn config(change: impl FnOnce(&mut Config)) -> Config {
    let mut config = Config::default();
    change(&mut config);
    config
}

fn world(config: Config, setup: Setup) -> World<Bus> {
    With::new(config).world(Arc::new(setup))
}

fn run(world: &mut World<Bus>, seed: u64) {
    world.reset(Seed(seed), Recording::HashOnly);
    world.run(&mut ());
}

fn label(name: &str) -> usize {
    let catalog = With::<Bus>::new(Config::default()).catalog();
    usize::from(catalog.messages.find(name).expect("a label of the host"))
}

/// What all disks say at the end.
struct Told {
    accepted: Vec<Vec<Item>>,
    log: BTreeMap<Partition, Vec<(Offset, Item)>>,
    dead: Vec<(Position, Item)>,
    effects: Vec<Vec<(Position, Item)>>,
    answered: Vec<u32>,
    redelivered: u64,
    repeated: u64,
    missed: u64,
}

fn broker(world: &World<Bus>, config: &Config) -> Broker<Item> {
    let Bus::Broker(broker) = world.state(config.broker()) else { panic!("a broker is one") };
    broker.clone()
}

fn look(world: &World<Bus>, config: &Config) -> Told {
    let broker = broker(world, config);
    let partitions = (0..config.broker.partitions).map(|number| Partition { topic: TOPIC, number });
    let log = partitions.map(|partition| {
        let events = broker.kept().events(partition);
        (partition, events.map(|(offset, entry)| (offset, entry.event)).collect())
    });
    let dead = broker.kept().events(DEAD).map(|(_, entry)| {
        let origin = entry.origin.expect("a dead letter has an origin");
        assert_eq!(origin.group, GROUP);
        (origin.at, entry.event)
    });
    let mut told = Told {
        accepted: Vec::new(),
        log: log.collect(),
        dead: dead.collect(),
        effects: Vec::new(),
        answered: Vec::new(),
        redelivered: broker.redelivered(),
        repeated: 0,
        missed: 0,
    };
    for node in 0..=config.producers + config.consumers {
        match world.state(NodeId(node)) {
            Bus::Producer { accepted, .. } => told.accepted.push(accepted.clone()),
            Bus::Broker(_) => {}
            Bus::Consumer { effects, consumer } => {
                told.effects.push(effects.clone());
                told.repeated += consumer.repeated();
                told.missed += consumer.missed();
            }
        }
    }
    let done = world.history().iter().filter(|e| matches!(e.ending, Some((_, Ending::Ok(_)))));
    told.answered.extend(done.map(|entry| entry.op.0));
    told
}

impl Told {
    /// The property that fell, if one did.
    fn falls(&self) -> Option<&'static str> {
        let mut took: BTreeMap<u32, u32> = BTreeMap::new();
        let dead = self.dead.iter().map(|(_, item)| item);
        let items = self.effects.iter().flatten().map(|(_, item)| item).chain(dead);
        items.for_each(|item| *took.entry(item.id).or_default() += 1);
        let accepted = || self.accepted.iter().flatten();
        let missing = accepted().any(|item| !took.contains_key(&item.id));
        let lost = self.answered.iter().any(|id| accepted().all(|item| item.id != *id));
        if missing || lost {
            return Some("at_least_once");
        }
        // Consumers of one group keep effects apart: each knows its own only.
        let several = self.effects.len() > 1;
        let twice = |effects: &Vec<(Position, Item)>| {
            let mut ids: Vec<u32> = effects.iter().map(|(_, item)| item.id).collect();
            ids.sort_unstable();
            ids.windows(2).any(|pair| pair[0] == pair[1])
        };
        if self.effects.iter().any(twice) || (!several && took.values().any(|&times| times > 1)) {
            return Some("at_most_once");
        }
        let special = |item: &Item| [POISON, KILLER].contains(&item.value);
        if !self.dead.iter().all(|(_, item)| special(item)) {
            return Some("only_poison_dies");
        }
        (!self.in_order()).then_some("order")
    }

    /// Each log has the order of each producer, and each consumer the order of each log.
    fn in_order(&self) -> bool {
        let by_producer = |partition: &Partition, accepted: &Vec<Item>| {
            let mine = accepted
                .iter()
                .filter(|item| item.key % self.log.len() as u32 == u32::from(partition.number));
            let ids: Vec<u32> = mine.map(|item| item.id).collect();
            let logged = self.log[partition].iter().map(|(_, item)| item.id);
            let logged: Vec<u32> = logged.filter(|id| ids.contains(id)).collect();
            logged == ids
        };
        let logs = self.log.keys();
        let mut orders = logs.flat_map(|p| self.accepted.iter().map(move |a| by_producer(p, a)));
        let rising = |effects: &Vec<(Position, Item)>| {
            let of = |partition: &Partition| {
                let here = effects.iter().filter(|(at, _)| at.partition == *partition);
                let places: Vec<Offset> = here.map(|(at, _)| at.offset).collect();
                places.is_sorted()
            };
            self.log.keys().all(of)
        };
        orders.all(|kept| kept) && self.effects.iter().all(rising)
    }
}

/// Runs seeds; every one must keep all promises. Sums of items, crashes, redeliveries, repeats.
fn keeps_its_promise(config: &Config, setup: Setup, seeds: u64) -> [u64; 4] {
    let mut world = world(config.clone(), setup);
    let mut sums = [0; 4];
    for seed in 0..seeds {
        run(&mut world, seed);
        let told = look(&world, config);
        assert_eq!(told.falls(), None, "seed {seed}");
        let poison = told.accepted.iter().flatten().filter(|item| item.value == POISON).count();
        assert_eq!(told.dead.len(), poison, "seed {seed}: only poison dies");
        assert_eq!(told.missed, 0, "seed {seed}");
        let items = told.accepted.iter().map(Vec::len).sum::<usize>() as u64;
        let crashes = world.counters().nodes.crashes;
        let more = [items, crashes, told.redelivered, told.repeated];
        sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
    }
    sums
}

#[test]
fn every_event_takes_effect_once_and_in_order_when_nothing_goes_wrong() {
    let [items, _, redelivered, repeated] =
        keeps_its_promise(&Config::default(), calm(Appends::default()), 3);
    assert_eq!([items, redelivered, repeated], [150, 0, 0]);
}

#[test]
fn every_event_takes_effect_once_and_in_order_over_lossy_links() {
    let setup = lossy(calm(Appends::default()));
    let [items, _, redelivered, repeated] = keeps_its_promise(&Config::default(), setup, 200);
    assert_eq!(items, 10_000);
    assert!(redelivered > 1_000 && repeated > 1_000, "{redelivered} {repeated}");
}

#[test]
fn every_event_takes_effect_once_and_in_order_through_crashes() {
    for setup in [calm(Appends::default()), lossy(calm(Appends::default()))] {
        let setup = crashing(setup, 80, &[]);
        let [items, crashes, ..] = keeps_its_promise(&Config::default(), setup, 200);
        assert!(items > 4_000 && crashes > 1_000, "{items} items, {crashes} crashes");
    }
}

#[test]
fn every_event_takes_effect_once_through_crashes_and_checkpoints() {
    let config = config(|config| config.broker.checkpoints = Checkpoints::Every(9));
    let setup = crashing(lossy(calm(Appends::default())), 80, &[]);
    keeps_its_promise(&config, setup, 200);
}

/// Every place at which a handler can be cut, one after the other, in a small run.
#[test]
fn a_crash_at_any_effect_of_any_handler_loses_and_repeats_nothing() {
    let config = config(|config| config.broker.checkpoints = Checkpoints::Every(7));
    let mut cut = 0;
    for (watch, events) in [(Watch::Deliver, 60), (Watch::Request, 8), (Watch::Timer, 12)] {
        for (nth, effects) in (1..=events).flat_map(|nth| (0..6).map(move |n| (nth, n))) {
            let when = When::Inside(any(watch), nth, effects);
            let rule = Rule { id: "crash".to_owned(), when, what: crash(30) };
            let mut setup = calm(Appends::default());
            (setup.until, setup.end) = (Time::from_millis(80), Time::from_millis(800));
            (setup.heal_at, setup.rules) = (None, vec![rule]);
            let [items, crashes, ..] = keeps_its_promise(&config, setup, 1);
            assert!(items >= 3, "{watch:?} {nth} {effects}");
            cut += crashes;
        }
    }
    assert!(cut > 400, "{cut} of 480 places were reached");
}

#[test]
fn a_poison_event_moves_aside_and_its_partition_flows_on() {
    let poison = || Appends { special_every: 5, special: POISON, ..Appends::default() };
    for setup in [calm(poison()), lossy(calm(poison()))] {
        keeps_its_promise(&Config::default(), setup, 100);
    }
    keeps_its_promise(&Config::default(), crashing(lossy(calm(poison())), 80, &[]), 200);
}

/// Each report is an attempt, however often the network repeats it.
#[test]
fn poison_is_tried_exactly_as_often_as_the_policy_says() {
    let mut setup =
        calm(Appends { clients: 1, special_every: 3, special: POISON, ..Appends::default() });
    setup.link.duplication = Probability::from_ratio(1, 1);
    setup.until = Time::from_millis(70);
    let config = config(|config| config.broker.dead_letters = DeadLetters::After(4));
    let mut world = world(config.clone(), setup);
    world.reset(Seed(1), Recording::HashOnly);
    let mut seen = Vec::new();
    let poison = Position { partition: Partition { topic: TOPIC, number: 2 }, offset: Offset(0) };
    for millis in 0..1_000 {
        world.run_until(Time::from_millis(millis), &mut ());
        let broker = broker(&world, &config);
        seen.push((broker.kept().attempts(GROUP, poison), broker.kept().end(DEAD).0));
    }
    seen.dedup();
    assert_eq!(seen, [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1)]);
}

#[test]
fn partitions_of_a_consumer_that_is_gone_are_read_by_the_others_and_shared_again() {
    let config = config(|config| config.consumers = 3);
    let mut setup = calm(Appends::default());
    let what = What::Crash {
        node: Victim::OneOf(vec![NodeId(3)]),
        down: Span::For(sampler(Law::Fixed(Duration::from_millis(600)))),
        cut: CutAt::Boundary,
        disk: DiskFate::Keep,
        keeps: Keeps::default(),
    };
    let when = When::At(Time::from_millis(100));
    setup.rules.push(Rule { id: "gone".to_owned(), when, what });
    (setup.until, setup.heal_at) = (Time::from_secs(1), None);
    let mut world = world(config.clone(), setup);
    world.reset(Seed(3), Recording::HashOnly);
    let shares = |world: &World<Bus>, nodes: &[u16]| {
        let share = |node: &u16| match world.state(NodeId(*node)) {
            Bus::Consumer { consumer, .. } => consumer.assigned().len(),
            _ => panic!("not a consumer"),
        };
        nodes.iter().map(share).collect::<Vec<_>>()
    };
    world.run_until(Time::from_millis(90), &mut ());
    assert_eq!(shares(&world, &[3, 4, 5]), [1, 1, 1]);
    world.run_until(Time::from_millis(400), &mut ());
    assert_eq!(shares(&world, &[4, 5]), [2, 1]);
    world.run_until(Time::from_millis(800), &mut ());
    assert_eq!(shares(&world, &[3, 4, 5]), [1, 1, 1]);
    world.run(&mut ());
    assert_eq!(look(&world, &config).falls(), None);
    // The same under every weather; effects may happen at two consumers then.
    let setup = crashing(lossy(calm(Appends::default())), 80, &[]);
    keeps_its_promise(&config, setup, 200);
}

#[test]
fn retention_bounds_events_and_log_and_waits_for_readers() {
    let config = config(|config| {
        config.broker.retention = Retention::Events(10);
        config.broker.checkpoints = Checkpoints::Every(40);
    });
    let mut setup = calm(Appends { every: Duration::from_millis(4), ..Appends::default() });
    (setup.until, setup.heal_at) = (Time::from_secs(2), None);
    let mut world = world(config.clone(), setup);
    world.reset(Seed(1), Recording::HashOnly);
    let mut longest = (0, 0);
    for millis in (0..4_000).step_by(10) {
        world.run_until(Time::from_millis(millis), &mut ());
        let broker = broker(&world, &config);
        let partitions = (0..3).map(|number| Partition { topic: TOPIC, number });
        let events = partitions.map(|p| broker.kept().events(p).count()).max();
        let records = world.look(config.broker()).log.len();
        longest = (longest.0.max(events.unwrap_or(0)), longest.1.max(records));
    }
    let Told { accepted, effects, missed, .. } = look(&world, &config);
    let accepted: usize = accepted.iter().map(Vec::len).sum();
    assert!(accepted > 900);
    assert_eq!((effects[0].len(), missed), (accepted, 0));
    assert!(longest.0 <= 10 + 40 && longest.1 <= 41, "{longest:?}");
}

#[test]
fn a_consumer_that_was_away_reads_all_or_is_told_what_it_missed() {
    for (unread, misses) in [(Unread::Keep, false), (Unread::Drop, true)] {
        for retention in [Retention::Events(5), Retention::Age(Duration::from_millis(30))] {
            let config = config(|config| {
                (config.broker.retention, config.broker.unread) = (retention, unread);
                config.broker.checkpoints = Checkpoints::Every(10);
            });
            let setup = away(calm(Appends::default()));
            let mut world = world(config.clone(), setup);
            run(&mut world, 2);
            let told = look(&world, &config);
            let missing = 50 - told.effects[0].len() as u64;
            assert_eq!((missing > 0, told.missed), (misses, missing), "{unread:?} {retention:?}");
        }
    }
}

/// The consumer is down from 100 to 400 ms.
fn away(mut setup: Setup) -> Setup {
    let what = What::Crash {
        node: Victim::OneOf(vec![NodeId(3)]),
        down: Span::For(sampler(Law::Fixed(Duration::from_millis(300)))),
        cut: CutAt::Boundary,
        disk: DiskFate::Keep,
        keeps: Keeps::default(),
    };
    let when = When::At(Time::from_millis(100));
    setup.rules.push(Rule { id: "away".to_owned(), when, what });
    setup
}

/// Sends 1/((1−a)(1−b)) and deliveries 1/(1−b), within four standard errors.
#[test]
fn sends_and_deliveries_at_least_once_equal_the_closed_form() {
    let config = config(|config| {
        config.producers = 1;
        config.broker.producers = Producers::Plain;
        config.broker.in_flight_max = 1;
    });
    for (a, b) in [(10, 10), (30, 5), (0, 40), (25, 0)] {
        let mut setup = calm(Appends { clients: 1, ..Appends::default() });
        (setup.until, setup.end, setup.heal_at) = (Time::from_secs(20), Time::from_secs(60), None);
        let (producer, broker) = (Endpoint(0), Endpoint(1));
        for (ends, percent) in [((producer, broker), a), ((broker, producer), b)] {
            let mut link = setup.link.clone();
            link.loss = Probability::from_ratio(percent, 100);
            setup.links.push((ends, link));
        }
        let mut world = world(config.clone(), setup);
        let [mut events, mut sends, mut deliveries] = [0.0; 3];
        for seed in 0..8 {
            run(&mut world, seed);
            let told = look(&world, &config);
            let label = label("Broker.Publish");
            let published = world.counters().messages_of(0, label);
            let logged: usize = told.log.values().map(Vec::len).sum();
            assert_eq!(logged as u64, published.delivered, "plain: every arrival is an event");
            events += told.accepted[0].len() as f64;
            sends += published.sent as f64;
            deliveries += published.delivered as f64;
        }
        let (a, b) = (f64::from(a as u32) / 100.0, f64::from(b as u32) / 100.0);
        let (arrives, acked) = ((1.0 - a) * (1.0 - b), 1.0 - b);
        for (what, mean, success) in
            [("sends", sends / events, arrives), ("deliveries", deliveries / events, acked)]
        {
            let error = ((1.0 - success) / (success * success) / events).sqrt();
            let off = (mean - 1.0 / success).abs();
            assert!(off <= 4.0 * error, "{what}: {mean} for {}, {error}", 1.0 / success);
        }
    }
}

#[test]
fn a_plain_producer_puts_an_event_into_the_log_twice() {
    let config = config(|config| config.broker.producers = Producers::Plain);
    let mut world = world(config.clone(), lossy(calm(Appends::default())));
    run(&mut world, 0);
    assert_eq!(look(&world, &config).falls(), Some("at_most_once"));
}

#[test]
fn a_seed_always_runs_alike() {
    let setup = || crashing(lossy(calm(Appends::default())), 80, &[]);
    let mut first = world(Config::default(), setup());
    let mut second = world(Config::default(), setup());
    run(&mut second, 1); // What ran before does not matter.
    for seed in 0..10 {
        run(&mut first, seed);
        run(&mut second, seed);
        assert_eq!(first.trace().hash(), second.trace().hash());
        assert_eq!(first.digest(), second.digest());
    }
}

/// Some items of one client kill whoever handles them, as often as it is tried.
fn deadly(special_every: u64) -> Setup {
    let label = Some(label("Struck") as u16);
    let mut setup = calm(Appends { special_every, special: KILLER, ..Appends::default() });
    setup.rules.extend((1..=60).map(|nth| {
        let when = When::Before(Pattern { label, ..any(Watch::Send) }, nth);
        Rule { id: format!("kill{nth}"), when, what: crash(30) }
    }));
    setup.heal_at = None;
    setup
}

/// All consumers' partitions share the fate of their consumer; the killers' neighbours do not.
#[test]
fn only_the_event_that_kills_becomes_a_dead_letter() {
    for consumers in [1, 2] {
        let config = config(|config| {
            config.consumers = consumers;
            config.broker.dead_letters = DeadLetters::After(2);
        });
        let mut world = world(config.clone(), deadly(8));
        for seed in 0..100 {
            run(&mut world, seed);
            let told = look(&world, &config);
            assert_eq!(told.falls(), None, "seed {seed}");
            let killers = told.accepted.iter().flatten().filter(|item| item.value == KILLER);
            assert_eq!(told.dead.len(), killers.count(), "seed {seed}");
            let crashes = world.counters().nodes.crashes;
            // Two attempts at each, and at most one death in company.
            assert!((6..=9).contains(&crashes), "seed {seed}: {crashes} crashes");
        }
    }
}

/// In this weather every step but one is needed; the other needs killers, and no other crashes.
fn trial(step: &str) -> (Config, Setup) {
    let config = config(|config| {
        config.broker.retention = Retention::Events(3);
        config.broker.checkpoints = Checkpoints::Every(12);
        config.broker.dead_letters = DeadLetters::After(6);
    });
    if step == "SingleOut" {
        return (config, deadly(8));
    }
    let workload = Appends { special_every: 7, special: POISON, ..Appends::default() };
    let setup = away(crashing(lossy(calm(workload)), 60, &[]));
    (config, Setup { end: Time::from_secs(8), ..setup })
}

#[test]
fn without_any_one_step_the_property_it_guards_falls() {
    for step in ["ForceAppend", "SingleOut"] {
        let (config, setup) = trial(step);
        let mut sound = world(config.clone(), setup);
        for seed in 0..200 {
            run(&mut sound, seed);
            assert_eq!(look(&sound, &config).without_order(), None, "seed {seed}");
        }
    }
    for (step, info) in Step::ALL.iter().enumerate() {
        let (config, setup) = trial(info.name);
        let mut world = world(config.clone(), Setup { ablated: 1 << step, ..setup });
        let fallen = (0..200).filter_map(|seed| {
            run(&mut world, seed);
            look(&world, &config).without_order()
        });
        let fallen: Vec<_> = fallen.collect();
        assert!(fallen.contains(&info.guards), "{} is not load-bearing: {fallen:?}", info.name);
    }
}

impl Told {
    /// What retention dropped has no order to be compared with.
    fn without_order(&self) -> Option<&'static str> {
        self.falls().filter(|property| *property != "order")
    }
}

#[test]
fn settings_read_as_a_scenario_writes_them_and_nonsense_is_refused() {
    let text = r#"(partitions: 3, retention: EventsAndAge(10, "5s"), dead_letters: After(3),
        unread: Drop, producers: Plain, checkpoints: ByHost, poll_interval: "5ms")"#;
    let settings: Settings = ron::from_str(text).expect("this is how it is written");
    assert_eq!(settings.retention, Retention::EventsAndAge(10, Duration::from_secs(5)));
    assert_eq!(settings.validate("broker"), []);
    assert!(ron::from_str::<Settings>("(partition: 3)").is_err());
    let bad = Settings { partitions: 0, session_timeout: Duration::ZERO, ..Settings::default() };
    assert_eq!(bad.validate("broker").len(), 2);
}
