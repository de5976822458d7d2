//! cli
/// x
pub fn main_with(registry: crate::scenario::registry::Registry) -> u8 {
    let mut args = std::env::args().skip(1);
    let file = args.next().unwrap_or_default();
    let seed = args.next().and_then(|s| s.parse().ok()).unwrap_or(1);
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let edited = crate::scenario::load::edit(&text, &[]).unwrap();
    match crate::scenario::load::load(&registry, "x", &edited) {
        Err(e) => println!(
            "{}",
            crate::base::text::diagnostic::render(
                &e.mistakes,
                &crate::base::text::diagnostic::Source { name: &file, text: &e.text },
                crate::base::text::diagnostic::Colour::Never
            )
        ),
        Ok(plan) => {
            let mut r = plan.runner();
            let run = r.run(crate::base::ids::Seed(seed), crate::engine::trace::Recording::Full);
            for e in run.entries.iter().take(200) {
                println!(
                    "{} {} {:?} {:?} {:?} {} {}",
                    e.at,
                    e.event,
                    e.kind,
                    run.catalog.endpoint(e.who),
                    run.catalog.endpoint(e.peer),
                    e.label,
                    e.text
                );
            }
            println!("{:?} {:?} {:032x}", run.end, run.counters, run.hash);
            for j in &run.judgements {
                println!("{j:?}");
            }
            println!("{:?} {:?}", run.rules, run.waiting);
        }
    }
    0
}
