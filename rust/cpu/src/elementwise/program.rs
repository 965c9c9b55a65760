//! From an expression to a tile program: steps over numbered slots.
//!
//! A slot is the address of a tile. The first slots are the *sources* (operands, core results and coordinates,
//! readied for each tile by the evaluator), then the *constants* (filled once a run), the *registers* and at last
//! the *outputs*. A step never writes a slot that it reads. Half precisions are float32 in registers.

use std::sync::Arc;

use smallvec::{SmallVec, smallvec};
use tenfold_ir::expr::Value;
use tenfold_ir::operations::PerArgument;
use tenfold_ir::{DType, Error, Expr, Instruction, Operation, Result};

use super::body::TileFunction;
use super::formulas::{self, FormulaFunction, Found};
use super::pairs::{self, Role};
use super::{cast, table};
use crate::simd::Tier;

/// Elements of a tile, at most. With 256, taking tiles up was as much work as an operation on them; more than 1,024 would
/// not stay in the first-level cache with their intermediate results.
pub const TILE: usize = 1024;

/// What a source slot shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// An operand; core results are numbered behind the kernel's operands.
    Operand(usize),
    /// The index along an axis.
    Coordinate(usize),
}

/// One call of a tile function.
#[derive(Clone)]
pub enum Step {
    /// A scalar operation or conversion, and its share in [`Program::shares`].
    Operation { function: TileFunction, arguments: [u16; 3], target: u16, share: u64, pieces: Pieces },
    /// A whole formula: its operands (so many), scalars and results; its share.
    Formula { function: FormulaFunction, operands: usize, slots: SmallVec<[u16; 14]>, share: u64 },
}

/// How a step is called: for all elements of a tile at once, or where it works for long, for some at a time, so that memory
/// is asked for in between.
#[derive(Clone, Copy, Debug)]
pub struct Pieces {
    /// Elements a call.
    pub elements: usize,
    /// The bytes of an element of each argument, where there are several calls.
    pub arguments: [usize; 3],
    /// The same of the target.
    pub target: usize,
}

impl Pieces {
    const WHOLE: Pieces = Pieces { elements: usize::MAX, arguments: [0; 3], target: 0 };

    fn is_whole(&self) -> bool {
        self.elements == usize::MAX
    }
}

/// What an element of a step costs that is called piece by piece, in picoseconds at least.
const LONG: u64 = 400;

/// Elements of a piece. With fewer, each call waits longer for its last results than it works.
const PIECE: usize = 256;

/// What a program was compiled for, beside its expression.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Purpose {
    wanted: SmallVec<[Value; 2]>,
    operands: usize,
    store: Store,
    in_place: bool,
    tier: Tier,
}

/// An expression made ready to run on a tier.
#[derive(Clone)]
pub struct Program {
    purpose: Purpose,
    pub origins: SmallVec<[Origin; 4]>,
    /// Which run-time scalar each is, and as what it is read.
    pub constants: SmallVec<[(u16, DType); 4]>,
    pub registers: usize,
    /// The bytes of an element of each output.
    pub outputs: SmallVec<[usize; 2]>,
    /// Which origins the steps that read them fetch, so that nobody else has to.
    pub fetched: SmallVec<[bool; 4]>,
    /// The slots of the wanted values, with [`Store::View`].
    pub views: SmallVec<[u16; 2]>,
    pub steps: Vec<Step>,
    /// Bytes of a register: a tile of the widest type.
    pub register_bytes: usize,
    /// What an element costs beside loads and stores, roughly, in picoseconds.
    pub picoseconds: u64,
    /// True where a step works so long that memory is fetched meanwhile.
    pub is_long: bool,
    /// The time, in parts that the steps have of it, in which memory can be fetched: that of the long steps where there
    /// are any, since it takes a core longer to ask for some lines than to add them.
    pub shares: u64,
}

/// How the outputs of a program lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// As the dtype says.
    Memory,
    /// The same, written past the caches: for outputs that would not stay there. A fence must follow.
    Stream,
    /// Nowhere: the caller looks at the tiles where they are (half precisions as float32).
    View,
}

impl Program {
    /// Compiles those values of `expr` that are `wanted`, unless that was done before. Core result `i` becomes operand
    /// `operands + i`. Where an output shares the memory of an operand (`in_place`), outputs are written when all steps
    /// that read are done.
    pub fn of(
        expr: &Expr,
        wanted: &[Value],
        operands: usize,
        store: Store,
        in_place: bool,
        tier: Tier,
    ) -> Result<Arc<Program>> {
        let purpose = Purpose { wanted: wanted.into(), operands, store, in_place, tier };
        expr.prepared(|known: &Program| known.purpose == purpose, || Compiler::new(expr, &purpose).compile())
    }

    /// True where operand `index` is read.
    pub fn reads(&self, index: usize) -> bool {
        self.origins.contains(&Origin::Operand(index))
    }

    pub fn first_constant(&self) -> usize {
        self.origins.len()
    }

    pub fn first_register(&self) -> usize {
        self.first_constant() + self.constants.len()
    }

    pub fn first_output(&self) -> usize {
        self.first_register() + self.registers
    }

    pub fn slots(&self) -> usize {
        self.first_output() + self.outputs.len()
    }
}

/// Where a value is while compiling. Numbers become slots when all counts are known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Source(u16),
    Constant(u16),
    Register(u16),
    Output(u16),
}

enum Pending {
    /// Arguments that the function does not use are the first source.
    Operation {
        function: TileFunction,
        arguments: [Place; 3],
        target: Place,
        picoseconds: u64,
        pieces: Pieces,
    },
    Formula {
        function: FormulaFunction,
        operands: usize,
        places: SmallVec<[Place; 14]>,
        picoseconds: u64,
    },
}

struct Compiler<'a> {
    expr: &'a Expr,
    purpose: &'a Purpose,
    formulas: SmallVec<[Found; 1]>,
    roles: SmallVec<[Role; 16]>,
    places: SmallVec<[Option<Place>; 16]>,
    /// For each value the last instruction that reads it; outputs are read at the end.
    last_use: SmallVec<[usize; 16]>,
    origins: SmallVec<[Origin; 4]>,
    constants: SmallVec<[(u16, DType); 4]>,
    free: SmallVec<[u16; 8]>,
    registers: u16,
    steps: Vec<Pending>,
    picoseconds: u64,
}

impl<'a> Compiler<'a> {
    fn new(expr: &'a Expr, purpose: &'a Purpose) -> Compiler<'a> {
        let wanted = &purpose.wanted;
        let count = expr.instructions().len();
        let mut last_use: SmallVec<[usize; 16]> = smallvec![0; count];
        for (index, instruction) in expr.instructions().iter().enumerate() {
            instruction.reads().iter().for_each(|&value| last_use[usize::from(value)] = index);
        }
        wanted.iter().for_each(|&value| last_use[usize::from(value)] = count);
        let formulas = formulas::find(expr, wanted);
        for formula in &formulas {
            // Its operands are read when its last value is computed.
            let root = usize::from(formula.results[0]);
            for &leaf in &formula.leaves {
                let last = &mut last_use[usize::from(leaf)];
                *last = root.max(*last);
            }
        }
        let is_taken = |value| formulas.iter().any(|formula| formula.inner.contains(&value));
        let roles = pairs::find(expr, wanted, purpose.tier, is_taken);
        for (outer, role) in roles.iter().enumerate() {
            if let Role::Outer { arguments, .. } = role {
                for &value in arguments {
                    let last = &mut last_use[usize::from(value)];
                    *last = outer.max(*last);
                }
            }
        }
        Compiler {
            expr,
            formulas,
            roles,
            places: smallvec![None; count],
            last_use,
            origins: SmallVec::new(),
            constants: SmallVec::new(),
            free: SmallVec::new(),
            registers: 0,
            steps: Vec::with_capacity(count + wanted.len()),
            purpose,
            picoseconds: 0,
        }
    }

    fn compile(mut self) -> Result<Program> {
        let expr = self.expr;
        let formulas = std::mem::take(&mut self.formulas);
        for (index, (instruction, &dtype)) in expr.instructions().iter().zip(expr.dtypes()).enumerate() {
            if let Some(formula) = formulas.iter().find(|formula| formula.inner.contains(&(index as Value))) {
                if usize::from(formula.results[0]) == index {
                    self.formula(index, formula);
                }
                continue;
            }
            let place = match instruction {
                // A result of the core that only others read, or that is handed on as it is.
                Instruction::Result { .. } if self.last_use[index] == 0 => continue,
                Instruction::Load { operand } => {
                    self.load(index, Origin::Operand(usize::from(*operand)), dtype)
                }
                Instruction::Result { index: result } => {
                    self.load(index, Origin::Operand(self.purpose.operands + usize::from(*result)), dtype)
                }
                Instruction::Coordinate { axis } => self.source(Origin::Coordinate(usize::from(*axis))),
                Instruction::Scalar { index: scalar } => self.constant(*scalar, dtype),
                Instruction::Apply { operation, arguments } => match self.roles[index] {
                    Role::Inner => continue,
                    Role::Outer { arguments, function } => self.pair(index, arguments, function, dtype),
                    Role::Alone => self.apply(index, *operation, *arguments, dtype)?,
                },
                Instruction::Cast { from } => self.cast(index, *from, dtype),
            };
            self.places[index] = Some(place);
        }
        self.store_outputs();
        Ok(self.finish())
    }

    fn source(&mut self, origin: Origin) -> Place {
        let known = self.origins.iter().position(|&other| other == origin);
        Place::Source(known.unwrap_or_else(|| {
            self.origins.push(origin);
            self.origins.len() - 1
        }) as u16)
    }

    fn constant(&mut self, scalar: u16, dtype: DType) -> Place {
        self.constants.push((scalar, dtype));
        Place::Constant(self.constants.len() as u16 - 1)
    }

    /// A loaded value; half precisions are widened into a register.
    fn load(&mut self, index: usize, origin: Origin, dtype: DType) -> Place {
        let source = self.source(origin);
        if dtype.compute() == dtype {
            return source;
        }
        let target = self.target(index, dtype);
        self.step(cast::widen(dtype, self.purpose.tier), &[source], target, 60);
        target
    }

    /// A place for the value of an instruction: an output's own memory where that can be, else a register.
    fn target(&mut self, index: usize, dtype: DType) -> Place {
        let direct =
            !self.purpose.in_place && self.purpose.store == Store::Memory && dtype.compute() == dtype;
        match self.purpose.wanted.iter().position(|&value| usize::from(value) == index) {
            Some(output) if direct => Place::Output(output as u16),
            _ => self.register(),
        }
    }

    fn register(&mut self) -> Place {
        Place::Register(self.free.pop().unwrap_or_else(|| {
            self.registers += 1;
            self.registers - 1
        }))
    }

    fn release(&mut self, place: Place) {
        if let Place::Register(register) = place {
            self.free.push(register);
        }
    }

    fn place(&self, value: Value) -> Place {
        self.places[usize::from(value)].unwrap_or(Place::Source(0))
    }

    /// Frees the registers of values that instruction `index` reads last.
    fn release_dead(&mut self, index: usize, values: &[Value]) {
        for (at, &value) in values.iter().enumerate() {
            if self.last_use[usize::from(value)] == index && !values[..at].contains(&value) {
                self.release(self.place(value));
            }
        }
    }

    fn step(&mut self, function: TileFunction, arguments: &[Place], target: Place, picoseconds: u64) {
        self.step_in_pieces(function, arguments, target, picoseconds, Pieces::WHOLE);
    }

    fn step_in_pieces(
        &mut self,
        function: TileFunction,
        arguments: &[Place],
        target: Place,
        picoseconds: u64,
        pieces: Pieces,
    ) {
        self.picoseconds += picoseconds;
        let mut all = [Place::Source(0); 3];
        all[..arguments.len()].copy_from_slice(arguments);
        self.steps.push(Pending::Operation { function, arguments: all, target, picoseconds, pieces });
    }

    /// How an operation on such values is called.
    fn pieces(&self, values: &[Value], result: DType, picoseconds: u64) -> Pieces {
        if picoseconds < LONG {
            return Pieces::WHOLE;
        }
        let mut arguments = [0; 3];
        for (size, &value) in arguments.iter_mut().zip(values) {
            *size = cast::tile_size(self.expr.dtypes()[usize::from(value)]);
        }
        Pieces { elements: PIECE, arguments, target: cast::tile_size(result) }
    }

    /// Computes all results of a formula when instruction `index`, the last of its values, has its turn.
    fn formula(&mut self, index: usize, formula: &Found) {
        let mut places: SmallVec<[Place; 14]> = formula.leaves.iter().map(|&leaf| self.place(leaf)).collect();
        // A formula reads its operands before it writes, element by element. Where nothing reads memory after it, its
        // results may take the place of what was there.
        let direct = self.purpose.store == Store::Memory && !self.reads_memory_after(index);
        for &result in &formula.results {
            let output = self.purpose.wanted.iter().position(|&value| value == result).filter(|_| direct);
            let target = match output {
                Some(output) => Place::Output(output as u16),
                None => self.target(usize::from(result), DType::Float32),
            };
            self.places[usize::from(result)] = Some(target);
            places.push(target);
        }
        let picoseconds = 60 * formula.inner.len() as u64;
        self.picoseconds += picoseconds;
        let function = formula.function(self.purpose.tier);
        self.steps.push(Pending::Formula { function, operands: formula.operands(), places, picoseconds });
        self.release_dead(index, &formula.leaves);
    }

    /// True where something behind instruction `index` reads an operand or a result of the core.
    fn reads_memory_after(&self, index: usize) -> bool {
        self.expr.instructions().iter().zip(&self.last_use).any(|(instruction, &last_use)| {
            matches!(instruction, Instruction::Load { .. } | Instruction::Result { .. }) && last_use > index
        })
    }

    fn apply(
        &mut self,
        index: usize,
        operation: Operation,
        values: PerArgument<Value>,
        dtype: DType,
    ) -> Result<Place> {
        let compute = self.expr.dtypes()[usize::from(values[values.len() - 1])];
        let function = table::operation_function(operation, compute, self.purpose.tier).ok_or_else(|| {
            Error::not_implemented(operation.name(), format!("no CPU kernel for {compute}"))
        })?;
        let arguments = values.map(|value| self.place(value));
        let cost = picoseconds_of(operation, compute);
        let pieces = self.pieces(&values, dtype, cost);
        let target = self.target(index, dtype);
        if dtype.compute() == dtype {
            self.step_in_pieces(function, &arguments, target, cost, pieces);
        } else {
            let exact = self.register();
            self.step_in_pieces(function, &arguments, exact, cost, pieces);
            self.step(cast::round(dtype, self.purpose.tier), &[exact], target, 60);
            self.release(exact);
        }
        self.release_dead(index, &values);
        Ok(target)
    }

    /// Computes instruction `index` and the one before it that only it reads.
    fn pair(&mut self, index: usize, values: [Value; 3], function: TileFunction, dtype: DType) -> Place {
        let places = values.map(|value| self.place(value));
        let target = self.target(index, dtype);
        self.step(function, &places, target, 60);
        self.release_dead(index, &values);
        target
    }

    fn cast(&mut self, index: usize, from: Value, dtype: DType) -> Place {
        let source_dtype = self.expr.dtypes()[usize::from(from)];
        let source = self.place(from);
        let target = self.target(index, dtype);
        self.step(cast::convert(source_dtype, dtype, self.purpose.tier), &[source], target, 100);
        self.release_dead(index, &[from]);
        target
    }

    /// Writes the outputs that no step has written in place.
    fn store_outputs(&mut self) {
        let expr = self.expr;
        let Purpose { wanted, store, tier, .. } = self.purpose;
        let (store, tier) = (*store, *tier);
        if store == Store::View {
            return;
        }
        let mut places: SmallVec<[Place; 2]> = wanted.iter().map(|&value| self.place(value)).collect();
        if self.purpose.in_place {
            // An operand that is handed on must be read before another output overwrites it.
            for (place, &value) in places.iter_mut().zip(wanted) {
                if let Place::Source(_) = place {
                    let kept = self.register();
                    self.step(cast::copy(expr.dtypes()[usize::from(value)], tier), &[*place], kept, 40);
                    *place = kept;
                }
            }
        }
        for (output, (&value, place)) in wanted.iter().zip(places).enumerate() {
            let dtype = expr.dtypes()[usize::from(value)];
            let target = Place::Output(output as u16);
            if place == target {
                continue;
            }
            let function = if dtype.compute() != dtype {
                cast::narrow(dtype, tier)
            } else if dtype == DType::Bool {
                // Any byte but 0 counts as true; what is written is 1.
                cast::convert(dtype, dtype, tier)
            } else {
                let stream = cast::stream(dtype).filter(|_| store == Store::Stream);
                stream.unwrap_or_else(|| cast::copy(dtype, tier))
            };
            self.step(function, &[place], target, 40);
        }
    }

    /// True for a source that a formula reads.
    fn is_fetched(&self, source: u16) -> bool {
        self.steps.iter().any(|step| match step {
            Pending::Formula { operands, places, .. } => places[..*operands].contains(&Place::Source(source)),
            Pending::Operation { .. } => false,
        })
    }

    fn finish(self) -> Program {
        let constants = self.origins.len();
        let registers = constants + self.constants.len();
        let outputs = registers + usize::from(self.registers);
        let slot = |place: Place| match place {
            Place::Source(index) => index,
            Place::Constant(index) => index + constants as u16,
            Place::Register(index) => index + registers as u16,
            Place::Output(index) => index + outputs as u16,
        };
        let in_pieces =
            |pending: &Pending| matches!(pending, Pending::Operation { pieces, .. } if !pieces.is_whole());
        let is_long = self.steps.iter().any(in_pieces);
        let mut shares = 0;
        let steps = self.steps.iter().map(|pending| {
            let (Pending::Operation { picoseconds, .. } | Pending::Formula { picoseconds, .. }) = pending;
            let share = if in_pieces(pending) || !is_long { *picoseconds } else { 0 };
            shares += share;
            match pending {
                &Pending::Operation { function, arguments, target, pieces, .. } => {
                    let arguments = arguments.map(slot);
                    Step::Operation { function, arguments, target: slot(target), share, pieces }
                }
                Pending::Formula { function, operands, places, .. } => {
                    let slots = places.iter().map(|&place| slot(place)).collect();
                    Step::Formula { function: *function, operands: *operands, slots, share }
                }
            }
        });
        let steps = steps.collect();
        let is_viewed = self.purpose.store == Store::View;
        let views =
            self.purpose.wanted.iter().filter(|_| is_viewed).map(|&value| slot(self.place(value))).collect();
        let written = self.purpose.wanted.iter().filter(|_| !is_viewed);
        let widest = self.expr.dtypes().iter().map(|&dtype| cast::tile_size(dtype)).max().unwrap_or(1).max(8);
        Program {
            purpose: self.purpose.clone(),
            steps,
            is_long,
            shares,
            registers: usize::from(self.registers),
            outputs: written.map(|&value| self.expr.dtypes()[usize::from(value)].size()).collect(),
            views,
            fetched: (0..self.origins.len() as u16).map(|source| self.is_fetched(source)).collect(),
            register_bytes: widest * TILE,
            picoseconds: self.picoseconds,
            origins: self.origins,
            constants: self.constants,
        }
    }
}

/// Roughly what an element costs: a function of several instructions, a division, or one instruction.
fn picoseconds_of(operation: Operation, compute: DType) -> u64 {
    // The accuracy bound tells functions that are computed by polynomials from plain instructions.
    let accuracy = operation.row().accuracy;
    let cost = if accuracy.ulp > 0.5 {
        400
    } else if accuracy.ulp > 0.0
        && matches!(operation, Operation::divide | Operation::sqrt | Operation::reciprocal)
    {
        150
    } else {
        40
    };
    cost * compute.compute().size().div_ceil(4) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(expr: &Expr) -> Arc<Program> {
        Program::of(expr, expr.outputs(), 2, Store::Memory, false, Tier::Portable).unwrap()
    }

    #[test]
    fn a_pair_is_one_step_and_only_functions_are_called_piece_by_piece() {
        // tanh(x * 1.5 + y) * sigmoid(y - 0.5) + x * x
        let mut expr = Expr::new();
        let [x, y] = [0, 1].map(|operand| expr.load(operand, DType::Float32));
        let [scale, shift] = [0, 1].map(|scalar| expr.scalar(scalar, DType::Float32));
        let scaled = expr.apply(Operation::multiply, &[x, scale]);
        let sum = expr.apply(Operation::add, &[scaled, y]);
        let tangent = expr.apply(Operation::tanh, &[sum]);
        let shifted = expr.apply(Operation::subtract, &[y, shift]);
        let gate = expr.apply(Operation::sigmoid, &[shifted]);
        let gated = expr.apply(Operation::multiply, &[tangent, gate]);
        let square = expr.apply(Operation::multiply, &[x, x]);
        let result = expr.apply(Operation::add, &[gated, square]);
        expr.output(result);
        let program = program(&expr);
        let is_whole = program.steps.iter().map(|step| match step {
            Step::Operation { pieces, .. } => pieces.is_whole(),
            Step::Formula { .. } => panic!("no formula is known for it"),
        });
        assert_eq!(is_whole.collect::<Vec<bool>>(), [true, false, true, false, true, true]);
        assert!(program.is_long);
        // All of the next tile is asked for while the functions work.
        assert_eq!(program.shares, 2 * LONG);
    }

    #[test]
    fn without_functions_every_step_has_its_share() {
        let mut expr = Expr::new();
        let [x, y] = [0, 1].map(|operand| expr.load(operand, DType::Float32));
        let sum = expr.apply(Operation::add, &[x, y]);
        let result = expr.apply(Operation::abs, &[sum]);
        expr.output(result);
        let program = program(&expr);
        assert!(!program.is_long);
        assert_eq!(program.shares, program.picoseconds);
    }
}
