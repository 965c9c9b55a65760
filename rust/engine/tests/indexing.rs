//! Indexing against naive loops, NumPy's rules, and gradients against finite differences.

mod common;

use common::{check_gradients, floats, integers, numbers, tensor};
use proptest::prelude::*;
use tenfold::ir::kernel::ScatterMode;
use tenfold::{DType, ErrorKind, IndexItem, ScatterReduce, Tensor};

fn slice(start: Option<i64>, stop: Option<i64>, step: Option<i64>) -> IndexItem {
    IndexItem::Slice { start, stop, step }
}

fn mask(values: &[bool], shape: &[usize]) -> Tensor {
    let bytes: Vec<u8> = values.iter().map(|&value| u8::from(value)).collect();
    Tensor::from_bytes(&bytes, shape, DType::Bool).unwrap()
}

fn shape_of(shape: &[usize], items: &[IndexItem]) -> Vec<usize> {
    tensor(shape, 1).index(items).unwrap().shape().to_vec()
}

fn list(values: &[i64]) -> IndexItem {
    IndexItem::Tensor(integers(values, &[values.len()]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn slices_follow_python(
        extent in 0usize..7,
        start in proptest::option::of(-9i64..9),
        stop in proptest::option::of(-9i64..9),
        step in prop_oneof![-4i64..0, 1i64..5],
    ) {
        let x = tensor(&[extent], 3);
        let found = floats(&x.index(&[slice(start, stop, Some(step))]).unwrap());
        // Python's own definition, walked.
        let n = extent as i64;
        let bound = |value: Option<i64>, default: i64| match value {
            None => default,
            Some(value) => {
                let value = if value < 0 { value + n } else { value };
                if step > 0 { value.clamp(0, n) } else { value.clamp(-1, n - 1) }
            }
        };
        let (mut at, end) =
            if step > 0 { (bound(start, 0), bound(stop, n)) } else { (bound(start, n - 1), bound(stop, -1)) };
        let values = numbers(extent, 3);
        let mut expected = Vec::new();
        while (step > 0 && at < end) || (step < 0 && at > end) {
            expected.push(values[at as usize]);
            at += step;
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn gathered_and_scattered_elements_agree_with_loops(
        rows in 1usize..5,
        columns in 1usize..5,
        count in 0usize..6,
        seed in 0u64..1000,
    ) {
        let x = tensor(&[rows, columns], seed);
        let values = floats(&x);
        let pick = |seed: u64, limit: usize| -> Vec<i64> {
            numbers(count, seed).iter()
                .map(|value| ((value + 2.0) / 4.0 * 2.0 * limit as f64).floor() as i64 - limit as i64)
                .collect()
        };
        let (i, j) = (pick(seed + 1, rows), pick(seed + 2, columns));
        let items = [list(&i), list(&j)];
        let at = |k: usize| {
            let row = i[k].rem_euclid(rows as i64) as usize;
            row * columns + j[k].rem_euclid(columns as i64) as usize
        };
        let expected: Vec<f64> = (0..count).map(|k| values[at(k)]).collect();
        prop_assert_eq!(floats(&x.index(&items).unwrap()), expected);

        let new = numbers(count, seed + 3);
        let source = Tensor::from_slice(&new, &[count]).unwrap();
        for accumulate in [false, true] {
            let mut expected = values.clone();
            for k in 0..count {
                expected[at(k)] = if accumulate { expected[at(k)] + new[k] } else { new[k] };
            }
            prop_assert_eq!(floats(&x.index_put(&items, &source, accumulate).unwrap()), expected);
        }
    }
}

#[test]
fn axes_of_index_tensors_stand_where_numpy_puts_them() {
    let (all, new, dots) = (IndexItem::ALL, IndexItem::NewAxis, IndexItem::Ellipsis);
    let (two, zero) = (list(&[1, 0]), IndexItem::Integer(0));
    let s = [2, 3, 4];
    assert_eq!(shape_of(&s, &[all.clone(), two.clone()]), [2, 2, 4]);
    assert_eq!(shape_of(&s, &[zero.clone(), all.clone(), two.clone()]), [2, 3]);
    assert_eq!(shape_of(&s, &[all.clone(), zero.clone(), two.clone()]), [2, 2]);
    assert_eq!(shape_of(&s, &[two.clone(), all.clone(), two.clone()]), [2, 3]);
    assert_eq!(shape_of(&[2, 2], &[new.clone(), two.clone(), two.clone()]), [1, 2]);
    // An ellipsis separates even where it stands for no axis.
    assert_eq!(shape_of(&[2, 2], &[new.clone(), two.clone(), dots.clone(), two.clone()]), [2, 1]);
    let truth = IndexItem::Tensor(mask(&[true], &[]));
    assert_eq!(shape_of(&s, &[all.clone(), truth.clone()]), [2, 1, 3, 4]);
    assert_eq!(shape_of(&s, &[all.clone(), truth.clone(), two.clone()]), [2, 2, 4]);
    assert_eq!(shape_of(&s, &[IndexItem::Tensor(mask(&[false], &[]))]), [0, 2, 3, 4]);
    assert_eq!(shape_of(&s, &[dots, IndexItem::Tensor(integers(&[0; 6], &[3, 2]))]), [2, 3, 3, 2]);
    let over_two = IndexItem::Tensor(mask(&[true, false, true, false, false, true], &[2, 3]));
    assert_eq!(shape_of(&s, std::slice::from_ref(&over_two)), [3, 4]);
    assert_eq!(shape_of(&s, &[over_two, slice(None, None, Some(-2))]), [3, 2]);
    assert_eq!(shape_of(&s, &[all, list(&[])]), [2, 0, 4]);
    assert_eq!(shape_of(&[0, 3], &[list(&[])]), [0, 3]);
}

#[test]
fn mistakes_are_index_errors_of_the_call() {
    let x = tensor(&[2, 3], 1);
    let error = |items: &[IndexItem]| x.index(items).err().expect("an error");
    let text = error(&[IndexItem::ALL, list(&[0, 3])]).to_string();
    assert_eq!(text, "index: index 3 is out of range for axis 1 of extent 3");
    assert_eq!(
        error(&[IndexItem::Integer(-3)]).to_string(),
        "index: index -3 is out of range for axis 0 of extent 2"
    );
    for items in [
        vec![IndexItem::Integer(0), IndexItem::Integer(0), IndexItem::Integer(0)],
        vec![IndexItem::Ellipsis, IndexItem::Ellipsis],
        vec![IndexItem::Tensor(mask(&[true, true, true], &[3]))],
        vec![IndexItem::Tensor(tensor(&[2], 1))],
        vec![list(&[0, 1]), list(&[0, 1, 2])],
    ] {
        assert_eq!(error(&items).kind(), ErrorKind::Index);
    }
    assert_eq!(error(&[slice(None, None, Some(0))]).kind(), ErrorKind::Value);
    let empty = tensor(&[0, 3], 1);
    assert_eq!(empty.index(&[list(&[0])]).err().unwrap().kind(), ErrorKind::Index);
}

#[test]
fn assignment_broadcasts_and_leaves_the_rest() {
    let x = tensor(&[2, 3], 1);
    let row = Tensor::from_slice(&[7.0, 8.0, 9.0], &[1, 1, 3]).unwrap();
    let put = x.index_put(&[IndexItem::Integer(1)], &row, false).unwrap();
    assert_eq!(floats(&put)[..3], floats(&x)[..3]);
    assert_eq!(floats(&put)[3..], [7.0, 8.0, 9.0]);
    let number = Tensor::from_slice(&[5i64], &[]).unwrap();
    let chosen = IndexItem::Tensor(mask(&[true, false, false, false, true, false], &[2, 3]));
    let put = x.index_put(&[chosen], &number, false).unwrap();
    let mut expected = floats(&x);
    (expected[0], expected[4]) = (5.0, 5.0);
    assert_eq!(floats(&put), expected);
    // Basic and index tensors together, and the last of two writes.
    let items = [slice(None, None, Some(-1)), list(&[2, 2])];
    let values = Tensor::from_slice(&[1.0, 2.0, 3.0, 4.0], &[2, 2]).unwrap();
    let put = floats(&x.index_put(&items, &values, false).unwrap());
    assert_eq!((put[2], put[5]), (4.0, 2.0));
    assert!(x.index_put(&[IndexItem::Integer(0)], &tensor(&[2], 1), false).is_err());
}

#[test]
fn layouts_of_basic_indices_are_those_of_views() {
    let x = tensor(&[3, 4], 1);
    let items = [slice(Some(2), None, Some(-1)), IndexItem::NewAxis, IndexItem::Integer(-1)];
    let layout = Tensor::index_layout(x.layout(), &items).unwrap().unwrap();
    assert_eq!(floats(&x.region(&layout).unwrap()), floats(&x.index(&items).unwrap()));
    assert!(Tensor::index_layout(x.layout(), &[list(&[0])]).unwrap().is_none());
}

#[test]
fn reading_and_writing_along_an_axis() {
    let x = tensor(&[2, 3], 5);
    let v = floats(&x);
    let index = integers(&[2, -3, 1, 1], &[2, 2]);
    assert_eq!(floats(&x.gather(1, &index).unwrap()), [v[2], v[0], v[4], v[4]]);
    assert_eq!(floats(&x.take_along_axis(&integers(&[2, 0], &[1, 2]), 1).unwrap()), [v[2], v[0], v[5], v[3]]);
    assert_eq!(floats(&x.take(&integers(&[5, -6], &[2]), None).unwrap()), [v[5], v[0]]);
    assert_eq!(x.take(&integers(&[0; 8], &[4, 2]), Some(1)).unwrap().shape().to_vec(), [2, 4, 2]);
    let ones = Tensor::ones(&[2, 2], DType::Float64).unwrap();
    let added = floats(&x.scatter(1, &index, &ones, ScatterMode::Add).unwrap());
    assert_eq!(added, [v[0] + 1.0, v[1], v[2] + 1.0, v[3], v[4] + 1.0 + 1.0, v[5]]);
    let put = floats(
        &x.put_along(&integers(&[0], &[1, 1]), &Tensor::zeros(&[], DType::Float64).unwrap(), 1).unwrap(),
    );
    assert_eq!(put, [0.0, v[1], v[2], 0.0, v[4], v[5]]);
    let zeros = Tensor::zeros(&[3], DType::Float64).unwrap();
    let source = Tensor::from_slice(&[3.0, 5.0, 7.0], &[3]).unwrap();
    let places = integers(&[0, 0, 2], &[3]);
    let reduce = |kind, include| floats(&zeros.scatter_reduce(0, &places, &source, kind, include).unwrap());
    assert_eq!(reduce(ScatterReduce::Mean, false), [4.0, 0.0, 7.0]);
    assert_eq!(reduce(ScatterReduce::Mean, true), [8.0 / 3.0, 0.0, 3.5]);
    assert_eq!(reduce(ScatterReduce::Product, false), [15.0, 0.0, 7.0]);
    assert_eq!(reduce(ScatterReduce::Max, false), [5.0, 0.0, 7.0]);
    assert_eq!(reduce(ScatterReduce::Min, true), [0.0, 0.0, 0.0]);
}

#[test]
fn slices_by_index() {
    let x = tensor(&[3, 2], 5);
    let v = floats(&x);
    let index = integers(&[2, 0], &[2]);
    assert_eq!(floats(&x.index_select(0, &index).unwrap()), [v[4], v[5], v[0], v[1]]);
    let source = Tensor::from_slice(&[1.0, 2.0, 3.0, 4.0], &[2, 2]).unwrap();
    let added = floats(&x.index_add(0, &index, &source, 2.0).unwrap());
    assert_eq!(added, [v[0] + 6.0, v[1] + 8.0, v[2], v[3], v[4] + 2.0, v[5] + 4.0]);
    assert_eq!(floats(&x.index_copy(0, &index, &source).unwrap()), [3.0, 4.0, v[2], v[3], 1.0, 2.0]);
    assert_eq!(
        floats(&x.index_fill(1, &integers(&[-1], &[1]), 0).unwrap()),
        [v[0], 0.0, v[2], 0.0, v[4], 0.0]
    );
}

#[test]
fn masks_choose_fill_and_take() {
    let x = tensor(&[2, 2], 5);
    let v = floats(&x);
    let chosen = mask(&[true, false, false, true], &[2, 2]);
    assert_eq!(floats(&x.masked_select(&chosen).unwrap()), [v[0], v[3]]);
    assert_eq!(floats(&x.masked_fill(&chosen, 9.0).unwrap()), [9.0, v[1], v[2], 9.0]);
    let source = Tensor::from_slice(&[1.0, 2.0, 3.0], &[3]).unwrap();
    assert_eq!(floats(&x.masked_scatter(&chosen, &source).unwrap()), [1.0, v[1], v[2], 2.0]);
    assert_eq!(chosen.nonzero().unwrap().to_vec::<i64>().unwrap(), [0, 0, 1, 1]);
    assert_eq!(mask(&[true], &[]).nonzero().unwrap().shape().to_vec(), [1, 0]);
    let whole = Tensor::zeros(&[2, 2], DType::Int64).unwrap();
    assert_eq!(whole.masked_fill(&chosen, 0.5).err().unwrap().kind(), ErrorKind::DType);
}

#[test]
fn gradients_of_reads() {
    let x = tensor(&[3, 4], 7);
    let items = || [IndexItem::ALL, list(&[1, 1, -1])];
    check_gradients(std::slice::from_ref(&x), true, &|x| Ok(vec![x[0].index(&items())?.square()?]));
    check_gradients(&[x.transpose(0, 1).unwrap()], false, &|x| {
        let basic = [slice(Some(3), None, Some(-2)), IndexItem::NewAxis, IndexItem::Integer(1)];
        Ok(vec![x[0].index(&basic)?.square()?])
    });
    let index = integers(&[0, 3, 3, 1, 0, 0], &[2, 3]);
    check_gradients(std::slice::from_ref(&x), true, &|x| Ok(vec![x[0].gather(1, &index)?.square()?]));
    let chosen = mask(&[true, false, true, true, false, true], &[3, 2]);
    check_gradients(&[tensor(&[3, 2, 2], 8)], false, &|x| {
        Ok(vec![x[0].index(&[IndexItem::Tensor(chosen.clone())])?.square()?])
    });
    check_gradients(std::slice::from_ref(&x), false, &|x| Ok(vec![x[0].take(&index, Some(1))?.square()?]));
}

#[test]
fn gradients_of_writes() {
    let inputs = [tensor(&[3, 4], 7), tensor(&[3, 3], 8)];
    for accumulate in [false, true] {
        check_gradients(&inputs, true, &|x| {
            let items = [IndexItem::ALL, list(&[1, 1, -1])];
            Ok(vec![x[0].index_put(&items, &x[1], accumulate)?.square()?])
        });
        check_gradients(&[tensor(&[3, 4], 7), tensor(&[4], 8)], false, &|x| {
            Ok(vec![x[0].index_put(&[slice(None, None, Some(2))], &x[1], accumulate)?.square()?])
        });
    }
    let index = integers(&[0, 3, 3, 1, 0, 0], &[2, 3]);
    for mode in
        [ScatterMode::Assign, ScatterMode::Add, ScatterMode::Multiply, ScatterMode::Max, ScatterMode::Min]
    {
        check_gradients(&inputs, false, &|x| Ok(vec![x[0].scatter(1, &index, &x[1], mode)?.square()?]));
    }
    for kind in [ScatterReduce::Mean, ScatterReduce::Product, ScatterReduce::Max] {
        check_gradients(&inputs, false, &|x| {
            Ok(vec![x[0].scatter_reduce(1, &index, &x[1], kind, false)?.square()?])
        });
    }
}

#[test]
fn an_embedding_gives_its_padding_row_no_gradient() {
    let weight = tensor(&[4, 2], 3);
    let tokens = integers(&[1, 3, 1, -1], &[2, 2]);
    check_gradients(std::slice::from_ref(&weight), true, &|w| {
        Ok(vec![w[0].embedding(&tokens, None)?.square()?])
    });
    let leaf = weight.requires_gradient().unwrap();
    let sum = leaf.embedding(&tokens, Some(-1)).unwrap().sum(None, false, None).unwrap();
    let gradient = tenfold::autograd::backward(&[(&sum, None)], false, false).unwrap();
    assert_eq!(floats(&gradient[0].1), [0.0, 0.0, 2.0, 2.0, 0.0, 0.0, 0.0, 0.0]);
}
