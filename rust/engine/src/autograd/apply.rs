//! The derivatives of scalar operations, from the rows of the operation table.

use smallvec::SmallVec;
use tenfold_ir::{DType, Error, Operation, Result, Scalar, for_each_operation};

use super::edge::{Context, Derivative, Gradients, Saved, record_gradient};
use super::term::Term;
use crate::Tensor;

/// The derivative of one call of a scalar operation.
#[derive(Debug)]
pub(crate) struct ApplyDerivative {
    operation: Operation,
    /// Bit i: argument i is the next of the scalars.
    scalar_mask: u8,
    scalars: SmallVec<[Scalar; 2]>,
    compute: DType,
}

/// Which of a derivative's parameters its formula uses: those whose name does not begin with `_`.
const fn is_used(name: &str) -> bool {
    name.as_bytes()[0] != b'_'
}

impl ApplyDerivative {
    /// Gives the result of `operation` its edge. `inputs` are the arguments that are tensors.
    pub(crate) fn record(
        operation: Operation,
        scalar_mask: u8,
        scalars: SmallVec<[Scalar; 2]>,
        compute: DType,
        inputs: &[&Tensor],
        results: &mut [Tensor],
    ) -> Result<()> {
        if !operation.row().differentiable {
            return Err(
                Error::not_implemented(operation.name(), "has no derivative").hint("detach the argument")
            );
        }
        let used = used_parameters(operation);
        let mut saved: SmallVec<[Saved; 4]> = SmallVec::new();
        let mut input = 0;
        for (argument, &is_used) in used[..operation.arity()].iter().enumerate() {
            if scalar_mask & (1 << argument) == 0 {
                if is_used {
                    saved.push(Saved::Input(input));
                }
                input += 1;
            }
        }
        if used[operation.arity()] {
            saved.push(Saved::Output(0));
        }
        let derivative = ApplyDerivative { operation, scalar_mask, scalars, compute };
        record_gradient(results, inputs, derivative, &saved);
        Ok(())
    }
}

impl Derivative for ApplyDerivative {
    fn name(&self) -> &str {
        self.operation.name()
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let used = used_parameters(self.operation);
        let gradient = Term(Ok(context.gradient(0).clone()));
        let (mut next_saved, mut next_scalar, mut next_input) = (0, 0, 0);
        let mut arguments: SmallVec<[Term; 4]> = SmallVec::new();
        let mut needs: SmallVec<[bool; 3]> = SmallVec::new();
        // The arguments and, last, the result; the gradient itself is not saved.
        for (parameter, &is_used) in used[..=self.operation.arity()].iter().enumerate() {
            let is_scalar = parameter < self.operation.arity() && self.scalar_mask & (1 << parameter) != 0;
            if parameter < self.operation.arity() {
                needs.push(!is_scalar && context.needs(next_input));
                next_input += usize::from(!is_scalar);
            }
            arguments.push(if is_scalar {
                next_scalar += 1;
                Term(Tensor::scalar(self.scalars[next_scalar - 1], self.compute))
            } else if is_used {
                next_saved += 1;
                Term(Ok(context.saved(next_saved - 1).clone()))
            } else {
                // Never looked at.
                gradient.clone()
            });
        }
        let all = formula(self.operation, &arguments, &gradient, &needs)?;
        let is_tensor = |argument: &usize| self.scalar_mask & (1 << argument) == 0;
        Ok((0..self.operation.arity()).filter(is_tensor).map(|argument| all[argument].clone()).collect())
    }
}

macro_rules! define_formulas {
    ($({
        $(#[doc = $doc:literal])*
        $name:ident ( $($argument:ident),* ) : $rule:ident -> $result:ident ;
        $($field:ident $value:tt)*
    })*) => {
        /// Which of the arguments and, last, the result the derivative of a row uses.
        fn used_parameters(operation: Operation) -> &'static [bool] {
            match operation {
                $(Operation::$name => {
                    #[allow(unused_mut, unused_assignments)]
                    let mut used: &'static [bool] = &[];
                    $(used_field!(used $field $value);)*
                    used
                })*
            }
        }

        /// The gradients that are needed; `arguments` has the result last.
        fn formula(operation: Operation, arguments: &[Term], gradient: &Term, needs: &[bool]) -> Result<Gradients> {
            match operation {
                $(Operation::$name => {
                    $(formula_field!(arguments gradient needs $field $value);)*
                })*
            }
            #[allow(unreachable_code)]
            Err(Error::not_implemented(operation.name(), "has no derivative"))
        }
    };
}

macro_rules! used_field {
    ($used:ident partial { |$($parameter:ident),*| $list:tt }) => {
        $used = const { &[$(is_used(stringify!($parameter))),*] };
    };
    ($used:ident gradient { |$($parameter:ident),*| $list:tt }) => {
        // The last one is the gradient itself.
        $used = const { &[$(is_used(stringify!($parameter))),*] };
    };
    ($used:ident $other:ident $value:tt) => {};
}

macro_rules! formula_field {
    ($arguments:ident $gradient:ident $needs:ident partial { |$($parameter:ident),*| [$($part:expr),*] }) => {
        let [$($parameter),*] = $arguments else { unreachable!("one term a parameter") };
        let mut results = Gradients::new();
        $(results.push(if $needs[results.len()] {
            let part: Factor = Factor::from($part);
            let part = match part {
                Factor::Term(term) => term.conjugate(),
                Factor::Number(_) => unreachable!("a constant derivative is written as a gradient"),
            };
            Some(($gradient * part).0?)
        } else {
            None
        });)*
        return Ok(results);
    };
    ($arguments:ident $gradient:ident $needs:ident gradient { |$($parameter:ident),*| [$($part:expr),*] }) => {
        let mut terms: SmallVec<[&Term; 5]> = $arguments.iter().collect();
        terms.push($gradient);
        let &[$($parameter),*] = terms.as_slice() else { unreachable!("one term a parameter") };
        let mut results = Gradients::new();
        $(results.push(if $needs[results.len()] {
            Some(Result::<Tensor>::from($part)?)
        } else {
            None
        });)*
        return Ok(results);
    };
    ($arguments:ident $gradient:ident $needs:ident $other:ident $value:tt) => {};
}

use super::term::Factor;

for_each_operation! { [define_formulas] }
