//! A heat map: rows of faults, columns of events, a shade for what came of each.
//!
//! ```text
//!                    what   B B r s h      one column per event, in order
//!                    where  c 1 c c 1
//!   lost     c              . . . X .      X broken  b allowed  ? unknown  - untested  . well
//!   crash    p1             . . . . b
//! ```
//!
//! Plain data, so that whoever fills it in need not be known here. On a terminal a cell is one
//! letter wide, so that a hundred events fit beside each other; shades are letters first and colours
//! second, for those who see none. Where several cells fall on one place, the gravest is shown.

use super::text::{columns, fill, inert};
use std::fmt::Write;

/// A map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeatMap {
    /// What was found.
    pub title: String,
    /// What rows, columns and shades are, for those who cannot see them.
    pub description: String,
    /// The events.
    pub columns: Vec<Column>,
    /// The faults.
    pub rows: Vec<Row>,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// What happens, in one letter.
    pub what: char,
    /// Where, in one letter.
    pub place: char,
}

/// A fault with its cells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The kind of fault.
    pub kind: String,
    /// To whom it is done.
    pub of: String,
    /// For each place in [`HeatMap::columns`] that has a cell, its shade; in any order.
    pub cells: Vec<(usize, Shade)>,
}

/// What came of a cell; the graver the greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shade {
    /// Nothing was put to the test.
    Untested,
    /// All is well.
    Well,
    /// Only what may fall fell.
    Allowed,
    /// A checker gave up.
    Unknown,
    /// Something fell that must hold.
    Broken,
}

impl Shade {
    /// All of them, the mildest first.
    pub const ALL: [Self; 5] =
        [Self::Untested, Self::Well, Self::Allowed, Self::Unknown, Self::Broken];

    /// Its letter.
    pub fn letter(self) -> char {
        match self {
            Self::Untested => '-',
            Self::Well => '.',
            Self::Allowed => 'b',
            Self::Unknown => '?',
            Self::Broken => 'X',
        }
    }

    /// Its meaning.
    pub fn words(self) -> &'static str {
        match self {
            Self::Untested => "not exercised",
            Self::Well => "holds",
            Self::Allowed => "only what may fall",
            Self::Unknown => "unknown",
            Self::Broken => "violated",
        }
    }
}

impl HeatMap {
    /// The shade at each column of a row; `None` where there is no cell.
    pub fn shades(&self, row: &Row) -> Vec<Option<Shade>> {
        let mut shades = vec![None; self.columns.len()];
        for &(column, shade) in &row.cells {
            shades[column] = shades[column].max(Some(shade));
        }
        shades
    }

    /// The map as lines of text, without its title.
    pub fn text(&self) -> String {
        let width = |part: fn(&Row) -> &String| {
            self.rows.iter().map(|row| columns(&inert(part(row)))).max().unwrap_or(0)
        };
        let (kinds, names) = (width(|row| &row.kind), width(|row| &row.of).max("where".len()));
        let mut text = String::new();
        let mut line = |kind: &str, of: &str, cells: &str| {
            let (kind, of) = (fill(kind, kinds), fill(of, names));
            _ = writeln!(text, "  {}", format!("{kind}  {of}  {cells}").trim_end());
        };
        line("", "what", &self.columns.iter().map(|column| column.what).collect::<String>());
        line("", "where", &self.columns.iter().map(|column| column.place).collect::<String>());
        let mut last = "";
        for row in &self.rows {
            let letter = |shade: Option<Shade>| shade.map_or(' ', Shade::letter);
            let cells: String = self.shades(row).into_iter().map(letter).collect();
            let kind = if row.kind == last { String::new() } else { inert(&row.kind) };
            line(&kind, &inert(&row.of), &cells);
            last = &row.kind;
        }
        text
    }

    /// What the letters mean.
    pub fn legend() -> String {
        let shades = Shade::ALL.iter().rev();
        let words: Vec<String> =
            shades.map(|shade| format!("{} {}", shade.letter(), shade.words())).collect();
        words.join("   ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> HeatMap {
        let column = |what, place| Column { what, place };
        let row = |kind: &str, of: &str, cells: &[(usize, Shade)]| Row {
            kind: kind.to_owned(),
            of: of.to_owned(),
            cells: cells.to_vec(),
        };
        HeatMap {
            title: "3 of 5".to_owned(),
            description: "a map".to_owned(),
            columns: vec![column('B', 'c'), column('s', 'c'), column('h', '1')],
            rows: vec![
                row("lost", "c", &[(1, Shade::Broken)]),
                row("lost", "p1", &[(2, Shade::Well), (2, Shade::Allowed), (2, Shade::Untested)]),
                row("crash", "p1\u{1b}", &[(0, Shade::Unknown)]),
            ],
        }
    }

    #[test]
    fn every_cell_stands_below_its_event_and_the_gravest_is_shown() {
        let wanted = "
                what   Bsh
                where  cc1
         lost   c       X
                p1       b
         crash  p1·    ?
";
        let wanted: Vec<&str> = wanted.lines().skip(1).map(|line| &line[7..]).collect();
        let text = map().text();
        assert_eq!(text.lines().collect::<Vec<_>>(), wanted, "{text}");
    }
}
