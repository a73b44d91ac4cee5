//! What is told of a list of samples.

use serde::{Deserialize, Serialize};

/// A list of samples in short.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Summary {
    /// Noise only adds to a time, so this is nearest to the truth.
    pub(crate) least: f64,
    /// Half of the samples are below it.
    pub(crate) median: f64,
    /// Median absolute deviation from the median, in per cent of it.
    pub(crate) deviation: f64,
}

/// The summary of `samples`, if there are any.
pub(crate) fn summary(samples: &[f64]) -> Option<Summary> {
    let middle = median(samples)?;
    let deviations: Vec<f64> = samples
        .iter()
        .map(|sample| (sample - middle).abs())
        .collect();
    Some(Summary {
        least: least(samples)?,
        median: middle,
        deviation: 100.0 * median(&deviations)? / middle,
    })
}

/// The least sample.
pub(crate) fn least(samples: &[f64]) -> Option<f64> {
    samples.iter().copied().reduce(f64::min)
}

/// The median; the mean of the two in the middle if their number is even.
fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len().checked_sub(1)? / 2;
    Some((sorted[middle] + sorted[sorted.len() / 2]) / 2.0)
}

/// The geometric mean of ratios, if there are any.
pub(crate) fn geometric_mean(ratios: &[f64]) -> Option<f64> {
    let logarithms: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (!ratios.is_empty()).then(|| (logarithms / ratios.len() as f64).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_is_not_moved_by_one_slow_sample() {
        let quiet = summary(&[2.0, 2.1, 2.2]).unwrap();
        assert_eq!((quiet.least, quiet.median), (2.0, 2.1));
        assert!((quiet.deviation - 100.0 / 21.0).abs() < 1e-9);
        let noisy = summary(&[2.0, 2.1, 9.0]).unwrap();
        assert_eq!((noisy.least, noisy.median), (2.0, 2.1));
        assert_eq!(summary(&[]), None);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
    }

    #[test]
    fn a_ratio_and_its_inverse_cancel_in_the_geometric_mean() {
        assert!((geometric_mean(&[4.0, 0.25]).unwrap() - 1.0).abs() < 1e-12);
        assert_eq!(geometric_mean(&[]), None);
    }
}
