//! Weighted sums of a few elements along an axis: interpolation, adaptive averages, and their gradients.

use std::sync::Arc;

use super::{Spec, Specs};
use crate::{DType, Error, Result, Shape};

/// A sparse matrix by rows: which inputs each output is a sum of, and with what weights.
#[derive(Clone, Debug, PartialEq)]
pub struct WeightTable {
    inputs: usize,
    /// Where each row begins among the terms, and behind the last one their number.
    starts: Vec<usize>,
    /// Always below `inputs`.
    indices: Vec<u32>,
    weights: Vec<f64>,
}

impl WeightTable {
    /// The table whose rows are lists of inputs and weights. Every input must be below `inputs`.
    pub fn new<R: IntoIterator<Item = (usize, f64)>>(
        inputs: usize,
        rows: impl IntoIterator<Item = R>,
    ) -> Result<WeightTable> {
        let mut table = WeightTable { inputs, starts: vec![0], indices: Vec::new(), weights: Vec::new() };
        for row in rows {
            for (index, weight) in row {
                match u32::try_from(index) {
                    Ok(narrow) if index < inputs => table.indices.push(narrow),
                    _ => {
                        return Err(Error::index(
                            "resample",
                            format!("input {index} is out of range for an axis of extent {inputs}"),
                        ));
                    }
                }
                table.weights.push(weight);
            }
            table.starts.push(table.indices.len());
        }
        Ok(table)
    }

    /// The extent of the axis before.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The extent of the axis afterwards.
    pub fn outputs(&self) -> usize {
        self.starts.len() - 1
    }

    /// How many terms all rows have together.
    pub fn terms(&self) -> usize {
        self.indices.len()
    }

    /// The inputs and weights of an output. Every input is below [`WeightTable::inputs`].
    pub fn row(&self, output: usize) -> (&[u32], &[f64]) {
        let terms = self.starts[output]..self.starts[output + 1];
        (&self.indices[terms.clone()], &self.weights[terms])
    }

    /// The inputs of all rows, one row after the other, and where each row begins (behind the last: their number).
    /// Every input is below [`WeightTable::inputs`].
    pub fn all_rows(&self) -> (&[u32], &[usize]) {
        (&self.indices, &self.starts)
    }

    /// The number of terms of every row, where all have as many.
    pub fn even_rows(&self) -> Option<usize> {
        let longest = self.longest_row();
        (longest * self.outputs() == self.terms()).then_some(longest)
    }

    /// The largest number of terms of a row.
    pub fn longest_row(&self) -> usize {
        self.starts.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0)
    }

    /// The same table with every weight changed.
    pub fn map_weights(&self, change: impl Fn(f64) -> f64) -> WeightTable {
        WeightTable { weights: self.weights.iter().map(|&weight| change(weight)).collect(), ..self.clone() }
    }

    /// Outputs and inputs exchanged; the terms of each row ascend.
    pub fn transposed(&self) -> WeightTable {
        let mut starts = vec![0; self.inputs + 1];
        for &index in &self.indices {
            starts[index as usize + 1] += 1;
        }
        for index in 0..self.inputs {
            starts[index + 1] += starts[index];
        }
        let mut next = starts.clone();
        let (mut indices, mut weights) = (vec![0; self.terms()], vec![0.0; self.terms()]);
        for output in 0..self.outputs() {
            let (from, with) = self.row(output);
            for (&index, &weight) in from.iter().zip(with) {
                let place = &mut next[index as usize];
                indices[*place] = output as u32;
                weights[*place] = weight;
                *place += 1;
            }
        }
        WeightTable { inputs: self.outputs(), starts, indices, weights }
    }
}

/// `x → as x, with the axis replaced by the rows of the table`: each element is the sum of its terms in their order,
/// the first product rounded, the others fused into the sum. float32 and float64.
#[derive(Clone, Debug)]
pub struct Resample {
    /// The axis.
    pub axis: usize,
    /// What each output is a sum of.
    pub table: Arc<WeightTable>,
}

impl Resample {
    pub(super) fn results(&self, inputs: &[Spec]) -> Result<Specs> {
        let first = &inputs[0];
        if !matches!(first.dtype, DType::Float32 | DType::Float64) {
            return Err(Error::dtype("resample", format!("not defined for {}", first.dtype)));
        }
        if first.shape.get(self.axis) != Some(&self.table.inputs) {
            return Err(Error::shape(
                "resample",
                format!("axis {} needs extent {}; got shape {}", self.axis, self.table.inputs, first.shape),
            ));
        }
        let shape: Shape = first.shape.replaced(self.axis, self.table.outputs());
        Ok(Specs::from_iter([Spec::new(Shape::checked("resample", &shape)?, first.dtype)]))
    }
}
