//! `exercise watch`: judge whenever a file is saved, and go on when an exercise is solved.
//!
//! ```text
//!   files of the exercise ──saved──▶ verify ──solved──▶ the next one that is open
//!         ▲ looked at three times a second ◀──┘ not yet
//! ```
//!
//! Looking at texts again and again was preferred to asking the operating system to tell: it works
//! in every container and on every mounted folder, and a few small files cost nothing.

use super::{Desk, School};
use crate::{
    cli::{exit::Code, threads::INTERRUPTED},
    course::load::Exercise,
};
use std::{sync::atomic::Ordering, time::Duration};

/// How often files are looked at.
const GLANCE: Duration = Duration::from_millis(300);

impl School<'_> {
    pub(super) fn watch(&self, desk: &Desk, first: &Exercise) -> Code {
        let mut exercise = first;
        loop {
            let before = written(desk, exercise);
            let code = self.verify(desk, exercise);
            if code == Code::Interrupted {
                return code;
            }
            let progress = desk.progress();
            if progress.is_solved(&exercise.id) && code == Code::AsExpected {
                let mut all = self.course.exercises.iter();
                let Some(open) = all.find(|one| !progress.is_solved(&one.id)) else {
                    return Code::AsExpected;
                };
                exercise = open;
                self.environment.print("\n");
                continue;
            }
            let id = &exercise.id;
            self.environment
                .print(&format!("\nwatching {id}; save a file to judge again, Ctrl-C to stop\n"));
            while written(desk, exercise) == before {
                if INTERRUPTED.load(Ordering::Relaxed) {
                    return Code::Interrupted;
                }
                pause();
            }
            self.environment.print("\n");
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a person is typing meanwhile")]
fn pause() {
    std::thread::sleep(GLANCE);
}

/// What the files of an exercise say now.
fn written(desk: &Desk, exercise: &Exercise) -> Vec<String> {
    exercise.file.parts().map(|part| desk.text(exercise, part.file())).collect()
}
