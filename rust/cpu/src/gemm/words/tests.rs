//! Packing and blocks with every kernel that this processor has, and with a model of the instruction that it always has,
//! against sums in float64.

use half::bf16;
use proptest::prelude::*;

use super::*;
use crate::gemm::micro_kernel::words::Packed;
use crate::gemm::{BatchOffsets, Block, Matrix, Output, check_output};

/// An instruction in Rust: the same tiles, each step added on its own.
struct Model<P>(PhantomData<P>);

/// A packed number whose products are added.
trait Modelled: Packed {
    type Sum: Copy + Default + Send + Sync + 'static;

    fn add_product(self, other: Self, sum: Self::Sum) -> Self::Sum;
}

impl Modelled for u16 {
    type Sum = f32;

    fn add_product(self, other: u16, sum: f32) -> f32 {
        let number = |bits: u16| f32::from_bits(u32::from(bits) << 16);
        number(self).mul_add(number(other), sum)
    }
}

macro_rules! modelled_integers {
    ($($type:ty)*) => {$(
        impl Modelled for $type {
            type Sum = i32;

            fn add_product(self, other: $type, sum: i32) -> i32 {
                sum.wrapping_add(i32::from(self) * i32::from(other))
            }
        }
    )*};
}
modelled_integers!(i8 i16);

impl<P: Modelled> WordKernel for Model<P> {
    type Packed = P;
    type Sum = P::Sum;
    const PRODUCTS_PER_NANOSECOND: u64 = 1;

    unsafe fn begin() -> Model<P> {
        Model(PhantomData)
    }

    unsafe fn multiply(&self, tiles: &Tiles<P::Sum>) {
        let in_word = 4 / size_of::<P>();
        for row in 0..tiles.row_tiles * EDGE {
            for column in 0..tiles.column_tiles * EDGE {
                // SAFETY: the caller vouches for whole tiles of A and B, and for their sums.
                unsafe {
                    let place = tiles.sums.add(row * PANEL + column);
                    let mut sum = if tiles.accumulate { place.read() } else { P::Sum::default() };
                    for step in 0..tiles.groups * Self::STEPS {
                        let (group, within) = (step / Self::STEPS, step % Self::STEPS);
                        let a_tile = tiles.a.add((group * tiles.row_tiles + row / EDGE) * TILE_BYTES);
                        let b_tile = tiles.b.add((group * tiles.column_tiles + column / EDGE) * TILE_BYTES);
                        let a = a_tile.cast::<P>().add(row % EDGE * Self::STEPS + within).read();
                        let word = within / in_word * EDGE + column % EDGE;
                        let b = b_tile.cast::<P>().add(word * in_word + within % in_word).read();
                        sum = a.add_product(b, sum);
                    }
                    place.write(sum);
                }
            }
        }
    }
}

type Run<S, R> = for<'a, 'b> fn(&Gemm<'a, S>, CheckedOutput<R>, Option<&Epilogue<'b, R>>);

/// The kernels for bfloat16 that can run here.
fn kernels<S: Narrow<u16> + Widen<f32>>() -> Vec<(&'static str, Run<S, S>)> {
    let mut kernels: Vec<(&'static str, Run<S, S>)> = vec![("model", multiply_by::<S, S, Model<u16>>)];
    #[cfg(target_arch = "x86_64")]
    {
        if has_bfloat16() {
            kernels.push(("AVX512-BF16", multiply_by::<S, S, Avx512Bfloat16>));
        }
        if amx::is_available() {
            kernels.push(("AMX", multiply_by::<S, S, amx::AmxBfloat16>));
        }
    }
    kernels
}

/// The kernels for int8 that can run here.
fn int8_kernels() -> Vec<(&'static str, Run<i8, i32>)> {
    let mut kernels: Vec<(&'static str, Run<i8, i32>)> = vec![
        ("model of pairs", multiply_by::<i8, i32, Model<i16>>),
        ("model of fours", multiply_by::<i8, i32, Model<i8>>),
    ];
    #[cfg(target_arch = "x86_64")]
    {
        if has_int16_of_256() {
            kernels.push(("AVX2", multiply_by::<i8, i32, Avx2Int16>));
        }
        if has_int16_of_512() {
            kernels.push(("AVX-512", multiply_by::<i8, i32, Avx512Int16>));
        }
        if has_vnni() {
            kernels.push(("VNNI", multiply_by::<i8, i32, Avx512Vnni>));
        }
        if amx::is_available() {
            kernels.push(("AMX", multiply_by::<i8, i32, amx::AmxInt8>));
        }
    }
    kernels
}

/// How an operand lies: row-major, transposed, every other element, rows repeated, or backwards.
fn placed(placement: usize, rows: usize, columns: usize) -> (isize, isize, usize) {
    let (r, c) = (rows as isize, columns as isize);
    match placement {
        0 => (c, 1, 0),
        1 => (1, r, 0),
        2 => (2 * c + 3, 2, 5),
        3 => (0, 1, 0),
        _ => (-c, -1, (rows * columns).max(1) - 1),
    }
}

#[derive(Clone, Debug)]
struct Case {
    rows: usize,
    depth: usize,
    columns: usize,
    a_placement: usize,
    b_placement: usize,
    seed: u64,
    /// Now and then a NaN or an infinity.
    specials: bool,
}

fn extents() -> impl Strategy<Value = usize> {
    prop_oneof![Just(1usize), Just(7), Just(13), Just(16), Just(32), Just(33), Just(65), Just(129)]
}

fn cases() -> impl Strategy<Value = Case> {
    let depth =
        prop_oneof![Just(0usize), Just(1), Just(2), Just(7), Just(31), Just(33), Just(256), Just(257)];
    (extents(), depth, extents(), 0..5usize, 0..5usize, any::<u64>(), any::<bool>()).prop_map(
        |(rows, depth, columns, a_placement, b_placement, seed, specials)| Case {
            rows,
            depth,
            columns,
            a_placement,
            b_placement,
            seed,
            specials,
        },
    )
}

fn numbers(count: usize, seed: u64, specials: bool) -> Vec<f32> {
    let mut draw = crate::backend::testing::Draw::new(seed);
    let number = |draw: &mut crate::backend::testing::Draw| {
        if specials && draw.one_in(97) {
            return draw.pick(&[f32::NAN, f32::INFINITY, f32::NEG_INFINITY, 0.0]);
        }
        (draw.next() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    };
    (0..count).map(|_| number(&mut draw)).collect()
}

impl Case {
    /// Rows and columns of the elements of C.
    fn elements(&self) -> impl Iterator<Item = (usize, usize)> {
        let columns = self.columns;
        (0..self.rows).flat_map(move |row| (0..columns).map(move |column| (row, column)))
    }
}

/// Operands of a batch of two products, whose rows of C lie a little apart.
struct Batch<S> {
    a: Vec<S>,
    b: Vec<S>,
    offsets: [BatchOffsets; 2],
    row_stride: usize,
    /// Numbers of C's memory.
    length: usize,
}

impl<S: Copy> Batch<S> {
    fn new(case: &Case, numbers: impl Fn(usize, u64) -> Vec<S>) -> Batch<S> {
        let length = |rows: usize, columns: usize| 4 * (rows + 1) * (columns + 1) + 16;
        let a = numbers(length(case.rows, case.depth), case.seed);
        let b = numbers(length(case.depth, case.columns), !case.seed);
        let (_, _, a_offset) = placed(case.a_placement, case.rows, case.depth);
        let (_, _, b_offset) = placed(case.b_placement, case.depth, case.columns);
        let row_stride = case.columns + 3;
        let extent = case.rows * row_stride;
        let offsets = [0, 1].map(|batch| BatchOffsets {
            a: a_offset + batch,
            b: b_offset + batch,
            c: 1 + batch * extent,
        });
        Batch { a, b, offsets, row_stride, length: 2 * extent + 1 }
    }

    fn product(&self, case: &Case, precision: Precision) -> Gemm<'_, S> {
        let (a_row, a_column, _) = placed(case.a_placement, case.rows, case.depth);
        let (b_row, b_column, _) = placed(case.b_placement, case.depth, case.columns);
        Gemm {
            rows: case.rows,
            columns: case.columns,
            depth: case.depth,
            a: Matrix { data: &self.a, row_stride: a_row, column_stride: a_column },
            b: Matrix { data: &self.b, row_stride: b_row, column_stride: b_column },
            batches: &self.offsets,
            precision,
        }
    }

    /// The pairs of numbers whose products make an element of C.
    fn terms(
        &self,
        case: &Case,
        offsets: &BatchOffsets,
        row: usize,
        column: usize,
    ) -> impl Iterator<Item = (S, S)> {
        let (a_row, a_column, _) = placed(case.a_placement, case.rows, case.depth);
        let (b_row, b_column, _) = placed(case.b_placement, case.depth, case.columns);
        let a = offsets.a as isize + row as isize * a_row;
        let b = offsets.b as isize + column as isize * b_column;
        (0..case.depth as isize)
            .map(move |step| (self.a[(a + step * a_column) as usize], self.b[(b + step * b_row) as usize]))
    }
}

/// Runs a batch of two products by all kernels, and holds each element against a sum in float64 of the rounded operands.
///
/// The products of bfloat16 are exact in float32. A sum of `depth` terms, each of which takes part in at most `depth`
/// additions, is off by at most `depth · u` times the sum of magnitudes (Higham, "Accuracy and Stability of Numerical
/// Algorithms", section 4.2); `result` is the error of storing it, relative to it. Numbers here are far from subnormal.
fn check<S: Narrow<u16> + Widen<f32>>(case: &Case, from: impl Fn(f32) -> S, result: f64) {
    let (depth, columns) = (case.depth, case.columns);
    let batch =
        Batch::new(case, |count, seed| numbers(count, seed, case.specials).into_iter().map(&from).collect());
    let product = batch.product(case, Precision::Bfloat16);
    let (row_stride, length) = (batch.row_stride, batch.length);
    let rounded = |number: S| f64::from(f32::from_bits(u32::from(number.narrow()) << 16));
    let mut wanted = Vec::new();
    for offsets in &batch.offsets {
        for (row, column) in case.elements() {
            let (mut sum, mut magnitude) = (0.0, 0.0);
            for (a, b) in batch.terms(case, offsets, row, column) {
                let term = rounded(a) * rounded(b);
                sum += term;
                magnitude += f64::abs(term);
            }
            let bound = depth as f64 * f64::from(f32::EPSILON) / 2.0 * magnitude + result * sum.abs();
            wanted.push((sum, bound * (1.0 + 1e-6)));
        }
    }
    for (name, run) in kernels::<S>() {
        let mut c = vec![from(77.0); length];
        check_output(&product, &Output { data: &mut c, row_stride }).unwrap();
        run(&product, CheckedOutput { data: c.as_mut_ptr(), row_stride }, None);
        let mut wanted = wanted.iter();
        for (place, &number) in c.iter().enumerate().skip(1) {
            let got = f64::from(number.widen());
            if (place - 1) % row_stride >= columns {
                assert_eq!(got, 77.0, "{name} wrote beyond a row of {case:?}");
                continue;
            }
            let &(sum, bound) = wanted.next().expect("an expected number for each element");
            let near = (got - sum).abs() <= bound || got == sum || got.is_nan() && sum.is_nan();
            assert!(near, "{name}: element {place} is {got} instead of {sum} ± {bound}: {case:?}");
        }
    }
}

/// `PROPTEST_CASES` or 40.
fn few_cases() -> ProptestConfig {
    let given = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(given.unwrap_or(40))
}

/// Runs a batch of two products of int8 by all kernels, against sums that wrap.
fn check_int8(case: &Case) {
    let integers = |count: usize, seed: u64| -> Vec<i8> {
        let mut draw = crate::backend::testing::Draw::new(seed);
        // The least and the greatest, whose products are the largest, are frequent.
        let number = |draw: &mut crate::backend::testing::Draw| match draw.one_in(if case.specials {
            2
        } else {
            50
        }) {
            true => draw.pick(&[i8::MIN, i8::MAX, 0]),
            false => (draw.next() >> 40) as i8,
        };
        (0..count).map(|_| number(&mut draw)).collect()
    };
    let batch = Batch::new(case, integers);
    let product = batch.product(case, Precision::Exact);
    let (row_stride, length) = (batch.row_stride, batch.length);
    let mut wanted = vec![77; length];
    for offsets in &batch.offsets {
        for (row, column) in case.elements() {
            wanted[offsets.c + row * row_stride + column] = batch
                .terms(case, offsets, row, column)
                .fold(0i32, |sum, (a, b)| sum.wrapping_add(i32::from(a) * i32::from(b)));
        }
    }
    for (name, run) in int8_kernels() {
        let mut c = vec![77; length];
        check_output(&product, &Output { data: &mut c, row_stride }).unwrap();
        run(&product, CheckedOutput { data: c.as_mut_ptr(), row_stride }, None);
        assert!(c == wanted, "{name}: {case:?}");
    }
}

proptest! {
    #![proptest_config(few_cases())]

    #[test]
    fn products_of_int8_are_exact(case in cases()) {
        check_int8(&case);
    }

    #[test]
    fn products_of_bfloat16_are_sums_in_float32(case in cases()) {
        check(&case, bf16::from_f32, 2f64.powi(-8));
    }

    #[test]
    fn operands_of_float32_are_rounded(case in cases()) {
        check(&case, |number| number, 0.0);
    }
}

/// Several blocks of the depth, of rows and of columns, and several threads.
#[test]
fn large_products_are_cut_into_blocks() {
    for (rows, depth, columns, a_placement, b_placement) in [
        (150, 270, 20, 0, 1),
        (9, 258, 2090, 1, 0),
        (70, 257, 70, 0, 0),
        (3, 520, 40, 0, 1),
        (300, 4200, 50, 0, 1),
    ] {
        let case = Case { rows, depth, columns, a_placement, b_placement, seed: 5, specials: false };
        for threads in [1, 3] {
            crate::threads::set_thread_count(threads);
            check_int8(&case);
            match threads {
                1 => check(&case, |number| number, 0.0),
                _ => check(&case, bf16::from_f32, 2f64.powi(-8)),
            }
        }
    }
}

/// Products of numbers of every kind: what is not finite comes through, and subnormal numbers may count as zero.
#[test]
fn infinities_and_nans_come_through() {
    for (special, other, wanted) in [
        (f32::INFINITY, 2.0, f32::INFINITY),
        (f32::INFINITY, -2.0, f32::NEG_INFINITY),
        (f32::INFINITY, 0.0, f32::NAN),
        (f32::NAN, 1.0, f32::NAN),
        (f32::MAX, f32::MAX, f32::INFINITY),
    ] {
        let (mut a, mut b) = (vec![0.0f32; 9 * 9], vec![0.0f32; 9 * 9]);
        (a[0], b[0]) = (special, other);
        let product = Gemm {
            rows: 9,
            columns: 9,
            depth: 9,
            a: Matrix { data: &a, row_stride: 9, column_stride: 1 },
            b: Matrix { data: &b, row_stride: 9, column_stride: 1 },
            batches: &[BatchOffsets::default()],
            precision: Precision::Bfloat16,
        };
        for (name, run) in kernels::<f32>() {
            let mut c = vec![1.0f32; 9 * 9];
            run(&product, CheckedOutput { data: c.as_mut_ptr(), row_stride: 9 }, None);
            assert!(
                c[0] == wanted || c[0].is_nan() && wanted.is_nan(),
                "{name}: {special} · {other} is {}",
                c[0]
            );
            assert!(
                c[10..].iter().enumerate().all(|(at, &number)| number == 0.0 || (at + 10) % 9 == 0),
                "{name}"
            );
        }
    }
}

#[test]
fn float32_is_rounded_to_the_nearest_even_bfloat16() {
    let mut draw = crate::backend::testing::Draw::new(1);
    let edges = [0.0f32, -0.0, 1.0, f32::MAX, f32::MIN_POSITIVE, 1e-45, f32::INFINITY, f32::NEG_INFINITY];
    let ties =
        [0x3f80_8000, 0x3f81_8000, 0x7f7f_8000, 0x0000_8000, 0x7f80_0001, 0xffff_ffff].map(f32::from_bits);
    let drawn = (0..100_000).map(|_| f32::from_bits(draw.next() as u32));
    for number in edges.into_iter().chain(ties).chain(drawn) {
        let (got, wanted) = (bf16::from_bits(Narrow::<u16>::narrow(number)), bf16::from_f32(number));
        assert!(got.to_bits() == wanted.to_bits() || got.is_nan() && wanted.is_nan(), "{number} is {got}");
    }
}

#[test]
fn the_epilogue_sees_each_finished_element_once() {
    for (rows, depth, columns) in [(33, 260, 1100), (300, 8, 40)] {
        let (a, b) = (vec![bf16::ONE; rows * depth], vec![bf16::ONE; depth * columns]);
        let product = Gemm {
            rows,
            columns,
            depth,
            a: Matrix { data: &a, row_stride: depth as isize, column_stride: 1 },
            b: Matrix { data: &b, row_stride: columns as isize, column_stride: 1 },
            batches: &[BatchOffsets::default()],
            precision: Precision::Bfloat16,
        };
        let halve = |block: &mut Block<'_, bf16>| {
            for row in block.rows.clone() {
                block.row(row).iter_mut().for_each(|number| *number = bf16::from_f32(number.to_f32() / 2.0));
            }
        };
        for (name, run) in kernels::<bf16>() {
            let mut c = vec![bf16::NAN; rows * columns];
            run(&product, CheckedOutput { data: c.as_mut_ptr(), row_stride: columns }, Some(&halve));
            let wanted = bf16::from_f32(bf16::from_f32(depth as f32).to_f32() / 2.0);
            assert!(c.iter().all(|&number| number == wanted), "{name} {rows} {depth} {columns}");
        }
    }
}
