//! Loading: from text to a plan that can run, or to every mistake that stands in it.
//!
//! ```text
//!   text ──sets──▶ edited text ──▶ model ──▶ protocol · workload · checks by the registry
//!                                     └──▶ names resolved ──▶ Setup ──▶ Plan
//! ```
//!
//! `--set` replaces text at a path and the file is loaded again, so that whatever is set goes
//! through the same checks, and an error points into the edited text and names the flag. Mistakes
//! are collected over the whole file; nothing is half-applied, since a plan comes only of a file
//! without any.
//!
//! This file is long because every field of a scenario passes through it once.

use super::{
    model::{Budget, Scenario},
    plan::{CheckUse, Plan, messages_of_a_calm_run},
    registry::Registry,
    resolve::{Resolver, compile, fixed},
};
use crate::{
    base::{
        ids::NodeId,
        quantity::Probability,
        sampler::{Law, Sampler},
        text::{
            decode::{Named, decode_all, decode_named},
            diagnostic::{Code, Diagnostic},
            source::{Edited, Node, PathError, Tree},
        },
        time::{Duration, Time},
    },
    checkers::CheckEntry,
    engine::{
        clients::Workload,
        clock::ClockLaw,
        device::Geometry,
        faults::{Budget as EngineBudget, Rule, Swarm},
        network::{Endpoint, Link},
        protocol::Tolerance,
        runner::{Catalog, Configured},
        script::Script,
        setup::{Service, Setup},
        weather::Weather,
    },
};
use std::sync::Arc;

/// What was read of a file that cannot be run, and every mistake in it.
#[derive(Clone, Debug)]
pub struct LoadError {
    /// The text with the edits that were asked for; positions count in it.
    pub text: String,
    /// The mistakes, in the order of the text; at least one.
    pub mistakes: Vec<Diagnostic>,
}

/// Replaces parts of a scenario's text, one `path=value` after the other.
///
/// # Errors
/// Which path does not exist and what there is instead, or what is wrong with the value.
pub fn edit(text: &str, sets: &[(String, String)]) -> Result<Edited, PathError> {
    let mut edited = Edited::new(text);
    for (path, value) in sets {
        edited.set(path, value, &format!("--set {path}={value}"))?;
    }
    Ok(edited)
}

/// Loads a scenario from its text.
///
/// # Errors
/// Every mistake in it.
pub fn load(registry: &Registry, name: &str, edited: &Edited) -> Result<Plan, LoadError> {
    let text = &edited.text;
    let fail = |mut mistakes: Vec<Diagnostic>| {
        edited.name_flags(&mut mistakes);
        mistakes.sort_by_key(|mistake| mistake.span);
        LoadError { text: text.clone(), mistakes }
    };
    let tree = Tree::parse(text).map_err(|mistake| fail(vec![mistake]))?;
    let mut loader = Loader { registry, text, root: &tree.root, found: Vec::new() };
    let plan = loader.plan(name);
    match plan {
        Some(plan) if loader.found.is_empty() => Ok(plan),
        _ => Err(fail(loader.found)),
    }
}

struct Loader<'a> {
    registry: &'a Registry,
    text: &'a str,
    root: &'a Node,
    found: Vec<Diagnostic>,
}

impl Loader<'_> {
    fn plan(&mut self, name: &str) -> Option<Plan> {
        let whole = crate::base::text::source::Span { start: 0, end: self.text.len() };
        let scenario = self.keep(decode_all::<Scenario>(self.text, whole));
        let protocol = self.protocol();
        let workload = self.workload();
        let catalog = protocol.as_ref().map(|protocol| protocol.catalog());
        let checks = self.checks(catalog.as_ref());
        let scenario = scenario?;
        self.expectation(&scenario, &checks);
        self.sweep(&scenario);
        let weather = self.weather(&scenario);
        let end = Time::ZERO + scenario.run.r#for;
        let heal_at = self.heal_at(&scenario, end);
        let laws = self.laws(&scenario);
        let (protocol, catalog) = (protocol?, catalog?);
        let clients = workload.as_ref().map_or(0, |workload| workload.clients());
        let named = workload.as_ref().map_or_else(Vec::new, |workload| workload.named());
        let resolved = self.resolved(&scenario, &catalog, (clients, &named), end);
        let (workload, (link, client_link, force)) = (workload?, laws?);
        let links = resolved.links.into_iter();
        let mut setup = Setup {
            links: links.map(|(ends, change)| (ends, change(&link))).collect(),
            by_label: resolved.by_label,
            link,
            client_link,
            force,
            geometry: Geometry { seek: scenario.disk.seek, sector: scenario.disk.sector },
            clocks: ClockLaw {
                offset_max: scenario.clocks.offset_max,
                drift_max: scenario.clocks.drift_max,
            },
            client_offset_max: scenario.clocks.client_offset_max,
            service: resolved.service,
            until: workload.until().map_or(end, |until| Time::ZERO + until),
            workload,
            targets: resolved.targets,
            script: resolved.script,
            patience: scenario.patience,
            rules: resolved.rules,
            budget: budget(scenario.budget, protocol.tolerance()),
            swarm: scenario.swarm,
            weather: Weather::Measured,
            messages_expected: 0,
            ablated: resolved.ablated,
            ties: scenario.ties,
            heal_at,
            end,
        };
        if matches!(weather, Weather::Pct(_) | Weather::Mixed) && self.found.is_empty() {
            setup.messages_expected = messages_of_a_calm_run(protocol.as_ref(), &setup);
        }
        setup.weather = weather;
        Some(Plan {
            name: name.to_owned(),
            title: scenario.title,
            protocol: self.named("protocol")?.name.to_owned(),
            text: self.text.to_owned(),
            configured: protocol,
            catalog,
            setup: Arc::new(setup),
            checks,
            expect: scenario.expect,
            sweep: scenario.sweep,
        })
    }

    /// The weather, as written or as the swarm suggests.
    fn weather(&mut self, scenario: &Scenario) -> Weather {
        let usual = match scenario.swarm {
            Swarm::Off => Weather::Measured,
            Swarm::PerSeed => Weather::Mixed,
        };
        let weather = scenario.weather.unwrap_or(usual);
        if let Weather::Pct(0 | 1) = weather {
            let node = self.root.field(self.text, "weather");
            let span = node.map_or(self.root.anchor(), |node| node.span);
            let message = "with a depth below 2 no message is ever late";
            let help = "Pct(3) makes about two messages of each run very late";
            let diagnostic = Diagnostic::error(Code::BadSetting, span, message);
            self.found.push(diagnostic.label("too shallow").help(help));
        }
        weather
    }

    /// A sweep in which no seed must show anything would always be green.
    fn sweep(&mut self, scenario: &Scenario) {
        let needs = [("in", scenario.sweep.r#in), ("exercised", scenario.sweep.exercised)];
        for (field, _) in needs.iter().filter(|(_, seeds)| *seeds == 0) {
            let node = self.root.field(self.text, "sweep");
            let span = node.and_then(|node| node.field(self.text, field)).or(node);
            let span = span.map_or(self.root.anchor(), |node| node.span);
            let message = "at least one seed must show what is expected";
            self.found.push(Diagnostic::error(Code::ZeroNotAllowed, span, message).label("here"));
        }
    }

    fn keep<T>(&mut self, read: Result<T, Vec<Diagnostic>>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(mistakes) => {
                self.found.extend(mistakes);
                None
            }
        }
    }

    /// The value of a field that is read by name; its absence has been reported by then.
    fn named(&mut self, field: &str) -> Option<Named<'_>> {
        let node = self.root.field(self.text, field)?;
        match decode_named(self.text, node) {
            Ok(named) => Some(named),
            Err(mistake) => {
                self.found.push(mistake);
                None
            }
        }
    }

    fn unknown<'n>(
        &mut self,
        code: Code,
        named: &Named<'_>,
        what: &str,
        known: impl Iterator<Item = &'n str>,
    ) {
        let message = format!("no {what} is called `{}`", named.name);
        let diagnostic = Diagnostic::error(code, named.name_span, message)
            .label(format!("not a {what}"))
            .suggest(named.name, &format!("{what}s"), known);
        self.found.push(diagnostic);
    }

    fn protocol(&mut self) -> Option<Box<dyn Configured>> {
        let text = self.text;
        let node = self.root.field(text, "protocol")?;
        let named = self.keep(decode_named(text, node).map_err(|mistake| vec![mistake]))?;
        let registry = self.registry;
        let Some(protocol) = registry.protocols().find(|known| known.name() == named.name) else {
            let known = registry.protocols().map(super::super::engine::runner::Runnable::name);
            self.unknown(Code::UnknownProtocol, &named, "protocol", known);
            return None;
        };
        let configured = self.keep(protocol.configure(text, &named))?;
        let bad = configured.bad_settings();
        for setting in &bad {
            let span = node.field(text, setting.field).map_or(named.name_span, |value| value.span);
            let diagnostic = Diagnostic::error(Code::BadSetting, span, setting.reason.clone());
            self.found.push(diagnostic.label("here"));
        }
        bad.is_empty().then_some(configured)
    }

    fn workload(&mut self) -> Option<Arc<dyn Workload>> {
        let text = self.text;
        let node = self.root.field(text, "workload")?;
        let named = self.keep(decode_named(text, node).map_err(|mistake| vec![mistake]))?;
        let registry = self.registry;
        let Some(entry) = registry.workloads().iter().find(|known| known.name == named.name) else {
            let known = registry.workloads().iter().map(|known| known.name);
            self.unknown(Code::UnknownWorkload, &named, "workload", known);
            return None;
        };
        self.keep((entry.build)(text, &named))
    }

    /// The checks that can be built; names are looked up even when the protocol is not known.
    fn checks(&mut self, catalog: Option<&Arc<Catalog>>) -> Vec<CheckUse> {
        let text = self.text;
        let registry = self.registry;
        let nodes = self.root.field(text, "checks").map_or(&[][..], |list| list.items());
        let mut uses: Vec<CheckUse> = Vec::new();
        for node in nodes {
            let named = self.keep(decode_named(text, node).map_err(|mistake| vec![mistake]));
            let Some(named) = named else { continue };
            let Some(entry) = registry.checks().iter().find(|known| known.name == named.name)
            else {
                let known = registry.checks().iter().map(|known| known.name);
                self.unknown(Code::UnknownCheck, &named, "check", known);
                continue;
            };
            if let Some(catalog) = catalog {
                self.keep((entry.build)(text, &named, catalog));
            }
            if uses.iter().any(|other| other.name == entry.name) {
                let message = format!("the check `{}` is listed twice", entry.name);
                let diagnostic = Diagnostic::error(Code::DuplicateField, named.name_span, message);
                self.found.push(diagnostic.label("the second one"));
            }
            let (name, properties, build) = (entry.name, entry.properties, entry.build);
            uses.push(CheckUse { name, properties, build, node: node.clone() });
        }
        uses
    }

    fn expectation(&mut self, scenario: &Scenario, checks: &[CheckUse]) {
        let listed = || checks.iter().flat_map(|check| check.properties.iter().map(|p| p.name));
        let judges = |entry: &&CheckEntry, name| entry.properties.iter().any(|p| p.name == name);
        for property in scenario.expect.violations() {
            let judge = self.registry.checks().iter().find(|entry| judges(entry, property));
            // A check that could not be read has been reported; it may be the one that is meant.
            let unread = checks.len() < scenario.checks.len() && judge.is_some();
            if unread || listed().any(|known| known == property) {
                continue;
            }
            let Some(node) = self.root.field(self.text, "expect") else { continue };
            let span = node
                .children()
                .into_iter()
                .flat_map(|child| std::iter::once(child).chain(child.children()))
                .find(|child| child.string(self.text) == Some(property))
                .map_or(node.anchor(), |child| child.span);
            let message = format!("no listed check judges `{property}`");
            let diagnostic =
                Diagnostic::error(Code::UnknownProperty, span, message).label("not judged here");
            self.found.push(match judge {
                Some(entry) => diagnostic.help(format!("add `{}` to `checks`", entry.name)),
                None => diagnostic.suggest(property, "properties", listed()),
            });
        }
    }

    /// Everything that names nodes, steps or labels, looked up in the protocol.
    fn resolved(
        &mut self,
        scenario: &Scenario,
        catalog: &Arc<Catalog>,
        (clients, named): (u16, &[String]),
        end: Time,
    ) -> Resolved {
        let text = self.text;
        let mut resolver = Resolver { text, catalog, clients, end, found: Vec::new() };
        let fault_nodes = self.root.field(text, "faults").map_or(&[][..], |list| list.items());
        let rules = resolver.rules(&scenario.faults, fault_nodes);
        let ablated = ablated(&mut resolver, scenario, self.root);
        let service = service(&mut resolver, scenario, self.root);
        let links = exceptions(&mut resolver, scenario, self.root);
        let by_label = by_label(&mut resolver, scenario, self.root);
        let place = self.root.field(text, "workload").unwrap_or(self.root);
        let targets = named.iter().filter_map(|name| resolver.node(name, place)).collect();
        let place = self.root.field(text, "script").unwrap_or(self.root);
        let script = resolver.script(&scenario.script, place);
        self.found.append(&mut resolver.found);
        Resolved { rules, ablated, service, links, targets, script, by_label }
    }

    /// The laws of links, of links to clients, and of forces; each is looked at before any is
    /// given up.
    fn laws(&mut self, scenario: &Scenario) -> Option<(Link, Link, Sampler)> {
        let link = self.link(scenario);
        let client = scenario.network.client.as_ref();
        let client =
            client.map(|client| (self.law(&client.latency, "network.client.latency"), client.loss));
        let force = self.law(&scenario.disk.force, "disk.force");
        let link = link?;
        let client_link = client_link(&link, client)?;
        Some((link, client_link, force?))
    }

    fn heal_at(&mut self, scenario: &Scenario, end: Time) -> Option<Time> {
        let tail = scenario.run.quiet_tail?;
        if tail > scenario.run.r#for {
            let message = format!("a tail of {tail} does not fit into a run of {end}");
            let node = self.root.field(self.text, "run");
            let node = node.and_then(|run| run.field(self.text, "quiet_tail"));
            let span = node.map_or(self.root.anchor(), |node| node.span);
            self.found.push(Diagnostic::error(Code::BadSetting, span, message).label("too long"));
        }
        Some(end.saturating_sub(tail))
    }

    /// A law that makes sense, or a mistake at its place.
    fn law(&mut self, law: &Law, path: &str) -> Option<Sampler> {
        match compile(law) {
            Ok(law) => Some(law),
            Err(reason) => {
                let tree = Tree { root: self.root.clone() };
                let span = tree.find(self.text, path).map_or(self.root.anchor(), |node| node.span);
                let diagnostic = Diagnostic::error(Code::InconsistentLaw, span, reason);
                self.found.push(diagnostic.label("here"));
                None
            }
        }
    }

    fn link(&mut self, scenario: &Scenario) -> Option<Link> {
        let network = &scenario.network;
        let latency = self.law(&network.latency, "network.latency");
        let replay_after = self.law(&network.replay_after, "network.replay_after");
        Some(Link {
            latency: latency?,
            distance: Duration::ZERO,
            loss: network.loss,
            duplication: network.duplication,
            corruption: network.corruption,
            replay: network.replay,
            replay_after: replay_after?,
            order: network.order.into(),
        })
    }
}

/// What the names in a file stand for.
struct Resolved {
    rules: Vec<Rule>,
    ablated: u64,
    service: Vec<Service>,
    links: Vec<((Endpoint, Endpoint), Change)>,
    targets: Vec<NodeId>,
    script: Script,
    by_label: Vec<Option<Sampler>>,
}

/// A link to a client: without faults, and with a law of its own if one is given.
fn client_link(link: &Link, own: Option<(Option<Sampler>, Probability)>) -> Option<Link> {
    let clean = Link {
        loss: Probability::NEVER,
        duplication: Probability::NEVER,
        corruption: Probability::NEVER,
        replay: Probability::NEVER,
        replay_after: fixed(Duration::ZERO),
        ..link.clone()
    };
    match own {
        None => Some(clean),
        Some((latency, loss)) => Some(Link { latency: latency?, loss, ..clean }),
    }
}

fn ablated(resolver: &mut Resolver<'_>, scenario: &Scenario, root: &Node) -> u64 {
    let node = root.field(resolver.text, "ablate").unwrap_or(root);
    let steps = scenario.ablate.iter().filter_map(|name| resolver.step(name, node));
    steps.fold(0, |mask, step| mask | 1 << step)
}

fn service(resolver: &mut Resolver<'_>, scenario: &Scenario, root: &Node) -> Vec<Service> {
    let list = root.field(resolver.text, "service").map_or(&[][..], |list| list.items());
    let mut services = Vec::new();
    for (service, node) in scenario.service.iter().zip(list) {
        match compile(&service.time) {
            Ok(time) => services.extend(
                resolver.group(&service.nodes, node).into_iter().map(|node| Service {
                    node,
                    time: time.clone(),
                    queue_max: service.queue_max,
                }),
            ),
            Err(reason) => resolver.say(Code::InconsistentLaw, node.anchor(), reason),
        }
    }
    services
}

type Change = Box<dyn Fn(&Link) -> Link>;

/// Links with laws of their own: which, and what is different about them.
fn exceptions(
    resolver: &mut Resolver<'_>,
    scenario: &Scenario,
    root: &Node,
) -> Vec<((Endpoint, Endpoint), Change)> {
    let text = resolver.text;
    let network = root.field(text, "network");
    let list = network.and_then(|network| network.field(text, "links"));
    let nodes = list.map_or(&[][..], |list| list.items());
    let mut links: Vec<((Endpoint, Endpoint), Change)> = Vec::new();
    for (link, node) in scenario.network.links.iter().zip(nodes) {
        let ends = (resolver.node(&link.from, node), resolver.node(&link.to, node));
        let latency = link.latency.as_ref().map(compile).transpose();
        let (ends, latency) = match (ends, latency) {
            ((Some(from), Some(to)), Ok(latency)) => ((from.into(), to.into()), latency),
            (_, Err(reason)) => {
                resolver.say(Code::InconsistentLaw, node.anchor(), reason);
                continue;
            }
            _ => continue,
        };
        let (loss, distance) = (link.loss, link.distance);
        links.push((
            ends,
            Box::new(move |default: &Link| Link {
                latency: latency.clone().unwrap_or_else(|| default.latency.clone()),
                loss: loss.unwrap_or(default.loss),
                distance,
                ..default.clone()
            }),
        ));
    }
    links
}

/// Latencies by label, by the index that the protocol's messages have.
fn by_label(resolver: &mut Resolver<'_>, scenario: &Scenario, root: &Node) -> Vec<Option<Sampler>> {
    let text = resolver.text;
    let list = root.field(text, "network").and_then(|network| network.field(text, "labels"));
    let nodes = list.map_or(&[][..], |list| list.items());
    let mut laws = vec![None; if nodes.is_empty() { 0 } else { resolver.messages() }];
    for (one, node) in scenario.network.labels.iter().zip(nodes) {
        let label = resolver.message(&one.label, node);
        match (label, compile(&one.latency)) {
            (Some(label), Ok(law)) if laws[usize::from(label)].is_none() => {
                laws[usize::from(label)] = Some(law);
            }
            (Some(_), Ok(_)) => {
                let message = format!("`{}` has two laws", one.label);
                resolver.say(Code::DuplicateField, node.anchor(), message);
            }
            (_, Err(reason)) => {
                let span = node.field(text, "latency").map_or(node.anchor(), |law| law.span);
                resolver.say(Code::InconsistentLaw, span, reason);
            }
            (None, Ok(_)) => {}
        }
    }
    laws
}

fn budget(budget: Budget, claim: Tolerance) -> EngineBudget {
    match budget {
        Budget::Enforce => EngineBudget::Enforce(claim),
        Budget::AtMost { unavailable, amnesia } => {
            EngineBudget::Enforce(Tolerance { unavailable_max: unavailable, amnesia_max: amnesia })
        }
        Budget::Unlimited => EngineBudget::Unlimited,
    }
}
