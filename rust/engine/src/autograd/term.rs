//! The notation that derivatives of table rows are written in.

use std::ops::{Add, Div, Mul, Neg, Sub};

use tenfold_ir::{Result, for_each_operation};

use crate::Tensor;
use crate::tensor::Argument;

/// A tensor in a formula. An error on the way is carried to the end.
#[derive(Clone)]
pub(crate) struct Term(pub(crate) Result<Tensor>);

/// A number or a term.
pub(crate) enum Factor {
    Term(Term),
    Number(f64),
}

impl From<Term> for Factor {
    fn from(term: Term) -> Factor {
        Factor::Term(term)
    }
}
impl From<&Term> for Factor {
    fn from(term: &Term) -> Factor {
        Factor::Term(term.clone())
    }
}
impl From<f64> for Factor {
    fn from(number: f64) -> Factor {
        Factor::Number(number)
    }
}
impl From<Term> for Result<Tensor> {
    fn from(term: Term) -> Result<Tensor> {
        term.0
    }
}
impl From<&Term> for Result<Tensor> {
    fn from(term: &Term) -> Result<Tensor> {
        term.0.clone()
    }
}

impl Factor {
    fn argument(&self) -> Result<Argument<'_>> {
        match self {
            Factor::Term(term) => Ok(Argument::Tensor(term.0.as_ref().map_err(Clone::clone)?)),
            Factor::Number(number) => Ok((*number).into()),
        }
    }
}

macro_rules! define_methods {
    ($({
        $(#[doc = $doc:literal])*
        $name:ident ( $first:ident $(, $argument:ident)* ) : $rule:ident -> $result:ident ;
        $($field:ident $value:tt)*
    })*) => {
        #[allow(dead_code, reason = "every row has its method, whether a derivative uses it or not")]
        impl Term {
            $(pub(crate) fn $name(&self $(, $argument: impl Into<Factor>)*) -> Term {
                let compute = || self.0.clone()?.$name($($argument.into().argument()?),*);
                Term(compute())
            })*
        }
    };
}
for_each_operation! { [define_methods] }

impl Term {
    /// Zeros in shape and dtype.
    pub(crate) fn zeros(&self) -> Term {
        self.map(Tensor::zeros_like)
    }

    fn map(&self, body: impl FnOnce(&Tensor) -> Result<Tensor>) -> Term {
        Term(self.0.clone().and_then(|tensor| body(&tensor)))
    }

    fn with(&self, other: &Term, body: impl FnOnce(&Tensor, &Tensor) -> Result<Tensor>) -> Term {
        Term(self.0.clone().and_then(|a| body(&a, &other.0.clone()?)))
    }

    /// The conjugate of a complex term; a real one as it is, without a node.
    pub(crate) fn conjugate(&self) -> Term {
        match &self.0 {
            Ok(tensor) if !tensor.dtype().is_complex() => self.clone(),
            _ => self.conj(),
        }
    }

    /// In the dtype of another term.
    pub(crate) fn cast_like(&self, other: &Term) -> Term {
        self.with(other, |gradient, x| gradient.cast(x.dtype()))
    }

    /// The gradient of an imaginary part: i·g for a complex `x`, zeros for a real one.
    pub(crate) fn times_i_like(&self, x: &Term) -> Term {
        self.with(x, |gradient, x| {
            if !x.dtype().is_complex() {
                return gradient.zeros_like();
            }
            let i = tenfold_ir::Complex::new(0.0, 1.0);
            gradient.cast(x.dtype())?.multiply(i)
        })
    }

    /// The gradient of `sign` at `self`, with result `sign` and gradient `g`: 0 for real numbers, and for complex
    /// ones the part of g across the direction of x, over |x|.
    pub(crate) fn sign_gradient(&self, sign: &Term, g: &Term) -> Term {
        let real = |term: &Term| term.0.as_ref().is_ok_and(|tensor| !tensor.dtype().is_complex());
        if real(self) {
            return g.zeros();
        }
        let along = (g * sign.conj()).real();
        let across = (g - sign * along) / self.abs();
        self.equal(0.0).where_(g.zeros(), across)
    }

    /// ψ″, the derivative of `trigamma`, of operations that have derivatives themselves: the recurrence
    /// ψ″(x) = ψ″(x + 1) − 2 / x³ (DLMF 5.15.5) twelve times, the asymptotic series (DLMF 5.15.8, differentiated) there,
    /// whose first omitted term is below 10⁻¹⁵ of the value; reflection (DLMF 5.15.6) below 0.
    pub(crate) fn tetragamma(&self) -> Term {
        const STEPS: u8 = 12;
        // (2k + 1) B(2k), highest first.
        const SERIES: [f64; 7] =
            [35.0 / 2.0, -691.0 / 210.0, 5.0 / 6.0, -3.0 / 10.0, 1.0 / 6.0, -1.0 / 6.0, 1.0 / 2.0];
        let reflect = self.less(0.0);
        let argument = reflect.where_(1.0 - self, self);
        let cube = |step: u8| {
            let inverse = (&argument + f64::from(step)).reciprocal();
            inverse.square() * inverse
        };
        let between = (1..STEPS).fold(cube(0), |sum, step| sum + cube(step));
        let inverse = (&argument + f64::from(STEPS)).reciprocal();
        let square = inverse.square();
        let series = SERIES[1..].iter().fold(self.zeros() + SERIES[0], |sum, &c| sum * &square + c);
        let value = -(&square * (inverse + 1.0 + &square * series)) - between * 2.0;
        // A quarter stands in where nothing is reflected, so that no gradient becomes infinite there.
        let angle = reflect.where_(self - self.round(), 0.25) * std::f64::consts::PI;
        let sine = angle.sin();
        let reflected = angle.cos() / (sine.square() * sine) * (2.0 * std::f64::consts::PI.powi(3));
        reflect.where_(&value - reflected, value)
    }

    /// The gradient of `angle` at `self`: 0 for real numbers, `g · i·x / |x|²` for complex ones.
    pub(crate) fn angle_gradient(&self, g: &Term) -> Term {
        let real = |term: &Term| term.0.as_ref().is_ok_and(|tensor| !tensor.dtype().is_complex());
        if real(self) {
            return g.zeros();
        }
        let direction = self / self.abs().square();
        self.equal(0.0).where_(direction.zeros(), g.times_i_like(self) * direction)
    }
}

macro_rules! operators {
    ($($trait:ident $operator:ident => $method:ident;)*) => {
        $(
            impl<F: Into<Factor>> $trait<F> for Term {
                type Output = Term;
                fn $operator(self, other: F) -> Term {
                    Term::$method(&self, other)
                }
            }
            impl<F: Into<Factor>> $trait<F> for &Term {
                type Output = Term;
                fn $operator(self, other: F) -> Term {
                    Term::$method(self, other)
                }
            }
            impl $trait<Term> for f64 {
                type Output = Term;
                fn $operator(self, other: Term) -> Term {
                    self.$operator(&other)
                }
            }
            impl $trait<&Term> for f64 {
                type Output = Term;
                fn $operator(self, other: &Term) -> Term {
                    let compute = || {
                        let tensor = other.0.clone()?;
                        Tensor::apply(tenfold_ir::Operation::$method, &[self.into(), (&tensor).into()])
                    };
                    Term(compute())
                }
            }
        )*
    };
}
operators! {
    Add add => add;
    Sub sub => subtract;
    Mul mul => multiply;
    Div div => divide;
}

impl Neg for Term {
    type Output = Term;
    fn neg(self) -> Term {
        self.negative()
    }
}
impl Neg for &Term {
    type Output = Term;
    fn neg(self) -> Term {
        self.negative()
    }
}
