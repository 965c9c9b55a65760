//! How tensors are written: `repr`, `format`, `tolist`, and the print options.

use std::sync::{Mutex, PoisonError};

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyString};
use tenfold::ir::Category;
use tenfold::{DType, Layout, Scalar, Tensor};

use crate::errors::to_python;
use crate::tensor::{PyTensor, scalar_object};

/// What `set_printoptions` sets.
#[derive(Clone, Copy)]
struct Options {
    /// Digits behind the point.
    precision: usize,
    /// Tensors with more elements are summarized.
    threshold: usize,
    /// Elements shown at either end of a summarized axis.
    edge_items: usize,
    /// Where lines break.
    line_width: usize,
    /// Scientific notation always, never, or where it is needed.
    scientific: Option<bool>,
}

const DEFAULT: Options =
    Options { precision: 4, threshold: 1000, edge_items: 3, line_width: 80, scientific: None };

static OPTIONS: Mutex<Options> = Mutex::new(DEFAULT);

/// Sets how tensors are written; what is not given stays, except that `sci_mode` returns to None (where needed).
///
/// `precision` is the number of digits behind the point, `threshold` the number of elements from which on a tensor is
/// summarized, `edgeitems` how many are shown at either end then, `linewidth` the length of a line. `profile` is
/// `"default"`, `"short"` or `"full"`.
#[pyfunction]
#[pyo3(signature = (precision=None, threshold=None, edgeitems=None, linewidth=None, profile=None, sci_mode=None))]
fn set_printoptions(
    precision: Option<usize>,
    threshold: Option<f64>,
    edgeitems: Option<usize>,
    linewidth: Option<f64>,
    profile: Option<&str>,
    sci_mode: Option<bool>,
) -> PyResult<()> {
    let mut options = *OPTIONS.lock().unwrap_or_else(PoisonError::into_inner);
    match profile {
        None => {}
        Some("default") => options = DEFAULT,
        Some("short") => options = Options { precision: 2, edge_items: 2, ..DEFAULT },
        Some("full") => options = Options { threshold: usize::MAX, ..DEFAULT },
        Some(other) => {
            return Err(PyValueError::new_err(format!(
                "set_printoptions: no such profile; got '{other}'. Hint: the profiles are 'default', 'short', 'full'"
            )));
        }
    }
    // What formatting can do at most.
    if let Some(precision) = precision.filter(|&precision| precision > 1000) {
        return Err(PyValueError::new_err(format!(
            "set_printoptions: precision is at most 1000; got {precision}"
        )));
    }
    // Conversions saturate: infinity is a threshold that nothing exceeds.
    options.precision = precision.unwrap_or(options.precision);
    options.threshold = threshold.map_or(options.threshold, |elements| elements as usize);
    options.edge_items = edgeitems.unwrap_or(options.edge_items);
    options.line_width = linewidth.map_or(options.line_width, |columns| columns as usize);
    options.scientific = sci_mode;
    *OPTIONS.lock().unwrap_or_else(PoisonError::into_inner) = options;
    Ok(())
}

/// Adds the functions to the module.
pub fn add_printing(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(set_printoptions, module)?)
}

#[pymethods]
impl PyTensor {
    fn __repr__(&self) -> PyResult<String> {
        let options = *OPTIONS.lock().unwrap_or_else(PoisonError::into_inner);
        let value = self.value()?;
        if value.is_batched() {
            let extents: Vec<usize> = value.levels().iter().map(|level| level.extent()).collect();
            return Ok(format!(
                "tensor(…, shape={}, dtype={}, samples={extents:?})",
                value.shape(),
                value.dtype()
            ));
        }
        written(&value, options).map_err(to_python)
    }

    /// A tensor with one element is formatted as its number.
    fn __format__<'py>(
        slf: &Bound<'py, Self>,
        format_spec: &Bound<'py, PyString>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let value = slf.get().value()?;
        let plain = format_spec.len()? == 0;
        if value.rank() == 0 || !plain && value.elements() == 1 {
            let number = scalar_object(slf.py(), value.item().map_err(to_python)?)?;
            return number.call_method1("__format__", (format_spec,));
        }
        if plain {
            return Ok(slf.str()?.into_any());
        }
        Err(PyTypeError::new_err(format!(
            "format: only a tensor with one element takes a format; got '{format_spec}' for shape {}",
            value.shape()
        )))
    }

    /// The elements as nested lists of Python numbers; a number for a 0-dimensional tensor.
    fn tolist<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let value = self.value()?;
        let extents = value.shape().to_vec();
        tenfold::ir::with_element!(value.dtype(), T => {
            let elements = value.to_vec::<T>().map_err(to_python)?;
            let objects: Vec<Bound<'py, PyAny>> = elements
                .into_iter()
                .map(|element| scalar_object(py, tenfold::Element::to_scalar(element)))
                .collect::<PyResult<_>>()?;
            nested(py, &extents, &mut objects.into_iter())
        })
    }
}

/// The next objects as lists nested along `extents`.
fn nested<'py>(
    py: Python<'py>,
    extents: &[usize],
    objects: &mut std::vec::IntoIter<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    match extents {
        [] => Ok(objects.next().expect("as many objects as elements")),
        [extent] => {
            let row: Vec<Bound<'py, PyAny>> = objects.take(*extent).collect();
            Ok(PyList::new(py, row)?.into_any())
        }
        [extent, inner @ ..] => {
            let rows: Vec<Bound<'py, PyAny>> =
                (0..*extent).map(|_| nested(py, inner, objects)).collect::<PyResult<_>>()?;
            Ok(PyList::new(py, rows)?.into_any())
        }
    }
}

/// `tensor([[1., 2.]], dtype=…, requires_grad=True)`
fn written(value: &Tensor, options: Options) -> tenfold::Result<String> {
    const PREFIX: &str = "tensor(";
    let dtype = value.dtype();
    let mut suffixes = Vec::new();
    let mut text = PREFIX.to_string();
    if value.elements() == 0 {
        text += "[]";
        if value.rank() != 1 {
            suffixes.push(format!("size={}", tuple(value.shape())));
        }
        // Nothing shows the dtype of no elements.
        if dtype != DType::Float32 {
            suffixes.push(format!("dtype=tenfold.{dtype}"));
        }
    } else {
        let (buffer, layout) = value.buffer()?;
        let bytes = buffer.bytes()?;
        let read = |position: i64| read(bytes, dtype, position);
        let summarize = value.elements() > options.threshold;
        let page = Page::new(&read, layout, options, summarize);
        text += &page.axis(0, layout.offset(), PREFIX.len());
        if !matches!(dtype, DType::Bool | DType::Int64 | DType::Float32 | DType::Complex64) {
            suffixes.push(format!("dtype=tenfold.{dtype}"));
        }
    }
    match value.gradient_edge() {
        None => {}
        Some(edge) => suffixes.push(match edge.name() {
            Some(name) => format!("grad_fn=<{name}>"),
            None => "requires_grad=True".to_string(),
        }),
    }
    let last_line = text.rfind('\n').map_or(&text[..], |end| &text[end + 1..]);
    let mut column = last_line.chars().count() + 2;
    for suffix in suffixes {
        if column + suffix.len() + 2 > options.line_width {
            text += &format!(",\n{}", " ".repeat(PREFIX.len()));
            column = PREFIX.len() + suffix.len();
        } else {
            text += ", ";
            column += suffix.len() + 2;
        }
        text += &suffix;
    }
    text.push(')');
    Ok(text)
}

/// As Python writes a tuple.
fn tuple(extents: &[usize]) -> String {
    match extents {
        [only] => format!("({only},)"),
        _ => format!("({})", extents.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")),
    }
}

/// The element at a position of a buffer.
fn read(bytes: &[u8], dtype: DType, position: i64) -> Scalar {
    let start = position as usize * dtype.size();
    let bytes = &bytes[start..start + dtype.size()];
    tenfold::ir::with_element!(dtype, T => {
        tenfold::Element::to_scalar(bytemuck::cast_slice::<u8, T>(bytes)[0])
    })
}

/// A tensor on its way to text.
struct Page<'a> {
    read: &'a dyn Fn(i64) -> Scalar,
    layout: &'a Layout,
    options: Options,
    summarize: bool,
    numbers: Numbers,
}

impl<'a> Page<'a> {
    fn new(
        read: &'a dyn Fn(i64) -> Scalar,
        layout: &'a Layout,
        options: Options,
        summarize: bool,
    ) -> Page<'a> {
        let mut page = Page { read, layout, options, summarize, numbers: Numbers::Plain { width: 0 } };
        let mut shown = Vec::new();
        page.collect(0, layout.offset(), &mut shown);
        page.numbers = Numbers::of(&shown, options);
        page
    }

    /// Which indices along an axis are shown; `None` stands for those left out.
    fn shown(&self, axis: usize) -> Vec<Option<usize>> {
        let (extent, edge) = (self.layout.shape()[axis], self.options.edge_items);
        if self.summarize && extent > edge.saturating_mul(2) {
            (0..edge).map(Some).chain([None]).chain((extent - edge..extent).map(Some)).collect()
        } else {
            (0..extent).map(Some).collect()
        }
    }

    fn position(&self, axis: usize, start: i64, index: usize) -> i64 {
        start + self.layout.strides()[axis] * index as i64
    }

    /// All shown numbers from `axis` on.
    fn collect(&self, axis: usize, start: i64, numbers: &mut Vec<Scalar>) {
        if axis == self.layout.rank() {
            numbers.push((self.read)(start));
            return;
        }
        for index in self.shown(axis).into_iter().flatten() {
            self.collect(axis + 1, self.position(axis, start, index), numbers);
        }
    }

    /// The text of the axes from `axis` on, for the elements from position `start` on.
    fn axis(&self, axis: usize, start: i64, indent: usize) -> String {
        let below = self.layout.rank() - axis;
        if below == 0 {
            return self.numbers.text((self.read)(start));
        }
        let last = below == 1;
        let parts: Vec<String> = self
            .shown(axis)
            .into_iter()
            .map(|index| match index {
                Some(index) => self.axis(axis + 1, self.position(axis, start, index), indent + 1),
                None if last => " ...".to_string(),
                None => "...".to_string(),
            })
            .collect();
        let new_line = |lines: usize| format!(",{}{}", "\n".repeat(lines), " ".repeat(indent + 1));
        let text = if last {
            let per_line = self.options.line_width.saturating_sub(indent) / (self.numbers.width() + 2);
            let lines: Vec<String> = parts.chunks(per_line.max(1)).map(|line| line.join(", ")).collect();
            lines.join(&new_line(1))
        } else {
            parts.join(&new_line(below - 1))
        };
        format!("[{text}]")
    }
}

/// How the numbers of one tensor are written: all alike, so that columns align.
enum Numbers {
    /// Integers and truth values.
    Plain { width: usize },
    /// Real numbers.
    Real(Column),
    /// Complex numbers: real and imaginary part.
    Complex(Column, Column),
}

impl Numbers {
    fn of(shown: &[Scalar], options: Options) -> Numbers {
        match shown.first().map(|number| number.category()) {
            Some(Category::Floating) => {
                Numbers::Real(Column::of(shown.iter().map(|number| number.to_f64()), options))
            }
            Some(Category::Complex) => Numbers::Complex(
                Column::of(shown.iter().map(|number| number.to_complex().re), options),
                Column::of(shown.iter().map(|number| number.to_complex().im), options),
            ),
            _ => {
                let width = shown.iter().map(|&number| plain(number).len()).max().unwrap_or(0);
                Numbers::Plain { width }
            }
        }
    }

    /// Characters of a number.
    fn width(&self) -> usize {
        match self {
            Numbers::Plain { width } => *width,
            Numbers::Real(column) => column.width,
            Numbers::Complex(real, imaginary) => real.width + imaginary.width + 1,
        }
    }

    fn text(&self, number: Scalar) -> String {
        match self {
            Numbers::Plain { width } => format!("{:>width$}", plain(number)),
            Numbers::Real(column) => column.padded(number.to_f64()),
            Numbers::Complex(real, imaginary) => {
                let number = number.to_complex();
                let imaginary = imaginary.text(number.im);
                let sign = if imaginary.starts_with('-') { "" } else { "+" };
                format!("{}{sign}{imaginary}j", real.padded(number.re))
            }
        }
    }
}

/// An integer or a truth value.
fn plain(number: Scalar) -> String {
    match number {
        Scalar::Bool(true) => "True".to_string(),
        Scalar::Bool(false) => "False".to_string(),
        other => other.to_i128().to_string(),
    }
}

#[derive(Clone, Copy)]
enum Notation {
    /// `3.`
    Whole,
    /// `3.1416`
    Fixed,
    /// `3.1416e+00`
    Scientific,
}

/// How real numbers are written.
struct Column {
    notation: Notation,
    precision: usize,
    width: usize,
}

impl Column {
    /// Chooses the notation as PyTorch does: by the range of what is neither zero, infinite nor NaN.
    fn of(numbers: impl Iterator<Item = f64> + Clone, options: Options) -> Column {
        let precision = options.precision;
        let finite = numbers.filter(|number| number.is_finite() && *number != 0.0);
        let (mut smallest, mut largest, mut whole) = (f64::INFINITY, 0.0f64, true);
        for number in finite.clone() {
            smallest = smallest.min(number.abs());
            largest = largest.max(number.abs());
            whole &= number.fract() == 0.0;
        }
        if largest == 0.0 {
            return Column { notation: Notation::Whole, precision, width: 1 };
        }
        let wide = largest / smallest > 1000.0 || largest > 1e8 || !whole && smallest < 1e-4;
        let notation = match (options.scientific.unwrap_or(wide), whole) {
            (true, _) => Notation::Scientific,
            (false, true) => Notation::Whole,
            (false, false) => Notation::Fixed,
        };
        let mut column = Column { notation, precision, width: 1 };
        column.width = finite.map(|number| column.text(number).len()).max().unwrap_or(1);
        column
    }

    fn text(&self, number: f64) -> String {
        if number.is_nan() {
            return "nan".to_string();
        }
        if number.is_infinite() {
            return if number > 0.0 { "inf" } else { "-inf" }.to_string();
        }
        let precision = self.precision;
        match self.notation {
            Notation::Whole => format!("{number:.0}."),
            Notation::Fixed => format!("{number:.precision$}"),
            Notation::Scientific => {
                let text = format!("{number:.precision$e}");
                let (mantissa, exponent) = text.split_once('e').expect("scientific notation has an exponent");
                let (sign, digits) = match exponent.strip_prefix('-') {
                    Some(digits) => ('-', digits),
                    None => ('+', exponent),
                };
                format!("{mantissa}e{sign}{digits:0>2}")
            }
        }
    }

    fn padded(&self, number: f64) -> String {
        format!("{:>width$}", self.text(number), width = self.width)
    }
}
