//! Products against naive loops: exact for integers, and bit for bit for the defined order.

use std::sync::Mutex;

use half::bf16;
use num_complex::Complex;
use proptest::prelude::*;

use tenfold_cpu::gemm::{BatchOffsets, Block, Gemm, GemmElement, Matrix, Output, Precision, gemm};
use tenfold_cpu::simd::{Tier, detected, set_tier};
use tenfold_cpu::threads::set_thread_count;

/// Tests change the process's tier one at a time.
static TIER: Mutex<()> = Mutex::new(());

/// A matrix of the test: logical size, and how it lies in memory.
#[derive(Clone, Debug)]
struct Placed {
    rows: usize,
    columns: usize,
    /// 0 row-major, 1 transposed, 2 every other element, 3 rows repeated, 4 rows and columns reversed.
    placement: usize,
}

impl Placed {
    fn strides(&self) -> (isize, isize, usize) {
        let (rows, columns) = (self.rows as isize, self.columns as isize);
        match self.placement {
            0 => (columns, 1, 0),
            1 => (1, rows, 0),
            2 => (2 * columns + 3, 2, 5),
            3 => (0, 1, 0),
            _ => (-columns, -1, (rows * columns - 1).max(0) as usize),
        }
    }

    fn length(&self) -> usize {
        2 * (self.rows + 1) * (self.columns + 1) * 2 + 16
    }
}

fn numbers(count: usize, seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..count).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    })
}

/// C of a batch of two, with rows a little apart, from the function under test.
fn run<T: GemmElement<Product: Default>>(
    a: &Placed,
    b: &Placed,
    a_data: &[T],
    b_data: &[T],
) -> Vec<T::Product> {
    run_with(Precision::Exact, a, b, a_data, b_data)
}

fn run_with<T: GemmElement<Product: Default>>(
    precision: Precision,
    a: &Placed,
    b: &Placed,
    a_data: &[T],
    b_data: &[T],
) -> Vec<T::Product> {
    let (rows, columns, depth) = (a.rows, b.columns, a.columns);
    let row_stride = columns + 3;
    let extent = rows * row_stride;
    let mut c = vec![T::Product::default(); 2 * extent + 1];
    let (a_row, a_column, a_offset) = a.strides();
    let (b_row, b_column, b_offset) = b.strides();
    let batches = [
        BatchOffsets { a: a_offset, b: b_offset, c: 1 },
        BatchOffsets { a: a_offset + 1, b: b_offset + 1, c: 1 + extent },
    ];
    let problem = Gemm {
        rows,
        columns,
        depth,
        a: Matrix { data: a_data, row_stride: a_row, column_stride: a_column },
        b: Matrix { data: b_data, row_stride: b_row, column_stride: b_column },
        batches: &batches,
        precision,
    };
    gemm(&problem, Output { data: &mut c, row_stride }, None).unwrap();
    let dense = |batch: usize| {
        let c = &c;
        (0..rows).flat_map(move |row| {
            (0..columns).map(move |column| c[1 + batch * extent + row * row_stride + column])
        })
    };
    dense(0).chain(dense(1)).collect()
}

/// The defined order, one element at a time.
fn in_order<T: Copy, R>(
    (a, b): (&Placed, &Placed),
    (a_data, b_data): (&[T], &[T]),
    element: impl Fn(&dyn Fn(usize) -> (T, T), usize) -> R,
) -> Vec<R> {
    let mut c = Vec::new();
    let (a_row, a_column, a_offset) = a.strides();
    let (b_row, b_column, b_offset) = b.strides();
    for batch in 0..2 {
        for row in 0..a.rows as isize {
            for column in 0..b.columns as isize {
                let pair = |step: usize| {
                    let step = step as isize;
                    let a_index = (a_offset + batch) as isize + row * a_row + step * a_column;
                    let b_index = (b_offset + batch) as isize + step * b_row + column * b_column;
                    (a_data[a_index as usize], b_data[b_index as usize])
                };
                c.push(element(&pair, a.columns));
            }
        }
    }
    c
}

macro_rules! real_in_order {
    ($name:ident, $type:ty) => {
        fn $name(pair: &dyn Fn(usize) -> ($type, $type), depth: usize) -> $type {
            let mut total = 0.0;
            for start in (0..depth).step_by(256) {
                let mut sum: $type = 0.0;
                for step in start..(start + 256).min(depth) {
                    let (a, b) = pair(step);
                    sum = a.mul_add(b, sum);
                }
                total = if start == 0 { sum } else { total + sum };
            }
            total
        }
    };
}
real_in_order!(single_in_order, f32);
real_in_order!(double_in_order, f64);

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![Just(1usize), Just(2), 1..20usize, Just(64), Just(65), Just(97), Just(129)]
}

fn operands() -> impl Strategy<Value = (Placed, Placed)> {
    let depth = prop_oneof![Just(0usize), Just(1), 1..40usize, Just(256), Just(257), Just(520)];
    (sizes(), depth, sizes(), 0..5usize, 0..5usize).prop_map(|(rows, depth, columns, first, second)| {
        (
            Placed { rows, columns: depth, placement: first },
            Placed { rows: depth, columns, placement: second },
        )
    })
}

fn on_every_tier(check: impl Fn(Tier)) {
    let _alone = TIER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    for &tier in Tier::available() {
        set_tier(tier).unwrap();
        check(tier);
    }
    set_tier(detected()).unwrap();
}

/// So many cases, or what `PROPTEST_CASES` says.
fn cases(usual: u32) -> ProptestConfig {
    let given = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    ProptestConfig::with_cases(given.unwrap_or(usual))
}

proptest! {
    #![proptest_config(cases(40))]

    #[test]
    fn single_precision_keeps_the_defined_order((a, b) in operands(), seed in any::<u64>()) {
        let a_data: Vec<f32> = numbers(a.length(), seed).map(|number| number as f32).collect();
        let b_data: Vec<f32> = numbers(b.length(), seed ^ 7).map(|number| number as f32).collect();
        let expected = in_order((&a, &b), (&a_data, &b_data), single_in_order);
        on_every_tier(|tier| assert_eq!(run(&a, &b, &a_data, &b_data), expected, "{tier:?}"));
    }

    #[test]
    fn double_precision_keeps_the_defined_order((a, b) in operands(), seed in any::<u64>()) {
        let a_data: Vec<f64> = numbers(a.length(), seed).collect();
        let b_data: Vec<f64> = numbers(b.length(), seed ^ 7).collect();
        let expected = in_order((&a, &b), (&a_data, &b_data), double_in_order);
        on_every_tier(|tier| assert_eq!(run(&a, &b, &a_data, &b_data), expected, "{tier:?}"));
    }

    #[test]
    fn bfloat16_accumulates_in_single_precision((a, b) in operands(), seed in any::<u64>()) {
        let a_data: Vec<bf16> = numbers(a.length(), seed).map(bf16::from_f64).collect();
        let b_data: Vec<bf16> = numbers(b.length(), seed ^ 7).map(bf16::from_f64).collect();
        let expected = in_order((&a, &b), (&a_data, &b_data), |pair, depth| {
            let wide = |step| (pair(step).0.to_f32(), pair(step).1.to_f32());
            bf16::from_f32(single_in_order(&wide, depth))
        });
        on_every_tier(|tier| assert_eq!(run(&a, &b, &a_data, &b_data), expected, "{tier:?}"));
    }

    /// Where there is an instruction for it: rounding both operands moves each term by at most 2⁻⁷ + 2⁻¹⁶ of its
    /// magnitude, and the sum in float32 adds less than `depth · 2⁻²⁴`.
    #[test]
    fn float32_may_be_rounded_to_bfloat16_where_that_is_asked_for((a, b) in operands(), seed in any::<u64>()) {
        let a_data: Vec<f32> = numbers(a.length(), seed).map(|number| number as f32).collect();
        let b_data: Vec<f32> = numbers(b.length(), seed ^ 7).map(|number| number as f32).collect();
        let exact = in_order((&a, &b), (&a_data, &b_data), single_in_order);
        let magnitudes = in_order((&a, &b), (&a_data, &b_data), |pair, depth| {
            (0..depth).map(pair).map(|(a, b)| (a * b).abs()).sum::<f32>()
        });
        let factor = 2f32.powi(-7) + 2f32.powi(-16) + 2.0 * a.columns as f32 * 2f32.powi(-24);
        on_every_tier(|tier| {
            let low = run_with(Precision::Bfloat16, &a, &b, &a_data, &b_data);
            if tier < Tier::Avx512 {
                assert_eq!(low, exact, "{tier:?}");
            }
            for ((low, exact), magnitude) in low.iter().zip(&exact).zip(&magnitudes) {
                assert!((low - exact).abs() <= factor * magnitude * 1.001, "{tier:?}: {low} for {exact}");
            }
        });
    }

    #[test]
    fn integers_wrap((a, b) in operands(), seed in any::<u64>()) {
        let integer = |number: f64| (number * 2e9) as i32;
        let a_data: Vec<i32> = numbers(a.length(), seed).map(integer).collect();
        let b_data: Vec<i32> = numbers(b.length(), seed ^ 7).map(integer).collect();
        let expected = in_order((&a, &b), (&a_data, &b_data), |pair, depth| {
            (0..depth).map(pair).fold(0i32, |sum, (a, b)| sum.wrapping_add(a.wrapping_mul(b)))
        });
        on_every_tier(|tier| assert_eq!(run(&a, &b, &a_data, &b_data), expected, "{tier:?}"));
    }

    #[test]
    fn sums_of_int8_are_int32((a, b) in operands(), seed in any::<u64>()) {
        let integer = |number: f64| (number * 128.0).floor() as i8;
        let a_data: Vec<i8> = numbers(a.length(), seed).map(integer).collect();
        let b_data: Vec<i8> = numbers(b.length(), seed ^ 7).map(integer).collect();
        let expected = in_order((&a, &b), (&a_data, &b_data), |pair, depth| {
            (0..depth).map(pair).map(|(a, b)| i32::from(a) * i32::from(b)).sum::<i32>()
        });
        on_every_tier(|tier| assert_eq!(run(&a, &b, &a_data, &b_data), expected, "{tier:?}"));
    }

    #[test]
    fn complex_numbers_take_four_products((a, b) in operands(), seed in any::<u64>()) {
        let complex = |count: usize, seed: u64| -> Vec<Complex<f32>> {
            let parts: Vec<f64> = numbers(2 * count, seed).collect();
            parts.chunks(2).map(|part| Complex::new(part[0] as f32, part[1] as f32)).collect()
        };
        let (a_data, b_data) = (complex(a.length(), seed), complex(b.length(), seed ^ 7));
        let expected = in_order((&a, &b), (&a_data, &b_data), |pair, depth| {
            (0..depth).map(pair).fold(Complex::default(), |sum, (a, b)| sum + a * b)
        });
        on_every_tier(|tier| assert_eq!(run(&a, &b, &a_data, &b_data), expected, "{tier:?}"));
    }
}

/// Large enough for packing, several blocks of rows and columns, and several threads.
#[test]
fn large_products_keep_the_defined_order() {
    for (rows, depth, columns, first, second) in [
        (180, 300, 321, 0, 1),
        (17, 257, 4000, 1, 0),
        (3, 300, 1500, 0, 1),
        (600, 300, 3, 0, 0),
        (1, 270, 1100, 0, 0),
        // The last part is a single column, and not the first one.
        (1, 9000, 65, 0, 1),
        (3, 9000, 65, 0, 1),
    ] {
        let a = Placed { rows, columns: depth, placement: first };
        let b = Placed { rows: depth, columns, placement: second };
        let a_data: Vec<f32> = numbers(a.length(), 3).map(|number| number as f32).collect();
        let b_data: Vec<f32> = numbers(b.length(), 4).map(|number| number as f32).collect();
        let expected = in_order((&a, &b), (&a_data, &b_data), single_in_order);
        on_every_tier(|tier| {
            for threads in [1, 3] {
                set_thread_count(threads);
                assert!(run(&a, &b, &a_data, &b_data) == expected, "{tier:?} {rows} {depth} {columns}");
            }
        });
    }
}

/// Few rows or few columns of a large depth: parts that end within a tile, a single row or column among them.
fn uneven_sides() -> impl Strategy<Value = (Placed, Placed)> {
    let many = (1..3usize, 0..3usize).prop_map(|(units, more)| 64 * units + more);
    (1..5usize, many, 2_000..4_000usize, any::<bool>(), 0..5usize, 0..5usize).prop_map(
        |(few, many, depth, is_tall, first, second)| {
            let (rows, columns) = if is_tall { (many, few) } else { (few, many) };
            (
                Placed { rows, columns: depth, placement: first },
                Placed { rows: depth, columns, placement: second },
            )
        },
    )
}

/// Asserts that several threads give what one gives.
fn threads_agree<T>((a, b): (&Placed, &Placed), seed: u64, number: impl Fn(f64) -> T)
where
    T: GemmElement<Product: Default + PartialEq>,
{
    let a_data: Vec<T> = numbers(a.length(), seed).map(&number).collect();
    let b_data: Vec<T> = numbers(b.length(), seed ^ 7).map(&number).collect();
    on_every_tier(|tier| {
        set_thread_count(1);
        let alone = run(a, b, &a_data, &b_data);
        for threads in [3, 7] {
            set_thread_count(threads);
            assert!(run(a, b, &a_data, &b_data) == alone, "{tier:?}, {threads} threads, {a:?} {b:?}");
        }
    });
}

proptest! {
    #![proptest_config(cases(30))]

    #[test]
    fn parts_of_uneven_sides_are_those_of_the_whole((a, b) in uneven_sides(), seed in any::<u64>()) {
        threads_agree((&a, &b), seed, |number| number as f32);
        threads_agree((&a, &b), seed, |number| number);
        threads_agree((&a, &b), seed, bf16::from_f64);
        threads_agree((&a, &b), seed, |number| (number * 128.0).floor() as i8);
        threads_agree((&a, &b), seed, |number| (number * 2e9) as i32);
        threads_agree((&a, &b), seed, |number| Complex::new(number as f32, 0.5 - number as f32));
    }
}

/// A single product whose parts are rows for two threads, so that B is packed once for both. With one thread it is not.
#[test]
fn parts_that_share_their_columns_keep_the_defined_order() {
    let (rows, depth, columns) = (480, 273, 261);
    for (first, second) in [(0, 1), (1, 2)] {
        let a = Placed { rows, columns: depth, placement: first };
        let b = Placed { rows: depth, columns, placement: second };
        let a_data: Vec<f32> = numbers(a.length(), 5).map(|number| number as f32).collect();
        let b_data: Vec<f32> = numbers(b.length(), 6).map(|number| number as f32).collect();
        let (a_row, a_column, a_offset) = a.strides();
        let (b_row, b_column, b_offset) = b.strides();
        let problem = Gemm {
            rows,
            columns,
            depth,
            a: Matrix { data: &a_data[..], row_stride: a_row, column_stride: a_column },
            b: Matrix { data: &b_data[..], row_stride: b_row, column_stride: b_column },
            batches: &[BatchOffsets { a: a_offset, b: b_offset, c: 0 }],
            precision: Precision::Exact,
        };
        let product = |threads: usize| {
            set_thread_count(threads);
            let mut c = vec![f32::NAN; rows * columns];
            gemm(&problem, Output { data: &mut c, row_stride: columns }, None).unwrap();
            c
        };
        on_every_tier(|tier| {
            let (alone, shared) = (product(1), product(2));
            assert!(alone == shared, "{tier:?}, {first} {second}");
            for row in [0, 239, 240, 479] {
                let a_offset = a_offset.wrapping_add_signed(row as isize * a_row);
                for column in 0..columns {
                    let pair = |step: usize| {
                        let step = step as isize;
                        let b_index = b_offset as isize + step * b_row + column as isize * b_column;
                        (a_data[a_offset.wrapping_add_signed(step * a_column)], b_data[b_index as usize])
                    };
                    assert_eq!(
                        shared[row * columns + column],
                        single_in_order(&pair, depth),
                        "{tier:?} {row}"
                    );
                }
            }
        });
    }
}

#[test]
fn the_epilogue_sees_each_finished_element_once() {
    let single = [(5, 0, 7), (1, 3000, 1500), (900, 3, 2), (400, 300, 1300), (64, 64, 64)];
    let several = [(8, 8, 8), (13, 40, 17), (30, 3, 2), (3, 300, 9), (0, 4, 9)];
    let single = single.into_iter().map(|shape| (1, shape));
    for (count, (rows, depth, columns)) in single.chain(several.into_iter().map(|shape| (7, shape))) {
        let a = vec![1.0f32; rows * depth * count];
        let b = vec![1.0f32; depth * columns * count];
        let mut c = vec![f32::NAN; rows * columns * count];
        let of_batch = |index| BatchOffsets {
            a: index * rows * depth,
            b: index * depth * columns,
            c: index * rows * columns,
        };
        let batches: Vec<BatchOffsets> = (0..count).map(of_batch).collect();
        let problem = Gemm {
            rows,
            columns,
            depth,
            a: Matrix { data: &a, row_stride: depth as isize, column_stride: 1 },
            b: Matrix { data: &b, row_stride: columns as isize, column_stride: 1 },
            batches: &batches,
            precision: Precision::Exact,
        };
        let add_one = |block: &mut Block<'_, f32>| {
            for row in block.rows.clone() {
                block.row(row).iter_mut().for_each(|number| *number += 1.0);
            }
        };
        gemm(&problem, Output { data: &mut c, row_stride: columns }, Some(&add_one)).unwrap();
        assert!(c.iter().all(|&number| number == depth as f32 + 1.0), "{rows} {depth} {columns}");
    }
}

#[test]
fn operands_outside_of_their_memory_are_refused() {
    let (a, b) = (vec![0.0f32; 11], vec![0.0f32; 12]);
    let mut c = vec![0.0f32; 9];
    let mut problem = Gemm {
        rows: 3,
        columns: 3,
        depth: 4,
        a: Matrix { data: &a, row_stride: 4, column_stride: 1 },
        b: Matrix { data: &b, row_stride: 3, column_stride: 1 },
        batches: &[BatchOffsets { a: 0, b: 0, c: 0 }],
        precision: Precision::Exact,
    };
    assert!(gemm(&problem, Output { data: &mut c, row_stride: 3 }, None).is_err());
    problem.a.row_stride = -4;
    assert!(gemm(&problem, Output { data: &mut c, row_stride: 3 }, None).is_err());
    problem.a.row_stride = 0;
    assert!(gemm(&problem, Output { data: &mut c, row_stride: 3 }, None).is_ok());
    assert!(gemm(&problem, Output { data: &mut c, row_stride: 2 }, None).is_err());
    assert!(gemm(&problem, Output { data: &mut c[1..], row_stride: 3 }, None).is_err());
    let batches = [BatchOffsets::default(); 2];
    let twice = Gemm { batches: &batches, ..problem };
    assert!(gemm(&twice, Output { data: &mut c, row_stride: 3 }, None).is_err());
}
