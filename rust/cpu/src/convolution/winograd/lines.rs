//! The matrices of F(7 − K, K) for filters of two to five elements, as products with a line of vectors: interpolation
//! at 0, ±1, ±2 and infinity (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks", 2016), so that all
//! of them see six inputs. A filter of one element is left as it is.
//!
//! An output tile is `Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)]A`; the filter's gradient, by the adjoint,
//! `Gᵀ[(Bᵀ d B) ⊙ (A y Aᵀ)]G`.

use crate::gemm::micro_kernel::Vector;

/// Most numbers of a line: the inputs that a tile sees along an axis.
pub(super) const REACH: usize = 6;

/// Inputs that a tile sees along an axis, and positions to which they are transformed.
pub(super) const fn positions(kernel: usize) -> usize {
    if kernel == 1 { 1 } else { REACH }
}

/// Outputs of a tile along an axis.
pub(super) const fn outputs(kernel: usize) -> usize {
    if kernel == 1 { 1 } else { REACH + 1 - kernel }
}

/// A product of a matrix with the first `TAKEN` numbers of a line, to the first `GIVEN` of the result.
pub(super) trait Line {
    const TAKEN: usize;
    const GIVEN: usize;

    /// # Safety
    /// The CPU has `V`'s instructions.
    unsafe fn product<V: Vector<Element = f32>>(line: [V; REACH]) -> [V; REACH];
}

/// `factor · x + addend`.
#[inline(always)]
unsafe fn scaled<V: Vector<Element = f32>>(factor: f32, x: V, addend: V) -> V {
    // SAFETY: the caller's.
    unsafe { x.mul_add(V::splat(&factor), addend) }
}

/// `Bᵀ`: the inputs of a tile. The same for all filters.
pub(super) struct Input<const K: usize>;

impl<const K: usize> Line for Input<K> {
    const TAKEN: usize = positions(K);
    const GIVEN: usize = positions(K);

    #[inline(always)]
    unsafe fn product<V: Vector<Element = f32>>(line: [V; REACH]) -> [V; REACH] {
        if K == 1 {
            return line;
        }
        let [d0, d1, d2, d3, d4, d5] = line;
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

/// `Aᵀ`: the outputs of a tile.
pub(super) struct Output<const K: usize>;

impl<const K: usize> Line for Output<K> {
    const TAKEN: usize = positions(K);
    const GIVEN: usize = outputs(K);

    #[expect(clippy::needless_range_loop, reason = "iterators are calls that keep vectors out of registers")]
    #[inline(always)]
    unsafe fn product<V: Vector<Element = f32>>(line: [V; REACH]) -> [V; REACH] {
        if K == 1 {
            return line;
        }
        let [m0, m1, m2, m3, m4, m5] = line;
        // SAFETY: the caller's.
        unsafe {
            let (sum, difference) = (m1.add(m2), scaled(-1.0, m2, m1));
            let (sum_2, difference_2) = (m3.add(m4), scaled(-1.0, m4, m3));
            let mut result = [V::zero(); REACH];
            result[0] = m0.add(sum).add(sum_2);
            for i in 1..Self::GIVEN {
                let power = (1 << i) as f32;
                result[i] = match i % 2 {
                    0 => scaled(power, sum_2, sum),
                    _ => scaled(power, difference_2, difference),
                };
            }
            result[Self::GIVEN - 1] = result[Self::GIVEN - 1].add(m5);
            result
        }
    }
}

/// Sums of the elements of a line at even places, and of those at odd ones, both at 1 and at 2 (the odd ones at 2 by
/// half).
#[inline(always)]
unsafe fn halves<V: Vector<Element = f32>>(line: [V; REACH], length: usize) -> [V; 4] {
    let [x0, x1, x2, x3, x4, _] = line;
    // SAFETY: the caller's.
    unsafe {
        let (mut even, mut odd, mut even_2, mut odd_2) = (x0, x1, x0, x1);
        if length > 2 {
            (even, even_2) = (even.add(x2), scaled(4.0, x2, even_2));
        }
        if length > 3 {
            (odd, odd_2) = (odd.add(x3), scaled(4.0, x3, odd_2));
        }
        if length > 4 {
            (even, even_2) = (even.add(x4), scaled(16.0, x4, even_2));
        }
        [even, odd, even_2, odd_2]
    }
}

/// `A`: the gradients of a tile's outputs.
pub(super) struct Gradient<const K: usize>;

impl<const K: usize> Line for Gradient<K> {
    const TAKEN: usize = outputs(K);
    const GIVEN: usize = positions(K);

    #[inline(always)]
    unsafe fn product<V: Vector<Element = f32>>(line: [V; REACH]) -> [V; REACH] {
        if K == 1 {
            return line;
        }
        // SAFETY: the caller's.
        unsafe {
            let [even, odd, even_2, odd_2] = halves(line, Self::TAKEN);
            [
                line[0],
                even.add(odd),
                scaled(-1.0, odd, even),
                scaled(2.0, odd_2, even_2),
                scaled(-2.0, odd_2, even_2),
                line[Self::TAKEN - 1],
            ]
        }
    }
}

/// `G`: the elements of a filter.
pub(super) struct Filter<const K: usize>;

impl<const K: usize> Line for Filter<K> {
    const TAKEN: usize = K;
    const GIVEN: usize = positions(K);

    #[inline(always)]
    unsafe fn product<V: Vector<Element = f32>>(line: [V; REACH]) -> [V; REACH] {
        if K == 1 {
            return line;
        }
        // SAFETY: the caller's.
        unsafe {
            let (sixth, zero) = (1.0 / 6.0, V::zero());
            let [even, odd, even_2, odd_2] = halves(line, K);
            let (middle, middle_2) = (scaled(sixth, odd, zero), scaled(1.0 / 12.0, odd_2, zero));
            [
                scaled(0.25, line[0], zero),
                scaled(-1.0, middle, scaled(-sixth, even, zero)),
                scaled(-sixth, even, middle),
                scaled(1.0 / 24.0, even_2, middle_2),
                scaled(-1.0, middle_2, scaled(1.0 / 24.0, even_2, zero)),
                line[K - 1],
            ]
        }
    }
}

/// `G`, of a filter that is read backwards.
pub(super) struct FlippedFilter<const K: usize>;

impl<const K: usize> Line for FlippedFilter<K> {
    const TAKEN: usize = K;
    const GIVEN: usize = positions(K);

    #[inline(always)]
    unsafe fn product<V: Vector<Element = f32>>(line: [V; REACH]) -> [V; REACH] {
        let mut flipped = line;
        for i in 0..K {
            flipped[i] = line[K - 1 - i];
        }
        // SAFETY: the caller's.
        unsafe { Filter::<K>::product(flipped) }
    }
}

/// `Gᵀ`: the gradients of a filter's elements.
pub(super) struct FilterGradient<const K: usize>;

impl<const K: usize> Line for FilterGradient<K> {
    const TAKEN: usize = positions(K);
    const GIVEN: usize = K;

    #[expect(clippy::needless_range_loop, reason = "iterators are calls that keep vectors out of registers")]
    #[inline(always)]
    unsafe fn product<V: Vector<Element = f32>>(line: [V; REACH]) -> [V; REACH] {
        if K == 1 {
            return line;
        }
        let [u0, u1, u2, u3, u4, u5] = line;
        // SAFETY: the caller's.
        unsafe {
            let (sixth, zero) = (1.0 / 6.0, V::zero());
            let (sum, difference) = (u1.add(u2), scaled(-1.0, u1, u2));
            let (sum_2, difference_2) = (u3.add(u4), scaled(-1.0, u4, u3));
            let inner = scaled(-sixth, sum, zero);
            let mut result = [zero; REACH];
            for i in 0..K {
                let power = (1 << i) as f32 / 24.0;
                result[i] = match i % 2 {
                    0 => scaled(power, sum_2, inner),
                    _ => scaled(sixth, difference, scaled(power, difference_2, zero)),
                };
            }
            result[0] = scaled(0.25, u0, result[0]);
            result[K - 1] = result[K - 1].add(u5);
            result
        }
    }
}
