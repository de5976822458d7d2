//! Syncs: how often nodes asked their disks to make something durable, and how often that was done.
//!
//! ```text
//!   per second  ▁▅▇▇▁▅▇      asked (area), done and failed (lines), a window of time each
//! ```
//!
//! A force is what durability costs: protocols differ by how many of them an operation needs, and
//! by how many operations share one. A force of records and a sync of files are counted alike.

use super::{
    Chart,
    frame::{DANGER, INK, QUIET, seconds},
    lines::{self, Curve, Fill, Names, Panel, Values, steps},
};
use crate::{base::time::Time, engine::trace::Kind, report::text::count, scenario::run::Run};
use std::fmt::Write as _;

/// Into how many windows a run is cut.
const WINDOWS: u64 = 48;

/// What becomes of syncs, per window of time: asked, done, failed.
type Window = [u64; 3];

/// How many forces and syncs were asked, done and failed; nothing where nobody asked.
pub(super) fn syncs(run: &Run) -> Option<Chart> {
    let end = run.end.quiet_at.as_nanos().max(1);
    let width = end.div_ceil(WINDOWS).max(1);
    let windows = windows(run, width, end.div_ceil(width) as usize);
    let sum = |column: usize| windows.iter().map(|window| window[column]).sum::<u64>();
    let (number, done, failed) = (sum(0), sum(1), sum(2));
    if number == 0 {
        return None;
    }
    let title = finding(run, number, done, failed);
    let rate = |count: u64| count as f64 * 1e9 / width as f64;
    let line = |name: &str, colour, width_of, column: usize, fill| {
        let levels = windows.iter().enumerate();
        let levels =
            levels.map(|(nth, window)| (nth as f64 * width as f64 / 1e9, rate(window[column])));
        let path = steps(levels, seconds(run.end.quiet_at));
        Curve { name: name.to_owned(), colour, width: width_of, path, fill }
    };
    let mut curves =
        vec![line("asked", QUIET, 1, 0, Fill::Area), line("done", INK, 3, 1, Fill::Nothing)];
    if failed > 0 {
        curves.push(line("failed", DANGER, 2, 2, Fill::Nothing));
    }
    let description = "Steps, one per window of time: forces of records and syncs of files that \
                       nodes asked for, and those that were done or failed.";
    let panel = Panel { unit: "syncs per second", values: Values::Whole, curves };
    let svg = lines::draw(run, (&title, description), Names::InKey, &[panel]);
    let mut csv = "from_ns,asked,done,failed\n".to_owned();
    for (nth, [asked, done, failed]) in windows.iter().enumerate() {
        _ = writeln!(csv, "{},{asked},{done},{failed}", nth as u64 * width);
    }
    Some(Chart { title, svg, csv })
}

fn windows(run: &Run, width: u64, number: usize) -> Vec<Window> {
    let mut windows = vec![Window::default(); number];
    let place = |at: Time| ((at.as_nanos() / width) as usize).min(number - 1);
    for entry in &run.entries {
        let column = match entry.kind {
            Kind::Force | Kind::Sync => 0,
            Kind::Durable | Kind::Synced => 1,
            Kind::SyncFailed => 2,
            _ => continue,
        };
        windows[place(entry.at)][column] += 1;
    }
    windows
}

fn finding(run: &Run, number: u64, done: u64, failed: u64) -> String {
    let ok = run.counters.operations.ok;
    let each = if ok == 0 {
        String::new()
    } else {
        format!(", {:.1} for each operation answered ok", number as f64 / ok as f64)
    };
    let failed = if failed == 0 { String::new() } else { format!(", {failed} failed") };
    // What a crash interrupts is neither done nor failed.
    format!("{} asked, {done} done{failed}{each} (n = {number})", count(number, "sync"))
}

#[cfg(test)]
mod tests {
    use super::{super::super::fixture::Sketch, *};

    #[test]
    fn every_force_falls_into_one_window() {
        let run = Sketch::busy().run(7);
        let of = |kind| run.entries.iter().filter(|entry| entry.kind == kind).count() as u64;
        let windows = windows(&run, 100_000_000, 80);
        let sum = |column: usize| windows.iter().map(|window| window[column]).sum::<u64>();
        assert_eq!((sum(0), sum(1), sum(2)), (of(Kind::Force), of(Kind::Durable), 0));
        assert!(sum(1) > 0 && sum(1) <= sum(0), "a crash interrupts some");
        let early = run.entries.iter().find(|entry| entry.kind == Kind::Force).expect("one");
        let place = (early.at.as_nanos() / 100_000_000) as usize;
        assert!(windows[..place].iter().all(|window| window[0] == 0) && windows[place][0] > 0);
    }
}
