//! Statistics: what so many seeds say about all the others.
//!
//! ```text
//!   0 of n failed   (1 − p)^n ≥ 5 %  ⇒  p ≤ 1 − 0.05^(1/n)            about 3 / n
//!   k of n failed   Wilson:  (k + z²/2 ± z √(k (n − k)/n + z²/4)) / (n + z²),  z = 1.96
//! ```
//!
//! Seeds are independent draws from the scenario's distribution, so that both are textbook. The
//! normal interval k/n ± z√… was rejected: at small shares it goes below zero and covers too
//! little. Source of the interval: Wilson, *Probable inference, the law of succession, and
//! statistical inference*, JASA 22 (1927).
//!
//! Limits: they tell about seeds of this scenario and not about the world. Powers come from `libm`,
//! so that machines agree on the last printed digit.

/// Where a share of all seeds lies, with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Not below this.
    pub low: f64,
    /// Not above this.
    pub high: f64,
}

/// The 97.5 % quantile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// The share of all seeds that may fail although none of `seeds` did, at most, with 95 %
/// confidence; 1 when no seed was run.
pub fn upper_bound(seeds: u64) -> f64 {
    if seeds == 0 {
        return 1.0;
    }
    -libm::expm1(libm::log(0.05) / seeds as f64)
}

/// The share of all seeds that fail when `failed` of `seeds` did: the Wilson interval.
///
/// # Panics
/// When more failed than were run.
pub fn wilson(failed: u64, seeds: u64) -> Interval {
    assert!(failed <= seeds, "{failed} of {seeds} seeds cannot fail");
    if seeds == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (k, n) = (failed as f64, seeds as f64);
    let middle = k + Z * Z / 2.0;
    let width = Z * libm::sqrt(k * (n - k) / n + Z * Z / 4.0);
    let share = |value: f64| (value / (n + Z * Z)).clamp(0.0, 1.0);
    let low = if failed == 0 { 0.0 } else { share(middle - width) };
    let high = if failed == seeds { 1.0 } else { share(middle + width) };
    Interval { low, high }
}

/// A share as a percentage with two digits that count: `0.030 %`, `3.7 %`, `100 %`.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    let decimals = match percent {
        _ if percent <= 0.0 || 99.95 <= percent => 0,
        1.0.. => 1,
        0.1.. => 2,
        0.01.. => 3,
        0.001.. => 4,
        _ => 6,
    };
    format!("{percent:.decimals$} %")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(value: f64, wanted: f64) {
        assert!((value - wanted).abs() < 5e-7, "{value} is not {wanted}");
    }

    #[test]
    fn no_failure_leaves_about_three_in_n() {
        close(upper_bound(1), 0.95);
        close(upper_bound(10), 0.258_865_5);
        close(upper_bound(1_000), 0.002_991_25);
        close(upper_bound(10_000), 0.000_299_528_36);
        close(upper_bound(1_000_000), 0.000_002_995_73);
        close(upper_bound(0), 1.0);
    }

    #[test]
    fn the_bound_is_the_share_at_which_n_green_seeds_have_a_chance_of_one_in_twenty() {
        for seeds in [1, 7, 300, 65_536] {
            let green = libm::pow(1.0 - upper_bound(seeds), seeds as f64);
            assert!((green - 0.05).abs() < 1e-9, "{seeds}: {green}");
        }
    }

    #[test]
    fn the_ends_of_an_interval_solve_its_definition() {
        // Found by bisection of (k/n − p)² = z² p (1 − p) / n, not by the closed form.
        let interval = wilson(1, 10);
        close(interval.low, 0.017_876_21);
        close(interval.high, 0.404_150_02);
        let interval = wilson(15, 148);
        close(interval.low, 0.062_386_40);
        close(interval.high, 0.160_487_24);
        let interval = wilson(28, 46);
        close(interval.low, 0.464_568_43);
        close(interval.high, 0.736_067_75);
        close(wilson(0, 20).high, 0.161_125_16);
        close(wilson(0, 20).low, 0.0);
        close(wilson(20, 20).high, 1.0);
        close(wilson(20, 20).low, 1.0 - 0.161_125_16);
    }

    #[test]
    fn an_interval_holds_the_share_and_shrinks() {
        for seeds in [1, 2, 50, 5_000] {
            for failed in [0, 1, seeds / 2, seeds] {
                let Interval { low, high } = wilson(failed, seeds);
                let share = failed as f64 / seeds as f64;
                assert!(0.0 <= low && low <= share && share <= high && high <= 1.0);
                let finer = wilson(failed * 4, seeds * 4);
                assert!(finer.high - finer.low < high - low);
            }
        }
    }

    #[test]
    fn percentages_show_two_digits_that_count() {
        let table = [
            (0.0, "0 %"),
            (0.000_003, "0.000300 %"),
            (0.000_299_5, "0.030 %"),
            (0.002_991, "0.30 %"),
            (0.037, "3.7 %"),
            (0.5, "50.0 %"),
            (1.0, "100 %"),
        ];
        for (share, told) in table {
            assert_eq!(percent(share), told);
        }
    }
}
