//! Contractions against loops, and their gradients.

mod common;

use common::{check_gradients, floats, tensor};
use tenfold::Tensor;

/// The definition: a loop over all letters. No ellipsis.
fn naive(equation: &str, operands: &[&Tensor]) -> Vec<f64> {
    let (inputs, output) = equation.split_once("->").unwrap();
    let terms: Vec<&str> = inputs.split(',').collect();
    let mut letters: Vec<char> = output.chars().collect();
    for letter in inputs.chars().filter(|letter| letter.is_alphabetic()) {
        if !letters.contains(&letter) {
            letters.push(letter);
        }
    }
    let extent = |letter: char| {
        terms
            .iter()
            .zip(operands)
            .flat_map(|(term, operand)| term.chars().zip(operand.shape().to_vec()))
            .filter(|(own, _)| *own == letter)
            .map(|(_, extent)| extent)
            .max()
            .unwrap()
    };
    let extents: Vec<usize> = letters.iter().map(|&letter| extent(letter)).collect();
    let size: usize = extents[..output.len()].iter().product();
    let values: Vec<Vec<f64>> = operands.iter().map(|operand| floats(operand)).collect();
    let mut result = vec![0.0; size];
    let total: usize = extents.iter().product();
    for flat in 0..total {
        let (mut rest, mut index) = (flat, vec![0; letters.len()]);
        for place in (0..letters.len()).rev() {
            index[place] = rest % extents[place];
            rest /= extents[place];
        }
        let mut product = 1.0;
        for ((term, operand), values) in terms.iter().zip(operands).zip(&values) {
            let mut at = 0;
            for (letter, extent) in term.chars().zip(operand.shape().to_vec()) {
                let place = letters.iter().position(|&own| own == letter).unwrap();
                at = at * extent + if extent == 1 { 0 } else { index[place] };
            }
            product *= values[at];
        }
        result[flat / (total / size)] += product;
    }
    result
}

fn check(equation: &str, shapes: &[&[usize]]) {
    let tensors: Vec<Tensor> =
        shapes.iter().enumerate().map(|(n, shape)| tensor(shape, n as u64 + 1)).collect();
    let operands: Vec<&Tensor> = tensors.iter().collect();
    let found = floats(&Tensor::einsum(equation, &operands).unwrap());
    let expected = naive(equation, &operands);
    assert_eq!(found.len(), expected.len(), "{equation}");
    for (found, expected) in found.iter().zip(&expected) {
        // Fewer than 100 products of size 16, summed in another order.
        assert!(
            (found - expected).abs() < 100.0 * 16.0 * f64::EPSILON,
            "{equation}: {found}, expected {expected}"
        );
    }
    check_gradients(&tensors, false, &|x| Ok(vec![Tensor::einsum(equation, &x.iter().collect::<Vec<_>>())?]));
}

#[test]
fn einsum_agrees_with_its_definition() {
    check("ij,jk->ik", &[&[2, 3], &[3, 4]]);
    check("bij,bjk->bki", &[&[2, 2, 3], &[2, 3, 2]]);
    check("ij,ij->", &[&[2, 3], &[2, 3]]);
    check("i,j->ji", &[&[2], &[3]]);
    check("ii->i", &[&[3, 3]]);
    check("ii->", &[&[3, 3]]);
    check("ijij->ji", &[&[2, 3, 2, 3]]);
    check("ij,jk,kl->il", &[&[2, 3], &[3, 2], &[2, 2]]);
    check("ijk,l->kj", &[&[2, 3, 2], &[2]]);
    check("ij,kj->ik", &[&[2, 1], &[3, 4]]);
    check("bhqd,bhkd->bhqk", &[&[1, 2, 2, 3], &[2, 2, 3, 3]]);
    check("ij->ji", &[&[2, 3]]);
    check("a,a,a->a", &[&[3], &[3], &[3]]);
}

#[test]
fn ellipses_and_implicit_results() {
    let (a, b) = (tensor(&[5, 2, 3], 1), tensor(&[3, 4], 2));
    let product = floats(&a.matmul(&b).unwrap());
    assert_eq!(floats(&Tensor::einsum("...ij,jk->...ik", &[&a, &b]).unwrap()), product);
    assert_eq!(floats(&Tensor::einsum("...ij,...jk", &[&a, &b]).unwrap()), product);
    let transposed = Tensor::einsum("ba", &[&b]).unwrap();
    assert_eq!(transposed.shape().to_vec(), [4, 3]);
    assert_eq!(Tensor::einsum("...a->a...", &[&a]).unwrap().shape().to_vec(), [3, 5, 2]);
    for (equation, operands) in [
        ("ij", vec![&a]),
        ("ij,jk", vec![&b]),
        ("ij->ik", vec![&b]),
        ("ij->ii", vec![&b]),
        ("i1", vec![&b]),
        ("ij,ij", vec![&b, &a]),
        ("ij,jk", vec![&b, &b]),
    ] {
        assert!(Tensor::einsum(equation, &operands).is_err(), "{equation}");
    }
}

#[test]
fn contractions_over_pairs_of_axes() {
    let (a, b) = (tensor(&[2, 3, 4], 1), tensor(&[4, 5, 3], 2));
    let found = floats(&a.tensordot(&b, (&[1, 2], &[2, 0])).unwrap());
    let expected = naive("aij,jbi->ab", &[&a, &b]);
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-12);
    }
    assert!(a.tensordot(&b, (&[0], &[0])).is_err());
    let dot = a.vecdot(&tensor(&[3, 4], 3), -1).unwrap();
    assert_eq!(dot.shape().to_vec(), [2, 3]);
    assert_eq!(tensor(&[2], 1).outer(&tensor(&[3], 1)).unwrap().shape().to_vec(), [2, 3]);
    check_gradients(&[a, b], false, &|x| Ok(vec![x[0].tensordot(&x[1], (&[2], &[0]))?]));
}
