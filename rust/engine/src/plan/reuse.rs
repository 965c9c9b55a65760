//! Plans are kept: a loop records the same work again and again.
//!
//! A plan follows from what the nodes do, in which layouts, which inputs are the same, and which values tensors hold. It
//! does not depend on numbers: run-time scalars and the parameters of most cores are filled in from the nodes at hand.
//! What it follows from is written down as words, and a plan is used again for a batch that gives the same words.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;

use smallvec::SmallVec;
use tenfold_ir::{Core, Expr, Scalar};

use super::{Mixer, Step, plan};
use crate::graph::{Batch, LayoutId, Node, NodeOperation, Slot, Standing};

/// Words of all plans that a shard keeps, at most (4 MB; the plans themselves take about as much): more than the work of
/// a training step of a large model.
const MOST_WORDS: usize = 1 << 19;

/// In the word of an input or an output, above its dtype: the layout is the one that was written last.
const SAME: u64 = 1 << 8;

type Map<K, V> = HashMap<K, V, BuildHasherDefault<Mixer>>;

/// A plan for a batch, to be given back with [`Plans::keep`].
pub(crate) struct Plan {
    /// The kernels in the order in which they run.
    pub steps: Vec<Step>,
    /// The values that go on waiting.
    waits: SmallVec<[u32; 4]>,
    key: Key,
    hash: u64,
    used: u64,
}

/// Plans that were made, by the hash of their keys. The owner runs the batches of a shard, one after the other.
#[derive(Default)]
pub(crate) struct Plans {
    kept: Map<u64, Plan>,
    words: usize,
    uses: u64,
    /// Memory for the key of the next batch.
    key: Key,
    numbers: Numbers,
}

/// All that a plan follows from.
#[derive(Default)]
struct Key {
    words: Vec<u64>,
    /// Expressions among the nodes, in order.
    exprs: Vec<Arc<Expr>>,
    /// Cores whose parameters matter to the planner, in order.
    cores: Vec<Arc<Core>>,
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.words == other.words
            && self.exprs.len() == other.exprs.len()
            && self.exprs.iter().zip(&other.exprs).all(|(a, b)| Arc::ptr_eq(a, b) || a == b)
            && self.cores.iter().zip(&other.cores).all(|(a, b)| match (&**a, &**b) {
                (Core::Reduce(a), Core::Reduce(b)) => a == b,
                (Core::Gemm(a), Core::Gemm(b)) => a == b,
                _ => false,
            })
    }
}

/// Which inputs and scalars of a batch are the same: each gets the number of its first appearance.
#[derive(Default)]
struct Numbers {
    /// Values that were computed before, by their slots.
    slots: Map<Slot, u64>,
    last_slot: Option<(Slot, u64)>,
    scalars: Map<ScalarBits, usize>,
    last_scalar: Option<(ScalarBits, usize)>,
    /// For each layout of the batch the number of its first appearance here: its own depends on nodes that are gone.
    layouts: Vec<Option<u64>>,
    seen_layouts: u64,
}

type ScalarBits = (u8, u64, u64);

impl Plans {
    /// The plan for a batch: see [`plan`].
    pub fn find(&mut self, batch: &mut Batch, fuse: bool, asked: Option<Slot>) -> Plan {
        let mut key = std::mem::take(&mut self.key);
        key.write(&mut self.numbers, batch, fuse, asked);
        let hash = key.hash();
        self.uses += 1;
        let known = self.kept.remove(&hash).inspect(|known| self.words -= known.key.words.len());
        match known.filter(|known| known.key == key) {
            Some(mut known) => {
                if crate::switches::check() {
                    known.check(batch, fuse, asked);
                }
                key.clear();
                self.key = key;
                known.fit(batch);
                known
            }
            None => {
                let steps = plan(batch, fuse, asked);
                Plan { steps, waits: waiting(batch), key, hash, used: 0 }
            }
        }
    }

    /// Keeps a plan that has run.
    pub fn keep(&mut self, mut plan: Plan) {
        for step in plan.steps.iter_mut().filter(|step| step.core.is_some()) {
            // It may hold what belongs to its caller.
            step.kernel.core = Core::Map;
        }
        plan.used = self.uses;
        self.words += plan.key.words.len();
        self.kept.insert(plan.hash, plan);
        if self.words > MOST_WORDS {
            self.forget_half();
        }
    }

    /// Lets the plans go that were not used for the longest time: half of them at once, so that a program that never
    /// does the same twice does not look for the oldest one each time.
    fn forget_half(&mut self) {
        let mut uses: Vec<u64> = self.kept.values().map(|plan| plan.used).collect();
        let middle = uses.len() / 2;
        let (_, &mut middle, _) = uses.select_nth_unstable(middle);
        self.kept.retain(|_, plan| plan.used > middle);
        self.words = self.kept.values().map(|plan| plan.key.words.len()).sum();
    }
}

/// The values that go on waiting for the next flush.
fn waiting(batch: &Batch) -> SmallVec<[u32; 4]> {
    (0..batch.values.len() as u32).filter(|&value| batch.values[value as usize].waits).collect()
}

impl Plan {
    /// Fills in what this batch has of its own.
    fn fit(&mut self, batch: &mut Batch) {
        for step in &mut self.steps {
            for (scalar, &(node, index)) in step.kernel.scalars.iter_mut().zip(&step.scalars) {
                *scalar = batch.node(node).scalars[index as usize];
            }
            if let Some(NodeOperation::Core(core)) = step.core.map(|node| &batch.node(node).operation) {
                step.kernel.core = (**core).clone();
            }
        }
        for &value in &self.waits {
            batch.values[value as usize].waits = true;
        }
    }

    /// Holds the plan against one that is made anew.
    fn check(&mut self, batch: &mut Batch, fuse: bool, asked: Option<Slot>) {
        let anew = plan(batch, fuse, asked);
        assert_eq!(self.waits, waiting(batch), "a plan that was kept lets other values wait than a new one");
        self.fit(batch);
        let describe = |steps: &[Step]| {
            let parts = steps.iter().map(|step| {
                format!("{:?} {:?} {:?} {:?}", step.kernel, step.nodes, step.reads, step.outputs)
            });
            parts.collect::<Vec<_>>().join("\n")
        };
        assert_eq!(describe(&self.steps), describe(&anew), "a plan that was kept differs from a new one");
    }
}

impl Key {
    fn clear(&mut self) {
        self.words.clear();
        self.exprs.clear();
        self.cores.clear();
    }

    fn hash(&self) -> u64 {
        // Four side by side: each step of one waits for its multiplication.
        let mut lanes: [Mixer; 4] = Default::default();
        let (fours, rest) = self.words.as_chunks::<4>();
        for four in fours {
            lanes.iter_mut().zip(four).for_each(|(lane, &word)| lane.write_u64(word));
        }
        let mut hasher = Mixer::default();
        lanes.iter().for_each(|lane| hasher.write_u64(lane.finish()));
        rest.iter().for_each(|&word| hasher.write_u64(word));
        self.exprs.iter().for_each(|expr| expr.hash(&mut hasher));
        for core in &self.cores {
            match &**core {
                Core::Reduce(reduce) => reduce.hash(&mut hasher),
                Core::Gemm(gemm) => gemm.hash(&mut hasher),
                _ => {}
            }
        }
        hasher.finish()
    }

    /// Writes down what the plan of a batch follows from.
    fn write(&mut self, numbers: &mut Numbers, batch: &Batch, fuse: bool, asked: Option<Slot>) {
        self.clear();
        numbers.clear(batch.layouts.len());
        // An operation, an input and a scalar or another input, an output.
        self.words.reserve(4 * batch.nodes.len());
        self.words.push(u64::from(fuse) | u64::from(asked.is_some()) << 1);
        // The layout that was written last: neighbours mostly share it.
        let mut last: Option<LayoutId> = None;
        for number in 0..batch.len() {
            let node = batch.node(number);
            self.write_operation(node);
            for &scalar in &node.scalars {
                self.words.push(numbers.of_scalar(scalar) as u64);
            }
            for input in &node.inputs {
                let place = match input.standing {
                    Standing::Value(value) => u64::from(value) << 2,
                    // Whether a tensor keeps it alive says whether what reads it may wait.
                    Standing::Computed { is_held } => {
                        numbers.of_slot(input.slot) << 2 | u64::from(is_held && asked.is_some()) << 1 | 1
                    }
                    Standing::Unknown | Standing::Claimed => {
                        unreachable!("planning follows taking and precedes running")
                    }
                };
                self.write_layout(numbers, batch, place << 16 | input.dtype as u64, input.layout, &mut last);
            }
            for (value, output) in batch.values_of(number).zip(&node.outputs) {
                let value = &batch.values[value as usize];
                let is_asked = asked == Some(output.slot);
                let standing = u64::from(value.uses) << 2 | u64::from(is_asked) << 1 | u64::from(value.held);
                let word = standing << 16 | output.dtype as u64;
                self.write_layout(numbers, batch, word, output.layout, &mut last);
            }
        }
    }

    /// Writes what a node computes, and how many inputs, outputs and scalars it has where that does not say it.
    fn write_operation(&mut self, node: &Node) {
        let operation = match &node.operation {
            NodeOperation::Apply { operation, compute, scalars } => {
                (*operation as u64) << 8 | (*compute as u64) << 16 | u64::from(*scalars) << 24
            }
            NodeOperation::Copy => 1,
            NodeOperation::Fill => 2,
            NodeOperation::Expression(_) => 3,
            NodeOperation::Core(_) => 4,
        };
        self.words.push(operation | u64::from(node.has_waited) << 32);
        match &node.operation {
            NodeOperation::Apply { .. } | NodeOperation::Copy | NodeOperation::Fill => {}
            NodeOperation::Expression(expr) => {
                self.exprs.push(expr.clone());
                self.write_counts(node);
            }
            NodeOperation::Core(core) => {
                if matches!(**core, Core::Reduce(_) | Core::Gemm(_)) {
                    self.cores.push(core.clone());
                }
                let mut kind = Mixer::default();
                std::mem::discriminant(&**core).hash(&mut kind);
                self.words.push(kind.finish());
                self.write_counts(node);
            }
        }
    }

    fn write_counts(&mut self, node: &Node) {
        let counts = [node.inputs.len(), node.outputs.len(), node.scalars.len()];
        self.words.push(counts.iter().fold(0, |word, &count| word << 21 | count as u64));
    }

    /// Writes a layout behind `word`, unless it is the `last` one: the number of its first appearance, and there what it is.
    #[inline(always)]
    fn write_layout(
        &mut self,
        numbers: &mut Numbers,
        batch: &Batch,
        word: u64,
        id: LayoutId,
        last: &mut Option<LayoutId>,
    ) {
        if *last == Some(id) {
            self.words.push(word | SAME);
        } else {
            *last = Some(id);
            self.words.push(word);
            self.write_other_layout(numbers, batch, id);
        }
    }

    fn write_other_layout(&mut self, numbers: &mut Numbers, batch: &Batch, id: LayoutId) {
        if let Some(known) = numbers.layouts[id.index()] {
            self.words.push(known);
            return;
        }
        numbers.layouts[id.index()] = Some(numbers.seen_layouts);
        self.words.push(numbers.seen_layouts);
        numbers.seen_layouts += 1;
        let layout = batch.layout(id);
        self.words.extend([layout.rank() as u64, layout.offset() as u64]);
        self.words.extend(layout.shape().iter().map(|&extent| extent as u64));
        self.words.extend(layout.strides().iter().map(|&stride| stride as u64));
    }
}

impl Numbers {
    fn clear(&mut self, layouts: usize) {
        self.slots.clear();
        self.last_slot = None;
        self.scalars.clear();
        self.last_scalar = None;
        self.layouts.clear();
        self.layouts.resize(layouts, None);
        self.seen_layouts = 0;
    }

    /// The number of a slot.
    #[inline]
    fn of_slot(&mut self, slot: Slot) -> u64 {
        match self.last_slot {
            Some((last, number)) if last == slot => number,
            _ => {
                let next = self.slots.len() as u64;
                let number = *self.slots.entry(slot).or_insert(next);
                self.last_slot = Some((slot, number));
                number
            }
        }
    }

    /// Equal numbers are those of equal bits.
    #[inline]
    fn of_scalar(&mut self, scalar: Scalar) -> usize {
        let bits = match scalar {
            Scalar::Bool(value) => (0, u64::from(value), 0),
            Scalar::Int(value) => (1, value as u64, (value >> 64) as u64),
            Scalar::Float(value) => (2, value.to_bits(), 0),
            Scalar::Complex(value) => (3, value.re.to_bits(), value.im.to_bits()),
        };
        match self.last_scalar {
            Some((last, number)) if last == bits => number,
            _ => {
                let next = self.scalars.len();
                let number = *self.scalars.entry(bits).or_insert(next);
                self.last_scalar = Some((bits, number));
                number
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::MOST_WORDS;
    use crate::graph::current_shard;
    use crate::graph::testing::deferred;
    use crate::{DType, Tensor, synchronize};

    /// How many plans this thread's shard keeps, and their words.
    fn kept() -> (usize, usize) {
        let flusher = current_shard().arena().flusher();
        let plans = flusher.lock().unwrap();
        (plans.kept.len(), plans.words)
    }

    #[test]
    fn a_step_that_repeats_is_planned_once_whatever_its_numbers_are() {
        deferred(|| {
            let x = Tensor::ones(&[3], DType::Float32).unwrap();
            x.to_vec::<f32>().unwrap();
            let before = kept().0;
            for step in 2..10 {
                let y = x.multiply(f64::from(step)).unwrap().add(1).unwrap();
                assert_eq!(y.to_vec::<f32>().unwrap(), [step as f32 + 1.0; 3]);
            }
            assert_eq!(kept().0, before + 1);
        });
    }

    #[test]
    fn the_parameters_of_a_core_are_those_of_the_batch_at_hand() {
        deferred(|| {
            let draw = || Tensor::randn(&[5], DType::Float32, None).unwrap().to_vec::<f32>().unwrap();
            let before = kept().0;
            let (first, second) = (draw(), draw());
            assert_ne!(first, second);
            assert_eq!(kept().0, before + 1);
        });
    }

    #[test]
    fn what_a_plan_follows_from_makes_another_plan() {
        deferred(|| {
            let x = Tensor::ones(&[4], DType::Float32).unwrap();
            let y = Tensor::ones(&[4], DType::Float32).unwrap();
            let matrix = Tensor::ones(&[2, 2], DType::Float32).unwrap();
            for tensor in [&x, &y, &matrix] {
                tensor.to_vec::<f32>().unwrap();
            }
            let look = |tensor: Tensor| tensor.to_vec::<f32>().unwrap();
            let programs: [&dyn Fn() -> Vec<f32>; 9] = [
                &|| look(x.multiply(2).unwrap().add(3).unwrap()),
                // Equal scalars share a place.
                &|| look(x.multiply(2).unwrap().add(2).unwrap()),
                // Another operation, another scalar position.
                &|| look(x.subtract(2).unwrap().add(3).unwrap()),
                &|| look(x.multiply(&y).unwrap().add(3).unwrap()),
                &|| look(x.multiply(&x).unwrap().add(3).unwrap()),
                // An intermediate result that nobody holds: a temporary lives as long as its statement.
                &|| {
                    let sum = x.multiply(2).unwrap().add(3).unwrap();
                    look(sum)
                },
                // Other layouts, dtypes and axes.
                &|| look(matrix.transpose(0, 1).unwrap().multiply(2).unwrap().add(3).unwrap()),
                &|| look(matrix.sum(Some(&[0]), false, None).unwrap().add(3).unwrap()),
                &|| look(matrix.sum(Some(&[1]), false, None).unwrap().add(3).unwrap()),
            ];
            let expected = [5.0, 4.0, 2.0, 4.0, 4.0, 5.0, 5.0, 5.0, 5.0];
            let before = kept().0;
            for _ in 0..3 {
                for (program, expected) in programs.iter().zip(expected) {
                    assert!(program().iter().all(|&value| value == expected));
                }
            }
            assert_eq!(kept().0, before + programs.len());
        });
    }

    #[test]
    fn what_a_product_may_give_up_makes_another_plan() {
        deferred(|| {
            let x = Tensor::ones(&[2, 2], DType::Bfloat16).unwrap();
            synchronize().unwrap();
            let before = kept().0;
            for dtype in [None, Some(DType::Bfloat16), None, Some(DType::Bfloat16)] {
                crate::autocast::set(dtype).unwrap();
                let product = x.matmul(&x).unwrap();
                synchronize().unwrap();
                assert_eq!(product.cast(DType::Float32).unwrap().to_vec::<f32>().unwrap(), [2.0; 4]);
            }
            crate::autocast::set(None).unwrap();
            // The two products, and the conversion to look at them.
            assert_eq!(kept().0, before + 3);
        });
    }

    #[test]
    fn reading_one_tensor_twice_is_not_reading_two() {
        deferred(|| {
            let [x, y] = [2, 3].map(|value| Tensor::full(&[4], value, DType::Float32).unwrap());
            synchronize().unwrap();
            let before = kept().0;
            for (other, expected) in [(&x, 4.0), (&y, 6.0), (&x, 4.0), (&y, 6.0)] {
                let product = x.multiply(other).unwrap();
                synchronize().unwrap();
                assert_eq!(product.to_vec::<f32>().unwrap(), [expected; 4]);
            }
            assert_eq!(kept().0, before + 2);
        });
    }

    #[test]
    fn whether_an_operand_stays_alive_decides_whether_a_name_may_wait() {
        deferred(|| {
            let before = kept().0;
            for stays in [true, false, true, false] {
                let x = Tensor::full(&[4], 2, DType::Float32).unwrap();
                synchronize().unwrap();
                let named = x.add(1).unwrap();
                let x = stays.then_some(x);
                assert_eq!(named.multiply(2).unwrap().to_vec::<f32>().unwrap(), [6.0; 4]);
                drop(x);
                assert_eq!(named.to_vec::<f32>().unwrap(), [3.0; 4]);
            }
            // The constant, the product that lets the name wait with the name's own plan, the product that does not.
            assert_eq!(kept().0, before + 4);
        });
    }

    #[test]
    fn plans_are_kept_up_to_a_bound() {
        deferred(|| {
            for extent in 0..60 {
                let mut x = Tensor::ones(&[extent], DType::Float32).unwrap();
                for _ in 0..900 {
                    x = x.add(1).unwrap();
                }
                assert_eq!(x.to_vec::<f32>().unwrap(), vec![901.0; extent]);
                assert!(kept().1 <= MOST_WORDS);
            }
            assert!(kept().1 > MOST_WORDS / 4);
        });
    }
}
