//! The matrices of F(4×4, 3×3), as products with a line of vectors: interpolation at 0, ±1, ±2 and infinity
//! (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016).
//!
//! An output tile is `Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A`; the filter's gradient, by the adjoint,
//! `Gᵀ[(Bᵀ d B) ⊙ (A y Aᵀ)]G`.

use crate::gemm::micro_kernel::Vector;

/// A product of a matrix `GIVEN × TAKEN` with a line.
pub(super) trait Line<const TAKEN: usize, const GIVEN: usize> {
    /// # Safety
    /// The CPU has `V`'s instructions.
    unsafe fn product<V: Vector<Element = f32>>(line: [V; TAKEN]) -> [V; GIVEN];
}

/// `factor · x + addend`.
#[inline(always)]
unsafe fn scaled<V: Vector<Element = f32>>(factor: f32, x: V, addend: V) -> V {
    // SAFETY: the caller's.
    unsafe { x.mul_add(V::splat(&factor), addend) }
}

/// `Bᵀ`: 6 inputs.
pub(super) struct Input;

impl Line<6, 6> for Input {
    #[inline(always)]
    unsafe fn product<V: Vector<Element = f32>>([d0, d1, d2, d3, d4, d5]: [V; 6]) -> [V; 6] {
        // SAFETY: the caller's.
        unsafe {
            let (even, odd) = (scaled(-4.0, d2, d4), scaled(-4.0, d1, d3));
            let (even_2, odd_2) = (scaled(-1.0, d2, d4), scaled(-1.0, d1, d3));
            [
                scaled(4.0, d0, scaled(-5.0, d2, d4)),
                even.add(odd),
                scaled(-1.0, odd, even),
                scaled(2.0, odd_2, even_2),
                scaled(-2.0, odd_2, even_2),
                scaled(4.0, d1, scaled(-5.0, d3, d5)),
            ]
        }
    }
}

/// `Aᵀ`: 4 outputs.
pub(super) struct Output;

impl Line<6, 4> for Output {
    #[inline(always)]
    unsafe fn product<V: Vector<Element = f32>>([m0, m1, m2, m3, m4, m5]: [V; 6]) -> [V; 4] {
        // SAFETY: the caller's.
        unsafe {
            let (sum, difference) = (m1.add(m2), scaled(-1.0, m2, m1));
            let (sum_2, difference_2) = (m3.add(m4), scaled(-1.0, m4, m3));
            [
                m0.add(sum).add(sum_2),
                scaled(2.0, difference_2, difference),
                scaled(4.0, sum_2, sum),
                scaled(8.0, difference_2, difference).add(m5),
            ]
        }
    }
}

/// `A`: 4 outputs' gradients.
pub(super) struct Gradient;

impl Line<4, 6> for Gradient {
    #[inline(always)]
    unsafe fn product<V: Vector<Element = f32>>([y0, y1, y2, y3]: [V; 4]) -> [V; 6] {
        // SAFETY: the caller's.
        unsafe {
            let (even, odd) = (y0.add(y2), y1.add(y3));
            let (even_2, odd_2) = (scaled(4.0, y2, y0), scaled(4.0, y3, y1));
            [
                y0,
                even.add(odd),
                scaled(-1.0, odd, even),
                scaled(2.0, odd_2, even_2),
                scaled(-2.0, odd_2, even_2),
                y3,
            ]
        }
    }
}

/// `G`: 3 elements of a filter.
pub(super) struct Filter;

impl Line<3, 6> for Filter {
    #[inline(always)]
    unsafe fn product<V: Vector<Element = f32>>([g0, g1, g2]: [V; 3]) -> [V; 6] {
        // SAFETY: the caller's.
        unsafe {
            let (sixth, zero) = (1.0 / 6.0, V::zero());
            let outer = g0.add(g2);
            let outer_2 = scaled(4.0, g2, g0);
            let (middle, middle_2) = (scaled(sixth, g1, zero), scaled(1.0 / 12.0, g1, zero));
            [
                scaled(0.25, g0, zero),
                scaled(-1.0, middle, scaled(-sixth, outer, zero)),
                scaled(-sixth, outer, middle),
                scaled(1.0 / 24.0, outer_2, middle_2),
                scaled(-1.0, middle_2, scaled(1.0 / 24.0, outer_2, zero)),
                g2,
            ]
        }
    }
}

/// `G`, of a filter that is read backwards.
pub(super) struct FlippedFilter;

impl Line<3, 6> for FlippedFilter {
    #[inline(always)]
    unsafe fn product<V: Vector<Element = f32>>([g0, g1, g2]: [V; 3]) -> [V; 6] {
        // SAFETY: the caller's.
        unsafe { Filter::product([g2, g1, g0]) }
    }
}

/// `Gᵀ`: the gradient of 3 elements of a filter.
pub(super) struct FilterGradient;

impl Line<6, 3> for FilterGradient {
    #[inline(always)]
    unsafe fn product<V: Vector<Element = f32>>([u0, u1, u2, u3, u4, u5]: [V; 6]) -> [V; 3] {
        // SAFETY: the caller's.
        unsafe {
            let (sixth, zero) = (1.0 / 6.0, V::zero());
            let (sum, difference) = (u1.add(u2), scaled(-1.0, u1, u2));
            let (sum_2, difference_2) = (u3.add(u4), scaled(-1.0, u4, u3));
            let inner = scaled(-sixth, sum, zero);
            [
                scaled(0.25, u0, scaled(1.0 / 24.0, sum_2, inner)),
                scaled(sixth, difference, scaled(1.0 / 12.0, difference_2, zero)),
                scaled(sixth, sum_2, inner).add(u5),
            ]
        }
    }
}
