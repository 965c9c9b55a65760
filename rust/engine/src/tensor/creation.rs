//! Tensors from nothing.

use tenfold_ir::{DType, Error, Expr, Operation, Result, Scalar, Shape, Spec, Specs};

use super::Tensor;
use crate::graph::NodeOperation;

impl Tensor {
    /// `value` everywhere. A Python-like integer that does not fit `dtype` is an `Overflow` error.
    pub fn full(shape: &[usize], value: impl Into<Scalar>, dtype: DType) -> Result<Tensor> {
        let value = value.into();
        value.check_fits("full", dtype)?;
        let shape = Shape::checked("full", shape)?;
        let specs = Specs::from_iter([Spec::new(shape, dtype)]);
        Ok(Tensor::record(NodeOperation::Fill, &[], &[value], specs)?.remove(0))
    }

    /// Zeros.
    pub fn zeros(shape: &[usize], dtype: DType) -> Result<Tensor> {
        Tensor::full(shape, 0, dtype)
    }

    /// Ones.
    pub fn ones(shape: &[usize], dtype: DType) -> Result<Tensor> {
        Tensor::full(shape, 1, dtype)
    }

    /// A tensor without axes.
    pub fn scalar(value: impl Into<Scalar>, dtype: DType) -> Result<Tensor> {
        Tensor::full(&[], value, dtype)
    }

    /// `value` in the shape and dtype of this tensor.
    pub fn full_like(&self, value: impl Into<Scalar>) -> Result<Tensor> {
        Tensor::full(self.shape(), value, self.dtype())
    }

    /// Zeros in the shape and dtype of this tensor.
    pub fn zeros_like(&self) -> Result<Tensor> {
        self.full_like(0)
    }

    /// Ones in the shape and dtype of this tensor.
    pub fn ones_like(&self) -> Result<Tensor> {
        self.full_like(1)
    }

    /// `start, start + step, …` before `end`. Integers are exact; floats are `start + i * step`, computed in float64.
    pub fn arange(start: Scalar, end: Scalar, step: Scalar, dtype: DType) -> Result<Tensor> {
        let integers =
            [start, end, step].iter().all(|value| value.category() <= tenfold_ir::Category::Integer);
        let count = if integers {
            let (start, end, step) = (start.to_i128(), end.to_i128(), step.to_i128());
            match step {
                0 => return Err(Error::value("arange", "step must not be 0")),
                _ if (step > 0) == (start < end) && start != end => {
                    (end - start).unsigned_abs().div_ceil(step.unsigned_abs()) as f64
                }
                _ => 0.0,
            }
        } else {
            let (start, end, step) = (start.to_f64(), end.to_f64(), step.to_f64());
            if step == 0.0 || ![start, end, step].iter().all(|value| value.is_finite()) {
                return Err(Error::value(
                    "arange",
                    format!("needs finite bounds and a step other than 0; got {start}, {end}, {step}"),
                ));
            }
            ((end - start) / step).ceil().max(0.0)
        };
        if count > (1u64 << 59) as f64 {
            return Err(Error::value("arange", format!("too many elements; got {count}")));
        }
        Tensor::affine(&[count as usize], start, step, dtype)
    }

    /// `count` numbers from `start` to `end` in equal steps; `end` itself is the last one if `endpoint`.
    pub fn linspace(start: f64, end: f64, count: usize, endpoint: bool, dtype: DType) -> Result<Tensor> {
        let divisions = if endpoint { count.saturating_sub(1) } else { count };
        let step = if divisions == 0 { 0.0 } else { (end - start) / divisions as f64 };
        let wide = if dtype.is_complex() { DType::Complex128 } else { DType::Float64 };
        let ramp = Tensor::affine(&[count], start.into(), step.into(), wide)?;
        let exact = if endpoint && count > 1 {
            // Rounding must not move the last element off the end.
            let last = Tensor::arange(0.into(), count.into(), 1.into(), DType::Int64)?.equal(count - 1)?;
            last.where_(end, &ramp)?
        } else {
            ramp
        };
        exact.cast(dtype)
    }

    /// `offset + step * i` along one axis; integers exactly, else in float64 (complex128) and rounded once.
    fn affine(shape: &[usize; 1], offset: Scalar, step: Scalar, dtype: DType) -> Result<Tensor> {
        let shape = Shape::checked("arange", shape)?;
        let integers = offset.category() <= tenfold_ir::Category::Integer
            && step.category() <= tenfold_ir::Category::Integer;
        let wide = match (integers, dtype) {
            (true, DType::Uint64) => DType::Uint64,
            (true, _) => DType::Int64,
            (false, dtype) if dtype.is_complex() => DType::Complex128,
            (false, _) => DType::Float64,
        };
        let mut expr = Expr::new();
        let index = expr.coordinate(0);
        let index = expr.cast(index, wide);
        let step_value = expr.scalar(1, wide);
        let scaled = expr.apply(Operation::multiply, &[index, step_value]);
        let start = expr.scalar(0, wide);
        let sum = expr.apply(Operation::add, &[start, scaled]);
        let result = expr.cast(sum, dtype);
        expr.output(result);
        Ok(Tensor::record_expression(expr, &shape, &[], &[offset, step])?.remove(0))
    }

    /// Ones on diagonal `offset` of a matrix, zeros elsewhere.
    pub fn eye(rows: usize, columns: usize, offset: i64, dtype: DType) -> Result<Tensor> {
        let shape = Shape::checked("eye", &[rows, columns])?;
        let mut expr = Expr::new();
        let (row, column) = (expr.coordinate(0), expr.coordinate(1));
        let shift = expr.scalar(0, DType::Int64);
        let diagonal = expr.apply(Operation::add, &[row, shift]);
        let hit = expr.apply(Operation::equal, &[diagonal, column]);
        let result = expr.cast(hit, dtype);
        expr.output(result);
        Ok(Tensor::record_expression(expr, &shape, &[], &[offset.into()])?.remove(0))
    }

    /// A bool matrix: true on and below diagonal `offset`.
    pub fn lower_triangle(rows: usize, columns: usize, offset: i64) -> Result<Tensor> {
        let shape = Shape::checked("tril", &[rows, columns])?;
        let mut expr = Expr::new();
        let (row, column) = (expr.coordinate(0), expr.coordinate(1));
        let shift = expr.scalar(0, DType::Int64);
        let diagonal = expr.apply(Operation::add, &[row, shift]);
        let hit = expr.apply(Operation::less_equal, &[column, diagonal]);
        expr.output(hit);
        Ok(Tensor::record_expression(expr, &shape, &[], &[offset.into()])?.remove(0))
    }
}
