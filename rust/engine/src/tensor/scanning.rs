//! Cumulative sums and products, and reductions that need them.

use tenfold_ir::kernel::{Reduction, Scan, ScanOperation};
use tenfold_ir::{Axes, Core, DType, Error, Result, Shape};

use super::Tensor;
use crate::autograd::{Context, Derivative, Gradients, Saved, record_gradient};

/// The gradients of running sums, products and logarithms of sums of exponentials.
#[derive(Debug)]
struct ScanDerivative(Scan);

impl Derivative for ScanDerivative {
    fn name(&self) -> &str {
        self.0.operation.name()
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (gradient, axis, reverse) = (context.gradient(0), self.0.axis, self.0.reverse);
        let gradient = match self.0.operation {
            ScanOperation::Product => {
                let x = context.saved(0);
                let x = if x.dtype().is_complex() { x.conj()? } else { x.clone() };
                let before = x.exclusive_product(axis, reverse)?;
                before.multiply(&gradient.weighted_suffix_sums(&x, axis, reverse)?)?
            }
            ScanOperation::LogSumExp => {
                let (x, y) = (context.saved(0), context.saved(1));
                // Σ g_i exp(x − y_i) over the i that x is part of, by sign, in logarithms.
                let part = |gradient: &Tensor| {
                    let positive = gradient.greater(0)?;
                    let logarithm = positive.where_(gradient, 1)?.log()?;
                    let logarithm = positive.where_(&logarithm.subtract(y)?, f64::NEG_INFINITY)?;
                    let sums = logarithm.scan(ScanOperation::LogSumExp, axis, !reverse)?;
                    sums.add(x)?.exp()
                };
                part(gradient)?.subtract(&part(&gradient.negative()?)?)?
            }
            _ => gradient.scan(ScanOperation::Sum, axis, !reverse)?,
        };
        Ok(Gradients::from_iter([Some(gradient)]))
    }
}

/// The gradient of a product along an axis: for each element the product of the others, without a division.
#[derive(Debug)]
struct ProductDerivative {
    axis: usize,
}

impl Derivative for ProductDerivative {
    fn name(&self) -> &str {
        "prod"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let (x, gradient) = (context.saved(0), context.gradient(0));
        let x = if x.dtype().is_complex() { x.conj()? } else { x.clone() };
        let others =
            x.exclusive_product(self.axis, false)?.multiply(&x.exclusive_product(self.axis, true)?)?;
        Ok(Gradients::from_iter([Some(others.multiply(&gradient.unsqueeze(self.axis as i64)?)?)]))
    }
}

/// The gradient of a p-norm, 0 where the norm is 0: `g · sign(x) · (|x| / n)^(p − 1)`.
#[derive(Debug)]
struct NormDerivative {
    p: f64,
    kept: Shape,
}

impl Derivative for NormDerivative {
    fn name(&self) -> &str {
        "norm"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let x = context.saved(0);
        let kept = |tensor: &Tensor| tensor.reshaped(&self.kept)?.cast(x.dtype());
        let norm = context.saved(1).reshaped(&self.kept)?;
        let zero = norm.equal(0)?;
        let safe = zero.where_(1, &norm)?;
        let gradient = kept(context.gradient(0))?;
        let part = if self.p == 2.0 {
            x.multiply(&gradient.divide(&safe)?)?
        } else {
            let weight = x.abs()?.divide(&safe)?.pow(self.p - 1.0)?;
            // A power below 0 of 0 is infinite; what it would multiply is 0.
            let weight = x.equal(0)?.where_(0, &weight)?;
            x.sign()?.multiply(&weight)?.multiply(&gradient)?
        };
        Ok(Gradients::from_iter([Some(zero.where_(0, &part)?)]))
    }
}

impl Tensor {
    fn scan(&self, operation: ScanOperation, axis: usize, reverse: bool) -> Result<Tensor> {
        let scan = Scan { operation, axis, reverse };
        let mut results = Tensor::record_core(Core::Scan(scan.clone()), &[self])?;
        let saved: &[Saved] = match operation {
            ScanOperation::Product => &[Saved::Input(0)],
            ScanOperation::LogSumExp => &[Saved::Input(0), Saved::Output(0)],
            _ => &[],
        };
        record_gradient(&mut results, &[self], ScanDerivative(scan), saved);
        Ok(results.remove(0))
    }

    /// Moved by `count` towards higher indices along `axis` (lower ones with `reverse`); `fill` moves in.
    fn moved_in(&self, axis: usize, count: usize, reverse: bool, fill: f64) -> Result<Tensor> {
        let extent = self.shape()[axis];
        let count = count.min(extent);
        let blank = Tensor::full(&self.shape().replaced(axis, count), fill, self.dtype())?;
        let start = if reverse { count } else { 0 };
        let stays = self.slice(axis as i64, start, 1, extent - count)?;
        let pieces = if reverse { [&stays, &blank] } else { [&blank, &stays] };
        Tensor::concatenate(&pieces, Some(axis as i64))
    }

    /// The product of all elements before each one (behind it with `reverse`).
    fn exclusive_product(&self, axis: usize, reverse: bool) -> Result<Tensor> {
        self.moved_in(axis, 1, reverse, 1.0)?.scan(ScanOperation::Product, axis, reverse)
    }

    /// `s_k = Σ_{i ≥ k} g_i Π_{k < j ≤ i} x_j`, the gradient of running products without what precedes k. The
    /// recurrence `s_k = g_k + x_{k+1} s_{k+1}` by doubling (Hillis and Steele 1986): no division, so zeros do no harm.
    fn weighted_suffix_sums(&self, x: &Tensor, axis: usize, reverse: bool) -> Result<Tensor> {
        let mut sums = self.clone();
        let mut factors = x.moved_in(axis, 1, !reverse, 0.0)?;
        let mut distance = 1;
        while distance < self.shape()[axis] {
            let further = sums.moved_in(axis, distance, !reverse, 0.0)?;
            sums = sums.add(&factors.multiply(&further)?)?;
            factors = factors.multiply(&factors.moved_in(axis, distance, !reverse, 0.0)?)?;
            distance *= 2;
        }
        Ok(sums)
    }

    fn running(&self, operation: ScanOperation, axis: i64, dtype: Option<DType>) -> Result<Tensor> {
        let axis = self.axis_or_zero(operation.name(), axis)?;
        let dtype =
            dtype.unwrap_or(if self.dtype().is_differentiable() { self.dtype() } else { DType::Int64 });
        let x = self.cast(dtype)?;
        if self.rank() == 0 {
            return Ok(x);
        }
        x.scan(operation, axis, false)
    }

    /// Running sums along an axis, in `dtype`; by default int64 for integers and bool, else the own dtype.
    pub fn cumsum(&self, axis: i64, dtype: Option<DType>) -> Result<Tensor> {
        self.running(ScanOperation::Sum, axis, dtype)
    }

    /// Running products along an axis, in `dtype`; by default int64 for integers and bool, else the own dtype.
    pub fn cumprod(&self, axis: i64, dtype: Option<DType>) -> Result<Tensor> {
        self.running(ScanOperation::Product, axis, dtype)
    }

    fn running_extreme(&self, operation: ScanOperation, axis: i64) -> Result<(Tensor, Tensor)> {
        let name = operation.name();
        let axis = self.axis_or_zero(name, axis)?;
        if self.rank() == 0 {
            return Ok((self.clone(), Tensor::zeros(&[], DType::Int64)?));
        }
        self.record_pick(name, Core::Scan(Scan { operation, axis, reverse: false }), axis)
    }

    /// Running maxima along an axis and their indices (int64; the latest of equal ones). NaN stays once met.
    pub fn cummax(&self, axis: i64) -> Result<(Tensor, Tensor)> {
        self.running_extreme(ScanOperation::Max, axis)
    }

    /// Running minima along an axis and their indices (int64; the latest of equal ones). NaN stays once met.
    pub fn cummin(&self, axis: i64) -> Result<(Tensor, Tensor)> {
        self.running_extreme(ScanOperation::Min, axis)
    }

    /// Running `log Σ exp` along an axis.
    pub fn logcumsumexp(&self, axis: i64) -> Result<Tensor> {
        let x = self.cast(self.dtype().to_floating())?;
        x.running(ScanOperation::LogSumExp, axis, None)
    }

    fn cumulative(
        &self,
        operation: ScanOperation,
        axis: Option<i64>,
        dtype: Option<DType>,
        include_initial: bool,
    ) -> Result<Tensor> {
        let name = if operation == ScanOperation::Sum { "cumulative_sum" } else { "cumulative_prod" };
        let axis = match axis {
            Some(axis) => tenfold_ir::normalize_axis(name, axis, self.rank())?,
            None if self.rank() == 1 => 0,
            None => {
                return Err(Error::value(
                    name,
                    format!("axis must be given for a tensor with {} axes", self.rank()),
                ));
            }
        };
        // The standard keeps the signedness of integers.
        let dtype = dtype.or(self.dtype().is_unsigned_integer().then_some(DType::Uint64));
        let sums = self.running(operation, axis as i64, dtype).map_err(|error| error.in_operation(name))?;
        if !include_initial {
            return Ok(sums);
        }
        let start = i64::from(operation == ScanOperation::Product);
        let initial = Tensor::full(&sums.shape().replaced(axis, 1), start, sums.dtype())?;
        Tensor::concatenate(&[&initial, &sums], Some(axis as i64))
    }

    /// As [`Tensor::cumsum`] in the array API standard: the axis may be missing for a tensor with one axis, and
    /// `include_initial` puts a 0 in front.
    pub fn cumulative_sum(
        &self,
        axis: Option<i64>,
        dtype: Option<DType>,
        include_initial: bool,
    ) -> Result<Tensor> {
        self.cumulative(ScanOperation::Sum, axis, dtype, include_initial)
    }

    /// As [`Tensor::cumprod`] in the array API standard: the axis may be missing for a tensor with one axis, and
    /// `include_initial` puts a 1 in front.
    pub fn cumulative_prod(
        &self,
        axis: Option<i64>,
        dtype: Option<DType>,
        include_initial: bool,
    ) -> Result<Tensor> {
        self.cumulative(ScanOperation::Product, axis, dtype, include_initial)
    }

    /// Differences of neighbours along an axis, `n` times; for bool, whether they differ. `prepend` and `append` are
    /// joined on first.
    pub fn diff(
        &self,
        n: usize,
        axis: i64,
        prepend: Option<&Tensor>,
        append: Option<&Tensor>,
    ) -> Result<Tensor> {
        let axis = tenfold_ir::normalize_axis("diff", axis, self.rank())?;
        let along = axis as i64;
        let pieces: Vec<&Tensor> = prepend.into_iter().chain(std::iter::once(self)).chain(append).collect();
        let mut result =
            Tensor::concatenate(&pieces, Some(along)).map_err(|error| error.in_operation("diff"))?;
        for _ in 0..n {
            let Some(left) = result.shape()[axis].checked_sub(1) else { break };
            let (low, high) = (result.slice(along, 0, 1, left)?, result.slice(along, 1, 1, left)?);
            let bool_ = result.dtype() == DType::Bool;
            result = if bool_ { high.not_equal(&low)? } else { high.subtract(&low)? };
        }
        Ok(result)
    }

    /// The axes moved behind the others and joined to one, the last.
    fn joined_last(&self, axes: &[usize]) -> Result<Tensor> {
        let others: Axes = (0..self.rank()).filter(|axis| !axes.contains(axis)).collect();
        let order: Axes = others.iter().chain(axes).copied().collect();
        let count: usize = axes.iter().map(|&axis| self.shape()[axis]).product();
        let shape: Shape = others.iter().map(|&axis| self.shape()[axis]).chain([count]).collect();
        self.permuted(&order)?.reshaped(&shape)
    }

    /// The product over axes (none: all of them) in `dtype`; by default int64 for integers and bool, else the own
    /// dtype. The gradient is right where factors are zero.
    pub fn prod(&self, axes: Option<&[i64]>, keep_axes: bool, dtype: Option<DType>) -> Result<Tensor> {
        let axes = self.reduction_axes("prod", axes)?;
        let dtype =
            dtype.unwrap_or(if self.dtype().is_differentiable() { self.dtype() } else { DType::Int64 });
        if dtype == DType::Bool {
            return self.all(Some(&axes.iter().map(|&axis| axis as i64).collect::<Vec<_>>()), keep_axes);
        }
        let x = self.cast(dtype)?;
        if axes.is_empty() {
            return Ok(x);
        }
        let mut results = x.reduce(Reduction::Product, &axes)?;
        if x.requires_grad() && crate::autograd::is_enabled() {
            // The gradient's path has one axis; the value is that of the one reduction without a gradient.
            let (joined, axis) = match axes.as_slice() {
                &[axis] => (x.clone(), axis),
                axes => {
                    let joined = x.joined_last(axes)?;
                    let axis = joined.rank() - 1;
                    (joined, axis)
                }
            };
            record_gradient(&mut results, &[&joined], ProductDerivative { axis }, &[Saved::Input(0)]);
        }
        results.remove(0).kept(self, &axes, keep_axes)
    }

    /// `log Σ exp` over axes (none: all of them), without overflow; −∞ of nothing. Integers become float32.
    pub fn logsumexp(&self, axes: Option<&[i64]>, keep_axes: bool) -> Result<Tensor> {
        let axes = self.reduction_axes("logsumexp", axes)?;
        let dtype = self.dtype().to_floating();
        if dtype.is_complex() {
            return Err(Error::dtype("logsumexp", format!("not defined for {dtype}")));
        }
        // Halves are rounded once, at the end.
        let x = self.cast(dtype.compute())?;
        let result = if axes.iter().any(|&axis| self.shape()[axis] == 0) {
            x.exp()?.sum_axes(&axes)?.log()?
        } else {
            let signed: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
            let largest = x.detach().amax(Some(&signed), true)?;
            let shift = largest.isfinite()?.where_(&largest, 0)?;
            let sum = x.subtract(&shift)?.exp()?.sum_axes(&axes)?;
            let logarithm = sum.log()?;
            logarithm.add(&shift.reshaped(logarithm.shape())?)?
        };
        result.cast(dtype)?.kept(self, &axes, keep_axes)
    }

    /// The p-norm over axes (none: all of them): `(Σ |x|^p)^(1/p)`; the largest and smallest |x| for p = ±∞, how many
    /// are not zero for p = 0. The gradient is 0 where the norm is 0. Needs a floating or complex dtype.
    pub fn norm(&self, p: f64, axes: Option<&[i64]>, keep_axes: bool) -> Result<Tensor> {
        let name = "norm";
        if !self.dtype().is_differentiable() {
            return Err(Error::dtype(
                name,
                format!("needs a floating or complex dtype; got {}", self.dtype()),
            )
            .hint("convert first"));
        }
        let axes = self.reduction_axes(name, axes)?;
        let real = self.dtype().real();
        let signed: Vec<i64> = axes.iter().map(|&axis| axis as i64).collect();
        if p == 0.0 {
            let count = self.count_nonzero(Some(&signed), keep_axes)?;
            return count.cast(real);
        }
        // Halves are rounded once, at the end.
        let x = self.cast(self.dtype().compute())?;
        if p.is_infinite() {
            let magnitude = x.abs()?;
            let extreme = if p > 0.0 {
                magnitude.amax(Some(&signed), keep_axes)
            } else {
                magnitude.amin(Some(&signed), keep_axes)
            };
            return extreme.map_err(|error| error.in_operation(name))?.cast(real);
        }
        let detached = x.detach();
        let value = if p == 2.0 {
            let square = if x.dtype().is_complex() {
                detached.real()?.square()?.add(&detached.imag()?.square()?)?
            } else {
                detached.square()?
            };
            square.sum_axes(&axes)?.sqrt()?
        } else if p == 1.0 {
            detached.abs()?.sum_axes(&axes)?
        } else {
            detached.abs()?.pow(p)?.sum_axes(&axes)?.pow(1.0 / p)?
        };
        // A reduction over no axes may have handed on its input; the edge belongs to the result alone.
        let mut result = [value];
        let kept: Shape =
            (0..self.rank()).map(|axis| if axes.contains(&axis) { 1 } else { self.shape()[axis] }).collect();
        let derivative = NormDerivative { p, kept };
        record_gradient(&mut result, &[&x], derivative, &[Saved::Input(0), Saved::Output(0)]);
        let [value] = result;
        value.cast(real)?.kept(self, &axes, keep_axes)
    }
}
