//! The latency laws are what they say: their distribution, moments, ends and exact values.
//!
//! ```text
//!   words of a fixed seed ──▶ Sampler ──▶ 100,000 values ──▶ against the law's own formula
//! ```
//!
//! Every seed is fixed, so nothing here flakes; the thresholds matter only when the code changes.
//! They stand at about one in a million, wide enough not to depend on the choice of the seed.
//! Kolmogorov-Smirnov was chosen over the mean alone: clamped or shifted tails can keep the mean.
//!
//! Limits: floats are used on this side of the comparison only.

use proptest::prelude::*;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use splitbrain::base::quantity::Probability;
use splitbrain::base::sampler::{Law, Quantile, Sampler};
use splitbrain::base::time::Duration;

const DRAWS: usize = 100_000;
/// The distance that 100,000 true draws exceed once in a million times.
const DISTANCE_MAX: f64 = 0.00852;
const STANDARD_ERRORS_MAX: f64 = 5.0;

const FIXED: &str = r#"Fixed("1ms")"#;
const UNIFORM: &str = r#"Uniform("1ms", "9ms")"#;
const EXPONENTIAL: &str = r#"Exponential(floor: "1ms", mean: "3ms")"#;
const LOG_UNIFORM: &str = r#"LogUniform("10us", "1s")"#;
const QUANTILES: &str =
    r#"Quantiles([("0%", "400us"), ("50%", "1ms"), ("99%", "5ms"), ("100%", "40ms")])"#;
const PARETO: &str = r#"Pareto(scale: "2ms", shape: "5")"#;
/// The write latency of the disks that Bailis et al. (2012) fitted.
const MIXTURE: &str = concat!(
    r#"Mixture([("38%", Pareto(scale: "1.05ms", shape: "1.51")), "#,
    r#"("62%", Exponential(floor: "0s", mean: "5.464481ms"))])"#
);

fn law(text: &str) -> Law {
    ron::from_str(text).expect(text)
}

fn sampler(text: &str) -> Sampler {
    law(text).compile().expect(text)
}

fn words(seed: u8) -> impl Iterator<Item = u64> {
    let mut rng = ChaCha8Rng::from_seed([seed; 32]);
    std::iter::repeat_with(move || rng.next_u64())
}

/// Draws in milliseconds.
fn draws(text: &str, seed: u8) -> Vec<f64> {
    let sampler = sampler(text);
    words(seed).take(DRAWS).map(|word| millis(sampler.sample(word))).collect()
}

fn millis(span: Duration) -> f64 {
    span.as_nanos() as f64 / 1e6
}

/// The greatest distance between the draws' distribution function and `exact`.
fn distance(mut draws: Vec<f64>, exact: impl Fn(f64) -> f64) -> f64 {
    draws.sort_by(f64::total_cmp);
    let count = draws.len() as f64;
    let gap = |(rank, draw): (usize, &f64)| {
        let (below, up_to) = (rank as f64 / count, (rank + 1) as f64 / count);
        (exact(*draw) - below).abs().max((exact(*draw) - up_to).abs())
    };
    draws.iter().enumerate().map(gap).fold(0.0, f64::max)
}

/// Checks mean and variance against the exact moments `raw(1)` to `raw(4)`.
fn assert_moments(draws: &[f64], raw: impl Fn(i32) -> f64) {
    let count = draws.len() as f64;
    let mean = raw(1);
    let variance = raw(2) - mean.powi(2);
    let fourth = raw(4) - 4.0 * mean * raw(3) + 6.0 * mean.powi(2) * raw(2) - 3.0 * mean.powi(4);
    let sample_mean = draws.iter().sum::<f64>() / count;
    let squares = draws.iter().map(|draw| (draw - mean).powi(2));
    let sample_variance = squares.sum::<f64>() / count;
    let mean_error = (variance / count).sqrt();
    let variance_error = ((fourth - variance.powi(2)) / count).sqrt();
    assert!((sample_mean - mean).abs() < STANDARD_ERRORS_MAX * mean_error);
    assert!((sample_variance - variance).abs() < STANDARD_ERRORS_MAX * variance_error);
}

fn uniform_moment(from: f64, to: f64, power: i32) -> f64 {
    (to.powi(power + 1) - from.powi(power + 1)) / (f64::from(power + 1) * (to - from))
}

#[test]
fn uniform_follows_its_law() {
    let draws = draws(UNIFORM, 1);
    assert_moments(&draws, |power| uniform_moment(1.0, 9.0, power));
    assert!(distance(draws, |x| (x - 1.0) / 8.0) < DISTANCE_MAX);
}

#[test]
fn exponential_follows_its_law() {
    let draws: Vec<_> = draws(EXPONENTIAL, 2).iter().map(|draw| (draw - 1.0) / 2.0).collect();
    let factorials = [1.0, 1.0, 2.0, 6.0, 24.0];
    assert_moments(&draws, |power| factorials[power as usize]);
    assert!(distance(draws, |x| 1.0 - libm::exp(-x)) < DISTANCE_MAX);
}

#[test]
fn log_uniform_follows_its_law() {
    let draws = draws(LOG_UNIFORM, 3);
    let (from, to) = (0.01_f64, 1000.0_f64);
    let logarithm = libm::log(to / from);
    assert_moments(&draws, |power| {
        (to.powi(power) - from.powi(power)) / (f64::from(power) * logarithm)
    });
    assert!(distance(draws, |x| libm::log(x / from) / logarithm) < DISTANCE_MAX);
}

#[test]
fn pareto_follows_its_law() {
    let draws = draws(PARETO, 8);
    assert_moments(&draws, |power| 5.0 * 2.0_f64.powi(power) / (5.0 - f64::from(power)));
    assert!(distance(draws, |x| 1.0 - libm::pow(2.0 / x, 5.0)) < DISTANCE_MAX);
}

#[test]
fn a_mixture_follows_its_law_far_into_the_tail() {
    let sampler = sampler(MIXTURE);
    let exact = |x: f64| {
        let pareto = if x < 1.05 { 1.0 } else { libm::pow(1.05 / x, 1.51) };
        1.0 - 0.38 * pareto - 0.62 * libm::exp(-x / 5.464_481)
    };
    let mut draws: Vec<f64> =
        words(9).take(10 * DRAWS).map(|word| millis(sampler.sample(word))).collect();
    assert!(distance(draws[..DRAWS].to_vec(), exact) < DISTANCE_MAX);
    draws.sort_by(f64::total_cmp);
    for rare in [1000, 10_000] {
        // How many of a million exceed what one in so many should: five standard errors.
        let quantile = draws[draws.len() - draws.len() / rare];
        let expected = 1.0 / rare as f64;
        let error = (1.0 - exact(quantile) - expected).abs();
        assert!(error < 5.0 * (expected / draws.len() as f64).sqrt(), "{rare}: {quantile}");
    }
}

#[test]
fn a_mixture_rises_within_each_part() {
    let sampler = sampler(MIXTURE);
    let split = "38%".parse::<Probability>().expect("a share").as_word();
    for pair in words(10).take(1000).collect::<Vec<_>>().windows(2) {
        let (low, high) = (pair[0].min(pair[1]), pair[0].max(pair[1]));
        if (low < split) == (high < split) {
            assert!(sampler.sample(low) <= sampler.sample(high));
        }
    }
}

#[test]
fn quantiles_follow_their_law() {
    // Share of values below the line, share on the line, and its ends in milliseconds.
    let lines = [(0.0, 0.5, 0.4, 1.0), (0.5, 0.49, 1.0, 5.0), (0.99, 0.01, 5.0, 40.0_f64)];
    let draws = draws(QUANTILES, 4);
    assert_moments(&draws, |power| {
        lines.iter().map(|(_, share, from, to)| share * uniform_moment(*from, *to, power)).sum()
    });
    let exact = |x: f64| {
        let line = lines.iter().find(|(.., to)| x <= *to).expect("40ms is the greatest value");
        line.0 + line.1 * (x - line.2) / (line.3 - line.2)
    };
    assert!(distance(draws, exact) < DISTANCE_MAX);
}

#[test]
fn the_distance_tells_a_clamped_exponential_from_a_shifted_one() {
    // Floor 10, mean 100: clamping hardly moves the mean, and moves the distribution by a tenth.
    let plain = sampler(r#"Exponential(floor: "0s", mean: "100ms")"#);
    let clamped = words(5).take(DRAWS).map(|word| millis(plain.sample(word)).max(10.0));
    let shifted = |x: f64| 1.0 - libm::exp(-(x - 10.0) / 90.0);
    assert!(distance(clamped.collect(), shifted) > 10.0 * DISTANCE_MAX);
}

#[test]
fn a_probability_of_one_in_a_hundred_happens_that_often() {
    let one_percent: Probability = "1%".parse().expect("a probability");
    let hits = words(6).take(DRAWS).filter(|word| one_percent.happens(*word)).count();
    // Five standard errors of 100,000 draws are 157.
    assert!(hits.abs_diff(DRAWS / 100) <= 157, "{hits}");
}

/// Equal to two millionths, or to one nanosecond.
fn assert_nearly(law: &str, found: Duration, expected: &str) {
    let expected: Duration = expected.parse().expect(expected);
    let gap = found.as_nanos().abs_diff(expected.as_nanos());
    assert!(gap <= 1 + expected.as_nanos() / 500_000, "{law}: {found}, not {expected}");
}

#[test]
fn every_law_keeps_its_ends_and_knows_its_mean() {
    let table = [
        (FIXED, "1ms", "1ms", "1ms"),
        (UNIFORM, "1ms", "9ms", "5ms"),
        (EXPONENTIAL, "1ms", "89.722839ms", "3ms"),
        (LOG_UNIFORM, "10us", "1s", "86.858027ms"),
        (QUANTILES, "400us", "40ms", "2.045ms"),
        // 2^(64/5) times the scale; 38 % of 3.108824ms and 62 % of the exponential's mean.
        (PARETO, "2ms", "14.263100s", "2.5ms"),
        (MIXTURE, "0s", "6026657800.582025s", "4.569331ms"),
        (r#"Uniform("2ms", "2ms")"#, "2ms", "2ms", "2ms"),
        (r#"LogUniform("2ms", "2ms")"#, "2ms", "2ms", "2ms"),
        (r#"LogUniform("1ns", "2ns")"#, "1ns", "2ns", "1ns"),
        (r#"Quantiles([("0%", "1ms"), ("100%", "1ms")])"#, "1ms", "1ms", "1ms"),
    ];
    for (text, min, max, mean) in table {
        let sampler = sampler(text);
        assert_eq!(sampler.min().to_string(), min, "{text}");
        assert_nearly(text, sampler.max(), max);
        assert_nearly(text, sampler.mean(), mean);
    }
}

#[test]
fn laws_reach_the_limits_of_64_bits_without_overflow() {
    let laws = [
        r#"Fixed("MAX")"#,
        r#"Uniform("0s", "MAX")"#,
        r#"Uniform("MAX", "MAX")"#,
        r#"Exponential(floor: "0s", mean: "MAX")"#,
        r#"Exponential(floor: "18446744073s", mean: "MAX")"#,
        r#"LogUniform("1ns", "MAX")"#,
        r#"LogUniform("MAX", "MAX")"#,
        r#"Quantiles([("0%", "0s"), ("50%", "MAX"), ("100%", "MAX")])"#,
        r#"Pareto(scale: "MAX", shape: "1.000001")"#,
        r#"Mixture([("50%", Fixed("0s")), ("50%", Fixed("MAX"))])"#,
        r#"Quantiles([("0%", "0s"), ("0.00000000000000001%", "0s"), ("100%", "MAX")])"#,
    ];
    for text in laws {
        let text = text.replace("MAX", "18446744073.709551615s");
        let sampler = sampler(&text);
        assert_nearly(&text, sampler.max(), "18446744073.709551615s");
        for word in words(7).take(1000) {
            let value = sampler.sample(word);
            assert!(sampler.min() <= value && value <= sampler.max());
        }
        assert!(sampler.mean() <= sampler.max());
    }
}

#[test]
fn laws_without_sense_are_refused_with_the_reason() {
    let table = [
        (r#"Uniform("2ms", "1ms")"#, "2ms is above 1ms"),
        (r#"LogUniform("2ms", "1ms")"#, "2ms is above 1ms"),
        (r#"LogUniform("0s", "1ms")"#, "the logarithm of 0s"),
        (r#"Exponential(floor: "1ms", mean: "1ms")"#, "1ms is not above 1ms"),
        (r#"Exponential(floor: "2ms", mean: "1ms")"#, "1ms is not above 2ms"),
        ("Quantiles([])", "at \"0%\""),
        (r#"Quantiles([("0%", "1ms")])"#, "at \"100%\""),
        (r#"Quantiles([("1%", "1ms"), ("100%", "2ms")])"#, "at \"0%\""),
        (r#"Quantiles([("0%", "1ms"), ("99.99%", "2ms")])"#, "at \"100%\""),
        (
            r#"Quantiles([("0%", "1ms"), ("50%", "1ms"), ("50%", "2ms"), ("100%", "2ms")])"#,
            "50% follows 50%",
        ),
        (r#"Quantiles([("0%", "2ms"), ("100%", "1ms")])"#, "1ms follows 2ms"),
        (r#"Pareto(scale: "0s", shape: "2")"#, "above zero"),
        (r#"Pareto(scale: "1ms", shape: "1")"#, "shape 1 has no mean"),
        ("Mixture([])", "add up to 100%"),
        (r#"Mixture([("50%", Fixed("1ms")), ("49%", Fixed("1ms"))])"#, "add up to 100%"),
        (r#"Mixture([("100%", Fixed("1ms")), ("0%", Fixed("2ms"))])"#, "a share above 0%"),
        (r#"Mixture([("100%", Uniform("2ms", "1ms"))])"#, "2ms is above 1ms"),
    ];
    for (text, reason) in table {
        let error = law(text).validate().expect_err(text);
        assert!(error.contains(reason), "{text}: {error}");
        assert_eq!(law(text).compile(), Err(error));
    }
}

#[test]
fn laws_of_unknown_form_are_not_read() {
    let table = [
        (r#"Normal("1ms", "2ms")"#, "Normal"),
        (r#"Exponential(floor: "1ms", median: "2ms")"#, "median"),
        ("Fixed(5)", "SB0107: `5` has no unit"),
        (r#"Pareto(scale: "1ms", shape: "0")"#, "SB0107"),
        (r#"Pareto(scale: "1ms", shape: "2ms")"#, "without a unit"),
        (r#"Quantiles([("101%", "1ms")])"#, "SB0302"),
    ];
    for (text, reason) in table {
        let error = ron::from_str::<Law>(text).expect_err(text).to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn a_law_reads_back_as_it_was_written() {
    for text in [FIXED, UNIFORM, EXPONENTIAL, LOG_UNIFORM, QUANTILES, PARETO, MIXTURE] {
        let written = ron::to_string(&law(text)).expect("a law is RON");
        assert_eq!(law(&written), law(text), "{written}");
        assert_eq!(written, text.replace(", ", ",").replace(": ", ":"));
    }
}

#[test]
fn every_law_gives_these_very_values() {
    // Computed here once and compared with exact arithmetic: right to two millionths.
    let words = [0, 1 << 32, 1 << 60, 1 << 63, 0xDEAD_BEEF_0BAD_CAFE, u64::MAX];
    let table: [(&str, [u64; 6]); 7] = [
        (FIXED, [1_000_000; 6]),
        (UNIFORM, [1_000_000, 1_000_000, 1_500_000, 5_000_000, 7_958_710, 9_000_000]),
        (EXPONENTIAL, [1_000_000, 1_000_000, 1_129_077, 2_386_294, 5_077_964, 89_722_839]),
        (LOG_UNIFORM, [10_000, 10_000, 20_535, 3_162_278, 223_456_829, 1_000_000_000]),
        (QUANTILES, [400_000, 400_000, 474_999, 1_000_000, 4_019_091, 40_000_000]),
        (PARETO, [2_000_000, 2_000_000, 2_025_984, 2_297_398, 3_007_004, 14_263_108_789]),
        (MIXTURE, [1_050_000, 1_050_000, 1_182_691, 1_175_473, 8_529_753, 242_412_134]),
    ];
    for (text, expected) in table {
        let sampler = sampler(text);
        assert_eq!(words.map(|word| sampler.sample(word).as_nanos()), expected, "{text}");
    }
}

fn any_law() -> impl Strategy<Value = Law> {
    let span = || (any::<u64>(), 0..64_u32).prop_map(|(nanos, shift)| nanos >> shift);
    let pair = || (span(), span()).prop_map(|(a, b)| (a.min(b), a.max(b)));
    let to_span = Duration::from_nanos;
    prop_oneof![
        pair().prop_map(move |(low, high)| Law::Uniform(to_span(low), to_span(high))),
        pair().prop_map(move |(floor, mean)| Law::Exponential {
            floor: to_span(floor.min(u64::MAX - 1)),
            mean: to_span(mean.max(floor.saturating_add(1))),
        }),
        pair().prop_map(move |(low, high)| {
            Law::LogUniform(to_span(low.max(1)), to_span(high.max(1)))
        }),
        (span(), 1_000_001..1_000_000_000_u64).prop_map(move |(scale, shape)| Law::Pareto {
            scale: to_span(scale.max(1)),
            shape: format!("{}.{:06}", shape / 1_000_000, shape % 1_000_000)
                .parse()
                .expect("a shape"),
        }),
        any_quantiles(),
    ]
}

fn any_quantiles() -> impl Strategy<Value = Law> {
    let inner = prop::collection::btree_set(1..1_000_000_u64, 0..6);
    (inner, prop::collection::vec(any::<u64>(), 8)).prop_map(|(inner, mut values)| {
        values.sort_unstable();
        let shares = std::iter::once(0).chain(inner).chain(std::iter::once(1_000_000));
        let point = |(share, value)| {
            Quantile(Probability::from_ratio(share, 1_000_000), Duration::from_nanos(value))
        };
        Law::Quantiles(shares.zip(values).map(point).collect())
    })
}

/// Neighbouring words are where a table could turn back, so they come up often.
fn near_pair() -> impl Strategy<Value = (u64, u64)> {
    let step = (any::<u64>(), 0..64_u32).prop_map(|(step, shift)| step >> shift);
    (any::<u64>(), step).prop_map(|(word, step)| (word, word.saturating_add(step)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_larger_word_never_gives_a_smaller_latency(law in any_law(), (low, high) in near_pair()) {
        let sampler = law.compile().map_err(TestCaseError::fail)?;
        prop_assert!(sampler.sample(low) <= sampler.sample(high));
        prop_assert!(sampler.min() <= sampler.sample(low));
        prop_assert!(sampler.sample(high) <= sampler.max());
    }

    #[test]
    fn a_word_on_a_quantile_gives_its_value(law in any_quantiles()) {
        let sampler = law.compile().map_err(TestCaseError::fail)?;
        let Law::Quantiles(points) = law else { unreachable!("any_quantiles makes Quantiles") };
        for Quantile(share, value) in points {
            prop_assert_eq!(sampler.sample(share.as_word()), value);
        }
    }
}
