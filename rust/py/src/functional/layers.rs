//! Linear maps, convolutions and padding.

use pyo3::prelude::*;
use pyo3::types::PyString;
use tenfold::functional::{self, ConvolutionOptions, ConvolutionPadding, TransposedOptions};
use tenfold::{Error, Padding, Tensor};

use super::{optional, sizes, wrapped};
use crate::convert::{Integers, ScalarArgument, TensorArgument};
use crate::errors::to_python;
use crate::tensor::PyTensor;

/// `input @ weight.T + bias`: `(..., in)` with a weight `(out, in)` gives `(..., out)`.
#[pyfunction]
#[pyo3(signature = (input, weight, bias=None))]
fn linear(input: TensorArgument, weight: TensorArgument, bias: Option<TensorArgument>) -> PyResult<PyTensor> {
    wrapped(functional::linear(&input.0, &weight.0, optional(&bias)))
}

/// `input1_i * weight_kij * input2_j` summed over i and j, plus `bias_k`.
#[pyfunction]
#[pyo3(signature = (input1, input2, weight, bias=None))]
fn bilinear(
    input1: TensorArgument,
    input2: TensorArgument,
    weight: TensorArgument,
    bias: Option<TensorArgument>,
) -> PyResult<PyTensor> {
    wrapped(functional::bilinear(&input1.0, &input2.0, &weight.0, optional(&bias)))
}

/// Zeros around the input: numbers, `'same'` or `'valid'`.
enum PaddingArgument {
    Numbers(Integers),
    Same,
    Valid,
}

impl<'py> FromPyObject<'_, 'py> for PaddingArgument {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<PaddingArgument> {
        let Ok(name) = object.cast::<PyString>() else {
            return Ok(PaddingArgument::Numbers(object.extract()?));
        };
        match name.to_string().as_str() {
            "same" => Ok(PaddingArgument::Same),
            "valid" => Ok(PaddingArgument::Valid),
            other => Err(to_python(
                Error::state("conv", format!("no such padding; got {other:?}"))
                    .hint("numbers, 'same' or 'valid'"),
            )),
        }
    }
}

impl PaddingArgument {
    fn resolve(self, operation: &'static str) -> PyResult<ConvolutionPadding> {
        Ok(match self {
            PaddingArgument::Numbers(numbers) => ConvolutionPadding::Zeros(sizes(operation, &numbers)?),
            PaddingArgument::Same => ConvolutionPadding::Same,
            PaddingArgument::Valid => ConvolutionPadding::Valid,
        })
    }
}

/// A count that must be positive.
fn groups_of(operation: &'static str, groups: i64) -> PyResult<usize> {
    usize::try_from(groups)
        .ok()
        .filter(|&groups| groups > 0)
        .ok_or_else(|| to_python(Error::state(operation, format!("groups must be positive; got {groups}"))))
}

/// An error unless the weight is that of a convolution over so many axes.
fn check_weight(operation: &'static str, weight: &Tensor, spatial: usize) -> PyResult<()> {
    if weight.rank() == spatial + 2 {
        return Ok(());
    }
    Err(to_python(Error::shape(
        operation,
        format!("the weight needs {} axes; got shape {}", spatial + 2, weight.shape()),
    )))
}

macro_rules! convolutions {
    ($($spatial:literal $name:ident $transposed:ident;)*) => {
        $(
            /// The cross-correlation of `(N, C, ...)` or `(C, ...)` with a weight `(O, C/groups, ...)`, plus `bias` (O).
            /// `padding` is numbers, `'same'` or `'valid'`.
            #[pyfunction]
            #[pyo3(signature = (
                input, weight, bias=None, stride=Integers(vec![1]),
                padding=PaddingArgument::Numbers(Integers(vec![0])), dilation=Integers(vec![1]), groups=1
            ))]
            #[allow(clippy::too_many_arguments)]
            fn $name(
                input: TensorArgument,
                weight: TensorArgument,
                bias: Option<TensorArgument>,
                stride: Integers,
                padding: PaddingArgument,
                dilation: Integers,
                groups: i64,
            ) -> PyResult<PyTensor> {
                let operation = stringify!($name);
                check_weight(operation, &weight.0, $spatial)?;
                let options = ConvolutionOptions {
                    stride: sizes(operation, &stride)?,
                    padding: padding.resolve(operation)?,
                    dilation: sizes(operation, &dilation)?,
                    groups: groups_of(operation, groups)?,
                };
                wrapped(functional::conv(&input.0, &weight.0, optional(&bias), &options))
            }

            /// The transposed convolution of `(N, C, ...)` or `(C, ...)` with a weight `(C, O/groups, ...)`, plus `bias`
            /// (O).
            #[pyfunction]
            #[pyo3(signature = (
                input, weight, bias=None, stride=Integers(vec![1]), padding=Integers(vec![0]),
                output_padding=Integers(vec![0]), groups=1, dilation=Integers(vec![1])
            ))]
            #[allow(clippy::too_many_arguments)]
            fn $transposed(
                input: TensorArgument,
                weight: TensorArgument,
                bias: Option<TensorArgument>,
                stride: Integers,
                padding: Integers,
                output_padding: Integers,
                groups: i64,
                dilation: Integers,
            ) -> PyResult<PyTensor> {
                let operation = stringify!($transposed);
                check_weight(operation, &weight.0, $spatial)?;
                let options = TransposedOptions {
                    stride: sizes(operation, &stride)?,
                    padding: sizes(operation, &padding)?,
                    output_padding: sizes(operation, &output_padding)?,
                    dilation: sizes(operation, &dilation)?,
                    groups: groups_of(operation, groups)?,
                };
                wrapped(functional::conv_transpose(&input.0, &weight.0, optional(&bias), &options))
            }
        )*

        fn add_convolutions(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(
                module.add_function(wrap_pyfunction!($name, module)?)?;
                module.add_function(wrap_pyfunction!($transposed, module)?)?;
            )*
            Ok(())
        }
    };
}
convolutions! {
    1 conv1d conv_transpose1d;
    2 conv2d conv_transpose2d;
    3 conv3d conv_transpose3d;
}

/// The cross-correlation of series `(T, N, C)` with a weight `(K, C, O)`, plus `bias` (O), with `pad` zeros before and
/// after: `(T', N, O)`.
#[pyfunction]
#[pyo3(signature = (input, weight, bias, pad=0))]
fn conv_tbc(
    input: TensorArgument,
    weight: TensorArgument,
    bias: TensorArgument,
    pad: usize,
) -> PyResult<PyTensor> {
    let name = "conv_tbc";
    check_weight(name, &weight.0, 1)?;
    let compute = || {
        if input.0.rank() != 3 {
            return Err(Error::shape(name, format!("needs series (T, N, C); got shape {}", input.0.shape())));
        }
        let (series, kernel) = (input.0.permute(&[1, 2, 0])?, weight.0.permute(&[2, 1, 0])?);
        let padding = ConvolutionPadding::Zeros(vec![pad]);
        let options = ConvolutionOptions { padding, ..ConvolutionOptions::default() };
        functional::conv(&series, &kernel, Some(&bias.0), &options)?.permute(&[2, 0, 1])
    };
    wrapped(compute().map_err(|error: Error| error.in_operation(name)))
}

/// 1 at each class of `tensor` (integers), 0 elsewhere: int64 `(..., num_classes)`. -1: one more than the largest.
#[pyfunction]
#[pyo3(signature = (tensor, num_classes=-1))]
fn one_hot(tensor: TensorArgument, num_classes: i64) -> PyResult<PyTensor> {
    let classes = match num_classes {
        -1 => None,
        1.. => Some(num_classes as usize),
        _ => {
            return Err(to_python(Error::state(
                "one_hot",
                format!("num_classes must be positive or -1; got {num_classes}"),
            )));
        }
    };
    wrapped(functional::one_hot(&tensor.0, classes))
}

/// Elements added before and after the last axes: `pad` counts from the last one, `(left, right, top, bottom, ...)`;
/// negative numbers crop. `mode` is `'constant'` (with `value`), `'reflect'`, `'replicate'` or `'circular'`.
#[pyfunction]
#[pyo3(signature = (input, pad, mode="constant", value=None))]
fn pad(
    input: TensorArgument,
    pad: Integers,
    mode: &str,
    value: Option<ScalarArgument>,
) -> PyResult<PyTensor> {
    let padding = match (mode, value) {
        ("constant", value) => Padding::Constant(value.map_or(0.into(), |value| value.0)),
        ("reflect", None) => Padding::Reflect,
        ("replicate", None) => Padding::Replicate,
        ("circular", None) => Padding::Circular,
        ("reflect" | "replicate" | "circular", Some(_)) => {
            return Err(to_python(Error::state("pad", format!("mode {mode:?} takes no value"))));
        }
        (other, _) => {
            return Err(to_python(
                Error::not_implemented("pad", format!("no such mode; got {other:?}"))
                    .hint("constant, reflect, replicate or circular"),
            ));
        }
    };
    wrapped(functional::pad(&input.0, &pad.0, padding))
}

/// Adds the functions to the module.
pub(super) fn add_layers(module: &Bound<'_, PyModule>) -> PyResult<()> {
    add_convolutions(module)?;
    module.add_function(wrap_pyfunction!(linear, module)?)?;
    module.add_function(wrap_pyfunction!(bilinear, module)?)?;
    module.add_function(wrap_pyfunction!(conv_tbc, module)?)?;
    module.add_function(wrap_pyfunction!(one_hot, module)?)?;
    module.add_function(wrap_pyfunction!(pad, module)?)
}
