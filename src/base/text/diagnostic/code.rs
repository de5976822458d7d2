//! The numbered kinds of mistakes, each with a title and the paragraph `explain` prints.
//!
//! ```text
//! SB01xx  syntax and shape        SB03xx  plausibility
//! SB02xx  names                   SB04xx  checks against protocols   SB05xx  runs
//! ```
//!
//! One table makes the enum, the numbers and the texts, so that no code can lack a page. A number
//! is never given to another meaning. Limits: the texts are English and know no scenario.

use std::fmt;
use std::str::FromStr;

macro_rules! codes {
    ($($code:ident $number:literal $title:literal $explanation:literal)*) => {
        /// A kind of mistake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $title] $code,)*
        }

        impl Code {
            /// Every code, by number.
            pub const ALL: &'static [Code] = &[$(Code::$code,)*];

            /// The number as it is printed, such as `SB0101`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Code::$code => $number,)* }
            }

            /// What it is in one line.
            pub const fn title(self) -> &'static str {
                match self { $(Code::$code => $title,)* }
            }

            /// Why it is a mistake and what to do about it.
            pub const fn explanation(self) -> &'static str {
                match self { $(Code::$code => $explanation,)* }
            }
        }
    };
}

codes! {
    UnknownField "SB0101" "A field that does not exist."
        "The value between these parentheses has no field of this name. Nothing is ignored in a \
         scenario file, because an ignored fault would look like a protocol that survives it. \
         The help line lists the fields there are."
    UnknownVariant "SB0102" "A choice that does not exist."
        "This place takes one of a fixed list of names, such as `At`, `Times` or `Before` for \
         `when`, and the name written is not on the list. Names are written without quotes, and \
         their case matters."
    MissingField "SB0103" "A field that must be given."
        "This field has no default, because any default would be a guess about what the scenario \
         is for. Write it as `name: value` between the parentheses of the value underlined."
    WrongType "SB0104" "A value of the wrong kind."
        "The field takes another kind of value: text in quotes, a whole number, a list in square \
         brackets, named fields in parentheses or a bare name. Human quantities such as \"5s\" or \
         \"0.1%\" are text and need their quotes."
    Syntax "SB0105" "Text that is not RON."
        "A bracket, a comma, a colon or a quote is missing or in the wrong place. Fields in \
         parentheses are all named, `name: value`, or all positional, never both; two fields are \
         separated by a comma; what is opened must be closed."
    DuplicateField "SB0106" "A field given twice."
        "The same field is written twice between one pair of parentheses. Neither wins, because \
         a reader would believe the one they saw. Delete one."
    BadQuantity "SB0107" "A quantity that cannot be read."
        "Durations are a number and a unit: \"400us\", \"5s\", \"2min\", with ns, us, ms, s, min \
         or h. Probabilities are a percentage, \"0.1%\". Rates are a number per unit of time, \
         \"50/s\". Each is written in quotes, without a space."
    OutOfRange "SB0108" "A number that does not fit."
        "The number is below or above what this field can hold. The message says from where to \
         where it may go."
    Unreadable "SB0109" "A part that cannot be read."
        "The file is well-formed, and yet this part does not fit where it stands. The message is \
         the one of the RON reader. Text after the end of the scenario is reported here too."
    UnknownNode "SB0201" "A node that does not exist."
        "The protocol of this scenario has no node of this name. Names of nodes come from the \
         protocol and its number of participants, such as `coordinator`, `p1`, `p2`."
    UnknownStep "SB0202" "A step that does not exist."
        "The protocol marks its load-bearing steps by name, and this is none of them. `list \
         steps` prints them; a scenario names them in triggers and in `ablate`."
    UnknownProtocol "SB0203" "A protocol that does not exist."
        "No registered protocol has this name. `list protocols` prints those of this program; a \
         program of your own may register more."
    UnknownCheck "SB0204" "A check that does not exist."
        "No registered checker has this name. `list checks` prints them. A check is written as a \
         bare name, or as a name with options in parentheses."
    UnknownWorkload "SB0205" "A workload that does not exist."
        "No registered workload has this name. `list workloads` prints them with a line \
         about each."
    UnknownLabel "SB0206" "A message, record or timer that does not exist."
        "The protocol sends no message, writes no record and sets no timer of this name, so that \
         what waits for it would wait for ever."
    UnknownProperty "SB0207" "A property that does not exist."
        "`expect` names a property that no listed check judges. A check may judge several \
         properties; `explain` lists those of each check."
    UnknownRule "SB0208" "A fault or path that does not exist."
        "A rule refers to another rule by its id, or a path refers to a part of the file, and \
         there is none of this name. Ids are the `id` fields of the list `faults`."
    UnknownRole "SB0209" "A role that does not exist."
        "The protocol has no role of this name. Roles are words such as `coordinator` or \
         `participant` that stand for all nodes playing them."
    UnknownMetric "SB0210" "A metric that does not exist."
        "A study measures by the metrics of a fixed list, and this is none of them. `list metrics` \
         prints them with a line about each."
    UnknownClosedForm "SB0211" "A closed form that does not exist."
        "A study compares with formulas of a fixed list, each with its source, and this is none of \
         them. `list closed-forms` prints them."
    UnknownAxis "SB0212" "An axis, point or measure that the study does not have."
        "A chart shows what the study itself lists: an axis of `variants` or `vary` by its name, a \
         point of an axis by its label, a measure by its name."
    DuplicateRule "SB0301" "Two faults with the same id."
        "The id of a fault keys its random draws and names it in reports, so it must be unique in \
         the file. Rename one of the two."
    ImprobableProbability "SB0302" "A probability above 100 %."
        "A probability lies between \"0%\" and \"100%\". Probabilities of exclusive outcomes must \
         not add up to more than \"100%\" either."
    EmptyWindow "SB0303" "A window that ends before it begins."
        "The window from its first to its second time contains no instant, so that nothing can \
         happen in it. The earlier time comes first."
    AfterTheEnd "SB0304" "A fault after the end of the run."
        "The run ends before this fault is due. Make the run longer or the fault earlier."
    TimeOverflow "SB0305" "A time too long to count."
        "Virtual time is counted in nanoseconds in 64 bits, about 584 years, and this time or the \
         sum it enters goes beyond that."
    NeverFires "SB0306" "A fault that can never fire."
        "What this fault waits for cannot happen in this scenario, for instance because its \
         probability is zero, its count is zero or the step it names is ablated. A run with it \
         would prove less than it seems to."
    InconsistentLaw "SB0307" "A random law that contradicts itself."
        "The points of a distribution must rise in both columns and start at \"0%\" and end at \
         \"100%\"; a range must not be empty; a median must not lie above a higher percentile."
    ZeroNotAllowed "SB0308" "A zero where something is needed."
        "This count, rate or time must be above zero: zero clients, a rate of zero or a deadline \
         of zero would make a run in which nothing is shown."
    BadSetting "SB0309" "A setting that makes no sense."
        "The protocol, workload or check can read this setting, and cannot work with it. The \
         message says what would do."
    NotApplicable "SB0401" "A check that does not apply to the protocol."
        "The check judges facts that this protocol never states, so that it could only say `not \
         exercised`. `explain` says what puts the properties of each check to the test."
    NeverFired "SB0501" "A rule that never fired."
        "A scheduled or triggered rule had no occasion in this run: the event it waits for did \
         not happen as often as `nth` says, or not where `node` and `peer` say. A scenario whose \
         fault does not happen shows nothing, so this is an error when one seed is run."
    PanicInProtocol "SB0502" "A protocol that panicked."
        "A handler of the protocol stopped with a panic instead of carrying on. That is a finding \
         about the protocol, at this seed, and not a fault of the scenario."
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// The word is not the number of a code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no mistake has the number `{0}`; they look like SB0101")]
pub struct NoSuchCode(String);

impl FromStr for Code {
    type Err = NoSuchCode;

    fn from_str(word: &str) -> Result<Self, NoSuchCode> {
        let found = Code::ALL.iter().find(|code| code.as_str().eq_ignore_ascii_case(word));
        found.copied().ok_or_else(|| NoSuchCode(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_number_a_title_and_an_explanation() {
        for code in Code::ALL {
            let number = code.as_str();
            assert!(number.len() == 6 && number.starts_with("SB0"), "{number}");
            assert!(number[2..].bytes().all(|byte| byte.is_ascii_digit()), "{number}");
            assert!(code.title().ends_with('.') && code.title().len() <= 60, "{number}");
            assert!(code.explanation().ends_with('.'), "{number}");
            assert!(80 <= code.explanation().len(), "{number}");
            assert_eq!(number.parse::<Code>().as_ref(), Ok(code));
        }
    }

    #[test]
    fn numbers_are_unique_and_rise() {
        let numbers: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert!(numbers.is_sorted_by(|left, right| left < right), "{numbers:?}");
    }

    #[test]
    fn a_word_that_is_no_number_is_refused() {
        assert!("SB9999".parse::<Code>().is_err());
        assert!("".parse::<Code>().is_err());
        assert_eq!("sb0101".parse::<Code>(), Ok(Code::UnknownField));
    }
}
