//! Running pending nodes.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use smallvec::{SmallVec, smallvec};
use tenfold_ir::{Backend, Buffer, Error, ErrorKind, Kernel, Result, Source};

use crate::graph::{Batch, Garbage, Node, Recorded, Shard, Slot, Standing, current_shard};
use crate::plan::{Explanation, Plans, Step, explain, plan};
use crate::{profile, switches};

/// A flush follows when this many nodes wait …
const PENDING_NODES: usize = 1024;
/// … or their outputs would take this many bytes.
const PENDING_BYTES: usize = 256 << 20;

/// For how long a thread makes room for others that wait for its shard: twice what an interpreter's lock takes to change
/// hands.
const LONGEST_TURN: Duration = Duration::from_millis(10);

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

/// How many threads run nodes.
static FLUSHES: AtomicUsize = AtomicUsize::new(0);

/// True while this thread runs nodes.
pub(crate) fn is_flushing() -> bool {
    FLUSHING.get()
}

/// Marks this thread as running nodes, until dropped.
struct Flushing;

impl Flushing {
    fn enter() -> Flushing {
        FLUSHING.set(true);
        FLUSHES.fetch_add(1, Ordering::SeqCst);
        Flushing
    }
}

impl Drop for Flushing {
    fn drop(&mut self) {
        FLUSHING.set(false);
        // A kernel that cannot be stopped leaves a request to the next one, the last one to nobody.
        if FLUSHES.fetch_sub(1, Ordering::SeqCst) == 1 {
            switches::clear_interrupt();
        }
    }
}

/// In the child of a fork: the flushes of threads that do not exist here are gone.
pub(crate) fn forget_flushes_after_fork() {
    FLUSHES.store(usize::from(FLUSHING.get()), Ordering::SeqCst);
}

/// What follows each recorded operation: a flush in immediate mode, or at the bound on pending work.
/// So does it where somebody else may change after this call what the node reads.
pub(crate) fn after_recording(shard: &'static Shard, recorded: &Recorded) -> Result<()> {
    if recorded.reads_borrowed
        || switches::is_immediate()
        || recorded.pending_nodes >= PENDING_NODES
        || recorded.pending_bytes >= PENDING_BYTES
    {
        return flush(shard, None);
    }
    Ok(())
}

/// Runs everything that this thread has recorded and somebody still holds.
///
/// Nobody needs this but a stopwatch: looking at a value runs it.
pub fn synchronize() -> Result<()> {
    flush(current_shard(), None)
}

/// Runs the nodes that wait in `shard`, in the order of recording; where somebody `asked` for one value, others that
/// are merely named may go on waiting.
///
/// After running out of memory or an interrupt what is unfinished stays pending.
pub(crate) fn flush(shard: &'static Shard, asked: Option<Slot>) -> Result<()> {
    if FLUSHING.get() {
        return Err(Error::state("flush", "a host function must not look at tensors"));
    }
    let mut plans = exclusive(shard);
    let flushing = Flushing::enter();
    let result = run_pending(shard, &mut plans, asked);
    drop((flushing, plans));
    if shard.waiting.load(Ordering::SeqCst) > 0 {
        let_others_run(shard);
    }
    result
}

/// The right to run the shard's nodes. Whoever waits for it must not hold what the present owner may need, and so gets it
/// anew when it holds again what it let go for that.
fn exclusive(shard: &'static Shard) -> MutexGuard<'static, Plans> {
    let flusher = shard.arena().flusher();
    let mut waits = false;
    loop {
        let guard = match flusher.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut waits, true) {
                    shard.waiting.fetch_add(1, Ordering::SeqCst);
                }
                blocking(|| drop(flusher.lock().unwrap_or_else(PoisonError::into_inner)));
                continue;
            }
        };
        if waits {
            shard.waiting.fetch_sub(1, Ordering::SeqCst);
        }
        return guard;
    }
}

/// Gives those who wait for the shard a turn. A thread that records and runs without a pause holds the interpreter
/// whenever its nodes do not run: others would get the one only while they cannot get the other.
#[cold]
fn let_others_run(shard: &Shard) {
    blocking(|| {
        let start = Instant::now();
        while shard.waiting.load(Ordering::SeqCst) > 0 && start.elapsed() < LONGEST_TURN {
            std::thread::sleep(LONGEST_TURN / 100);
        }
    });
}

fn run_pending(shard: &'static Shard, plans: &mut Plans, asked: Option<Slot>) -> Result<()> {
    let mut garbage = Garbage::default();
    let mut batch = shard.arena().take(&mut garbage);
    drop(garbage);
    let debug = switches::debug();
    if debug >= 5 && batch.len() > 0 {
        eprint!("tenfold: recorded\n{}", crate::plan::graph(&batch));
    }
    let plan = plans.find(&mut batch, switches::fuse(), asked);
    if debug >= 2 && !plan.steps.is_empty() {
        eprintln!("tenfold: planned\n{}", explain(&batch, &plan.steps));
    }
    // What waits for the next flush, with its number: named values, and after a failure what did not run.
    let mut waiting: SmallVec<[(u32, Box<Node>); 4]> = SmallVec::new();
    let mut result = Ok(());
    for step in &plan.steps {
        let postponed = postpone(shard, &batch, step);
        match run_watched(shard, &mut batch, step, debug) {
            Ok(buffers) => {
                finish(shard, &mut batch, step, buffers);
                waiting.extend(postponed);
            }
            Err(failure) => {
                let mut garbage = Garbage::default();
                let mut arena = shard.arena();
                postponed.iter().for_each(|(_, node)| arena.release_inputs(node, &mut garbage));
                drop(arena);
                if !failure.can_be_repeated {
                    fail(shard, &mut batch, step, &failure.error);
                }
                let left = (0..).zip(batch.nodes.drain(..));
                waiting.extend(left.filter_map(|(number, node)| Some((number, node?))));
                result = Err(failure.error);
                break;
            }
        }
    }
    if !waiting.is_empty() {
        // In the order of recording: kernels may have run in another one.
        waiting.sort_unstable_by_key(|(number, _)| *number);
        let waiting = waiting.into_iter().map(|(_, node)| node).collect();
        let mut garbage = Garbage::default();
        shard.arena().restart(waiting, &batch.layouts, &mut garbage);
    } else {
        shard.arena().keep_layouts(batch.layouts);
    }
    plans.keep(plan);
    result
}

/// Copies of the nodes of a step whose values tensors hold and nobody needs in memory yet.
fn postpone(shard: &Shard, batch: &Batch, step: &Step) -> SmallVec<[(u32, Box<Node>); 2]> {
    let waits = |node: u32| {
        let value = batch.first_value[node as usize];
        batch.values[value as usize].waits && !step.outputs.iter().any(|output| output.0 == value)
    };
    let mut nodes = step.nodes.iter().copied().filter(|&node| waits(node)).peekable();
    if nodes.peek().is_none() {
        return SmallVec::new();
    }
    let mut arena = shard.arena();
    nodes.map(|node| (node, arena.postpone(batch.node(node)))).collect()
}

/// Runs one kernel, and takes note of it where somebody wants to know.
fn run_watched(
    shard: &Shard,
    batch: &mut Batch,
    step: &Step,
    debug: u8,
) -> std::result::Result<Vec<Buffer>, Failure> {
    if debug == 0 && !profile::is_active() {
        return run(shard, batch, step);
    }
    let name = crate::plan::name(batch, step);
    let site = step.nodes.iter().find_map(|&node| batch.node(node).site.clone());
    if debug >= 3 {
        eprintln!("tenfold: {name}\n{:#?}\n{:#?}", step.kernel.prologues, step.kernel.epilogue);
    }
    let start = profile::now();
    let result = run(shard, batch, step)?;
    let duration = profile::now() - start;
    let (bytes, flops) = (step.kernel.bytes(), step.kernel.flops());
    if debug >= 1 {
        let per_nanosecond = |count: usize| count as f64 / duration.max(1) as f64;
        eprintln!(
            "tenfold: {:10.1} us {:7.1} GB/s {:8.1} GFLOP/s  {name}",
            duration as f64 / 1e3,
            per_nanosecond(bytes),
            per_nanosecond(flops),
        );
    }
    if profile::is_active() {
        profile::record(profile::Event {
            name,
            start,
            duration,
            bytes,
            flops,
            thread: profile::thread(),
            site,
        });
    }
    Ok(result)
}

/// What looking at a value of a shard would run.
pub(crate) fn explain_pending(shard: &Shard, asked: Slot) -> Explanation {
    let mut batch = shard.arena().peek();
    let steps = plan(&mut batch, switches::fuse(), Some(asked));
    explain(&batch, &steps)
}

/// Why a kernel did not run.
struct Failure {
    error: Error,
    /// Its nodes can be run again: they have all their inputs.
    can_be_repeated: bool,
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let can_be_repeated = matches!(error.kind(), ErrorKind::Memory | ErrorKind::Interrupted);
        Failure { error, can_be_repeated }
    }
}

/// Puts the results of a step into their slots, and lets go of its nodes and what they read.
fn finish(shard: &Shard, batch: &mut Batch, step: &Step, buffers: Vec<Buffer>) {
    let buffers: SmallVec<[Arc<Buffer>; 2]> = buffers.into_iter().map(Arc::new).collect();
    let mut garbage = Garbage::default();
    let mut arena = shard.arena();
    for &number in &step.nodes {
        arena.release_inputs(batch.node(number), &mut garbage);
    }
    let mut outputs = step.outputs.as_slice();
    for &number in &step.nodes {
        let Some(node) = batch.nodes[number as usize].take() else { continue };
        for (value, made) in batch.values_of(number).zip(&node.outputs) {
            // Nearly always the next one.
            let output = match outputs {
                [(next, output), rest @ ..] if *next == value => {
                    outputs = rest;
                    Some(*output)
                }
                _ => step.outputs.iter().find(|output| output.0 == value).map(|output| output.1),
            };
            match output {
                Some(output) => arena.finish(made.slot, buffers[output as usize].clone(), &mut garbage),
                // It goes on waiting.
                None if batch.values[value as usize].waits => {}
                None => arena.finish_inner(made.slot),
            }
        }
        arena.retire(node, &mut garbage);
    }
    // Garbage is dropped after the lock: dropping a buffer may run foreign code.
    drop(arena);
}

/// A step that cannot be computed: whoever looks at its values gets the error.
fn fail(shard: &Shard, batch: &mut Batch, step: &Step, error: &Error) {
    let mut garbage = Garbage::default();
    let mut arena = shard.arena();
    for &node in &step.nodes {
        if let Some(node) = batch.nodes[node as usize].take() {
            arena.fail(node, error, &mut garbage);
        }
    }
    drop(arena);
}

/// The operands of a step, out of the nodes and slots that held them: whoever has them alone may overwrite them.
fn claim(shard: &Shard, batch: &mut Batch, step: &Step) -> Operands {
    let mut buffers: Operands = smallvec![None; step.operands.len()];
    let mut arena = shard.arena();
    for read in &step.reads {
        let Some(node) = &mut batch.nodes[read.node as usize] else { continue };
        let input = &mut node.inputs[read.input as usize];
        debug_assert!(input.is_counted(), "an input is one operand");
        input.standing = Standing::Claimed;
        let buffer = &mut buffers[read.operand as usize];
        *buffer = Some(arena.claim(input.slot, buffer.take()));
    }
    buffers
}

/// Gives the operands back to the nodes.
fn unclaim(shard: &Shard, batch: &mut Batch, step: &Step, operands: &Operands) {
    let mut arena = shard.arena();
    for read in &step.reads {
        if let (Some(node), Some(buffer)) =
            (&mut batch.nodes[read.node as usize], &operands[read.operand as usize])
        {
            let input = &mut node.inputs[read.input as usize];
            input.slot = arena.put_back(buffer.clone());
            input.standing = Standing::Computed { is_held: false };
        }
    }
}

type Operands = SmallVec<[Option<Arc<Buffer>>; 4]>;

/// Runs one kernel.
fn run(shard: &Shard, batch: &mut Batch, step: &Step) -> std::result::Result<Vec<Buffer>, Failure> {
    let backend = switches::backend();
    let kernel = &step.kernel;
    if switches::interrupted() {
        // Before it claims operands: where it overwrites them, nothing stops it any more.
        return Err(Error::interrupted(kernel.core.name().to_owned(), "stopped by the user").into());
    }
    let mut operands = claim(shard, batch, step);
    if switches::check() {
        let result = run_checked(backend, kernel, &operands);
        unclaim(shard, batch, step, &operands);
        return Ok(result?);
    }
    let shared = shared_operands(backend, kernel, &operands);
    let mut outputs: Vec<Option<Buffer>> = Vec::with_capacity(kernel.outputs.len());
    for (index, spec) in kernel.outputs.iter().enumerate() {
        let in_place = shared.iter().any(|&(_, output)| output == index);
        outputs.push(match in_place {
            true => None,
            false => match backend.allocate(spec.bytes()) {
                Ok(buffer) => Some(buffer),
                Err(error) => {
                    unclaim(shard, batch, step, &operands);
                    return Err(error.into());
                }
            },
        });
    }
    // Everything that can fail without harm is done: now operands give up their memory.
    for &(operand, output) in &shared {
        outputs[output] = operands[operand].take().and_then(Arc::into_inner);
    }
    let mut outputs: Vec<Buffer> =
        outputs.into_iter().map(|output| output.expect("one buffer an output")).collect();
    let sources: SmallVec<[Source<'_>; 4]> = operands
        .iter()
        .enumerate()
        .map(|(operand, buffer)| match buffer {
            Some(buffer) => Source::Buffer(buffer),
            None => Source::Output(shared.iter().find(|share| share.0 == operand).expect("taken above").1),
        })
        .collect();
    // One that overwrites its operands is not stopped halfway: nothing could compute it again.
    let result = if kernel.bytes() >= LONG_KERNEL_BYTES {
        blocking(|| backend.run(kernel, &sources, &mut outputs))
    } else {
        backend.run(kernel, &sources, &mut outputs)
    };
    drop(sources);
    match result {
        Ok(()) => Ok(outputs),
        Err(error) if shared.is_empty() => {
            unclaim(shard, batch, step, &operands);
            Err(error.into())
        }
        // What was overwritten cannot be computed again.
        Err(error) => Err(Error::state("flush", format!("stopped while overwriting: {error}")).into()),
    }
}

/// Which operands can lie in the memory of which outputs: those that nobody reads afterwards.
fn shared_operands(
    backend: &dyn Backend,
    kernel: &Kernel,
    operands: &Operands,
) -> SmallVec<[(usize, usize); 2]> {
    let mut shared: SmallVec<[(usize, usize); 2]> = SmallVec::new();
    for (index, (operand, buffer)) in kernel.operands.iter().zip(operands).enumerate() {
        let Some(buffer) = buffer else { continue };
        if Arc::strong_count(buffer) != 1 || buffer.is_borrowed() || !operand.layout.is_dense() {
            continue;
        }
        let taken = |output| shared.iter().any(|share| share.1 == output);
        let free = kernel.outputs.iter().enumerate().position(|(output, spec)| {
            spec.dtype == operand.dtype
                && spec.shape == *operand.layout.shape()
                && spec.bytes() == buffer.size()
                && !taken(output)
                && backend.can_share(kernel, index, output)
        });
        shared.extend(free.map(|output| (index, output)));
    }
    shared
}

/// Runs a kernel and holds its results against the reference interpreter's.
fn run_checked(backend: &dyn Backend, kernel: &Kernel, operands: &Operands) -> Result<Vec<Buffer>> {
    let sources: SmallVec<[Source<'_>; 4]> =
        operands.iter().flatten().map(|buffer| Source::Buffer(buffer)).collect();
    let mut outputs = Vec::with_capacity(kernel.outputs.len());
    for spec in &kernel.outputs {
        outputs.push(backend.allocate(spec.bytes())?);
    }
    backend.run(kernel, &sources, &mut outputs)?;
    tenfold_ir::reference::check(kernel, &sources, &outputs)?;
    Ok(outputs)
}
