//! Joining, padding and moving against naive code, and their gradients.

mod common;

use common::{check_gradients, floats, integers, tensor};
use proptest::prelude::*;
use tenfold::{DType, Padding, Repeats, Scalar, Tensor};

/// Where position `place` of a padded axis of extent `n` comes from.
fn padded_source(place: i64, n: i64, padding: Padding) -> i64 {
    match padding {
        Padding::Reflect if place < 0 => -place,
        Padding::Reflect if place >= n => 2 * n - 2 - place,
        Padding::Replicate => place.clamp(0, n - 1),
        Padding::Circular => place.rem_euclid(n),
        _ => place,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn padding_takes_elements_from_where_it_says(
        rows in 1usize..4, columns in 2usize..5, before in -1i64..4, after in -1i64..4, kind in 0usize..4,
    ) {
        let padding =
            [Padding::Constant(Scalar::Float(9.0)), Padding::Reflect, Padding::Replicate, Padding::Circular][kind];
        let x = tensor(&[rows, columns], 2);
        let v = floats(&x);
        let result = x.pad(&[(0, 0), (before, after)], padding);
        let extent = columns as i64;
        let most = match padding { Padding::Reflect => extent - 1, Padding::Circular => extent, _ => 99 };
        if before.max(after) > most {
            prop_assert!(result.is_err());
            return Ok(());
        }
        let mut expected = Vec::new();
        for row in 0..rows {
            for place in -before..extent + after {
                let from = padded_source(place, extent, padding);
                let inside = (0..extent).contains(&from);
                expected.push(if inside { v[row * columns + from as usize] } else { 9.0 });
            }
        }
        prop_assert_eq!(floats(&result.unwrap()), expected);
    }

    #[test]
    fn rolled_elements_come_in_at_the_other_end(rows in 1usize..4, columns in 1usize..5, shift in -9i64..9) {
        let x = tensor(&[rows, columns], 2);
        let v = floats(&x);
        let rolled = floats(&x.roll(&[shift], Some(&[1])).unwrap());
        for row in 0..rows {
            for column in 0..columns {
                let from = (column as i64 - shift).rem_euclid(columns as i64) as usize;
                prop_assert_eq!(rolled[row * columns + column], v[row * columns + from]);
            }
        }
    }
}

#[test]
fn joining_promotes_and_checks() {
    let (a, b) = (integers(&[1, 2], &[2]), Tensor::from_slice(&[0.5f32], &[1]).unwrap());
    let joined = Tensor::concatenate(&[&a, &b], Some(-1)).unwrap();
    assert_eq!(joined.to_vec::<f32>().unwrap(), [1.0, 2.0, 0.5]);
    let flat = Tensor::concatenate(&[&tensor(&[2, 2], 1), &tensor(&[1], 1)], None).unwrap();
    assert_eq!(flat.shape().to_vec(), [5]);
    assert!(Tensor::concatenate(&[&tensor(&[2, 2], 1), &tensor(&[2, 3], 1)], Some(0)).is_err());
    assert!(Tensor::concatenate(&[], Some(0)).is_err());
    let stacked = Tensor::stack(&[&a, &a, &a], 1).unwrap();
    assert_eq!(stacked.to_vec::<i64>().unwrap(), [1, 1, 1, 2, 2, 2]);
}

#[test]
fn taking_apart() {
    let x = tensor(&[5, 2], 1);
    let extents = |parts: Vec<Tensor>| parts.iter().map(|part| part.shape()[0]).collect::<Vec<_>>();
    assert_eq!(extents(x.split(&[1, 4], 0).unwrap()), [1, 4]);
    assert_eq!(extents(x.split_every(2, 0).unwrap()), [2, 2, 1]);
    assert_eq!(extents(x.chunk(4, 0).unwrap()), [2, 2, 1]);
    assert_eq!(x.unbind(1).unwrap().len(), 2);
    assert!(x.split(&[1, 1], 0).is_err());
}

#[test]
fn repeating() {
    let x = integers(&[1, 2], &[1, 2]);
    assert_eq!(x.tile(&[2, 2]).unwrap().to_vec::<i64>().unwrap(), [1, 2, 1, 2, 1, 2, 1, 2]);
    assert_eq!(x.tile(&[3, 1, 1]).unwrap().shape().to_vec(), [3, 1, 2]);
    let each = x.repeat_interleave(Repeats::Each(2), Some(1)).unwrap();
    assert_eq!(each.to_vec::<i64>().unwrap(), [1, 1, 2, 2]);
    let list = x.repeat_interleave(Repeats::List(&integers(&[0, 3], &[2])), None).unwrap();
    assert_eq!(list.to_vec::<i64>().unwrap(), [2, 2, 2]);
}

#[test]
fn triangles_diagonals_and_grids() {
    let x = integers(&[1, 2, 3, 4, 5, 6], &[2, 3]);
    assert_eq!(x.tril(0).unwrap().to_vec::<i64>().unwrap(), [1, 0, 0, 4, 5, 0]);
    assert_eq!(x.triu(1).unwrap().to_vec::<i64>().unwrap(), [0, 2, 3, 0, 0, 6]);
    let d = integers(&[7, 8], &[2]).diag(-1).unwrap();
    assert_eq!(d.to_vec::<i64>().unwrap(), [0, 0, 0, 7, 0, 0, 0, 8, 0]);
    assert_eq!(d.diag(-1).unwrap().to_vec::<i64>().unwrap(), [7, 8]);
    let embedded = x.diag_embed(0, 0, 2).unwrap();
    assert_eq!(embedded.shape().to_vec(), [3, 2, 3]);
    assert_eq!(embedded.diagonal(0, 0, 2).unwrap().to_vec::<i64>().unwrap(), [1, 2, 3, 4, 5, 6]);
    let (a, b) = (integers(&[1, 2, 3], &[3]), integers(&[4, 5], &[2]));
    let grid = Tensor::meshgrid(&[&a, &b], true).unwrap();
    assert_eq!(grid[1].to_vec::<i64>().unwrap(), [4, 5, 4, 5, 4, 5]);
    let grid = Tensor::meshgrid(&[&a, &b], false).unwrap();
    assert_eq!(grid[0].to_vec::<i64>().unwrap(), [1, 2, 3, 1, 2, 3]);
}

#[test]
fn gradients() {
    let inputs = [tensor(&[2, 3], 1), tensor(&[2, 2], 2)];
    check_gradients(&inputs, true, &|x| {
        Ok(vec![Tensor::concatenate(&[&x[0], &x[1], &x[0]], Some(1))?.square()?])
    });
    for padding in
        [Padding::Constant(Scalar::Int(1)), Padding::Reflect, Padding::Replicate, Padding::Circular]
    {
        check_gradients(&inputs[..1], false, &|x| Ok(vec![x[0].pad(&[(1, 0), (2, -1)], padding)?.square()?]));
    }
    check_gradients(&inputs[..1], false, &|x| {
        Ok(vec![x[0].tile(&[2, 1, 2])?.square()?, x[0].roll(&[2], None)?.square()?, x[0].tril(-1)?.square()?])
    });
    check_gradients(&inputs[..1], true, &|x| Ok(vec![x[0].diag_embed(1, 0, -1)?.square()?]));
    let times = integers(&[2, 0, 1], &[3]);
    check_gradients(&inputs[..1], false, &|x| {
        Ok(vec![x[0].repeat_interleave(Repeats::List(&times), Some(1))?.square()?])
    });
    assert_eq!(
        tensor(&[2], 1).pad(&[(0, 0)], Padding::Constant(Scalar::Int(1))).unwrap().dtype(),
        DType::Float64
    );
}
