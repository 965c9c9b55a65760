//! The scalar operations in Python, from the rows of the operation table: functions, methods and in-place methods.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use tenfold::ir::{Category, for_each_operation};
use tenfold::{Operation, Tensor};

use crate::convert::PyArgument;
use crate::errors::{Named, Outcome};
use crate::tensor::PyTensor;

/// Applies an operation, called by `name`, to Python's arguments, at least one of them a tensor.
fn apply(name: &'static str, operation: Operation, arguments: &[PyArgument]) -> PyResult<PyTensor> {
    if !arguments.iter().any(|argument| matches!(argument, PyArgument::Tensor(_))) {
        return Err(PyTypeError::new_err(format!("{name}: needs a tensor among its arguments")));
    }
    let arguments: Vec<_> = arguments.iter().map(PyArgument::as_argument).collect();
    Ok(Tensor::apply(operation, &arguments).named(name)?.into())
}

/// The methods of a row, `x.name(…)` and `x.name_(…)`, and its aliases. The listed rows have methods of their own,
/// with arguments that only the method takes (see `methods.rs`).
macro_rules! methods_of_row {
    (add $($rest:tt)*) => {};
    (equal $($rest:tt)*) => {};
    (subtract $($rest:tt)*) => {};
    (divide $($rest:tt)*) => {};
    (round $($rest:tt)*) => {};
    (where_ $($rest:tt)*) => {};
    (real $($rest:tt)*) => {};
    (imag $($rest:tt)*) => {};
    ($name:ident [$($doc:literal)*] ($first:ident $(, $argument:ident)*)) => {
        pastey::paste! {
            #[pymethods]
            impl PyTensor {
                $(#[doc = $doc])*
                fn $name(&self $(, $argument: PyArgument)*) -> PyResult<PyTensor> {
                    apply(stringify!($name), Operation::$name, &[PyArgument::Tensor(self.value()?) $(, $argument)*])
                }

                #[doc = "In place: see the method without `_`."]
                fn [<$name _>]<'py>(slf: &Bound<'py, Self> $(, $argument: PyArgument)*) -> Outcome<Bound<'py, Self>> {
                    PyTensor::update_beside(slf, stringify!($name), &[$($argument.as_argument()),*], |value| {
                        Tensor::apply(Operation::$name, &[value.into() $(, $argument.as_argument())*])
                    })
                }
            }
        }
    };
}

/// The methods of an alias.
macro_rules! methods_of_alias {
    ($alias:ident (subtract $arguments:tt)) => {};
    ($alias:ident (divide $arguments:tt)) => {};
    ($alias:ident ($name:ident ($first:ident $(, $argument:ident)*))) => {
        pastey::paste! {
            #[pymethods]
            impl PyTensor {
                #[doc = concat!("The same as `", stringify!($name), "`.")]
                fn $alias(&self $(, $argument: PyArgument)*) -> PyResult<PyTensor> {
                    apply(stringify!($alias), Operation::$name, &[PyArgument::Tensor(self.value()?) $(, $argument)*])
                }

                #[doc = "In place: see the method without `_`."]
                fn [<$alias _>]<'py>(slf: &Bound<'py, Self> $(, $argument: PyArgument)*) -> Outcome<Bound<'py, Self>> {
                    PyTensor::update_beside(slf, stringify!($alias), &[$($argument.as_argument()),*], |value| {
                        Tensor::apply(Operation::$name, &[value.into() $(, $argument.as_argument())*])
                    })
                }
            }
        }
    };
}

/// Calls a macro with each alias among a row's fields, and with `$given`.
macro_rules! for_aliases {
    ($callback:ident $given:tt) => {};
    ($callback:ident $given:tt aliases { $($alias:ident),* } $($rest:tt)*) => { $($callback!($alias $given);)* };
    ($callback:ident $given:tt $field:ident $value:tt $($rest:tt)*) => { for_aliases!($callback $given $($rest)*); };
}

/// A function at the top level, under the row's name or an alias. `where` is a keyword of Rust, hence the name.
macro_rules! function_of_row {
    (where_ where_ [$($doc:literal)*] ($($argument:ident),*)) => {
        $(#[doc = $doc])*
        #[pyfunction]
        #[pyo3(name = "where", signature = ($($argument),*, /))]
        pub fn where_($($argument: PyArgument),*) -> PyResult<PyTensor> {
            apply("where", Operation::where_, &[$($argument),*])
        }
    };
    ($function:ident $name:ident [$($doc:expr)*] ($first:ident)) => {
        $(#[doc = $doc])*
        #[pyfunction]
        #[pyo3(signature = ($first, /))]
        pub fn $function($first: PyArgument) -> PyResult<PyTensor> {
            apply(stringify!($function), Operation::$name, &[$first])
        }
    };
    ($function:ident $name:ident [$($doc:expr)*] ($first:ident, $second:ident)) => {
        $(#[doc = $doc])*
        #[pyfunction]
        #[pyo3(signature = (x1, x2, /))]
        pub fn $function(x1: PyArgument, x2: PyArgument) -> PyResult<PyTensor> {
            apply(stringify!($function), Operation::$name, &[x1, x2])
        }
    };
    ($function:ident $name:ident [$($doc:expr)*] ($($argument:ident),*)) => {
        $(#[doc = $doc])*
        #[pyfunction]
        #[pyo3(signature = ($($argument),*, /))]
        pub fn $function($($argument: PyArgument),*) -> PyResult<PyTensor> {
            apply(stringify!($function), Operation::$name, &[$($argument),*])
        }
    };
}

macro_rules! function_of_alias {
    ($alias:ident ($name:ident $arguments:tt)) => {
        function_of_row!($alias $name [concat!("The same as `", stringify!($name), "`.")] $arguments);
    };
}

macro_rules! add_alias {
    ($alias:ident ($module:ident)) => {
        $module.add_function(wrap_pyfunction!(functions::$alias, $module)?)?;
    };
}

macro_rules! define {
    ($({
        $(#[doc = $doc:literal])*
        $name:ident ( $($argument:ident),* ) : $rule:ident -> $result:ident ;
        $($field:ident $value:tt)*
    })*) => {
        $(
            methods_of_row!($name [$($doc)*] ($($argument),*));
            for_aliases!(methods_of_alias ($name ($($argument),*)) $($field $value)*);
        )*

        /// The functions of the top level.
        mod functions {
            use super::*;
            $(
                function_of_row!($name $name [$($doc)*] ($($argument),*));
                for_aliases!(function_of_alias ($name ($($argument),*)) $($field $value)*);
            )*
        }

        /// Adds the functions, under their names and aliases, and the table itself to the module.
        pub fn add_operations(module: &Bound<'_, PyModule>) -> PyResult<()> {
            $(
                module.add_function(wrap_pyfunction!(functions::$name, module)?)?;
                for_aliases!(add_alias (module) $($field $value)*);
            )*
            module.add_function(wrap_pyfunction!(operation_table, module)?)
        }
    };
}
for_each_operation! { [define] }

/// The operation table, a dict a row: what documentation and tests are made from.
#[pyfunction(name = "_operation_table")]
fn operation_table(py: Python<'_>) -> PyResult<Bound<'_, PyList>> {
    let table = PyList::empty(py);
    for operation in Operation::ALL {
        let row = operation.row();
        let entry = PyDict::new(py);
        entry.set_item("name", row.name)?;
        entry.set_item("aliases", row.aliases)?;
        entry.set_item("documentation", row.documentation.trim())?;
        entry.set_item("arguments", row.arguments)?;
        entry.set_item("rule", format!("{:?}", row.rule))?;
        entry.set_item("result", format!("{:?}", row.result))?;
        for category in [Category::Boolean, Category::Integer, Category::Floating, Category::Complex] {
            entry.set_item(format!("{category:?}").to_lowercase(), row.takes[category as usize])?;
        }
        entry.set_item("domain", row.domain.to_vec())?;
        entry.set_item("ulp", row.accuracy.ulp)?;
        entry.set_item("absolute", row.accuracy.absolute)?;
        entry.set_item("oracle", row.oracle)?;
        entry.set_item("differentiable", row.differentiable)?;
        table.append(entry)?;
    }
    Ok(table)
}
