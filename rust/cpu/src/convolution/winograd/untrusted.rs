//! Results that are replaced by those of the definition.

use super::transform::MARGIN;

/// Replaces the results that are not trusted.
pub(super) fn replace(results: &mut [f32], defined: &[f32]) {
    for (result, &defined) in results.iter_mut().zip(defined) {
        if !(*result * MARGIN).is_finite() {
            *result = defined;
        }
    }
}
