//! JUnit: what test reports of pipelines read.
//!
//! ```text
//!   <testsuites> ─ <testsuite name="FILE [variant]"> ─ <properties> title, seeds
//!                     └ <testcase name="property or fingerprint">
//!                          ├ <failure message="sentence"> story, command, folder </failure>
//!                          ├ <error   message="why it is undecided"/>
//!                          └ <skipped message="never put to the test"/>
//! ```
//!
//! No times and no host: equal sweeps give equal bytes. The writer is the one that nextest uses; it
//! escapes what XML cannot hold. There is no standard, and readers agree on what is used here.

use super::{Failed, Outcome, Suite};
use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

/// The report as a file.
pub(in crate::cli) fn report(suites: &[Suite]) -> String {
    let mut report = Report::new("splitbrain");
    report.add_test_suites(suites.iter().map(suite));
    report.to_string().expect("text can be written to memory")
}

fn suite(told: &Suite) -> TestSuite {
    let mut suite = TestSuite::new(name(told));
    suite.add_property(Property::new("title", told.title.as_str()));
    suite.add_property(Property::new("seeds", told.seeds.as_str()));
    for case in &told.cases {
        let mut written = TestCase::new(case.name.as_str(), status(&case.outcome));
        written.set_classname(name(told));
        written.extra.insert("file".into(), told.scenario.as_str().into());
        written.extra.insert("line".into(), case.line.to_string().into());
        suite.add_test_case(written);
    }
    suite
}

fn name(suite: &Suite) -> String {
    match suite.variant.as_str() {
        "" => suite.scenario.clone(),
        variant => format!("{} [{variant}]", suite.scenario),
    }
}

fn status(outcome: &Outcome) -> TestCaseStatus {
    match outcome {
        Outcome::Passed => TestCaseStatus::success(),
        Outcome::Skipped(why) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(why.as_str());
            status
        }
        Outcome::Undecided(why) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Error);
            status.set_message(why.as_str()).set_type("undecided");
            status
        }
        Outcome::Failed(failed) => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_message(failed.sentence.as_str()).set_type("violated");
            status.set_description(description(failed));
            status
        }
    }
}

fn description(Failed { sentence, story, reproduce, artifacts }: &Failed) -> String {
    let mut text = format!("{sentence}\n");
    if !reproduce.is_empty() {
        text += &format!("{reproduce}\n");
    }
    if let Some(folder) = artifacts {
        text += &format!("kept in {}\n", folder.display());
    }
    if !story.is_empty() {
        text += &format!("\n{story}");
    }
    text
}
