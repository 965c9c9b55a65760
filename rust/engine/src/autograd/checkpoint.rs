//! Values that are computed again in backward instead of being kept.
//!
//! While a region is recorded under a [`Checkpoint`], edges are made as always, but what their derivatives want saved is
//! counted and let go. The first edge that asks for its values has the region run once more with the inputs it had; the
//! values come in the same order, and each goes to its edge. Edges are those of the first run, so that gradients flow to
//! everything the region read, and checkpoints may be nested, differentiated again and used inside other transforms.

use std::cell::{Cell, RefCell};
use std::sync::{Arc, Mutex, PoisonError};

use tenfold_ir::{Error, Result, Spec};

use super::edge::EdgeRef;
use crate::Tensor;

/// Runs a region again with these inputs, recording gradients.
pub type Recompute = dyn Fn(Vec<Tensor>) -> Result<()> + Send + Sync;

/// A region whose saved values are computed again.
pub struct Checkpoint {
    recompute: Box<Recompute>,
    inputs: Vec<Kept>,
    /// Shape and dtype of each value that the first run let go.
    packed: Mutex<Vec<Spec>>,
    /// What the region computed when it ran again; taken by the edges.
    values: Mutex<Option<Vec<Option<Tensor>>>>,
    check: bool,
}

/// A value that a derivative needs.
#[derive(Clone)]
pub(super) enum Kept {
    /// The value with its edge, or the error of the copy that was needed.
    Whole(Result<Tensor>),
    /// The value of that number of a region, and its edge.
    Packed(Arc<Checkpoint>, usize, Option<EdgeRef>),
}

/// What happens to values that are saved on this thread.
#[derive(Clone)]
enum Mode {
    /// They are let go.
    Pack(Arc<Checkpoint>),
    /// They are collected, in order.
    Collect(Arc<Mutex<Vec<Tensor>>>),
}

impl Mode {
    /// True within the first run of that region.
    fn packs(&self, region: &Checkpoint) -> bool {
        matches!(self, Mode::Pack(entered) if std::ptr::eq(&raw const **entered, region))
    }
}

thread_local! {
    static MODES: RefCell<Vec<Mode>> = const { RefCell::new(Vec::new()) };
    /// False where there is none, which every saved value asks for: without a destructor, it is read at once.
    static HAS_MODE: Cell<bool> = const { Cell::new(false) };
}

/// Changes the modes of this thread.
fn with_modes<R>(change: impl FnOnce(&mut Vec<Mode>) -> R) -> R {
    MODES.with_borrow_mut(|modes| {
        let result = change(modes);
        HAS_MODE.set(!modes.is_empty());
        result
    })
}

impl Checkpoint {
    /// A region that `recompute` runs again with the values that `inputs` have now. With `check`, values of other shapes
    /// than in the first run are an error.
    pub fn new(inputs: &[Tensor], recompute: Box<Recompute>, check: bool) -> Arc<Checkpoint> {
        let inputs = inputs.iter().map(|input| Kept::of(input, || Ok(input.clone()))).collect();
        Arc::new(Checkpoint { recompute, inputs, packed: Mutex::default(), values: Mutex::default(), check })
    }

    /// Begins the first run on this thread.
    pub fn enter(self: &Arc<Checkpoint>) {
        with_modes(|modes| modes.push(Mode::Pack(self.clone())));
    }

    /// Ends the first run.
    pub fn leave(self: &Arc<Checkpoint>) {
        // Dropped behind the borrow: a region may hold anything.
        let _ended = with_modes(|modes| {
            let place = modes.iter().rposition(|mode| mode.packs(self));
            place.map(|place| modes.split_off(place))
        });
    }

    /// The value of that number; `retain` keeps it for another time.
    fn value(&self, number: usize, retain: bool) -> Result<Tensor> {
        let take = || {
            let mut values = self.values.lock().unwrap_or_else(PoisonError::into_inner);
            let place = values.as_mut()?.get_mut(number)?;
            if retain { place.clone() } else { place.take() }
        };
        if let Some(value) = take() {
            return Ok(value);
        }
        // Not under a lock: the region may call anything.
        let values = self.run_again()?;
        *self.values.lock().unwrap_or_else(PoisonError::into_inner) = Some(values);
        take()
            .ok_or_else(|| Error::state("checkpoint", "a value was asked for that the region does not save"))
    }

    fn run_again(&self) -> Result<Vec<Option<Tensor>>> {
        let inputs = self.inputs.iter().map(|input| input.get(true)).collect::<Result<Vec<Tensor>>>()?;
        let collected = Arc::new(Mutex::new(Vec::new()));
        let depth = with_modes(|modes| {
            modes.push(Mode::Collect(collected.clone()));
            modes.len() - 1
        });
        let outcome = {
            let _recording = super::Guard::new(true);
            (self.recompute)(inputs)
        };
        let _ended = with_modes(|modes| modes.split_off(depth.min(modes.len())));
        outcome?;
        let values = std::mem::take(&mut *collected.lock().unwrap_or_else(PoisonError::into_inner));
        let packed = self.packed.lock().unwrap_or_else(PoisonError::into_inner);
        // Whoever differentiates inside the region asks for values before the first run has saved them all.
        let is_running = MODES.with_borrow(|modes| modes.iter().any(|mode| mode.packs(self)));
        if values.len() < packed.len() || values.len() > packed.len() && !is_running {
            return Err(differs(format!("{} values were saved first, then {}", packed.len(), values.len())));
        }
        if self.check
            && let Some((value, spec)) =
                values.iter().zip(&*packed).find(|(value, spec)| value.spec() != **spec)
        {
            let of = |spec: &Spec| format!("shape {} and dtype {}", spec.shape, spec.dtype);
            return Err(differs(format!("a value had {}, then {}", of(spec), of(&value.spec()))));
        }
        Ok(values.into_iter().map(Some).collect())
    }
}

fn differs(detail: String) -> Error {
    Error::state("checkpoint", format!("the function did something else when it ran again; {detail}"))
        .hint("it must do the same with the same inputs and random numbers")
}

impl Kept {
    /// Keeps a value, which `whole` gives; inside a checkpoint its place alone.
    #[inline]
    pub fn of(tensor: &Tensor, whole: impl FnOnce() -> Result<Tensor>) -> Kept {
        if !HAS_MODE.get() {
            return Kept::Whole(whole());
        }
        match MODES.with_borrow(|modes| modes.last().cloned()) {
            None => Kept::Whole(whole()),
            Some(mode) => Kept::in_region(mode, tensor, whole),
        }
    }

    #[cold]
    fn in_region(mode: Mode, tensor: &Tensor, whole: impl FnOnce() -> Result<Tensor>) -> Kept {
        match mode {
            Mode::Pack(region) => {
                let mut packed = region.packed.lock().unwrap_or_else(PoisonError::into_inner);
                packed.push(tensor.spec());
                let number = packed.len() - 1;
                drop(packed);
                Kept::Packed(region, number, tensor.edge().cloned())
            }
            Mode::Collect(values) => {
                let kept = whole();
                if let Ok(value) = &kept {
                    values.lock().unwrap_or_else(PoisonError::into_inner).push(value.detach());
                }
                Kept::Whole(kept)
            }
        }
    }

    /// The value with its edge; without `retain` it is asked for once.
    pub fn get(&self, retain: bool) -> Result<Tensor> {
        match self {
            Kept::Whole(value) => value.clone(),
            Kept::Packed(region, number, edge) => {
                Ok(region.value(*number, retain)?.with_gradient_edge(edge.clone()))
            }
        }
    }

    /// The edge of the value, taken out: for dropping long chains without recursion.
    pub fn take_edge(&mut self) -> Option<EdgeRef> {
        match self {
            Kept::Whole(Ok(tensor)) => tensor.take_edge(),
            Kept::Whole(Err(_)) => None,
            Kept::Packed(_, _, edge) => edge.take(),
        }
    }
}
