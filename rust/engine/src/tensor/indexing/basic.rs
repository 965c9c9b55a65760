//! What an index expression says: which part is a movement of the layout, which needs index tensors.

use tenfold_ir::{DType, Error, Layout, Result, Shape};

use crate::Tensor;

/// One item of an index expression, as between the brackets of NumPy and PyTorch.
#[derive(Clone)]
pub enum IndexItem {
    /// One place along an axis, which is gone from the result; a negative one counts from the end.
    Integer(i64),
    /// A range along an axis, with Python's rules.
    Slice {
        /// The first place.
        start: Option<i64>,
        /// One behind the last place.
        stop: Option<i64>,
        /// The distance; may be negative.
        step: Option<i64>,
    },
    /// A new axis of extent 1.
    NewAxis,
    /// As many whole axes as are left.
    Ellipsis,
    /// Places along an axis (integers), or a mask over as many axes as it has (bool).
    Tensor(Tensor),
}

impl IndexItem {
    /// The whole axis.
    pub const ALL: IndexItem = IndexItem::Slice { start: None, stop: None, step: None };

    /// True for a mask that differs between the samples of a `vmap`.
    pub(super) fn is_batched_mask(&self) -> bool {
        matches!(self, IndexItem::Tensor(mask) if mask.dtype() == DType::Bool && mask.is_batched())
    }
}

/// A step from the tensor's layout to the part that index tensors then read; axes of the layout so far.
#[derive(Debug)]
enum Step {
    Select { axis: usize, index: usize },
    Slice { axis: usize, start: usize, step: i64, length: usize },
    Insert { axis: usize },
}

/// An index tensor and the axis of the part that it reads.
pub(super) struct Advanced {
    pub axis: usize,
    /// int64 and checked.
    pub indices: Tensor,
}

/// An index expression, taken apart.
pub(super) struct Split {
    steps: Vec<Step>,
    /// Index tensors by ascending axis.
    pub advanced: Vec<Advanced>,
    /// Where the axes of the index tensors stand in the result.
    pub place: usize,
}

/// The index tensors among the items seen so far (integers count as such beside them).
#[derive(Clone, Copy, PartialEq)]
enum Block {
    None,
    Open,
    Closed,
    Broken,
}

impl Split {
    /// Takes an index expression for a tensor of this shape apart; looks at index tensors and masks.
    pub fn new(operation: &'static str, shape: &Shape, items: &[IndexItem]) -> Result<Split> {
        let rank = shape.rank();
        let used: usize = items.iter().map(axes_used).sum();
        if used > rank {
            return Err(Error::index(
                operation,
                format!("too many indices: {used} for a tensor with {rank} axes of shape {shape}"),
            ));
        }
        if items.iter().filter(|item| matches!(item, IndexItem::Ellipsis)).count() > 1 {
            return Err(Error::index(operation, "an index can have only one ellipsis ('...')"));
        }
        let mut split = Split { steps: Vec::new(), advanced: Vec::new(), place: 0 };
        let mut block = Block::None;
        // The next axis of the tensor, and of the part made of it so far.
        let (mut from, mut to) = (0, 0);
        for item in items {
            if matches!(item, IndexItem::Integer(_) | IndexItem::Tensor(_)) {
                match block {
                    Block::None => {
                        split.place = to;
                        block = Block::Open;
                    }
                    Block::Closed => block = Block::Broken,
                    Block::Open | Block::Broken => {}
                }
            } else if block == Block::Open {
                block = Block::Closed;
            }
            match item {
                IndexItem::Integer(index) => {
                    let extent = shape[from] as i64;
                    if !(-extent..extent).contains(index) {
                        return Err(Error::index(
                            operation,
                            format!("index {index} is out of range for axis {from} of extent {extent}"),
                        ));
                    }
                    let index = if *index < 0 { index + extent } else { *index } as usize;
                    split.steps.push(Step::Select { axis: to, index });
                    from += 1;
                }
                IndexItem::Slice { start, stop, step } => {
                    let step = step.unwrap_or(1);
                    let (start, length) = slice_bounds(operation, *start, *stop, step, shape[from])?;
                    if (start, step, length) != (0, 1, shape[from]) {
                        split.steps.push(Step::Slice { axis: to, start, step, length });
                    }
                    from += 1;
                    to += 1;
                }
                IndexItem::NewAxis => {
                    split.steps.push(Step::Insert { axis: to });
                    to += 1;
                }
                IndexItem::Ellipsis => {
                    from += rank - used;
                    to += rank - used;
                }
                IndexItem::Tensor(mask) if mask.dtype() == DType::Bool => {
                    let places = mask.detach().nonzero()?;
                    if mask.rank() == 0 {
                        // One place of a new axis, or none.
                        split.steps.push(Step::Insert { axis: to });
                        let indices = Tensor::zeros(&[places.shape()[0]], DType::Int64)?;
                        split.advanced.push(Advanced { axis: to, indices });
                        to += 1;
                    } else if !mask_fits(mask.shape(), &shape[from..from + mask.rank()]) {
                        return Err(Error::index(
                            operation,
                            format!(
                                "a mask of shape {} does not fit axes {from} to {} of shape {shape}",
                                mask.shape(),
                                from + mask.rank() - 1
                            ),
                        ));
                    } else {
                        for column in 0..mask.rank() {
                            let indices = places.select(1, column as i64)?;
                            split.advanced.push(Advanced { axis: to, indices });
                            to += 1;
                        }
                        from += mask.rank();
                    }
                }
                IndexItem::Tensor(indices) => {
                    let indices = indices.as_indices(operation, from, shape[from])?;
                    split.advanced.push(Advanced { axis: to, indices });
                    from += 1;
                    to += 1;
                }
            }
        }
        if block == Block::Broken {
            split.place = 0;
        }
        Ok(split)
    }

    /// The part of a layout that the integers, slices and new axes name.
    pub fn apply(&self, layout: &Layout) -> Layout {
        self.steps.iter().fold(layout.clone(), |layout, step| match *step {
            Step::Select { axis, index } => layout.select(axis, index),
            Step::Slice { axis, start, step, length } => layout.slice(axis, start, step, length),
            Step::Insert { axis } => layout.insert_axis(axis),
        })
    }

    /// True where that part is everything.
    pub fn is_whole(&self) -> bool {
        self.steps.is_empty()
    }
}

/// True where a mask covers these axes: as long as each of them, or (the array API's rule) without any place.
fn mask_fits(mask: &[usize], axes: &[usize]) -> bool {
    mask.iter().zip(axes).all(|(&places, &extent)| places == extent || places == 0)
}

/// How many axes an item reads.
fn axes_used(item: &IndexItem) -> usize {
    match item {
        IndexItem::Integer(_) | IndexItem::Slice { .. } => 1,
        IndexItem::NewAxis | IndexItem::Ellipsis => 0,
        IndexItem::Tensor(mask) if mask.dtype() == DType::Bool => mask.rank(),
        IndexItem::Tensor(_) => 1,
    }
}

/// The first place and the length of a slice, with Python's rules.
fn slice_bounds(
    operation: &'static str,
    start: Option<i64>,
    stop: Option<i64>,
    step: i64,
    extent: usize,
) -> Result<(usize, usize)> {
    if step == 0 {
        return Err(Error::value(operation, "the step of a slice must not be 0"));
    }
    let limit = extent as i64;
    // Bounds beyond the axis stop at its ends; in reverse the end is one before the first place.
    let (lowest, highest) = if step > 0 { (0, limit) } else { (-1, limit - 1) };
    let clamp = |bound: i64| {
        let counted = if bound < 0 { bound.saturating_add(limit) } else { bound };
        counted.clamp(lowest, highest)
    };
    let start = start.map_or(if step > 0 { lowest } else { highest }, clamp);
    let stop = stop.map_or(if step > 0 { highest } else { lowest }, clamp);
    let distance = if step > 0 { stop - start } else { start - stop };
    let length = if distance <= 0 { 0 } else { (distance as u64).div_ceil(step.unsigned_abs()) as usize };
    Ok(if length == 0 { (0, 0) } else { (start as usize, length) })
}
