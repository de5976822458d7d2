//! What goes wrong while a value is read from the source map, and how it is told.
//!
//! ```text
//! serde's error ──▶ Cause ──+ Place──▶ Trouble ──▶ Diagnostic
//!                                         └──────▶ Repair, to go on behind it
//! ```
//!
//! serde makes an error where it knows no place, so cause and place are two parts: the innermost
//! reader that knows a place adds it, and the ones around it leave it alone. A message of our own
//! types that begins with a code, `SB0107: …`, keeps that code.

use std::fmt::Display;

use serde::de::{Error, Expected, Unexpected};

use super::super::diagnostic::{Code, Diagnostic};
use super::super::source::Span;

/// The names serde knows for the fields of a struct or the variants of an enum.
pub(super) type Names = &'static [&'static str];

/// An error with, once it is known, its place.
#[derive(Debug)]
pub(super) struct Trouble {
    pub(super) cause: Box<Cause>,
    pub(super) place: Option<Place>,
}

/// What is wrong.
#[derive(Debug)]
pub(super) enum Cause {
    /// One of our own types refuses the value in its own words.
    Refused {
        code: Code,
        message: String,
    },
    /// The value is of another kind.
    Kind {
        expected: String,
        found: String,
        help: Option<String>,
    },
    /// The number is of the right kind and does not fit.
    Range {
        expected: String,
    },
    /// There are too few or too many values.
    Length {
        expected: String,
        found: usize,
    },
    Variant {
        found: String,
        known: Names,
    },
    Field {
        found: String,
        known: Names,
    },
    Missing {
        field: &'static str,
    },
    Duplicate {
        field: String,
    },
    /// A value of our own making was refused; it is no mistake of the user.
    StandIn {
        key: StandInKey,
    },
}

/// Which stand-in: the node it replaces, and the field of that node when it adds one.
pub(super) type StandInKey = (usize, &'static str);

/// Where something is wrong.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The offending token.
    pub(super) span: Span,
    /// The token that stands for all of the value.
    pub(super) anchor: Span,
    /// Where the value, or the name of the field, begins.
    pub(super) start: usize,
    /// The value in words: its name, else its path.
    pub(super) name: String,
    /// The field the value stands in; empty when it stands in none.
    pub(super) field: String,
}

/// What lets the reading go on behind a trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Repair {
    /// Act as if the field that begins there were not written.
    Skip(usize),
    /// Put a stand-in for a value, or for a missing field of it.
    StandIn(StandInKey),
    /// Offer the stand-in in another shape.
    Reshape(StandInKey),
}

impl Trouble {
    pub(super) fn new(cause: Cause) -> Self {
        Trouble { cause: Box::new(cause), place: None }
    }

    /// The same, at this place unless a closer one is known.
    pub(super) fn or_at(mut self, place: impl FnOnce() -> Place) -> Self {
        self.place.get_or_insert_with(place);
        self
    }

    pub(super) fn repair(&self) -> Option<Repair> {
        let start = self.place.as_ref()?.start;
        Some(match &*self.cause {
            Cause::Field { .. } | Cause::Duplicate { .. } => Repair::Skip(start),
            Cause::Missing { field } => Repair::StandIn((start, field)),
            Cause::StandIn { key } => Repair::Reshape(*key),
            _ => Repair::StandIn((start, "")),
        })
    }

    /// The diagnostic for the user; nothing when the mistake is not theirs.
    pub(super) fn into_diagnostic(self) -> Option<Diagnostic> {
        let place = self.place?;
        let here = place.here();
        let expects = match place.field.as_str() {
            "" => "expected ".to_owned(),
            field => format!("`{field}` expects "),
        };
        let error = |code, message| Diagnostic::error(code, place.span, message);
        Some(match *self.cause {
            Cause::StandIn { .. } => return None,
            Cause::Refused { code, message } => error(code, message),
            Cause::Kind { expected, found, help } => {
                let wrong = error(Code::WrongType, format!("{expects}{expected}, found {found}"));
                Diagnostic { help: help.into_iter().collect(), ..wrong }
            }
            Cause::Range { expected } => {
                error(Code::OutOfRange, format!("{expects}{expected}")).label("does not fit")
            }
            Cause::Length { expected, found } => {
                let message = format!("{expects}{expected}, found {found}");
                error(Code::WrongType, message).label("wrong number of values")
            }
            Cause::Variant { found, known } => {
                let taken = match place.field.as_str() {
                    "" => format!("there is no `{found}` to choose here"),
                    field => format!("`{field}` cannot be `{found}`"),
                };
                error(Code::UnknownVariant, taken).label("not a choice").suggest(
                    &found,
                    "choices",
                    known.iter().copied(),
                )
            }
            Cause::Field { found, known } => {
                error(Code::UnknownField, format!("unknown field `{found}` {here}"))
                    .label("not a field")
                    .suggest(&found, "fields", known.iter().copied())
            }
            Cause::Missing { field } => place.missing(&[field]),
            Cause::Duplicate { field } => {
                let message = format!("the field `{field}` is given twice {here}");
                error(Code::DuplicateField, message).label("given again")
            }
        })
    }
}

impl Place {
    /// The diagnostic for all the fields that are missing in the value.
    pub(super) fn missing(&self, fields: &[&str]) -> Diagnostic {
        let plural = if fields.len() == 1 { "" } else { "s" };
        let message = format!("missing field{plural} `{}` {}", fields.join("`, `"), self.here());
        Diagnostic::error(Code::MissingField, self.anchor, message)
            .label("incomplete")
            .help(format!("add `{}: …` between its parentheses", fields.join(": …, ")))
    }

    fn here(&self) -> String {
        match self.name.as_str() {
            "" => "here".to_owned(),
            name => format!("in `{name}`"),
        }
    }
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{:?}", self.cause)
    }
}

impl std::error::Error for Trouble {}

impl Error for Trouble {
    fn custom<T: Display>(message: T) -> Self {
        let message = message.to_string();
        let coded =
            message.split_once(": ").and_then(|(code, rest)| Some((code.parse().ok()?, rest)));
        Trouble::new(match coded {
            Some((code, rest)) => Cause::Refused { code, message: rest.to_owned() },
            None => Cause::Refused { code: Code::Unreadable, message },
        })
    }

    fn invalid_type(unexpected: Unexpected, expected: &dyn Expected) -> Self {
        let found = match unexpected {
            Unexpected::Str(_) => "text".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "named fields".to_owned(),
            Unexpected::Unit => "nothing".to_owned(),
            other => other.to_string(),
        };
        Trouble::new(Cause::Kind { expected: expected.to_string(), found, help: None })
    }

    fn invalid_value(unexpected: Unexpected, expected: &dyn Expected) -> Self {
        match unexpected {
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => {
                Trouble::new(Cause::Range { expected: expected.to_string() })
            }
            other => Self::invalid_type(other, expected),
        }
    }

    fn invalid_length(found: usize, expected: &dyn Expected) -> Self {
        Trouble::new(Cause::Length { expected: expected.to_string(), found })
    }

    fn unknown_variant(found: &str, known: Names) -> Self {
        Trouble::new(Cause::Variant { found: found.to_owned(), known })
    }

    fn unknown_field(found: &str, known: Names) -> Self {
        Trouble::new(Cause::Field { found: found.to_owned(), known })
    }

    fn missing_field(field: &'static str) -> Self {
        Trouble::new(Cause::Missing { field })
    }

    fn duplicate_field(field: &'static str) -> Self {
        Trouble::new(Cause::Duplicate { field: field.to_owned() })
    }
}
