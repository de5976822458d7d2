//! splitbrain: a deterministic simulator of distributed systems.
//!
//! A *scenario* names a protocol, a network, a workload and faults; a *run* is that scenario with a
//! seed. Everything in a run happens in one thread and in virtual time, so that the same seed gives
//! the same run to the last bit, and a bug is an address: `scenario@seed`.
//!
//! ```text
//!   scenario file ──▶ Plan ──▶ Runner ──seed──▶ Run ──▶ screen · timeline · pictures · JSON
//!                               │ World: nodes, disks, links, clients
//!                               └ Checkers: four verdicts, witnesses that are checked again
//! ```
//!
//! # Where things are
//!
//! | to | look at |
//! |---|---|
//! | write a protocol | [`engine::protocol`] is the trait, [`engine::ctx`] what a handler may ask for, [`protocols::two_phase_commit`] how one reads |
//! | judge what it promises | [`checkers`]: a fold over [`engine::signal`]s and [`engine::facts`], a witness, a recheck |
//! | ask it for something | [`workload`], in the words of [`engine::operations`] |
//! | build it of parts | [`blocks`] |
//! | describe a situation | [`scenario`]: a text, loaded with every mistake on its line |
//! | find, shrink, explain | [`search`]: many seeds, every fault; [`explore`]: every order |
//! | measure | [`study`] |
//! | show | [`report`]: screens, timelines, pictures, exports |
//! | give it a command line | [`cli::main_with`] |
//!
//! # A run
//!
//! A scenario is text. Loading it gives a [`Plan`](scenario::plan::Plan), whose runner takes seeds;
//! equal seeds give equal runs.
//!
//! ```
//! use splitbrain::{
//!     base::{ids::Seed, text::source::Edited},
//!     engine::trace::Recording,
//!     scenario::{load::load, plan::Met, registry::Registry},
//! };
//!
//! let text = r#"Scenario(
//!     title: "one transfer",
//!     protocol: TwoPhaseCommit(participants: 2),
//!     network: (latency: Fixed("1ms")),
//!     workload: Requests([(at: "1ms", ask: Transfer(from: 1, to: 2, amount: 5))]),
//!     checks: [AtomicCommit],
//!     run: (for: "1s"),
//! )"#;
//! let plan = load(&Registry::built_in(), "one_transfer", &Edited::new(text)).expect("it is sound");
//! let run = plan.runner().run(Seed(7), Recording::Full);
//! assert_eq!(plan.expectation(&run.judgements), Met::Yes);
//! assert_eq!(plan.runner().run(Seed(7), Recording::Full).hash, run.hash);
//! ```
//!
//! # A command line of your own
//!
//! A [`Registry`](scenario::registry::Registry) lists the protocols, workloads and checks that
//! scenarios may name. Whatever is added to it is suggested, explained, swept, ablated, explored and
//! shrunk like what is built in; nothing inside has to change. `splitbrain new protocol NAME` writes
//! a crate that does so, with a bug to find.
//!
//! ```no_run
//! use splitbrain::{cli, scenario::registry::Registry};
//!
//! fn main() -> std::process::ExitCode {
//!     let registry = Registry::built_in(); // .with_protocol::<Mine>().with_check(…).with_workload(…)
//!     cli::main_with(&registry)
//! }
//! ```
//!
//! # What holds everywhere
//!
//! - **Units.** Time is [`base::time::Time`] and [`base::time::Duration`], whole nanoseconds of
//!   virtual time; a share is a [`base::quantity::Probability`], a rate a [`base::quantity::Rate`].
//!   Scenarios write them as people do: `"5s"`, `"0.1%"`, `"50/s"`. Bounds are counts, never wall time.
//! - **Shapes.** A node is a number by its place in [`topology`](engine::protocol::Protocol::topology),
//!   an operation a number of its client, an event a number by its order in the run.
//! - **Errors.** A mistake in a text is a [`Diagnostic`](base::text::diagnostic::Diagnostic) with its
//!   code, its place and a suggestion; several come at once, and nothing is half done. A broken promise
//!   of a protocol is a [`Verdict`](checkers::Verdict) with a witness and never a panic. A panic is a
//!   bug: of the protocol, if it comes from a handler, else of this crate.
//! - **Sources.** Each protocol and each property names the paper that defines it, in its header and in
//!   [`PropertyInfo::source`](checkers::PropertyInfo::source).

pub mod base;
pub mod engine;

pub mod blocks;
pub mod checkers;
pub mod protocols;
pub mod workload;

pub mod scenario;

pub mod explore;
pub mod search;

pub mod report;
pub mod study;

pub mod course;

pub mod cli;
