//! Many times, in three numbers.

use serde::Serialize;

/// Where the middle half of all values lies.
///
/// The mean says less: a few runs in which the machine did something else
/// move it, and not these.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Quartiles {
    pub(super) median: f64,
    pub(super) p25: f64,
    pub(super) p75: f64,
}

impl Quartiles {
    /// Of values in whatever unit.
    pub(super) fn of(mut values: Vec<u64>) -> Self {
        values.sort_unstable();
        let at = |share| quantile(&values, share);
        Self { median: at(0.5), p25: at(0.25), p75: at(0.75) }
    }
}

/// The same of times, in microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(super) struct Summary {
    pub(super) median_us: f64,
    pub(super) p25_us: f64,
    pub(super) p75_us: f64,
}

impl Summary {
    /// Of times in nanoseconds.
    pub(super) fn of(times: Vec<u64>) -> Self {
        let Quartiles { median, p25, p75 } = Quartiles::of(times);
        let [median_us, p25_us, p75_us] = [median, p25, p75].map(|n| n / 1e3);
        Self { median_us, p25_us, p75_us }
    }

    /// How many times as long as `other` it took.
    pub(super) fn ratio_to(&self, other: &Self) -> f64 {
        self.median_us / other.median_us
    }
}

/// The value below which this share of all lies. Between two of them, on the
/// straight line from one to the other, as spreadsheets have it. Of nothing,
/// not a number.
fn quantile(sorted: &[u64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let place = share * last as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    let (low, high) = (sorted[below] as f64, sorted[above] as f64);
    low + (high - low) * place.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_runs_is_all_one() {
        let summary = Summary::of(vec![5000, 1000, 4000, 2000, 3000]);
        let expected = Summary { median_us: 3.0, p25_us: 2.0, p75_us: 4.0 };
        assert_eq!(summary, expected);
    }

    #[test]
    fn an_even_number_has_its_median_in_between() {
        let summary = Summary::of(vec![1000, 2000, 3000, 4000]);
        let expected = Summary { median_us: 2.5, p25_us: 1.75, p75_us: 3.25 };
        assert_eq!(summary, expected);
    }

    #[test]
    fn one_slow_run_moves_nothing() {
        let summary = Summary::of(vec![1000, 1000, 1000, 1000, 900_000]);
        assert_eq!(summary.median_us, 1.0);
        assert_eq!(summary.p75_us, 1.0);
    }

    #[test]
    fn a_ratio_is_one_of_medians() {
        let [slow, fast] = [3000, 2000].map(|time| Summary::of(vec![time]));
        assert_eq!(slow.ratio_to(&fast), 1.5);
        assert!(Summary::of(vec![]).median_us.is_nan());
    }
}
