//! Variants: `--vary path=a,b` given once or more makes a grid of edits.
//!
//! ```text
//!   --vary network.loss=0%,5%  --vary protocol.presume=Abort,Commit
//!     ──▶ (0%, Abort) (0%, Commit) (5%, Abort) (5%, Commit)
//! ```
//!
//! A variant is the file with some texts replaced, exactly as `--set` does it, so that the command
//! that reproduces a seed of it is `run` with `--set`. Commas inside brackets or quotes belong to
//! the value.

use std::fmt;

/// An edit: a path and its value.
pub(in crate::cli) type Set = (String, String);

/// So many variants one file may have.
const VARIANTS_MAX: usize = 1_000;

/// A path and the values it takes in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Vary {
    path: String,
    values: Vec<String>,
}

impl fmt::Display for Vary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.path, self.values.join(","))
    }
}

/// Reads `path=a,b`.
pub(in crate::cli) fn vary(text: &str) -> Result<Vary, String> {
    let wrong = || "write it as PATH=VALUE,VALUE, such as network.loss=0%,5%".to_owned();
    let (path, values) = text.split_once('=').ok_or_else(wrong)?;
    let values = split(values);
    if path.is_empty() || values.iter().any(|value| value.trim().is_empty()) {
        return Err(wrong());
    }
    Ok(Vary { path: path.to_owned(), values })
}

/// Splits at commas that are in no brackets and no quotes.
fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quoted) = (0_u32, false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        parts.last_mut().expect("there is one from the start").push(c);
    }
    parts
}

/// All combinations, the last path changing fastest; one without edits when nothing varies.
pub(in crate::cli) fn grid(varied: &[Vary], sets: &[Set]) -> Result<Vec<Vec<Set>>, String> {
    for (place, Vary { path, .. }) in varied.iter().enumerate() {
        if varied[..place].iter().any(|other| other.path == *path) {
            return Err(format!("--vary {path} is given twice: list all values at once"));
        }
        if sets.iter().any(|(other, _)| other == path) {
            return Err(format!("{path} is both set and varied: one would undo the other"));
        }
    }
    let count = varied.iter().try_fold(1_usize, |count, vary| count.checked_mul(vary.values.len()));
    if count.is_none_or(|count| VARIANTS_MAX < count) {
        return Err(format!("the grid has more than {VARIANTS_MAX} variants"));
    }
    let mut grid = vec![Vec::new()];
    for Vary { path, values } in varied {
        let with = |sets: &Vec<Set>, value: &String| {
            let mut sets = sets.clone();
            sets.push((path.clone(), value.clone()));
            sets
        };
        grid = grid.iter().flat_map(|sets| values.iter().map(move |v| with(sets, v))).collect();
    }
    Ok(grid)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_in_brackets_and_quotes_belong_to_the_value() {
        let read = vary(r#"a.b=Crash(x, y),[1,2],"p,q",z"#).expect("it is sound");
        assert_eq!(read.values, ["Crash(x, y)", "[1,2]", r#""p,q""#, "z"]);
        for wrong in ["a", "=1", "a=", "a=1,,2"] {
            assert!(vary(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_grid_has_every_combination_once() {
        let varied = [vary("a=1,2"), vary("b=x,y,z")].map(|read| read.expect("it is sound"));
        let grid = grid(&varied, &[]).expect("it is small");
        let values = |sets: &Vec<Set>| sets.iter().map(|set| set.1.clone()).collect::<String>();
        let all: Vec<String> = grid.iter().map(values).collect();
        assert_eq!(all, ["1x", "1y", "1z", "2x", "2y", "2z"]);
    }

    #[test]
    fn a_path_that_is_varied_twice_or_also_set_is_refused() {
        let one = vary("a=1,2").expect("it is sound");
        assert!(grid(&[one.clone(), one.clone()], &[]).is_err());
        assert!(grid(&[one], &[("a".to_owned(), "3".to_owned())]).is_err());
    }
}
