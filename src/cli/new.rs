//! `new`: writes a commented starter.
//!
//! ```text
//!   scenario:  protocol's name ──registry──▶ settings, steps ──▶ a file with the rest as comments
//!   protocol:  starter ──▶ a crate that adds a protocol, a check and a workload
//! ```
//!
//! The starter runs as it is; what can be added stands in it as comments. A file that exists is
//! never written over.

mod crate_of;

use super::{Environment, exit::Code};
use crate::{
    base::text::diagnostic::suggest,
    engine::runner::{Example, Runnable},
    scenario::registry::Registry,
};
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
    /// A crate with a protocol, a check and a workload of its own, and a bug to find.
    Protocol(crate_of::Arguments),
}

pub(super) fn new(environment: &Environment<'_>, arguments: &Arguments) -> Code {
    let (path, protocol) = match &arguments.what {
        What::Scenario { path, protocol } => (path, protocol),
        What::Protocol(arguments) => return crate_of::write(environment, arguments),
    };
    let Some(known) = environment.registry.protocols().find(|p| p.name() == protocol) else {
        let names: Vec<&str> = environment.registry.protocols().map(Runnable::name).collect();
        let near = suggest(protocol, names.iter().copied())
            .map_or_else(String::new, |near| format!(", did you mean `{near}`?"));
        let known = names.join(", ");
        let message = format!("no protocol is called `{protocol}`{near}\nprotocols: {known}");
        return environment.usage(&message);
    };
    match write(path, &starter(environment.registry, known)) {
        Ok(()) => {
            let path = path.display();
            environment.print(&format!("wrote {path}\nnext  splitbrain run {path}\n"));
            Code::AsExpected
        }
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            environment.usage(&format!("{} exists and is left as it is", path.display()))
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

/// A property that one of these checks judges.
fn first_property(registry: &Registry, checks: &str) -> &'static str {
    let listed = |name: &str| checks.split([',', '(', ' ']).any(|word| word == name);
    let entry = registry.checks().iter().find(|entry| listed(entry.name));
    entry.and_then(|entry| entry.properties.first()).map_or("progress", |property| property.name)
}

fn starter(registry: &Registry, protocol: &dyn Runnable) -> String {
    let name = protocol.name();
    let Example { workload, checks } = protocol.example();
    let property = first_property(registry, checks);
    let step = protocol.steps().first().map_or("Step", |step| step.name);
    let settings: String =
        protocol.default_settings().lines().flat_map(|line| ["    //   ", line, "\n"]).collect();
    format!(
        r#"// What this scenario shows, in a sentence or two, and where the story comes from.
Scenario(
    title: "{name}: a first run",
    // Its settings and their defaults:
{settings}    protocol: {name}(),
    network: (latency: Uniform("1ms", "3ms"), loss: "0.1%"),
    workload: {workload},
    faults: [
        // (id: "crash", when: Before(event: Step("{step}"), nth: 1), do: Crash(node: Actor, down: "1s")),
        // (id: "pauses", when: Times(count: (0, 2), within: ("0s", "2s")), do: Pause(node: Any, for: "50ms..500ms")),
    ],
    checks: [{checks}],
    // expect: Violates("{property}"),
    run: (for: "5s", quiet_tail: "2s"),
)
"#
    )
}
