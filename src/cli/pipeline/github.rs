//! GitHub Actions: annotations on the lines of scenarios, and a summary of the step.
//!
//! ```text
//!   ::error file=a.ron,line=9,title=durability/3f2a9c::k0 was told …   one per distinct failure
//!   $GITHUB_STEP_SUMMARY  ◀── a table of suites, the story of each failure behind a fold
//! ```
//!
//! GitHub shows ten errors and ten warnings of a step and drops the others without a word, so the
//! tenth says how many there are. Whatever is undecided is an error too, since the command does not
//! exit with 0; what is in quarantine is a warning.
//!
//! Limits: a summary may have a megabyte; stories that do not fit are left out, and it says so.

use super::{Case, Failed, Outcome, Suite};
use std::{fmt::Write as _, io::Write as _, path::Path};

/// The variable that names the file of the summary.
pub(in crate::cli) const SUMMARY: &str = "GITHUB_STEP_SUMMARY";

/// So many annotations of one kind are shown.
const SHOWN_MAX: usize = 10;
/// So many bytes a summary may have; GitHub takes 1 MiB for the whole step.
const SUMMARY_MAX: usize = 900_000;

/// The annotations, one line each; none when all is well.
pub(in crate::cli) fn annotations(suites: &[Suite]) -> String {
    let all = || suites.iter().flat_map(|suite| suite.cases.iter().map(move |case| (suite, case)));
    let errors = all().filter(|(_, case)| case.outcome.is_bad());
    let errors = errors.map(|(suite, case)| annotation("error", suite, case)).collect();
    let aside = all().filter(|(_, case)| is_set_aside(&case.outcome));
    let aside = aside.map(|(suite, case)| annotation("warning", suite, case)).collect();
    shown("error", errors) + &shown("warning", aside)
}

/// Of what was skipped, only what is in quarantine has been seen.
fn is_set_aside(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Skipped(why) if why.starts_with("in quarantine"))
}

fn shown(level: &str, mut lines: Vec<String>) -> String {
    if SHOWN_MAX < lines.len() {
        let more = lines.len() - (SHOWN_MAX - 1);
        lines.truncate(SHOWN_MAX - 1);
        lines.push(format!("::{level} title=splitbrain::and {more} more, see the summary\n"));
    }
    lines.concat()
}

fn annotation(level: &str, suite: &Suite, case: &Case) -> String {
    let file = property(&suite.scenario);
    let variant = match suite.variant.as_str() {
        "" => String::new(),
        variant => format!(" [{variant}]"),
    };
    let title = property(&format!("{}{variant}", case.name));
    let message = match &case.outcome {
        Outcome::Failed(Failed { sentence, reproduce, .. }) if !reproduce.is_empty() => {
            format!("{sentence}\n{reproduce}")
        }
        Outcome::Failed(Failed { sentence, .. }) => sentence.clone(),
        Outcome::Undecided(why) | Outcome::Skipped(why) => why.clone(),
        Outcome::Passed => String::new(),
    };
    format!("::{level} file={file},line={},title={title}::{}\n", case.line, data(&message))
}

/// A message as a workflow command takes it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// A property of a workflow command.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// The summary in Markdown.
pub(in crate::cli) fn summary(suites: &[Suite]) -> String {
    let mut page =
        "### splitbrain\n\n| scenario | seeds | passed | failed | undecided | skipped |\n\
                    |---|---|---:|---:|---:|---:|\n"
            .to_owned();
    for suite in suites {
        let count =
            |is: fn(&Outcome) -> bool| suite.cases.iter().filter(|case| is(&case.outcome)).count();
        let name = cell(&format!("{} {}", suite.scenario, suite.variant));
        _ = writeln!(
            page,
            "| {} | {} | {} | {} | {} | {} |",
            name.trim(),
            cell(&suite.seeds),
            count(|outcome| matches!(outcome, Outcome::Passed)),
            count(|outcome| matches!(outcome, Outcome::Failed(_))),
            count(|outcome| matches!(outcome, Outcome::Undecided(_))),
            count(|outcome| matches!(outcome, Outcome::Skipped(_))),
        );
    }
    let mut left_out = 0;
    for (suite, case) in
        suites.iter().flat_map(|suite| suite.cases.iter().map(move |case| (suite, case)))
    {
        let told = told(suite, case);
        if SUMMARY_MAX < page.len() + told.len() {
            left_out += 1;
        } else {
            page += &told;
        }
    }
    if left_out > 0 {
        _ = writeln!(page, "\n{left_out} more are left out: the page is full.");
    }
    page
}

fn told(suite: &Suite, case: &Case) -> String {
    match &case.outcome {
        Outcome::Passed => String::new(),
        Outcome::Skipped(_) if !is_set_aside(&case.outcome) => String::new(),
        Outcome::Skipped(why) | Outcome::Undecided(why) => {
            format!("\n**{}** in {}: {}\n", html(&case.name), html(&suite.scenario), html(why))
        }
        Outcome::Failed(Failed { sentence, story, reproduce, artifacts }) => {
            let kept = artifacts.as_ref();
            let kept =
                kept.map_or_else(String::new, |path| format!("kept in {}\n", path.display()));
            format!(
                "\n<details><summary><b>{}</b> in {}: {}</summary>\n\n<pre>{}</pre>\n</details>\n",
                html(&case.name),
                html(&suite.scenario),
                html(sentence),
                html(&format!("{reproduce}\n{kept}\n{story}")),
            )
        }
    }
}

/// Text of a cell of a table.
fn cell(text: &str) -> String {
    html(text).replace('|', "&#124;")
}

/// Text where HTML is understood; of its lines, none is empty, since that would end the block.
fn html(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let lines = escaped.trim_end().lines();
    lines.map(|line| if line.is_empty() { "&#8203;" } else { line }).collect::<Vec<_>>().join("\n")
}

/// Adds to what other commands of the step have told.
pub(in crate::cli) fn append(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suite(failures: usize) -> Suite {
        let case = |nth: usize| Case {
            name: format!("p/{nth:06x}"),
            line: 7,
            outcome: Outcome::Failed(Failed {
                sentence: "50% of it, and: <more>\nhere".to_owned(),
                story: "a\n\nb".to_owned(),
                reproduce: "splitbrain run a.ron --seed 7".to_owned(),
                artifacts: None,
            }),
        };
        Suite {
            scenario: "a,b.ron".to_owned(),
            variant: String::new(),
            title: "a | b".to_owned(),
            seeds: "1 to 10".to_owned(),
            cases: (0..failures).map(case).collect(),
        }
    }

    #[test]
    fn a_failure_is_one_line_with_its_command() {
        let lines = annotations(&[suite(1)]);
        assert_eq!(
            lines,
            "::error file=a%2Cb.ron,line=7,title=p/000000::50%25 of it, and: <more>%0Ahere%0A\
             splitbrain run a.ron --seed 7\n"
        );
    }

    #[test]
    fn the_tenth_error_says_how_many_there_are() {
        assert_eq!(annotations(&[suite(10)]).lines().count(), 10);
        let lines = annotations(&[suite(6), suite(8)]);
        assert_eq!(lines.lines().count(), 10);
        assert!(lines.ends_with("::and 5 more, see the summary\n"), "{lines}");
    }

    #[test]
    fn a_summary_holds_the_story_and_no_markup_of_others() {
        let page = summary(&[suite(1)]);
        assert!(page.contains("| a,b.ron | 1 to 10 | 0 | 1 | 0 | 0 |"), "{page}");
        assert!(page.contains("&lt;more&gt;") && !page.contains("<more>"), "{page}");
        let story = page.split("<pre>").nth(1).expect("a story");
        assert!(!story.split("</pre>").next().expect("its end").contains("\n\n"), "{page}");
    }

    #[test]
    fn a_page_that_is_full_says_what_is_left_out() {
        let mut big = suite(3);
        for case in &mut big.cases {
            let Outcome::Failed(failed) = &mut case.outcome else { continue };
            failed.story = "x".repeat(400_000);
        }
        let page = summary(&[big]);
        assert!(page.len() < 1_000_000 && page.contains("1 more are left out"));
    }
}
