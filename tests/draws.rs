//! The named draws stand up to statistics, between names as much as within one.
//!
//! ```text
//!   a family of names that differ in one part ──▶ a series of words ──▶ KS · chi-square · correlation
//!   one bit of one part of a name flipped ─────▶ half of the output bits flip
//! ```
//!
//! A stream of random numbers is tested along the stream. Here nobody reads along a stream: what is
//! read side by side are the words of *neighbouring names* (transaction 7 and 8, link c→p1 and
//! c→p2, attempt 1 and 2), so the series run across names, which is where a cheap fold would fail.
//! Chi-squares are held to both sides: too even is as wrong as too uneven.
//!
//! All seeds are fixed and every bound is at a level of about one in a million, so no test flakes.
//! Feeding the words to an external battery was rejected: a golden result of one says nothing when
//! the generator changes.

use splitbrain::base::{
    draws::{Draws, Key, Purpose, below, name_word},
    ids::Seed,
    quantity::Probability,
};

/// How many words a series has.
const LENGTH: u64 = 200_000;

/// Standard deviations of a normal law that one draw in about a million exceeds, both sides.
const SIGMAS: f64 = 4.9;

fn draws() -> Draws {
    Draws::new(Seed(1))
}

fn message(draws: &Draws, from: &str, to: &str, label: &str, topic: u64) -> Key {
    draws.key(Purpose::Network, [name_word(from), name_word(to), name_word(label), topic])
}

/// A name for a series, and its words by their place.
type Family = (&'static str, Box<dyn Fn(u64) -> u64>);

/// Words of names that differ in one part only, by their place in the series.
fn families() -> Vec<Family> {
    let (d, k) = (draws(), message(&draws(), "c", "p2", "Prepare", 3));
    let topics = |d: Draws, attempt, index| -> Box<dyn Fn(u64) -> u64> {
        Box::new(move |i| message(&d, "c", "p2", "Prepare", i).word(attempt, index))
    };
    let place = |d: Draws, place: usize| -> Box<dyn Fn(u64) -> u64> {
        Box::new(move |i| {
            let mut name = [name_word("crash"), name_word("span"), 7, 0];
            name[place] = i;
            d.key(Purpose::Faults, name).word(0, 0)
        })
    };
    vec![
        ("attempts", Box::new(move |i| k.word(i as u32, 0))),
        ("words of attempts", Box::new(move |i| k.word((i / 8) as u32, (i % 8) as u32))),
        ("topics", topics(d.clone(), 0, 0)),
        ("topics, attempt 1, word 7", topics(d.clone(), 1, 7)),
        ("topics in the high half", {
            let d = d.clone();
            Box::new(move |i| message(&d, "c", "p2", "Prepare", i << 32).word(0, 0))
        }),
        ("senders", {
            let d = d.clone();
            Box::new(move |i| message(&d, &format!("p{i}"), "c", "Yes", 1).word(0, 0))
        }),
        ("receivers", {
            let d = d.clone();
            Box::new(move |i| message(&d, "c", &format!("p{i}"), "Yes", 1).word(0, 0))
        }),
        ("labels", {
            let d = d.clone();
            Box::new(move |i| message(&d, "c", "p1", &format!("L{i}"), 1).word(0, 0))
        }),
        ("first part as a number", place(d.clone(), 0)),
        ("second part as a number", place(d.clone(), 1)),
        ("third part as a number", place(d.clone(), 2)),
        ("fourth part as a number", place(d, 3)),
        ("seeds", {
            Box::new(|i| message(&Draws::new(Seed(i)), "c", "p2", "Prepare", 3).word(0, 0))
        }),
    ]
}

fn series(word: &dyn Fn(u64) -> u64) -> Vec<u64> {
    (0..LENGTH).map(word).collect()
}

fn unit(word: u64) -> f64 {
    (word >> 11) as f64 / (1_u64 << 53) as f64
}

/// The normal score of a chi-square (Wilson and Hilferty): positive when uneven, negative when
/// more even than chance would be.
fn score(chi_square: f64, freedom: f64) -> f64 {
    let spread = 2.0 / (9.0 * freedom);
    ((chi_square / freedom).cbrt() - (1.0 - spread)) / spread.sqrt()
}

fn even_score(counts: &[u64]) -> f64 {
    let expected = counts.iter().sum::<u64>() as f64 / counts.len() as f64;
    let off = counts.iter().map(|&count| (count as f64 - expected).powi(2) / expected);
    score(off.sum(), counts.len() as f64 - 1.0)
}

fn correlation_score(pairs: impl Iterator<Item = (u64, u64)>) -> f64 {
    let (mut sum, mut number) = (0.0, 0.0);
    for (x, y) in pairs {
        sum += (unit(x) - 0.5) * (unit(y) - 0.5) * 12.0;
        number += 1.0_f64;
    }
    sum / number.sqrt()
}

/// What is wrong with a series, by name; `found` collects it.
struct Report(Vec<String>);

impl Report {
    fn say(&mut self, family: &str, what: &str, score: f64, bound: f64) {
        if score.abs() > bound {
            self.0.push(format!("{family}: {what}: {score:.2}"));
        }
    }

    fn assert_empty(&self) {
        assert!(self.0.is_empty(), "{} findings:\n{}", self.0.len(), self.0.join("\n"));
    }
}

/// Sends every family through a test.
fn every_family(test: impl Fn(&mut Report, &str, &[u64])) {
    let mut report = Report(Vec::new());
    for (family, word) in families() {
        test(&mut report, family, &series(&*word));
    }
    report.assert_empty();
}

#[test]
fn words_of_neighbouring_names_are_uniform() {
    every_family(|report, family, words| {
        let mut sorted: Vec<f64> = words.iter().map(|&word| unit(word)).collect();
        sorted.sort_by(f64::total_cmp);
        let n = sorted.len() as f64;
        let gaps = sorted.iter().enumerate().map(|(i, x)| {
            let below = i as f64 / n;
            (x - below).abs().max((x - below - 1.0 / n).abs())
        });
        // Kolmogorov and Smirnov: 2·exp(−2·bound²) is one in a million at 2.69.
        report.say(family, "KS", gaps.fold(0.0, f64::max) * n.sqrt(), 2.69);
    });
}

#[test]
fn every_byte_of_a_word_takes_every_value_equally_often() {
    every_family(|report, family, words| {
        for byte in 0..8 {
            let mut counts = [0; 256];
            for word in words {
                counts[usize::from(word.to_le_bytes()[byte])] += 1;
            }
            report.say(family, &format!("byte {byte}"), even_score(&counts), SIGMAS);
        }
    });
}

#[test]
fn every_bit_of_a_word_is_a_fair_coin() {
    every_family(|report, family, words| {
        for bit in 0..64 {
            let ones = words.iter().filter(|&&word| word >> bit & 1 == 1).count() as f64;
            let n = words.len() as f64;
            report.say(family, &format!("bit {bit}"), (ones - n / 2.0) / (n / 4.0).sqrt(), SIGMAS);
        }
    });
}

#[test]
fn words_of_neighbouring_names_are_independent() {
    every_family(|report, family, words| {
        for lag in 1..=16 {
            let pairs = words.iter().copied().zip(words[lag..].iter().copied());
            report.say(family, &format!("lag {lag}"), correlation_score(pairs), SIGMAS);
        }
        for (what, shift) in [("high", 60), ("middle", 32), ("low", 0)] {
            let mut counts = [0; 256];
            for pair in words.chunks_exact(2) {
                let nibble = |word: u64| (word >> shift & 15) as usize;
                counts[nibble(pair[0]) << 4 | nibble(pair[1])] += 1;
            }
            report.say(family, &format!("pairs of {what} nibbles"), even_score(&counts), SIGMAS);
        }
    });
}

#[test]
fn triples_of_neighbouring_names_fill_the_cube() {
    every_family(|report, family, words| {
        let mut counts = [0; 512];
        for triple in words.windows(3).step_by(3) {
            let place = triple.iter().fold(0, |place, word| place << 3 | (word >> 61) as usize);
            counts[place] += 1;
        }
        report.say(family, "triples", even_score(&counts), SIGMAS);
    });
}

#[test]
fn differences_of_neighbouring_names_are_uniform() {
    every_family(|report, family, words| {
        for (what, combine) in [
            ("difference", u64::wrapping_sub as fn(u64, u64) -> u64),
            ("exclusive or", |x, y| x ^ y),
        ] {
            for byte in [0, 3, 7] {
                let mut counts = [0; 256];
                for pair in words.chunks_exact(2) {
                    let word = combine(pair[0], pair[1]);
                    counts[usize::from(word.to_le_bytes()[byte])] += 1;
                }
                report.say(family, &format!("{what}, byte {byte}"), even_score(&counts), SIGMAS);
            }
        }
    });
}

#[test]
fn the_statistics_catch_a_generator_that_only_multiplies() {
    let words: Vec<u64> =
        (0..LENGTH).map(|i| i.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5EED).collect();
    let mut counts = [0; 256];
    words.chunks_exact(2).for_each(|pair| {
        counts[usize::from(pair[1].wrapping_sub(pair[0]).to_le_bytes()[7])] += 1;
    });
    assert!(even_score(&counts) > 100.0, "neighbours differ by a constant");
    let ones = words.iter().filter(|&&word| word >> 63 == 1).count() as u64;
    let score = even_score(&[ones, LENGTH - ones]);
    assert!(score < SIGMAS, "its top bit alone would pass: {score}");
    let pairs = words.iter().copied().zip(words[1..].iter().copied());
    assert!(correlation_score(pairs).abs() > SIGMAS, "neighbours are correlated");
}

/// What it is called, its name without the topic, purpose, seed, attempt and word.
type Sibling = (&'static str, [u64; 4], Purpose, u64, u32, u32);

/// Series along consecutive topics, from names that differ in one part.
fn siblings() -> Vec<Sibling> {
    let name =
        |from: &str, to: &str, label: &str| [name_word(from), name_word(to), name_word(label), 0];
    let base = name("c", "p1", "Prepare");
    vec![
        ("the message itself", base, Purpose::Network, 1, 0, 0),
        ("another receiver", name("c", "p2", "Prepare"), Purpose::Network, 1, 0, 0),
        ("another sender", name("p2", "p1", "Prepare"), Purpose::Network, 1, 0, 0),
        ("the way back", name("p1", "c", "Prepare"), Purpose::Network, 1, 0, 0),
        ("another label", name("c", "p1", "Commit"), Purpose::Network, 1, 0, 0),
        ("another purpose", base, Purpose::Faults, 1, 0, 0),
        ("another seed", base, Purpose::Network, 2, 0, 0),
        ("another attempt", base, Purpose::Network, 1, 1, 0),
        ("another word", base, Purpose::Network, 1, 0, 1),
    ]
}

fn along_topics(sibling: &Sibling) -> Vec<u64> {
    let &(_, [from, to, label, _], purpose, seed, attempt, index) = sibling;
    let draws = Draws::new(Seed(seed));
    (0..LENGTH)
        .map(|topic| draws.key(purpose, [from, to, label, topic]).word(attempt, index))
        .collect()
}

#[test]
fn names_that_differ_in_one_part_are_independent_of_each_other() {
    let mut report = Report(Vec::new());
    let all: Vec<_> = siblings().iter().map(|sibling| (sibling.0, along_topics(sibling))).collect();
    for (place, (first, words)) in all.iter().enumerate() {
        for (second, others) in &all[place + 1..] {
            let both = format!("{first} and {second}");
            for lag in 0..4 {
                let pairs = words[lag..].iter().copied().zip(others.iter().copied());
                report.say(&both, &format!("lag {lag}"), correlation_score(pairs), SIGMAS);
            }
            let mut counts = [0; 256];
            for (x, y) in words.iter().zip(others) {
                counts[(x >> 60 << 4 | y >> 60) as usize] += 1;
            }
            report.say(&both, "pairs", even_score(&counts), SIGMAS);
            let same = words.iter().zip(others).filter(|(x, y)| x == y).count();
            report.say(&both, "equal words", same as f64, 0.5);
        }
    }
    report.assert_empty();
}

/// Losses of the same message on two links, counted in a table of two by two.
#[test]
fn losses_on_two_links_are_independent() {
    let loss = Probability::from_ratio(1, 10);
    let mut report = Report(Vec::new());
    let draws = draws();
    for label in ["Prepare", "Commit", "Yes"] {
        let mut table = [0_u64; 4];
        for topic in 0..LENGTH {
            let lost = |to| loss.happens(message(&draws, "c", to, label, topic).word(0, 1));
            table[usize::from(lost("p1")) << 1 | usize::from(lost("p2"))] += 1;
        }
        let [neither, second, first, both] = table.map(|count| count as f64);
        let (rows, columns) =
            ((neither + second) * (first + both), (neither + first) * (second + both));
        let phi = (neither * both - first * second) / (rows * columns).sqrt();
        report.say(label, "2×2", phi * (LENGTH as f64).sqrt(), SIGMAS);
        let n = LENGTH as f64;
        report.say(label, "losses", ((first + both) - n * 0.1) / (n * 0.09).sqrt(), SIGMAS);
    }
    report.assert_empty();
}

/// For each bit of one part of a name: how often its flip flips each bit of the word.
fn avalanche(place: usize, bits: std::ops::Range<u32>, report: &mut Report) {
    const TRIALS: u64 = 1_000;
    let draws = draws();
    for bit in bits {
        let mut flips = [0_u64; 64];
        for trial in 0..TRIALS {
            let mut name = [name_word("c"), name_word("p2"), name_word("Prepare"), trial];
            if place < 3 {
                name[place] = name_word(&format!("n{trial}"));
            }
            let before = draws.key(Purpose::Network, name).word(0, 0);
            name[place] ^= 1 << bit;
            let changed = before ^ draws.key(Purpose::Network, name).word(0, 0);
            (0..64).for_each(|output| flips[output] += changed >> output & 1);
        }
        let n = TRIALS as f64;
        for (output, &count) in flips.iter().enumerate() {
            let score = (count as f64 - n / 2.0) / (n / 4.0).sqrt();
            // 16,384 cells are looked at, hence the wider bound.
            report.say("avalanche", &format!("part {place}, bit {bit} on {output}"), score, 6.5);
        }
        let all = flips.iter().sum::<u64>() as f64;
        let score = (all - n * 32.0) / (n * 16.0).sqrt();
        report.say("avalanche", &format!("part {place}, bit {bit} on all"), score, 6.5);
    }
}

#[test]
fn one_flipped_bit_of_a_name_flips_half_of_the_word() {
    let mut report = Report(Vec::new());
    (0..4).for_each(|place| avalanche(place, 0..64, &mut report));
    report.assert_empty();
}

#[test]
fn a_grid_of_names_has_no_more_equal_words_than_chance_allows() {
    let draws = draws();
    let mut words = Vec::new();
    for from in 0..16 {
        for to in 0..16 {
            for label in ["Prepare", "Yes", "Commit", "Ack"] {
                for topic in 0..256 {
                    let ends = (format!("n{from}"), format!("n{to}"));
                    words.push(message(&draws, &ends.0, &ends.1, label, topic).word(0, 0));
                }
            }
        }
    }
    words.sort_unstable();
    assert!(words.windows(2).all(|pair| pair[0] != pair[1]), "two of 2^18 words are equal");
    for (what, shift) in [("high", 32), ("low", 0)] {
        let mut halves: Vec<u32> = words.iter().map(|word| (word >> shift) as u32).collect();
        halves.sort_unstable();
        let equal = halves.windows(2).filter(|pair| pair[0] == pair[1]).count();
        // Poisson with mean 8: more than 26 has a chance below one in a million.
        assert!(equal <= 26, "{equal} equal {what} halves, 8 expected");
    }
}

#[test]
fn a_choice_is_even_for_every_bound() {
    let key = message(&draws(), "c", "p2", "Prepare", 3);
    let mut report = Report(Vec::new());
    for bound in 2..=16_u64 {
        let mut counts = vec![0; bound as usize];
        (0..100_000).for_each(|attempt| counts[below(key.word(attempt, 0), bound) as usize] += 1);
        report.say("below", &format!("{bound}"), even_score(&counts), SIGMAS);
    }
    report.assert_empty();
}

#[test]
fn golden_words_never_change() {
    let words: Vec<String> =
        [(1, "Prepare", 1, 0), (1, "Prepare", 2, 3), (2, "Yes", 1, 0), (u64::MAX, "Yes", 0, 7)]
            .into_iter()
            .map(|(seed, label, topic, index)| {
                let draws = Draws::new(Seed(seed));
                format!("{:016x}", message(&draws, "c", "p2", label, topic).word(1, index))
            })
            .collect();
    let expected = ["65d7f14353a1f441", "15f3e84c5d2f24ad", "bacc031fcbe1b87d", "4dc3906eab0dc7a6"];
    assert_eq!(words, expected);
}
