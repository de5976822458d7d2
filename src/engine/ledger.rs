//! The ledger: writes down what faults were decided, with nothing left to draw.
//!
//! ```text
//!   strike(rule) ──▶ Decision::Strike { where in the run, what with victim, spans and cut fixed }
//! ```
//!
//! Only a recorded run keeps a ledger, and keeping it changes nothing: what is written down are the
//! same draws, made once more. A strike at each effect is written down when the node dies of it,
//! for most of them find a handler with fewer effects. What becomes of the ledger is the business
//! of whoever turns a run into a script.

use super::{
    core::{Core, Doom},
    faults::{CutAt, Keeps, Pattern, Rule, Span, Victim, Watch, What, When},
    network::Endpoint,
    protocol::Protocol,
    script::{Decision, Strike, StruckAt},
};
use crate::base::{ids::NodeId, sampler::Law, time::Duration};

/// A span with nothing left to draw.
fn fixed(span: Option<Duration>) -> Span {
    let law = |span| Law::Fixed(span).compile().expect("a fixed span is a law");
    span.map_or(Span::Forever, |span| Span::For(law(span)))
}

impl<P: Protocol> Core<P> {
    /// Writes down how wrong the clocks of nodes and clients are at the start.
    #[cold]
    pub(super) fn write_clocks_down(&mut self) {
        let nodes = self.cells.len() as u16;
        let of = |end: u16| match self.cells.get(usize::from(end)) {
            Some(cell) => cell.clock,
            None => self.client_clock(Endpoint(end)),
        };
        let ends = nodes + self.setup.workload.clients();
        let clocks: Vec<Decision> = (0..ends)
            .map(|end| {
                let (offset, drift) = of(end).wrong_by();
                Decision::Clock(Endpoint(end), offset, drift)
            })
            .collect();
        self.ledger.extend(clocks);
    }

    /// Writes a strike down, before it is carried out.
    #[cold]
    pub(super) fn write_down(&mut self, rule: u16, definition: &Rule, actor: Option<NodeId>) {
        let place = match &definition.when {
            When::At(_) | When::Times { .. } | When::Poisson { .. } => StruckAt::Clock,
            When::EachMessage { .. } => StruckAt::Message,
            When::Before(Pattern { watch: Watch::Send, .. }, _)
                if definition.what.is_about_a_message() =>
            {
                StruckAt::Message
            }
            When::Before(..) | When::After(..) | When::Inside(..) => StruckAt::Trigger,
            When::EachForce { .. } => {
                StruckAt::Force { asked: self.rules[usize::from(rule)].asked }
            }
            When::EachEffect { .. } => unreachable!("it dooms a node and strikes when that dies"),
        };
        let what = self.settled(rule, &definition.what, actor);
        let strike = self.rules[usize::from(rule)].strike;
        self.ledger.push(Decision::Strike(Strike { rule, strike, at: self.now, place, what }));
    }

    /// Writes down that a handler was cut by a rule at each effect.
    #[cold]
    pub(super) fn write_down_cut(&mut self, doom: &Doom, node: NodeId) {
        let Doom { rule, strike, handler: Some((handler, effects)), .. } = *doom else { return };
        let setup = std::sync::Arc::clone(&self.setup);
        let What::Crash { disk, .. } = setup.rules[usize::from(rule)].what else { return };
        let what = What::Crash {
            node: Victim::OneOf(vec![node]),
            down: fixed(doom.down),
            cut: CutAt::Boundary,
            disk,
            keeps: Keeps::default(),
        };
        let place = StruckAt::Inside { handler, effects };
        self.ledger.push(Decision::Strike(Strike { rule, strike, at: self.now, place, what }));
    }

    /// What a rule does, with its victim, its spans and its cut settled.
    fn settled(&self, rule: u16, what: &What, actor: Option<NodeId>) -> What {
        let who = |victim: &Victim| Victim::OneOf(vec![self.victim(rule, victim, actor)]);
        let span = |span: &Span| fixed(self.span(rule, span));
        match what {
            What::Crash { node, down, cut, disk, keeps } => {
                let itself = actor == Some(self.victim(rule, node, actor));
                let cut = self.cut_after(rule, actor, *cut).filter(|_| !itself);
                let cut = cut.map_or(CutAt::Boundary, CutAt::Effects);
                let (node, down) = (who(node), span(down));
                What::Crash { node, down, cut, disk: *disk, keeps: *keeps }
            }
            What::Pause { node, span: long } => What::Pause { node: who(node), span: span(long) },
            What::Slow { node, span: long, service } => {
                What::Slow { node: who(node), span: span(long), service: *service }
            }
            What::StallDisk { node, span: long } => {
                What::StallDisk { node: who(node), span: span(long) }
            }
            What::BadDisk { node, how, span: long } => {
                let victim = self.victim(rule, node, actor);
                let how = self.settled_trouble(rule, victim, how);
                What::BadDisk { node: who(node), how, span: span(long) }
            }
            What::FailForce { node, down, keeps } => {
                What::FailForce { node: who(node), down: span(down), keeps: *keeps }
            }
            What::Cut { groups, span: long, direction, held } => What::Cut {
                groups: groups.clone(),
                span: span(long),
                direction: *direction,
                held: *held,
            },
            What::SlowLink { from, to, factor, span: long } => What::SlowLink {
                from: from.clone(),
                to: to.clone(),
                factor: *factor,
                span: span(long),
            },
            What::JumpClock { node, by } => What::JumpClock { node: who(node), by: *by },
            What::Lose | What::Delay(_) | What::Duplicate(_) => what.clone(),
        }
    }
}
