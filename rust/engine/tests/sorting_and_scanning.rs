//! Sorting, scans and the reductions beside them, against naive code and finite differences.

mod common;

use common::{check_gradients, floats, integers, tensor};
use proptest::prelude::*;
use tenfold::ir::kernel::Side;
use tenfold::{Argument, DType, Tensor};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn sorted_values_and_indices_agree_with_a_stable_sort(
        values in proptest::collection::vec(-3i64..3, 1..20), descending: bool,
    ) {
        let x = integers(&values, &[values.len()]);
        let mut order: Vec<i64> = (0..values.len() as i64).collect();
        order.sort_by_key(|&index| {
            let value = values[index as usize];
            if descending { -value } else { value }
        });
        let (sorted, indices) = x.sort(0, descending, true).unwrap();
        prop_assert_eq!(indices.to_vec::<i64>().unwrap(), order.clone());
        let expected: Vec<i64> = order.iter().map(|&index| values[index as usize]).collect();
        prop_assert_eq!(sorted.to_vec::<i64>().unwrap(), expected.clone());
        let count = values.len().div_ceil(2);
        let (top, _) = x.topk(count, -1, descending).unwrap();
        prop_assert_eq!(&top.to_vec::<i64>().unwrap()[..], &expected[..count]);
    }

    #[test]
    fn searches_find_the_ends_of_runs(
        mut values in proptest::collection::vec(-3i64..3, 0..12), query in -4i64..4,
    ) {
        values.sort_unstable();
        let sorted = integers(&values, &[values.len()]);
        let wanted = integers(&[query], &[]);
        let left = sorted.searchsorted(&wanted, Side::Left, None).unwrap().to_vec::<i64>().unwrap()[0];
        let right = sorted.searchsorted(&wanted, Side::Right, None).unwrap().to_vec::<i64>().unwrap()[0];
        prop_assert_eq!(left as usize, values.partition_point(|&value| value < query));
        prop_assert_eq!(right as usize, values.partition_point(|&value| value <= query));
    }
}

#[test]
fn medians_are_the_lower_ones_and_hand_on_nan() {
    let x = Tensor::from_slice(&[3.0, 1.0, 2.0, 4.0, 5.0, f64::NAN, 0.0, f64::NAN], &[2, 4]).unwrap();
    let (values, indices) = x.median(Some(1), false).unwrap();
    assert_eq!(floats(&values)[0], 2.0);
    assert!(floats(&values)[1].is_nan());
    assert_eq!(indices.to_vec::<i64>().unwrap(), [2, 1]);
    let (value, index) = tensor(&[7], 1).kthvalue(1, 0, true).unwrap();
    assert_eq!(floats(&value), [floats(&tensor(&[7], 1)).into_iter().fold(f64::MAX, f64::min)]);
    assert_eq!(index.shape().to_vec(), [1]);
    assert!(tensor(&[7], 1).kthvalue(8, 0, false).is_err());
}

#[test]
fn extremes_with_their_index_and_counts() {
    let x = integers(&[1, 5, 5, 0, -2, -2], &[2, 3]);
    let (values, indices) = x.max_along(1, false).unwrap();
    assert_eq!(values.to_vec::<i64>().unwrap(), [5, 0]);
    assert_eq!(indices.to_vec::<i64>().unwrap(), [1, 0]);
    assert_eq!(x.min_along(0, true).unwrap().1.to_vec::<i64>().unwrap(), [1, 1, 1]);
    assert_eq!(x.count_nonzero(Some(&[1]), false).unwrap().to_vec::<i64>().unwrap(), [3, 2]);
    let boundaries = integers(&[0, 5], &[2]);
    assert_eq!(x.bucketize(&boundaries, false).unwrap().to_vec::<i64>().unwrap(), [1, 1, 1, 0, 0, 0]);
    assert_eq!(x.bucketize(&boundaries, true).unwrap().to_vec::<i64>().unwrap(), [1, 2, 2, 1, 0, 0]);
}

#[test]
fn running_values() {
    let x = integers(&[1, 2, 3, 4], &[2, 2]);
    assert_eq!(x.cumsum(0, None).unwrap().to_vec::<i64>().unwrap(), [1, 2, 4, 6]);
    assert_eq!(x.cumprod(-1, None).unwrap().to_vec::<i64>().unwrap(), [1, 2, 3, 12]);
    let flat = integers(&[1, 3, 3, 2], &[4]);
    assert_eq!(flat.cummax(0).unwrap().1.to_vec::<i64>().unwrap(), [0, 1, 2, 2]);
    assert_eq!(flat.cumulative_sum(None, None, true).unwrap().to_vec::<i64>().unwrap(), [0, 1, 4, 7, 9]);
    assert_eq!(flat.cumulative_prod(None, None, true).unwrap().to_vec::<i64>().unwrap(), [1, 1, 3, 9, 18]);
    assert_eq!(flat.diff(2, 0, None, None).unwrap().to_vec::<i64>().unwrap(), [-2, -1]);
    assert_eq!(flat.diff(1, 0, Some(&flat), None).unwrap().elements(), 7);
    let small = flat.cast(DType::Uint8).unwrap();
    assert_eq!(small.cumulative_sum(None, None, false).unwrap().dtype(), DType::Uint64);
    assert!(x.cumulative_sum(None, None, false).is_err());
}

#[test]
fn logarithms_of_sums_do_not_overflow() {
    let x = Tensor::from_slice(&[1000.0, 1000.0, f64::NEG_INFINITY, f64::NEG_INFINITY], &[2, 2]).unwrap();
    let found = floats(&x.logsumexp(Some(&[1]), false).unwrap());
    assert!((found[0] - (1000.0 + 2f64.ln())).abs() < 1e-12 && found[1] == f64::NEG_INFINITY);
    let nothing = tensor(&[2, 0], 1).logsumexp(Some(&[1]), true).unwrap();
    assert_eq!(floats(&nothing), [f64::NEG_INFINITY; 2]);
}

#[test]
fn norms() {
    let x = Tensor::from_slice(&[3.0, -4.0, 0.0], &[3]).unwrap();
    let norm = |p: f64| floats(&x.norm(p, None, false).unwrap())[0];
    assert_eq!(
        [norm(2.0), norm(1.0), norm(0.0), norm(f64::INFINITY), norm(f64::NEG_INFINITY)],
        [5.0, 7.0, 2.0, 4.0, 0.0]
    );
    assert!((norm(3.0) - 91f64.cbrt()).abs() < 1e-12);
    let zero = Tensor::zeros(&[3], DType::Float64).unwrap().requires_gradient().unwrap();
    for p in [0.5, 1.0, 2.0, 3.0] {
        let gradient =
            tenfold::autograd::backward(&[(&zero.norm(p, None, false).unwrap(), None)], false, false);
        assert_eq!(floats(&gradient.unwrap()[0].1), [0.0; 3]);
    }
}

#[test]
fn gradients_of_sorting() {
    let x = tensor(&[3, 5], 11);
    check_gradients(std::slice::from_ref(&x), true, &|x| Ok(vec![x[0].sort(0, true, false)?.0.square()?]));
    check_gradients(std::slice::from_ref(&x), false, &|x| Ok(vec![x[0].topk(2, 1, false)?.0.square()?]));
    check_gradients(std::slice::from_ref(&x), false, &|x| Ok(vec![x[0].median(Some(1), true)?.0.square()?]));
    check_gradients(std::slice::from_ref(&x), false, &|x| {
        Ok(vec![x[0].max_along(0, false)?.0, x[0].cummin(1)?.0.square()?])
    });
}

#[test]
fn gradients_of_scans() {
    // With no zero, one and two in a row.
    let mut values = floats(&tensor(&[3, 5], 12));
    values[7] = 0.0;
    values[10] = 0.0;
    values[13] = 0.0;
    let x = Tensor::from_slice(&values, &[3, 5]).unwrap();
    check_gradients(std::slice::from_ref(&x), true, &|x| Ok(vec![x[0].cumsum(1, None)?.square()?]));
    check_gradients(std::slice::from_ref(&x), true, &|x| Ok(vec![x[0].cumprod(1, None)?]));
    check_gradients(std::slice::from_ref(&x), true, &|x| Ok(vec![x[0].prod(Some(&[1]), false, None)?]));
    check_gradients(std::slice::from_ref(&x), false, &|x| {
        Ok(vec![x[0].prod(None, false, None)?, x[0].prod(Some(&[0]), true, None)?])
    });
    check_gradients(std::slice::from_ref(&x), true, &|x| Ok(vec![x[0].logcumsumexp(1)?]));
    check_gradients(std::slice::from_ref(&x), true, &|x| Ok(vec![x[0].logsumexp(Some(&[0]), true)?]));
    check_gradients(std::slice::from_ref(&x), false, &|x| {
        Ok(vec![x[0].diff(1, 1, None, Some(&x[0]))?.square()?])
    });
}

#[test]
fn gradients_of_norms_and_bounds() {
    let x = tensor(&[3, 4], 13);
    for p in [1.0, 2.0, 3.0, 0.5, f64::INFINITY] {
        check_gradients(std::slice::from_ref(&x), p == 2.0, &|x| {
            Ok(vec![x[0].norm(p, Some(&[1]), false)?])
        });
    }
    let (low, high) = (tensor(&[4], 14), tensor(&[3, 1], 15));
    check_gradients(&[x, low, high], false, &|x| {
        let bounded = x[0].clamp(Some(Argument::Tensor(&x[1])), Some(Argument::Tensor(&x[2])))?;
        Ok(vec![bounded.square()?, x[0].clamp(Some(0.25.into()), None)?.square()?])
    });
    let bound = Tensor::from_slice(&[1.0], &[]).unwrap().requires_gradient().unwrap();
    let at_bound = bound.clamp(Some(0.0.into()), Some(1.0.into())).unwrap();
    let gradient = tenfold::autograd::backward(&[(&at_bound, None)], false, false).unwrap();
    assert_eq!(floats(&gradient[0].1), [1.0]);
}

#[test]
fn comparing_whole_tensors() {
    let x = Tensor::from_slice(&[1.0, f64::INFINITY, f64::NAN], &[3]).unwrap();
    let y = Tensor::from_slice(&[1.0 + 1e-9, f64::INFINITY, f64::NAN], &[3]).unwrap();
    assert!(!x.allclose(&y, 1e-5, 1e-8, false).unwrap());
    assert!(x.allclose(&y, 1e-5, 1e-8, true).unwrap());
    assert!(!x.is_equal(&x).unwrap());
    let whole = integers(&[i64::MAX, i64::MIN], &[2]);
    assert!(whole.is_equal(&whole).unwrap() && whole.allclose(&whole, 0.0, 0.0, false).unwrap());
    assert!(!whole.allclose(&whole.flip(&[0]).unwrap(), 0.0, 10.0, false).unwrap());
    let clean = x.nan_to_num(7.0, None, None).unwrap();
    assert_eq!(floats(&clean), [1.0, f64::MAX, 7.0]);
}
