//! Shapes: extents, broadcasting, axes.

use std::fmt;
use std::ops::Deref;

use smallvec::SmallVec;

use crate::{Error, Result};

/// The largest number of bytes that a tensor may describe; keeps every offset within `i64`.
const MAX_ELEMENTS: usize = (i64::MAX / 16) as usize;

/// The extent along each axis. `[]` is the shape of a single number.
#[derive(Clone, Eq, Hash, Default)]
#[allow(
    clippy::derived_hash_with_manual_eq,
    reason = "equal shapes are equal lists, compared in another way"
)]
pub struct Shape(SmallVec<[usize; 4]>);

impl PartialEq for Shape {
    /// A loop: for so few extents it is half of what a call to compare memory costs.
    #[inline]
    fn eq(&self, other: &Shape) -> bool {
        let (own, others) = (self.0.as_slice(), other.0.as_slice());
        own.len() == others.len() && own.iter().zip(others).all(|(a, b)| a == b)
    }
}

impl Shape {
    /// A shape with these extents.
    #[inline]
    pub fn new(extents: &[usize]) -> Shape {
        Shape(SmallVec::from_slice(extents))
    }

    /// The same, refusing shapes whose number of elements overflows.
    pub fn checked(operation: &'static str, extents: &[usize]) -> Result<Shape> {
        // Zero extents make a tensor empty but must not hide an overflow among the others (NumPy's rule).
        extents
            .iter()
            .filter(|&&extent| extent != 0)
            .try_fold(1usize, |product, &extent| product.checked_mul(extent))
            .filter(|&elements| elements <= MAX_ELEMENTS)
            .map(|_| Shape::new(extents))
            .ok_or_else(|| Error::value(operation, format!("the shape {:?} has too many elements", extents)))
    }

    /// The number of axes.
    #[inline]
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The number of elements.
    #[inline]
    pub fn elements(&self) -> usize {
        self.0.iter().product()
    }

    /// True where some extent is 0.
    pub fn is_empty_tensor(&self) -> bool {
        self.0.contains(&0)
    }

    /// The strides in elements of a dense row-major tensor.
    pub fn dense_strides(&self) -> Strides {
        let mut strides: Strides = SmallVec::from_elem(0, self.rank());
        let mut step = 1i64;
        for axis in (0..self.rank()).rev() {
            strides[axis] = step;
            step *= self.0[axis].max(1) as i64;
        }
        strides
    }

    /// The shape without `axis`.
    pub fn without(&self, axis: usize) -> Shape {
        let mut extents = self.0.clone();
        extents.remove(axis);
        Shape(extents)
    }

    /// The shape with `extent` inserted before `axis`.
    pub fn with(&self, axis: usize, extent: usize) -> Shape {
        let mut extents = self.0.clone();
        extents.insert(axis, extent);
        Shape(extents)
    }

    /// The shape with the extent along `axis` replaced.
    pub fn replaced(&self, axis: usize, extent: usize) -> Shape {
        let mut extents = self.0.clone();
        extents[axis] = extent;
        Shape(extents)
    }

    /// The shape that both broadcast to.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let (long, short) = if self.rank() >= other.rank() { (self, other) } else { (other, self) };
        let mut result = long.clone();
        let shift = long.rank() - short.rank();
        for (axis, &extent) in short.iter().enumerate() {
            let there = &mut result.0[axis + shift];
            if *there == 1 {
                *there = extent;
            } else if extent != 1 && extent != *there {
                return None;
            }
        }
        Some(result)
    }

    /// The extents, to be changed.
    pub fn extents_mut(&mut self) -> &mut [usize] {
        &mut self.0
    }
}

/// The shape that all broadcast to, or an error that lists them.
pub fn broadcast_shapes<'a>(
    operation: &'static str,
    shapes: impl Iterator<Item = &'a Shape> + Clone,
) -> Result<Shape> {
    let mut result: Option<Shape> = None;
    for shape in shapes.clone() {
        result = match result {
            None => Some(shape.clone()),
            Some(so_far) if so_far == *shape => Some(so_far),
            Some(so_far) => Some(so_far.broadcast(shape).ok_or_else(|| {
                let list: Vec<String> = shapes.clone().map(|shape| shape.to_string()).collect();
                Error::shape(operation, format!("shapes do not broadcast; got {}", list.join(" and ")))
                    .hint("extents must be equal or 1, counted from the last axis")
            })?),
        };
    }
    let shape = result.unwrap_or_default();
    Shape::checked(operation, &shape)
}

/// An axis counted from the front, from one that may be negative.
pub fn normalize_axis(operation: &'static str, axis: i64, rank: usize) -> Result<usize> {
    let limit = rank as i64;
    if (-limit..limit).contains(&axis) {
        Ok((if axis < 0 { axis + limit } else { axis }) as usize)
    } else if rank == 0 {
        Err(Error::index(
            operation,
            format!("axis {axis} is out of range; a 0-dimensional tensor has no axes"),
        ))
    } else {
        Err(Error::index(
            operation,
            format!("axis {axis} is out of range; got a tensor with {rank} axes (−{rank} to {})", rank - 1),
        ))
    }
}

/// Axes counted from the front, without repetition, sorted.
pub fn normalize_axes(operation: &'static str, axes: &[i64], rank: usize) -> Result<Axes> {
    let mut result = Axes::new();
    for &axis in axes {
        let axis = normalize_axis(operation, axis, rank)?;
        if result.contains(&axis) {
            return Err(Error::value(operation, format!("axis {axis} appears twice; got {axes:?}")));
        }
        result.push(axis);
    }
    result.sort_unstable();
    Ok(result)
}

/// Strides in elements, one an axis.
pub type Strides = SmallVec<[i64; 4]>;
/// Axes counted from the front.
pub type Axes = SmallVec<[usize; 4]>;

impl Deref for Shape {
    type Target = [usize];
    #[inline]
    fn deref(&self) -> &[usize] {
        &self.0
    }
}

impl FromIterator<usize> for Shape {
    fn from_iter<I: IntoIterator<Item = usize>>(extents: I) -> Shape {
        Shape(extents.into_iter().collect())
    }
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(extents: [usize; N]) -> Shape {
        Shape::new(&extents)
    }
}

impl From<&[usize]> for Shape {
    fn from(extents: &[usize]) -> Shape {
        Shape::new(extents)
    }
}

impl fmt::Display for Shape {
    /// As Python prints a tuple.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0[..] {
            [one] => write!(f, "({one},)"),
            many => {
                let list: Vec<String> = many.iter().map(usize::to_string).collect();
                write!(f, "({})", list.join(", "))
            }
        }
    }
}

impl fmt::Debug for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_follows_numpy() {
        let shape = |extents: &[usize]| Shape::new(extents);
        assert_eq!(shape(&[3, 1]).broadcast(&shape(&[4])), Some(shape(&[3, 4])));
        assert_eq!(shape(&[]).broadcast(&shape(&[2, 0])), Some(shape(&[2, 0])));
        assert_eq!(shape(&[1]).broadcast(&shape(&[0])), Some(shape(&[0])));
        assert_eq!(shape(&[2]).broadcast(&shape(&[3])), None);
    }

    #[test]
    fn huge_shapes_are_refused_even_with_a_zero() {
        assert!(Shape::checked("zeros", &[usize::MAX, 2, 0]).is_err());
        assert!(Shape::checked("zeros", &[1 << 62]).is_err());
        assert!(Shape::checked("zeros", &[1 << 40, 0]).is_ok());
    }

    #[test]
    fn axes_are_normalized_and_checked() {
        assert_eq!(normalize_axes("sum", &[-1, 0], 3).unwrap().as_slice(), &[0, 2]);
        assert!(normalize_axes("sum", &[2, -1], 3).is_err());
        assert!(normalize_axis("sum", 3, 3).is_err());
    }
}
