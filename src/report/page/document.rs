//! The document: markup with verdicts in it, the data, the program, and the seal on all of it.
//!
//! ```text
//!   <meta policy: this script and this style by their hashes, pictures from data:, nothing else>
//!   header · verdicts with evidence · story        readable without any script
//!   <script type=application/json> data            every < written \u003c
//!   <script> program                               the only one that runs
//! ```
//!
//! Names come from files that anyone may have written. In the markup they are escaped, in the data
//! no `<` is left that could end the element, and the program puts text where only text can be. The
//! policy is the second fence: a browser refuses what the first one let through.

use super::{
    super::{highlights::highlights, svg::escape, text::count},
    Data, PageOptions,
};
use crate::{
    checkers::{Judgement, Verdict},
    scenario::run::Run,
};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// The page's program: files that share one scope, in the order in which they build on each other.
const PROGRAM: [&str; 14] = [
    include_str!("data.js"),
    include_str!("words.js"),
    include_str!("scale.js"),
    include_str!("view.js"),
    include_str!("search.js"),
    include_str!("shapes.js"),
    include_str!("arrows.js"),
    include_str!("lifelines.js"),
    include_str!("diagram.js"),
    include_str!("minimap.js"),
    include_str!("table.js"),
    include_str!("state.js"),
    include_str!("panels.js"),
    include_str!("main.js"),
];
const STYLE: &str = concat!(include_str!("page.css"), include_str!("parts.css"));

/// The whole program, in a scope of its own.
fn program() -> String {
    format!("\n\"use strict\";\n(() => {{\n{}}})();\n", PROGRAM.concat())
}

/// The document of a run.
pub(super) fn document(run: &Run, options: &PageOptions, data: &Data<'_>) -> String {
    let program = program();
    let json = serde_json::to_string(data).expect("names, numbers and texts are JSON");
    let mut out = head(&format!("{} (seed {})", run.title, run.seed), &program, STYLE);
    out += &header(run, options);
    out += include_str!("body.html");
    _ = writeln!(
        out,
        "<script type=\"application/json\" id=\"data\">{}</script>\n<script>{program}</script>\n\
         </body>\n</html>",
        json.replace('<', "\\u003c")
    );
    out
}

/// Everything up to the body, sealed.
pub(super) fn head(title: &str, program: &str, style: &str) -> String {
    let policy = format!(
        "default-src 'none'; script-src '{}'; style-src '{}'; img-src data:; base-uri 'none'; \
         form-action 'none'",
        hash(program),
        hash(style)
    );
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <link rel=\"icon\" href=\"data:,\">\n\
         <title>{}</title>\n<style>{style}</style>\n</head>\n<body>\n",
        escape(title)
    )
}

/// The hash of a script or a style, as a policy names it.
fn hash(text: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(text.as_bytes())))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for chunk in bytes.chunks(3) {
        let byte = |place: usize| u32::from(chunk.get(place).copied().unwrap_or(0));
        let word = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    out
}

/// What can be read without any script: what was run, the verdicts, the evidence, the story.
fn header(run: &Run, options: &PageOptions) -> String {
    let mut out = String::new();
    let address = format!("{}@{}", run.name, run.seed);
    _ = writeln!(
        out,
        "<a class=\"skip\" href=\"#table\">Skip to the table of events</a>\n<header>\n<h1>{}</h1>\n\
         <p class=\"address\"><code id=\"address\">{}</code> · {} · {} · trace <code>{:.12}</code></p>",
        escape(&run.title),
        escape(&address),
        escape(&run.protocol),
        count(run.entries.len() as u64, "event"),
        format!("{:032x}", run.hash),
    );
    out += "<div class=\"tools\"><button type=\"button\" id=\"theme\">Theme</button>\
            <button type=\"button\" id=\"help-button\">Keys ?</button></div>\n</header>\n";
    out += "<section id=\"verdicts\" aria-label=\"Verdicts\">\n<ul class=\"chips\">\n";
    for judgement in &run.judgements {
        _ = writeln!(out, "{}", chip(judgement));
    }
    out += "</ul>\n";
    if !options.expected.is_empty() {
        _ = writeln!(out, "<p class=\"expected\">{}</p>", escape(&options.expected));
    }
    out += "<div class=\"told\">\n";
    for judgement in &run.judgements {
        out += &evidence(run, judgement);
    }
    out += &story(run);
    out += "</div>\n";
    if !options.command.is_empty() {
        _ = writeln!(
            out,
            "<p class=\"again\">Again: <code id=\"command\">{}</code></p>",
            escape(&options.command)
        );
    }
    out += "</section>\n";
    out
}

fn chip(judgement: &Judgement) -> String {
    let word = judgement.verdict.word();
    let mark = match judgement.verdict {
        Verdict::Holds => "✓",
        Verdict::Violated(_) => "✗",
        Verdict::Unknown(_) => "?",
        Verdict::NotExercised => "–",
    };
    let note = match &judgement.verdict {
        Verdict::Unknown(why) => why,
        _ => &judgement.note,
    };
    format!(
        "<li class=\"chip {word}\" title=\"{}\"><span aria-hidden=\"true\">{mark}</span> {} \
         <span class=\"word\">{}</span></li>",
        escape(note),
        escape(judgement.property),
        word.replace('_', " "),
    )
}

/// The witness of a violation, its events as buttons.
fn evidence(run: &Run, judgement: &Judgement) -> String {
    let Verdict::Violated(witness) = &judgement.verdict else { return String::new() };
    let mut out = format!(
        "<div class=\"evidence\"><p><strong>{}</strong> {}</p>\n<ol>\n",
        escape(judgement.property),
        escape(&witness.sentence)
    );
    for cited in &witness.citations {
        let node = cited.node.map_or("", |node| run.catalog.node(node));
        _ = writeln!(
            out,
            "<li><button type=\"button\" class=\"event\" data-event=\"{0}\">#{0}</button> \
             <span class=\"time\">{1}s</span> {2} {3}</li>",
            cited.event.0,
            cited.at.as_seconds_text(3).to_string().trim_end_matches('s'),
            escape(node),
            escape(&cited.says),
        );
    }
    out + "</ol></div>\n"
}

fn story(run: &Run) -> String {
    let told = highlights(run);
    if told.is_empty() {
        return String::new();
    }
    let mut out =
        "<details class=\"story\" open><summary>What happened</summary>\n<ul>\n".to_owned();
    for line in told {
        let until =
            line.until.map_or_else(String::new, |at| format!(" … {}", at.as_seconds_text(3)));
        _ = writeln!(
            out,
            "<li><span class=\"time\">{}{until}</span> <span class=\"symbol\" aria-hidden=\"true\">{}\
             </span> {}</li>",
            line.at.as_seconds_text(3),
            line.symbol,
            escape(&line.text)
        );
    }
    out + "</ul></details>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_that_browsers_compute() {
        // From the specification of content security policies, level 3.
        let known = "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=";
        assert_eq!(hash("alert('Hello, world.');"), known);
        assert_eq!(base64(b"a"), "YQ==");
        assert_eq!(base64(b"ab"), "YWI=");
    }
}
