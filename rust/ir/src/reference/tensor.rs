//! Tensors of the reference interpreter: a shape, a dtype, and a list of numbers in row-major order.

use smallvec::SmallVec;

use crate::kernel::Spec;
use crate::{Element, Layout, Result, Scalar, Shape, Strides, with_element};

/// The position along each axis.
pub(super) type Point = SmallVec<[usize; 4]>;

/// A dense tensor. Each value is a number that the dtype can hold.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor {
    pub spec: Spec,
    pub values: Vec<Scalar>,
    strides: Strides,
}

impl Tensor {
    pub fn new(spec: Spec, values: Vec<Scalar>) -> Tensor {
        debug_assert_eq!(spec.shape.elements(), values.len());
        let strides = spec.shape.dense_strides();
        Tensor { spec, values, strides }
    }

    pub fn filled(spec: Spec, value: Scalar) -> Tensor {
        let values = vec![value; spec.shape.elements()];
        Tensor::new(spec, values)
    }

    /// The elements that `layout` names in a buffer.
    pub fn read(spec: Spec, layout: &Layout, bytes: &[u8]) -> Result<Tensor> {
        layout.check_within("reference", bytes.len() / spec.dtype.size())?;
        let size = spec.dtype.size();
        let values = layout
            .positions()
            .map(|position| {
                let element = &bytes[position * size..(position + 1) * size];
                with_element!(spec.dtype, T => bytemuck::pod_read_unaligned::<T>(element).to_scalar())
            })
            .collect();
        Ok(Tensor::new(spec, values))
    }

    /// Writes the elements densely.
    pub fn write(&self, bytes: &mut [u8]) {
        let size = self.spec.dtype.size();
        for (&value, element) in self.values.iter().zip(bytes.chunks_exact_mut(size)) {
            with_element!(self.spec.dtype, T => element.copy_from_slice(bytemuck::bytes_of(&T::from_scalar(value))));
        }
    }

    /// Repeated along a new axis to that shape; the tensor itself where it lacks no axis.
    pub fn broadcast_along(&self, axis: usize, shape: &Shape) -> Tensor {
        if self.shape().rank() == shape.rank() {
            return self.clone();
        }
        let spec = Spec::new(shape.clone(), self.spec.dtype);
        let values = points(&spec.shape).map(|point| self.at(&without(&point, axis))).collect();
        Tensor::new(spec, values)
    }

    pub fn shape(&self) -> &Shape {
        &self.spec.shape
    }

    /// Where the element of that point stands in `values`.
    pub fn position(&self, point: &[usize]) -> usize {
        debug_assert!(point.iter().zip(self.shape().iter()).all(|(i, extent)| i < extent));
        point.iter().zip(&self.strides).map(|(&i, &stride)| i * stride as usize).sum()
    }

    pub fn at(&self, point: &[usize]) -> Scalar {
        self.values[self.position(point)]
    }

    pub fn at_mut(&mut self, point: &[usize]) -> &mut Scalar {
        let position = self.position(point);
        &mut self.values[position]
    }
}

/// All points of a shape in row-major order.
pub(super) fn points(shape: &[usize]) -> impl Iterator<Item = Point> + use<> {
    let shape = Shape::new(shape);
    let count = shape.elements();
    (0..count).map(move |mut left| {
        let mut point: Point = SmallVec::from_elem(0, shape.rank());
        for axis in (0..shape.rank()).rev() {
            point[axis] = left % shape[axis];
            left /= shape[axis];
        }
        point
    })
}

/// The point without its coordinate along `axis`.
pub(super) fn without(point: &[usize], axis: usize) -> Point {
    let mut shorter = Point::from_slice(point);
    shorter.remove(axis);
    shorter
}

/// The point with `index` inserted before `axis`.
pub(super) fn with(point: &[usize], axis: usize, index: usize) -> Point {
    let mut longer = Point::from_slice(point);
    longer.insert(axis, index);
    longer
}
