//! Running pending nodes.

use std::cell::Cell;
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError, TryLockError};

use smallvec::SmallVec;
use tenfold_ir::{Backend, Buffer, Error, ErrorKind, Kernel, Result, Source};

use crate::graph::{Garbage, Node, Place, Shard, current_shard};
use crate::plan::plan;
use crate::switches;

/// A flush follows when this many nodes wait …
const PENDING_NODES: usize = 1024;
/// … or their outputs would take this many bytes.
const PENDING_BYTES: usize = 256 << 20;

/// A kernel that reads and writes this many bytes may be long enough for the caller to let other work go on.
const LONG_KERNEL_BYTES: usize = 128 << 10;

/// Runs what it is given, while whatever the caller holds (an interpreter's lock) is released.
pub type BlockingHook = fn(&mut dyn FnMut());

static BLOCKING_HOOK: OnceLock<BlockingHook> = OnceLock::new();

/// Says what surrounds everything that may take long: long kernels, and waiting for another thread's flush. The first
/// hook stays.
pub fn set_blocking_hook(hook: BlockingHook) {
    // A second hook would be the same one, set by a module that is imported again.
    let _already_set = BLOCKING_HOOK.set(hook);
}

/// Runs `body` within the hook, where there is one.
fn blocking<R>(body: impl FnOnce() -> R) -> R {
    let Some(hook) = BLOCKING_HOOK.get() else { return body() };
    let (mut body, mut result) = (Some(body), None);
    hook(&mut || {
        if let Some(body) = body.take() {
            result = Some(body());
        }
    });
    result.expect("the hook runs its body")
}

thread_local! {
    static FLUSHING: Cell<bool> = const { Cell::new(false) };
}

/// Marks this thread as running nodes, until dropped.
struct Flushing;

impl Flushing {
    fn enter() -> Flushing {
        FLUSHING.set(true);
        Flushing
    }
}

impl Drop for Flushing {
    fn drop(&mut self) {
        FLUSHING.set(false);
    }
}

/// What follows each recorded operation: a flush in immediate mode, or at the bound on pending work.
pub(crate) fn after_recording() -> Result<()> {
    let shard = current_shard();
    let (nodes, bytes) = shard.arena().pending();
    if switches::is_immediate() || nodes >= PENDING_NODES || bytes >= PENDING_BYTES {
        return flush(shard);
    }
    Ok(())
}

/// Runs everything that this thread has recorded and somebody still holds.
///
/// Nobody needs this but a stopwatch: looking at a value runs it.
pub fn synchronize() -> Result<()> {
    flush(current_shard())
}

/// Runs the nodes that wait in `shard`, in the order of recording.
///
/// After running out of memory or an interrupt what is unfinished stays pending.
pub(crate) fn flush(shard: &'static Shard) -> Result<()> {
    if FLUSHING.get() {
        return Err(Error::state("flush", "a host function must not look at tensors"));
    }
    let _exclusive = exclusive(shard);
    let _flushing = Flushing::enter();
    run_until(shard)
}

/// The right to run the shard's nodes. Whoever waits for it must not hold what the present owner may need.
fn exclusive(shard: &'static Shard) -> MutexGuard<'static, ()> {
    loop {
        match shard.flushing.try_lock() {
            Ok(guard) => return guard,
            Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                blocking(|| drop(shard.flushing.lock().unwrap_or_else(PoisonError::into_inner)));
            }
        }
    }
}

fn run_until(shard: &'static Shard) -> Result<()> {
    let end = shard.arena().end();
    loop {
        // Garbage is dropped after the lock: dropping a buffer may run foreign code.
        let mut garbage = Garbage::default();
        let Some(mut node) = shard.arena().start(end, &mut garbage) else { return Ok(()) };
        drop(garbage);
        match run(&mut node) {
            Ok(buffers) => {
                let mut garbage = Garbage::default();
                shard.arena().finish(&node.outputs, buffers, &mut garbage);
            }
            Err(error) if matches!(error.kind(), ErrorKind::Memory | ErrorKind::Interrupted) => {
                shard.arena().restart(node);
                return Err(error);
            }
            Err(error) => {
                shard.arena().fail(&node.outputs, &error);
                return Err(error);
            }
        }
    }
}

/// Runs one node. Inputs whose memory became an output's are gone from it afterwards.
fn run(node: &mut Node) -> Result<Vec<Buffer>> {
    let backend = switches::backend();
    let kernel = plan(node);
    if switches::check() {
        return run_checked(backend, &kernel, node);
    }
    let shared = shared_operands(backend, &kernel, node);
    let mut outputs: Vec<Option<Buffer>> = Vec::with_capacity(kernel.outputs.len());
    for (index, spec) in kernel.outputs.iter().enumerate() {
        let in_place = shared.iter().any(|&(_, output)| output == index);
        outputs.push(if in_place { None } else { Some(backend.allocate(spec.bytes())?) });
    }
    // Everything that can fail without harm is done: now inputs give up their memory.
    let mut places: SmallVec<[Option<Arc<Buffer>>; 3]> =
        std::mem::take(&mut node.inputs).into_iter().map(|input| Some(ready(input.place))).collect();
    for &(operand, output) in &shared {
        outputs[output] = places[operand].take().and_then(Arc::into_inner);
    }
    let mut outputs: Vec<Buffer> =
        outputs.into_iter().map(|output| output.expect("one buffer an output")).collect();
    let sources: SmallVec<[Source<'_>; 4]> = places
        .iter()
        .enumerate()
        .map(|(operand, place)| match place {
            Some(buffer) => Source::Buffer(buffer),
            None => Source::Output(shared.iter().find(|share| share.0 == operand).expect("taken above").1),
        })
        .collect();
    // One that overwrites its operands must not be stopped halfway: nothing could compute it again.
    let result = if shared.is_empty() && kernel.bytes() >= LONG_KERNEL_BYTES {
        blocking(|| backend.run(&kernel, &sources, &mut outputs))
    } else {
        backend.run(&kernel, &sources, &mut outputs)
    };
    drop(sources);
    if result.is_err() && shared.is_empty() {
        // Nothing was overwritten: the node can be started again.
        node.inputs = kernel
            .operands
            .iter()
            .zip(places)
            .map(|(operand, place)| crate::graph::Input {
                place: Place::Ready(place.expect("nothing was shared")),
                dtype: operand.dtype,
                layout: operand.layout.clone(),
            })
            .collect();
    }
    match result {
        // What was overwritten cannot be computed again.
        Err(error) if !shared.is_empty() => {
            Err(Error::state("flush", format!("stopped while overwriting: {error}")))
        }
        result => result.map(|()| outputs),
    }
}

fn ready(place: Place) -> Arc<Buffer> {
    match place {
        Place::Ready(buffer) => buffer,
        Place::Pending(_) => unreachable!("a started node reads buffers"),
    }
}

/// Which operands can lie in the memory of which outputs: those that nobody reads afterwards.
fn shared_operands(backend: &dyn Backend, kernel: &Kernel, node: &Node) -> SmallVec<[(usize, usize); 2]> {
    let mut shared: SmallVec<[(usize, usize); 2]> = SmallVec::new();
    for (operand, input) in node.inputs.iter().enumerate() {
        let Place::Ready(buffer) = &input.place else { continue };
        if Arc::strong_count(buffer) != 1 || buffer.is_borrowed() || !input.layout.is_dense() {
            continue;
        }
        let free = kernel.outputs.iter().position(|spec| {
            spec.dtype == input.dtype && spec.shape == *input.layout.shape() && spec.bytes() == buffer.size()
        });
        if let Some(output) = free
            && !shared.iter().any(|share| share.1 == output)
            && backend.can_share(kernel, operand, output)
        {
            shared.push((operand, output));
        }
    }
    shared
}

/// Runs a kernel and holds its results against the reference interpreter's.
fn run_checked(backend: &dyn Backend, kernel: &Kernel, node: &Node) -> Result<Vec<Buffer>> {
    let buffers: SmallVec<[Arc<Buffer>; 3]> =
        node.inputs.iter().map(|input| ready(input.place.clone())).collect();
    let sources: SmallVec<[Source<'_>; 4]> = buffers.iter().map(|buffer| Source::Buffer(buffer)).collect();
    let mut outputs = Vec::with_capacity(kernel.outputs.len());
    for spec in &kernel.outputs {
        outputs.push(backend.allocate(spec.bytes())?);
    }
    backend.run(kernel, &sources, &mut outputs)?;
    tenfold_ir::reference::check(kernel, &sources, &outputs)?;
    Ok(outputs)
}
