//! The rule of each core for batched inputs: how one node does the work of all samples.
//!
//! A rule puts the axes of the levels in front of a sample's axes, or folds them into an axis whose elements are
//! independent of each other anyway. A core without a rule runs once a sample.

use smallvec::SmallVec;
use tenfold_ir::kernel::{
    Convolution, ConvolutionKind, Index, Reduce, Resample, RowOperation, Rows, Scan, Sort, Spec, Specs,
};
use tenfold_ir::{Core, DType, Layout, Result, Shape};

use super::Levels;
use crate::Tensor;
use crate::tensor::Tensors;

type Samples = SmallVec<[Tensor; 4]>;

/// Records a core of which some input is batched; `levels` are those of the inputs.
#[cold]
pub(crate) fn record_core(core: Core, inputs: &[&Tensor], levels: &Levels) -> Result<Tensors> {
    let specs: SmallVec<[Spec; 3]> = inputs.iter().map(|tensor| tensor.spec()).collect();
    // The shape rule speaks of one sample, its errors too.
    let results = core.results(&specs)?;
    let batch = Batch { inputs, levels, results: &results };
    match core {
        Core::Reduce(Reduce { operation, axes }) => {
            let axes = axes.iter().map(|axis| axis + levels.count()).collect();
            batch.in_front(Core::Reduce(Reduce { operation, axes }))
        }
        Core::Scan(core) => batch.in_front(Core::Scan(Scan { axis: core.axis + levels.count(), ..core })),
        Core::Rows(Rows {
            operation:
                operation @ (RowOperation::AffineLayerNormGradient | RowOperation::AffineRmsNormGradient),
            axis,
        }) => batch.affine_norm_gradient(operation, axis),
        Core::Rows(core) => batch.in_front(Core::Rows(Rows { axis: core.axis + levels.count(), ..core })),
        Core::Resample(core) => {
            batch.in_front(Core::Resample(Resample { axis: core.axis + levels.count(), ..core }))
        }
        Core::Sort(sort) => batch.in_front(Core::Sort(match sort {
            Sort::Sort { axis, descending } => Sort::Sort { axis: axis + levels.count(), descending },
            Sort::TopK { axis, count, largest } => Sort::TopK { axis: axis + levels.count(), count, largest },
            Sort::Search { side } => Sort::Search { side },
        })),
        Core::Attention(_) => batch.in_front(core),
        Core::Gemm(_) => batch.gemm(core),
        Core::Pool(_) => batch.folded(core, inputs.len()),
        Core::Convolution(convolution) => batch.convolution(convolution),
        Core::Index(index) => batch.index(index),
        other => batch.one_by_one(&other),
    }
}

struct Batch<'a> {
    inputs: &'a [&'a Tensor],
    levels: &'a Levels,
    /// Of one sample.
    results: &'a Specs,
}

impl Batch<'_> {
    /// All samples of every input, the levels in front.
    fn all(&self) -> Samples {
        self.inputs.iter().map(|tensor| tensor.all_samples(self.levels)).collect()
    }

    /// Records a core over ordinary tensors.
    fn record(&self, core: Core, inputs: &[Tensor]) -> Result<Tensors> {
        Tensor::record_core(core, &inputs.iter().collect::<SmallVec<[&Tensor; 4]>>())
    }

    /// Results with the axes of the levels in front, in whatever shape these were.
    fn as_samples(&self, results: Tensors) -> Result<Tensors> {
        let of_one = |(result, spec): (Tensor, &Spec)| {
            Ok(result.reshaped(&self.levels.before(&spec.shape))?.as_samples(self.levels))
        };
        results.into_iter().zip(self.results).map(of_one).collect()
    }

    /// A core that takes further axes in front.
    fn in_front(&self, core: Core) -> Result<Tensors> {
        self.as_samples(self.record(core, &self.all())?)
    }

    /// A core of which the first axis of the first `count` inputs, and of the results, counts independent elements: the
    /// samples become more of them. The other inputs are not batched.
    fn folded(&self, core: Core, count: usize) -> Result<Tensors> {
        let fold = |(place, tensor): (usize, &&Tensor)| {
            if place >= count {
                return Ok((*tensor).clone());
            }
            let shape = tensor.shape();
            let folded = shape.replaced(0, self.levels.samples() * shape[0]);
            tensor.all_samples(self.levels).reshaped(&folded)
        };
        let folded = self.inputs.iter().enumerate().map(fold).collect::<Result<Samples>>()?;
        self.as_samples(self.record(core, &folded)?)
    }

    /// Products: further batch axes, which are more rows where all samples have the same right matrix.
    fn gemm(&self, core: Core) -> Result<Tensors> {
        let mut all = self.all();
        if !self.inputs[1].is_batched() {
            all[0] = all[0].in_rows()?;
        }
        self.as_samples(self.record(core, &all)?)
    }

    /// Convolutions: the samples are more images where all have the same filters, else more groups of channels.
    fn convolution(&self, convolution: Convolution) -> Result<Tensors> {
        let is_weight = matches!(convolution.kind, ConvolutionKind::WeightGradient { .. });
        if !is_weight && !self.inputs[1].is_batched() {
            return self.folded(Core::Convolution(convolution), 1);
        }
        let (count, samples) = (self.levels.count(), self.levels.samples());
        if samples == 0 {
            return self.one_by_one(&Core::Convolution(convolution));
        }
        // (levels…, N, C, …) → (N, levels… · C, …)
        let channels = |tensor: &Tensor| {
            let images = std::iter::once(count).chain(0..count).chain(count + 1..count + tensor.rank());
            let order: SmallVec<[usize; 8]> = images.collect();
            let wide = tensor.shape().replaced(1, samples * tensor.shape()[1]);
            tensor.all_samples(self.levels).permuted(&order)?.reshaped(&wide)
        };
        let filters = |tensor: &Tensor| {
            let wide = tensor.shape().replaced(0, samples * tensor.shape()[0]);
            tensor.all_samples(self.levels).reshaped(&wide)
        };
        let first = channels(self.inputs[0])?;
        let second = if is_weight { channels(self.inputs[1]) } else { filters(self.inputs[1]) }?;
        let groups = convolution.groups * samples;
        let result =
            self.record(Core::Convolution(Convolution { groups, ..convolution }), &[first, second])?;
        if is_weight {
            return self.as_samples(result);
        }
        let shape = &self.results[0].shape;
        let split: Shape = std::iter::once(shape[0])
            .chain(self.levels.extents())
            .chain(shape[1..].iter().copied())
            .collect();
        let order: SmallVec<[usize; 8]> =
            (1..=count).chain(std::iter::once(0)).chain(count + 1..split.rank()).collect();
        self.as_samples(Tensors::from_iter([result[0].reshaped(&split)?.permuted(&order)?]))
    }

    /// The sums over the rows of each sample are taken apart from the gradient of the rows.
    fn affine_norm_gradient(&self, operation: RowOperation, axis: usize) -> Result<Tensors> {
        let all = self.all();
        let (x, gradient) = (&all[0], &all[all.len() - 1]);
        // Layer norm has a mean, and a bias; RMS norm has neither.
        let is_centered = operation == RowOperation::AffineLayerNormGradient;
        let r = if is_centered { &all[2] } else { &all[1] };
        let (wide, axis) = (r.dtype(), axis + self.levels.count());
        let of_rows = self.record(Core::Rows(Rows { operation, axis }), &all)?.remove(0);
        let along = |tensor: &Tensor| tensor.unsqueeze(axis as i64);
        let x = x.cast(wide)?;
        let centered = if is_centered { x.subtract(&along(&all[1])?)? } else { x };
        let normalized = centered.multiply(&along(r)?)?;
        let gradient = gradient.cast(wide)?;
        let others: SmallVec<[usize; 4]> =
            (self.levels.count()..gradient.rank()).filter(|&other| other != axis).collect();
        let of_weight = gradient.multiply(&normalized)?.sum_axes(&others)?;
        let mut results = Tensors::from_iter([of_rows, of_weight]);
        if is_centered {
            results.push(gradient.sum_axes(&others)?);
        }
        self.as_samples(results)
    }

    /// Once for each sample.
    fn one_by_one(&self, core: &Core) -> Result<Tensors> {
        let count = self.levels.samples();
        if count == 0 {
            let empty = |spec: &Spec| {
                Ok(Tensor::zeros(&self.levels.before(&spec.shape), spec.dtype)?.as_samples(self.levels))
            };
            return self.results.iter().map(empty).collect();
        }
        let flat = |tensor: &&Tensor| {
            if !tensor.is_batched() {
                return Ok(None);
            }
            let shape = tensor.shape().with(0, count);
            tensor.all_samples(self.levels).reshaped(&shape).map(Some)
        };
        let flat = self.inputs.iter().map(flat).collect::<Result<SmallVec<[Option<Tensor>; 4]>>>()?;
        let mut columns: SmallVec<[Vec<Tensor>; 2]> = self.results.iter().map(|_| Vec::new()).collect();
        for number in 0..count {
            let sample = |(tensor, flat): (&&Tensor, &Option<Tensor>)| match flat {
                Some(flat) => flat.select(0, number as i64),
                None => Ok((*tensor).detach()),
            };
            let sample = self.inputs.iter().zip(&flat).map(sample).collect::<Result<Samples>>()?;
            for (column, result) in columns.iter_mut().zip(self.record(core.clone(), &sample)?) {
                column.push(result);
            }
        }
        let stack = |column: &Vec<Tensor>| Tensor::stack(&column.iter().collect::<Vec<_>>(), 0);
        self.as_samples(columns.iter().map(stack).collect::<Result<Tensors>>()?)
    }

    /// The number of the sample in each level, broadcast to the samples of an index of that shape.
    fn sample_numbers(&self, shape: &Shape) -> Result<Samples> {
        let wide = self.levels.before(shape);
        let number = |(axis, extent): (usize, usize)| {
            let mut own = Shape::from_iter(std::iter::repeat_n(1, wide.rank()));
            own.extents_mut()[axis] = extent;
            let numbers = Tensor::arange(0.into(), extent.into(), 1.into(), DType::Int64)?;
            Ok(numbers.reshaped(&own)?.broadcast(&wide).expect("ones broadcast"))
        };
        self.levels.extents().enumerate().map(number).collect()
    }

    fn index(&self, index: Index) -> Result<Tensors> {
        let (levels, count) = (self.levels, self.levels.count());
        match index {
            Index::TakeAlong { axis } => self.in_front(Core::Index(Index::TakeAlong { axis: axis + count })),
            Index::PutAlong { axis, mode } => {
                self.in_front(Core::Index(Index::PutAlong { axis: axis + count, mode }))
            }
            Index::Concatenate { axis } => {
                self.in_front(Core::Index(Index::Concatenate { axis: axis + count }))
            }
            Index::Overlay { region } => {
                let region = self.region_of_all(&region, self.inputs[0].shape());
                self.in_front(Core::Index(Index::Overlay { region }))
            }
            Index::Spread { region, shape } => {
                let region = self.region_of_all(&region, &shape);
                self.in_front(Core::Index(Index::Spread { region, shape: levels.before(&shape) }))
            }
            // The number of the sample is one more index.
            Index::Gather { axes } => {
                let mut all = self.all();
                let numbers = self.sample_numbers(self.inputs[1].shape())?;
                all.insert_many(1, numbers);
                self.as_samples(self.record(Core::Index(Index::Gather { axes: axes + count }), &all)?)
            }
            Index::Scatter { axes, mode } => {
                let mut all = self.all();
                let numbers = self.sample_numbers(self.inputs[1].shape())?;
                all.insert_many(1, numbers);
                let core = Core::Index(Index::Scatter { axes: axes + count, mode });
                self.as_samples(self.record(core, &all)?)
            }
            Index::NonZero { .. } => self.one_by_one(&Core::Index(index)),
        }
    }

    /// A region of a dense tensor of one sample, for all of them.
    fn region_of_all(&self, region: &Layout, shape: &Shape) -> Layout {
        let strides = self.levels.before(shape).dense_strides();
        let strides = strides[..self.levels.count()].iter().chain(region.strides()).copied().collect();
        Layout::strided(self.levels.before(region.shape()), strides, region.offset())
    }
}
