//! Putting tensors together and taking them apart.

use tenfold_ir::kernel::Index;
use tenfold_ir::{
    Core, DType, Error, Layout, Result, Scalar, Shape, broadcast_shapes, normalize_axis, promote_types,
};

use super::Tensor;
use crate::autograd::{Context, Derivative, Gradients, record_gradient};

/// The gradient of joining: each piece gets its part.
#[derive(Debug)]
struct ConcatenateDerivative {
    axis: usize,
    extents: Vec<usize>,
}

impl Derivative for ConcatenateDerivative {
    fn name(&self) -> &str {
        "concatenate"
    }

    fn gradients(&self, context: &Context<'_>) -> Result<Gradients> {
        let mut start = 0;
        let mut gradients = Gradients::new();
        for (piece, &extent) in self.extents.iter().enumerate() {
            let part = || context.gradient(0).slice(self.axis as i64, start, 1, extent);
            gradients.push(context.needs(piece).then(part).transpose()?);
            start += extent;
        }
        Ok(gradients)
    }
}

/// How [`Tensor::pad`] fills.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Padding {
    /// With a number.
    Constant(Scalar),
    /// Mirrored at the border element, which is not repeated.
    Reflect,
    /// With the border element.
    Replicate,
    /// From the other end.
    Circular,
}

/// How often [`Tensor::repeat_interleave`] repeats.
#[derive(Clone, Copy)]
pub enum Repeats<'a> {
    /// Every slice so often.
    Each(usize),
    /// Each slice by its own number (integers, one axis). Looks at the values.
    List(&'a Tensor),
}

fn at_least_one(operation: &'static str, tensors: &[&Tensor]) -> Result<()> {
    if tensors.is_empty() { Err(Error::value(operation, "needs at least one tensor")) } else { Ok(()) }
}

impl Tensor {
    /// The tensors joined along an axis, in their promoted dtype; they are equal along the other axes. Without an
    /// axis they are flattened first.
    ///
    /// ```
    /// use tenfold::Tensor;
    /// let x = Tensor::from_slice(&[1.0f32, 2.0], &[1, 2])?;
    /// let y = Tensor::concatenate(&[&x, &x], Some(0))?;
    /// assert_eq!(y.shape().to_vec(), [2, 2]);
    /// # Ok::<(), tenfold::Error>(())
    /// ```
    pub fn concatenate(tensors: &[&Tensor], axis: Option<i64>) -> Result<Tensor> {
        let name = "concatenate";
        at_least_one(name, tensors)?;
        let Some(axis) = axis else {
            let flat: Vec<Tensor> = tensors.iter().map(|tensor| tensor.flat()).collect::<Result<_>>()?;
            return Tensor::concatenate(&flat.iter().collect::<Vec<_>>(), Some(0));
        };
        let first = tensors[0];
        let axis = normalize_axis(name, axis, first.rank())?;
        let mut dtype = first.dtype();
        for (number, tensor) in tensors.iter().enumerate() {
            if tensor.rank() != first.rank()
                || tensor.shape().replaced(axis, 1) != first.shape().replaced(axis, 1)
            {
                return Err(Error::shape(
                    name,
                    format!(
                        "shapes must be equal but along axis {axis}; got {} and, as tensor {number}, {}",
                        first.shape(),
                        tensor.shape()
                    ),
                ));
            }
            dtype = promote_types(dtype, tensor.dtype()).map_err(|error| error.in_operation(name))?;
        }
        let pieces: Vec<Tensor> = tensors.iter().map(|tensor| tensor.cast(dtype)).collect::<Result<_>>()?;
        if let [only] = pieces.as_slice() {
            return Ok(only.clone());
        }
        let inputs: Vec<&Tensor> = pieces.iter().collect();
        let mut results = Tensor::record_core(Core::Index(Index::Concatenate { axis }), &inputs)?;
        let extents = pieces.iter().map(|piece| piece.shape()[axis]).collect();
        record_gradient(&mut results, &inputs, ConcatenateDerivative { axis, extents }, &[]);
        Ok(results.remove(0))
    }

    pub(crate) fn flat(&self) -> Result<Tensor> {
        self.reshaped(&Shape::from([self.elements()]))
    }

    /// Tensors of one shape joined along a new axis.
    pub fn stack(tensors: &[&Tensor], axis: i64) -> Result<Tensor> {
        at_least_one("stack", tensors)?;
        let shape = tensors[0].shape();
        if let Some(other) = tensors.iter().find(|tensor| tensor.shape() != shape) {
            return Err(Error::shape(
                "stack",
                format!("shapes must be equal; got {shape} and {}", other.shape()),
            ));
        }
        let axis = normalize_axis("stack", axis, shape.rank() + 1)? as i64;
        let pieces: Vec<Tensor> =
            tensors.iter().map(|tensor| tensor.unsqueeze(axis)).collect::<Result<_>>()?;
        Tensor::concatenate(&pieces.iter().collect::<Vec<_>>(), Some(axis))
            .map_err(|error| error.in_operation("stack"))
    }

    /// Views of these extents along an axis, one after the other; they add up to the axis.
    pub fn split(&self, sizes: &[usize], axis: i64) -> Result<Vec<Tensor>> {
        let axis = normalize_axis("split", axis, self.rank())?;
        if sizes.iter().sum::<usize>() != self.shape()[axis] {
            return Err(Error::value(
                "split",
                format!("sizes {sizes:?} do not add up to {}, the extent of axis {axis}", self.shape()[axis]),
            ));
        }
        let mut start = 0;
        let mut parts = Vec::with_capacity(sizes.len());
        for &size in sizes {
            parts.push(self.slice(axis as i64, start, 1, size)?);
            start += size;
        }
        Ok(parts)
    }

    /// Views of `size` along an axis; the last may be shorter.
    pub fn split_every(&self, size: usize, axis: i64) -> Result<Vec<Tensor>> {
        let axis = normalize_axis("split", axis, self.rank())?;
        let extent = self.shape()[axis];
        if size == 0 && extent != 0 {
            return Err(Error::value("split", format!("size 0 for axis {axis} of extent {extent}")));
        }
        // An empty axis has one part, which is empty.
        let count = if size == 0 { 1 } else { extent.div_ceil(size).max(1) };
        let sizes: Vec<usize> = (0..count).map(|part| size.min(extent - part * size)).collect();
        self.split(&sizes, axis as i64)
    }

    /// At most `chunks` views of equal extent (rounded up) along an axis; the last may be shorter.
    pub fn chunk(&self, chunks: usize, axis: i64) -> Result<Vec<Tensor>> {
        let axis = normalize_axis("chunk", axis, self.rank())?;
        if chunks == 0 {
            return Err(Error::value("chunk", "needs at least one chunk; got 0"));
        }
        let extent = self.shape()[axis];
        if extent == 0 {
            return Ok(vec![self.clone(); chunks]);
        }
        self.split_every(extent.div_ceil(chunks), axis as i64)
    }

    /// The slices along an axis, without it.
    pub fn unbind(&self, axis: i64) -> Result<Vec<Tensor>> {
        let axis = normalize_axis("unbind", axis, self.rank())?;
        (0..self.shape()[axis]).map(|index| self.select(axis as i64, index as i64)).collect()
    }

    /// Repeated as a whole so often along each axis; `repeats` and axes are matched from the last, 1 where missing.
    pub fn tile(&self, repeats: &[usize]) -> Result<Tensor> {
        let rank = self.rank().max(repeats.len());
        let extents = std::iter::repeat_n(1, rank - self.rank()).chain(self.shape().iter().copied());
        let times = std::iter::repeat_n(1, rank - repeats.len()).chain(repeats.iter().copied());
        let (mut apart, mut wide, mut result) = (Vec::new(), Vec::new(), Vec::new());
        for (extent, times) in extents.zip(times) {
            apart.extend([1, extent]);
            wide.extend([times, extent]);
            result.push(times.saturating_mul(extent));
        }
        let result = Shape::checked("tile", &result)?;
        let wide = Shape::checked("tile", &wide)?;
        self.reshaped(&Shape::new(&apart))?.broadcast(&wide).expect("ones broadcast").reshaped(&result)
    }

    /// Each slice along an axis repeated, copies side by side. Without an axis, the elements of the flattened tensor.
    pub fn repeat_interleave(&self, repeats: Repeats<'_>, axis: Option<i64>) -> Result<Tensor> {
        let name = "repeat_interleave";
        let Some(axis) = axis else { return self.flat()?.repeat_interleave(repeats, Some(0)) };
        let axis = normalize_axis(name, axis, self.rank())?;
        let extent = self.shape()[axis];
        match repeats {
            Repeats::Each(times) => {
                let apart = self.unsqueeze(axis as i64 + 1)?;
                let wide = Shape::checked(name, &apart.shape().replaced(axis + 1, times))?;
                let result = self.shape().replaced(axis, extent * times);
                apart.broadcast(&wide).expect("an extent of 1 broadcasts").reshaped(&result)
            }
            Repeats::List(list) => {
                if !list.dtype().is_integer() || list.rank() > 1 {
                    return Err(Error::type_(
                        name,
                        format!(
                            "repeats must be integers with one axis; got dtype {} and shape {}",
                            list.dtype(),
                            list.shape()
                        ),
                    ));
                }
                let times = list.cast(DType::Int64)?.to_vec::<i64>()?;
                if let Some(negative) = times.iter().find(|&&times| times < 0) {
                    return Err(Error::value(name, format!("repeats must not be negative; got {negative}")));
                }
                if let [times] = times.as_slice() {
                    return self.repeat_interleave(Repeats::Each(*times as usize), Some(axis as i64));
                }
                if times.len() != extent {
                    return Err(Error::shape(
                        name,
                        format!("{} repeats for axis {axis} of extent {extent}", times.len()),
                    ));
                }
                let total: i128 = times.iter().map(|&times| i128::from(times)).sum();
                let mut indices: Vec<i64> = Vec::new();
                usize::try_from(total)
                    .ok()
                    .and_then(|total| indices.try_reserve_exact(total).ok())
                    .ok_or_else(|| {
                        Error::value(name, format!("the result would have {total} slices: too many elements"))
                    })?;
                for (index, &times) in times.iter().enumerate() {
                    indices.extend(std::iter::repeat_n(index as i64, times as usize));
                }
                self.index_select(axis as i64, &Tensor::from_slice(&indices, &[indices.len()])?)
            }
        }
    }

    /// Shifted along axes, what leaves at one end coming in at the other. Without axes, in the flattened tensor.
    pub fn roll(&self, shifts: &[i64], axes: Option<&[i64]>) -> Result<Tensor> {
        let Some(axes) = axes else {
            let elements = self.elements().max(1) as i128;
            let total: i128 = shifts.iter().map(|&shift| i128::from(shift)).sum();
            return self
                .flat()?
                .roll(&[total.rem_euclid(elements) as i64], Some(&[0]))?
                .reshaped(self.shape());
        };
        if shifts.len() != axes.len() {
            return Err(Error::value(
                "roll",
                format!("needs a shift for each axis; got {} and {}", shifts.len(), axes.len()),
            ));
        }
        let mut result = self.clone();
        for (&shift, &axis) in shifts.iter().zip(axes) {
            let axis = normalize_axis("roll", axis, self.rank())?;
            let extent = self.shape()[axis];
            if extent == 0 {
                continue;
            }
            let shift = shift.rem_euclid(extent as i64) as usize;
            if shift == 0 {
                continue;
            }
            let axis = axis as i64;
            let back = result.slice(axis, extent - shift, 1, shift)?;
            let front = result.slice(axis, 0, 1, extent - shift)?;
            result = Tensor::concatenate(&[&back, &front], Some(axis))?;
        }
        Ok(result)
    }

    /// With `(before, after)` elements added along each axis (all axes, first to last); a negative number then crops.
    ///
    /// Reflecting needs fewer new elements than the extent, circular padding at most as many. A constant has the
    /// tensor's dtype.
    pub fn pad(&self, widths: &[(i64, i64)], padding: Padding) -> Result<Tensor> {
        let name = "pad";
        if widths.len() != self.rank() {
            return Err(Error::value(
                name,
                format!("needs widths for each of the {} axes; got {}", self.rank(), widths.len()),
            ));
        }
        let added = |axis: usize| (widths[axis].0.max(0) as usize, widths[axis].1.max(0) as usize);
        let mut result = self.clone();
        if !matches!(padding, Padding::Constant(_)) {
            for axis in 0..self.rank() {
                let (before, after) = added(axis);
                if (before, after) != (0, 0) {
                    result = result.pad_axis(axis, before, after, padding)?;
                }
            }
        }
        for (axis, &(before, after)) in widths.iter().enumerate() {
            let extent = result.shape()[axis] as i64;
            let (crop_before, crop_after) = ((-before).max(0), (-after).max(0));
            if crop_before + crop_after > extent {
                return Err(Error::shape(
                    name,
                    format!("widths ({before}, {after}) crop more than the {extent} elements of axis {axis}"),
                ));
            }
            let left = extent - crop_before - crop_after;
            result = result.slice(axis as i64, crop_before as usize, 1, left as usize)?;
        }
        let Padding::Constant(value) = padding else { return Ok(result) };
        let shape: Vec<usize> =
            (0..self.rank()).map(|axis| added(axis).0 + result.shape()[axis] + added(axis).1).collect();
        if shape == result.shape()[..] {
            return Ok(result);
        }
        // One number, which is read everywhere: nothing but the result is written.
        let shape = Shape::checked(name, &shape)?;
        let number = Tensor::full(&[], value, self.dtype()).map_err(|error| error.in_operation(name))?;
        let base = number.broadcast(&shape).expect("a single number");
        if result.elements() == 0 {
            return base.contiguous();
        }
        let whole = Layout::dense(shape);
        let region = (0..self.rank())
            .fold(whole, |layout, axis| layout.slice(axis, added(axis).0, 1, result.shape()[axis]));
        base.overlay(&region, &result)
    }

    /// Padding from the tensor's own elements along one axis.
    fn pad_axis(&self, axis: usize, before: usize, after: usize, padding: Padding) -> Result<Tensor> {
        let extent = self.shape()[axis];
        let most = match padding {
            Padding::Reflect => extent.saturating_sub(1),
            Padding::Circular => extent,
            Padding::Replicate | Padding::Constant(_) => {
                if extent > 0 {
                    usize::MAX
                } else {
                    0
                }
            }
        };
        if before.max(after) > most {
            return Err(Error::shape(
                "pad",
                format!("widths ({before}, {after}) are too large for axis {axis} of extent {extent}"),
            ));
        }
        let along = axis as i64;
        // Where the first new element comes from, and the direction.
        let piece = |start: usize, step: i64, length: usize| -> Result<Option<Tensor>> {
            if length == 0 {
                return Ok(None);
            }
            if step == 0 {
                let border = self.slice(along, start, 1, 1)?;
                return Ok(border.broadcast(&self.shape().replaced(axis, length)));
            }
            self.slice(along, start, step, length).map(Some)
        };
        let (front, back) = match padding {
            Padding::Reflect => (piece(before, -1, before)?, piece(extent.saturating_sub(2), -1, after)?),
            Padding::Circular => (piece(extent - before, 1, before)?, piece(0, 1, after)?),
            Padding::Replicate | Padding::Constant(_) => (piece(0, 0, before)?, piece(extent - 1, 0, after)?),
        };
        let pieces: Vec<&Tensor> = front.iter().chain(std::iter::once(self)).chain(&back).collect();
        Tensor::concatenate(&pieces, Some(along))
    }

    fn triangle(&self, name: &'static str, offset: i64, lower: bool) -> Result<Tensor> {
        let &[.., rows, columns] = &self.shape()[..] else {
            return Err(Error::shape(name, format!("needs at least two axes; got shape {}", self.shape())));
        };
        let mask =
            Tensor::lower_triangle(rows, columns, if lower { offset } else { offset.saturating_sub(1) })?;
        // An integer beside a bool would make integers of it.
        let zero = if self.dtype() == DType::Bool { Scalar::Bool(false) } else { Scalar::Int(0) };
        if lower {
            return mask.where_(self, zero);
        }
        mask.where_(zero, self)
    }

    /// The matrices of the last two axes on and below diagonal `offset`, zeros above.
    pub fn tril(&self, offset: i64) -> Result<Tensor> {
        self.triangle("tril", offset, true)
    }

    /// The matrices of the last two axes on and above diagonal `offset`, zeros below.
    pub fn triu(&self, offset: i64) -> Result<Tensor> {
        self.triangle("triu", offset, false)
    }

    /// All tensors broadcast to their common shape.
    pub fn broadcast_tensors(tensors: &[&Tensor]) -> Result<Vec<Tensor>> {
        let shape = broadcast_shapes("broadcast_tensors", tensors.iter().map(|tensor| tensor.shape()))?;
        Ok(tensors.iter().map(|tensor| tensor.broadcast(&shape).expect("shapes broadcast")).collect())
    }

    /// The coordinates of a grid, from those along each axis (tensors with at most one axis). With `matrix` indexing
    /// ("ij") axis i belongs to tensor i, else ("xy") the first two axes are exchanged.
    pub fn meshgrid(tensors: &[&Tensor], matrix: bool) -> Result<Vec<Tensor>> {
        let name = "meshgrid";
        if let Some(tensor) = tensors.iter().find(|tensor| tensor.rank() > 1) {
            return Err(Error::shape(
                name,
                format!("takes tensors with at most one axis; got shape {}", tensor.shape()),
            ));
        }
        let count = tensors.len();
        let exchange = |place: usize| match place {
            0 | 1 if !matrix && count > 1 => 1 - place,
            place => place,
        };
        let shape: Shape = (0..count).map(|axis| tensors[exchange(axis)].elements()).collect();
        let shape = Shape::checked(name, &shape)?;
        let grid = |(number, tensor): (usize, &&Tensor)| {
            let mut own = Shape::from_iter(std::iter::repeat_n(1, count));
            own.extents_mut()[exchange(number)] = tensor.elements();
            Ok(tensor.reshaped(&own)?.broadcast(&shape).expect("ones broadcast"))
        };
        tensors.iter().enumerate().map(grid).collect()
    }

    /// Of one axis: the matrix with it on diagonal `offset`. Of two: that diagonal.
    pub fn diag(&self, offset: i64) -> Result<Tensor> {
        match self.rank() {
            1 => self.diag_embed(offset, 0, 1),
            2 => self.diagonal(offset, 0, 1),
            _ => Err(Error::shape("diag", format!("takes one or two axes; got shape {}", self.shape()))),
        }
    }

    /// Zeros, with the last axis of this tensor on diagonal `offset` of two new axes `a` and `b`.
    pub fn diag_embed(&self, offset: i64, a: i64, b: i64) -> Result<Tensor> {
        let name = "diag_embed";
        let Some((&length, batch)) = self.shape().split_last() else {
            return Err(Error::shape(name, "needs at least one axis; got shape ()"));
        };
        let a = normalize_axis(name, a, self.rank() + 1)?;
        let b = normalize_axis(name, b, self.rank() + 1)?;
        if a == b {
            return Err(Error::value(name, format!("needs two axes; got {a} twice")));
        }
        let side = length + offset.unsigned_abs() as usize;
        let mut shape = Shape::new(batch);
        for axis in [a.min(b), a.max(b)] {
            shape = shape.with(axis, side);
        }
        let shape = Shape::checked(name, &shape)?;
        self.spread(&Layout::dense(shape.clone()).diagonal(offset, a, b), &shape)
    }
}
