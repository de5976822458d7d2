//! `new`: writes a commented starter.
//!
//! ```text
//!   protocol's name ──registry──▶ settings, steps ──▶ a scenario with everything else as comments
//! ```
//!
//! The starter runs as it is; what can be added stands in it as comments. A file that exists is
//! never written over.

use super::{Environment, exit::Code};
use crate::engine::runner::Runnable;
use clap::Subcommand;
use std::path::{Path, PathBuf};

/// Arguments of `new`.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// A scenario file.
    Scenario {
        /// Where.
        path: PathBuf,
        /// For which protocol.
        #[arg(long, default_value = "TwoPhaseCommit")]
        protocol: String,
    },
}

pub(super) fn new(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let What::Scenario { path, protocol } = &arguments.what;
    let Some(known) = environment.registry.protocols().find(|p| p.name() == protocol) else {
        let names: Vec<&str> = environment.registry.protocols().map(Runnable::name).collect();
        let message = format!("no protocol is called `{protocol}`; there is {}", names.join(", "));
        return environment.usage(&message);
    };
    match write(path, &starter(known)) {
        Ok(()) => {
            let path = path.display();
            environment.print(&format!("wrote {path}\nnext  splitbrain run {path}\n"));
            Code::AsExpected
        }
        Err(error) => environment.usage(&format!("failed to write {}: {error}", path.display())),
    }
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::io::Write;
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::File::create_new(path)?.write_all(text.as_bytes())
}

fn starter(protocol: &dyn Runnable) -> String {
    let name = protocol.name();
    let step = protocol.steps().first().map_or("Step", |step| step.name);
    let settings: String =
        protocol.default_settings().lines().map(|line| format!("    //   {line}\n")).collect();
    format!(
        r#"// What this scenario shows, in a sentence or two, and where the story comes from.
Scenario(
    title: "{name}: a first run",
    // Settings and their defaults, as Rust prints them:
{settings}    protocol: {name}(),
    network: (latency: Uniform("1ms", "3ms"), loss: "0.1%"),
    workload: Transfers(clients: 1, rate: "20/s", accounts: 10, until: "2s"),
    faults: [
        // (id: "crash", when: Before(event: Step("{step}"), nth: 1), do: Crash(node: Actor, down: "1s")),
        // (id: "cut", when: Times(count: (0, 2), within: ("0s", "2s")), do: Cut(groups: [Nodes(["p1"]), Rest], for: "500ms")),
    ],
    checks: [AtomicCommit, Conservation],
    // expect: Violates("no_blocking"),
    run: (for: "5s", quiet_tail: "2s"),
)
"#
    )
}
