//! Elementwise formulas that run as one kernel: written with operators, recorded as one expression.

use std::cell::RefCell;
use std::ops::{Add, Div, Mul, Neg, Sub};

use smallvec::SmallVec;
use tenfold_ir::expr::Value;
use tenfold_ir::formulas::{Arithmetic, Comparison};
use tenfold_ir::{DType, Expr, Operation, Result, Scalar, Shape};

use crate::Tensor;
use crate::tensor::Tensors;

/// A formula over tensors that are broadcast to one shape. It computes in one dtype throughout; operands of others
/// are converted when they are loaded, results when they are stored.
///
/// Formulas have no gradients of their own: derivatives use them, and what nobody differentiates.
pub(crate) struct Formula {
    shape: Shape,
    compute: DType,
    parts: RefCell<Parts>,
}

#[derive(Default)]
struct Parts {
    expr: Expr,
    operands: Vec<Tensor>,
    scalars: SmallVec<[Scalar; 2]>,
}

/// A value in a [`Formula`].
#[derive(Clone, Copy)]
pub(crate) struct Variable<'f> {
    formula: &'f Formula,
    value: Value,
}

impl Formula {
    /// A formula over this shape.
    pub(crate) fn new(shape: &Shape, compute: DType) -> Formula {
        Formula { shape: shape.clone(), compute, parts: RefCell::default() }
    }

    /// The elements of a tensor, which must broadcast to the shape.
    pub(crate) fn load(&self, tensor: &Tensor) -> Variable<'_> {
        let mut parts = self.parts.borrow_mut();
        let operand = parts.operands.len() as u16;
        parts.operands.push(tensor.detach().broadcast(&self.shape).expect("operands broadcast to the shape"));
        let loaded = parts.expr.load(operand, tensor.dtype());
        let value = parts.expr.cast(loaded, self.compute);
        Variable { formula: self, value }
    }

    /// The values of a tensor with one number a channel, along axis 1.
    pub(crate) fn channel(&self, tensor: &Tensor) -> Result<Variable<'_>> {
        let mut extents: SmallVec<[usize; 5]> = SmallVec::from_elem(1, self.shape.rank());
        extents[1] = tensor.elements();
        Ok(self.load(&tensor.reshaped(&Shape::new(&extents))?))
    }

    /// A number.
    pub(crate) fn number(&self, number: f64) -> Variable<'_> {
        let mut parts = self.parts.borrow_mut();
        let index = parts.scalars.len() as u16;
        parts.scalars.push(number.into());
        let value = parts.expr.scalar(index, self.compute);
        Variable { formula: self, value }
    }

    fn apply(&self, operation: Operation, arguments: &[Value]) -> Variable<'_> {
        let value = self.parts.borrow_mut().expr.apply(operation, arguments);
        Variable { formula: self, value }
    }

    /// Names the next result, stored in that dtype.
    pub(crate) fn output(&self, variable: Variable<'_>, dtype: DType) {
        let mut parts = self.parts.borrow_mut();
        let stored = parts.expr.cast(variable.value, dtype);
        parts.expr.output(stored);
    }

    /// Records the formula.
    pub(crate) fn record(self) -> Result<Tensors> {
        let Parts { expr, operands, scalars } = self.parts.into_inner();
        let operands: SmallVec<[&Tensor; 6]> = operands.iter().collect();
        Tensor::record_expression(expr, &self.shape, &operands, &scalars)
    }

    /// Records a formula with this only result.
    pub(crate) fn single(
        shape: &Shape,
        compute: DType,
        dtype: DType,
        body: impl FnOnce(&Formula) -> Result<Value>,
    ) -> Result<Tensor> {
        let formula = Formula::new(shape, compute);
        let value = body(&formula)?;
        formula.output(Variable { formula: &formula, value }, dtype);
        Ok(formula.record()?.remove(0))
    }
}

/// What a [`Variable`] is combined with: another one or a number.
pub(crate) trait Operand {
    /// The value in a formula.
    fn value_in(self, formula: &Formula) -> Value;
}

impl Operand for Variable<'_> {
    fn value_in(self, _formula: &Formula) -> Value {
        self.value
    }
}

impl Operand for f64 {
    fn value_in(self, formula: &Formula) -> Value {
        formula.number(self).value
    }
}

macro_rules! operators {
    ($($trait:ident $name:ident $operation:ident;)*) => {
        $(
            impl<'f, O: Operand> $trait<O> for Variable<'f> {
                type Output = Variable<'f>;
                fn $name(self, other: O) -> Variable<'f> {
                    let other = other.value_in(self.formula);
                    self.formula.apply(Operation::$operation, &[self.value, other])
                }
            }
            impl<'f> $trait<Variable<'f>> for f64 {
                type Output = Variable<'f>;
                fn $name(self, other: Variable<'f>) -> Variable<'f> {
                    other.formula.number(self).$name(other)
                }
            }
        )*
    };
}
operators! {
    Add add add;
    Sub sub subtract;
    Mul mul multiply;
    Div div divide;
}

impl<'f> Neg for Variable<'f> {
    type Output = Variable<'f>;
    fn neg(self) -> Variable<'f> {
        self.formula.apply(Operation::negative, &[self.value])
    }
}

impl Arithmetic for Variable<'_> {
    fn sqrt(self) -> Self {
        Variable::sqrt(self)
    }

    fn maximum(self, other: Self) -> Self {
        Variable::maximum(self, other)
    }

    fn minimum(self, other: Self) -> Self {
        self.formula.apply(Operation::minimum, &[self.value, other.value])
    }

    fn abs(self) -> Self {
        self.formula.apply(Operation::abs, &[self.value])
    }

    fn lerp(self, end: Self, fraction: Self) -> Self {
        self.formula.apply(Operation::lerp, &[self.value, end.value, fraction.value])
    }

    fn choose(self, comparison: Comparison, other: Self, then: Self, otherwise: Self) -> Self {
        let holds = self.formula.apply(comparison.operation(), &[self.value, other.value]);
        self.formula.apply(Operation::where_, &[holds.value, then.value, otherwise.value])
    }

    fn sigmoid(self) -> Self {
        self.formula.apply(Operation::sigmoid, &[self.value])
    }

    fn ndtr(self) -> Self {
        self.formula.apply(Operation::ndtr, &[self.value])
    }

    fn normal_pdf(self) -> Self {
        self.formula.apply(Operation::normal_pdf, &[self.value])
    }
}

impl<'f> Variable<'f> {
    /// The number of the value, for [`Formula::single`].
    pub(crate) fn value(self) -> Value {
        self.value
    }

    /// The square root.
    pub(crate) fn sqrt(self) -> Variable<'f> {
        self.formula.apply(Operation::sqrt, &[self.value])
    }

    /// The larger of two values.
    pub(crate) fn maximum(self, other: Variable<'f>) -> Variable<'f> {
        self.formula.apply(Operation::maximum, &[self.value, other.value])
    }

    /// From this value towards `end`, by a fraction.
    pub(crate) fn lerp(self, end: Variable<'f>, fraction: f64) -> Variable<'f> {
        let fraction = fraction.value_in(self.formula);
        self.formula.apply(Operation::lerp, &[self.value, end.value, fraction])
    }
}
