//! Logarithm and power of two in integers, for the laws that need them.
//!
//! ```text
//!   minus_ln(word)  =  (zeros + 1 − log2(1 + f)) · ln 2      word = 1.f · 2^(63 − zeros)
//!                                     └── 257 entries, straight lines between them
//!   times_power_of_two(a, e)  =  a · 2^f · 2^whole           e = whole.f
//! ```
//!
//! The tables are made by the compiler in integers alone: logarithms by squaring (each squaring
//! yields one binary digit), powers by square roots. `f64::ln` was rejected since it may differ by
//! platform, and a table pasted from elsewhere since nobody could check it.
//!
//! Limits: straight lines between the entries are off by at most 2e-6 in the natural logarithm
//! and 1e-6 of the value in the power; both never decrease where the real function increases.

/// Binary places of an exponent: 64 powers of two fit a word with two bits to spare.
pub(crate) const EXPONENT_BITS: u32 = 56;

/// The natural logarithm of two, in 2^64ths.
const LN_2: u64 = 0xB172_17F7_D1CF_79AC;

/// log2(1 + i/256), with [`EXPONENT_BITS`] places.
static LOG2: [u64; 257] = log2_table();

/// 2^(i/256) with 63 places; the last entry is a hair below two, which would not fit.
static POWER: [u64; 257] = power_table();

/// −ln(word / 2^64) with [`EXPONENT_BITS`] places, from 0 for the largest word to 64·ln 2 for 0
/// and 1, which count as the same.
#[inline]
pub(crate) fn minus_ln(word: u64) -> u64 {
    times_ln_2(minus_log2(word))
}

/// −log2(word / 2^64) with [`EXPONENT_BITS`] places, at most 64; 0 and 1 count as the same.
#[inline]
pub(crate) fn minus_log2(word: u64) -> u64 {
    let word = word | 1;
    let zeros = word.leading_zeros();
    let log2 = between(&LOG2, word << zeros << 1);
    (u64::from(zeros + 1) << EXPONENT_BITS) - log2
}

/// An exponent of two as an exponent of e: times ln 2, rounded down.
#[inline]
pub(crate) fn times_ln_2(exponent: u64) -> u64 {
    high_half(exponent, LN_2)
}

/// `value · 2^exponent`, rounded down; 2^65 at most, for exponents below 64.
#[inline]
pub(crate) fn times_power_of_two(value: u64, exponent: u64) -> u128 {
    let whole = exponent >> EXPONENT_BITS;
    let power = between(&POWER, exponent << (u64::BITS - EXPONENT_BITS));
    (u128::from(value) * u128::from(power)) >> (63 - whole)
}

/// The upper 64 bits of the product: `factor` times a fraction in 2^64ths.
#[inline]
pub(crate) const fn high_half(factor: u64, fraction: u64) -> u64 {
    ((factor as u128 * fraction as u128) >> 64) as u64
}

/// The table's value at `fraction` 2^64ths of its length, on the line between two entries.
#[inline]
fn between(table: &[u64; 257], fraction: u64) -> u64 {
    let entry = (fraction >> 56) as usize;
    let (low, high) = (table[entry], table[entry + 1]);
    low + high_half(high - low, fraction << 8)
}

/// log2(value) with [`EXPONENT_BITS`] places, right to the last two. Panics for zero.
pub(crate) const fn log2(value: u64) -> u64 {
    assert!(value > 0, "only a positive number has a logarithm");
    let zeros = value.leading_zeros();
    let mut result = (63 - zeros) as u64;
    let mut rest = (value << zeros) as u128;
    let mut bit = 0;
    while bit < EXPONENT_BITS {
        rest = (rest * rest) >> 63;
        let digit = (rest >> 64) as u64;
        rest >>= digit;
        result = (result << 1) | digit;
        bit += 1;
    }
    result
}

const fn log2_table() -> [u64; 257] {
    let mut table = [0; 257];
    let mut i = 0;
    while i <= 256 {
        table[i] = log2(256 + i as u64) - (8 << EXPONENT_BITS);
        i += 1;
    }
    table
}

const fn power_table() -> [u64; 257] {
    let mut table = [1 << 63; 257];
    table[256] = u64::MAX;
    let mut root: u128 = 1 << 64;
    let mut bit = 128;
    while bit > 0 {
        root = (root << 63).isqrt();
        let mut i = 0;
        while i < 256 {
            if i & bit != 0 {
                table[i] = ((table[i] as u128 * root) >> 63) as u64;
            }
            i += 1;
        }
        bit /= 2;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: f64 = (1_u64 << EXPONENT_BITS) as f64;

    #[test]
    fn powers_of_two_have_whole_logarithms() {
        for power in 0..64 {
            assert_eq!(log2(1 << power), power << EXPONENT_BITS);
        }
    }

    #[test]
    fn the_ends_of_the_logarithm_are_exact() {
        assert_eq!(minus_ln(u64::MAX), 0);
        assert_eq!(minus_ln(0), times_ln_2(64 << EXPONENT_BITS));
        assert_eq!(minus_ln(0), minus_ln(1));
    }

    #[test]
    fn the_tables_agree_with_the_library() {
        for (i, (log2, power)) in LOG2.iter().zip(&POWER).enumerate() {
            let fraction = i as f64 / 256.0;
            assert!((*log2 as f64 / ONE - libm::log2(1.0 + fraction)).abs() < 1e-15);
            assert!((*power as f64 / (1_u64 << 63) as f64 - libm::exp2(fraction)).abs() < 1e-15);
        }
    }

    proptest! {
        #[test]
        fn the_logarithm_is_off_by_two_millionths_at_most(word: u64, shift in 0..60_u32) {
            let word = (word >> shift).max(1);
            let exact = 64.0 * std::f64::consts::LN_2 - libm::log(word as f64);
            let error = minus_ln(word) as f64 / ONE - exact;
            // Words 2 and 3 count as 3: the lowest bit is always set.
            prop_assert!(word < 1 << 24 || error.abs() < 2e-6, "{error}");
            prop_assert!((log2(word) as f64 / ONE - libm::log2(word as f64)).abs() < 1e-13);
        }

        #[test]
        fn the_power_is_off_by_a_millionth_at_most(value in 1..1_u64 << 40, exponent in 0.0..24.0) {
            let power = times_power_of_two(value << 20, (exponent * ONE) as u64) as f64;
            let exact = (value << 20) as f64 * libm::exp2(exponent);
            prop_assert!((power / exact - 1.0).abs() < 2e-6, "{power} {exact}");
        }

        #[test]
        fn neither_function_turns_back(word: u64, step in 0..1_u64 << 40) {
            let next = word.saturating_add(step);
            prop_assert!(minus_ln(next) <= minus_ln(word));
            let (low, high) = (word >> 2, next >> 2);
            prop_assert!(times_power_of_two(12_345, low) <= times_power_of_two(12_345, high));
        }
    }
}
