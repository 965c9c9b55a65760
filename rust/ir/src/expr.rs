//! Straight-line code over the scalar operations: what a kernel computes for each element.

use std::any::Any;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

use smallvec::SmallVec;

use crate::operations::PerArgument;
use crate::{DType, Error, Operation, Result};

/// The number of a value within an [`Expr`]: the index of the instruction that makes it.
pub type Value = u16;

/// One step of an [`Expr`]; its value has the dtype at the same index of the expression's dtypes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Instruction {
    /// The element of a kernel operand at this point of the space.
    Load {
        /// Index into the kernel's operands.
        operand: u16,
    },
    /// What the kernel's core computed for this point (in an epilogue only).
    Result {
        /// Which of the core's results.
        index: u16,
    },
    /// A run-time scalar of the kernel, converted to the value's dtype.
    Scalar {
        /// Index into the kernel's scalars.
        index: u16,
    },
    /// The index along an axis of the space (int64).
    Coordinate {
        /// The axis.
        axis: u16,
    },
    /// A scalar operation. All arguments have the dtype that its row computes in.
    Apply {
        /// The row.
        operation: Operation,
        /// Earlier values, one an argument.
        arguments: PerArgument<Value>,
    },
    /// An earlier value converted to another dtype.
    Cast {
        /// The earlier value.
        from: Value,
    },
}

impl Instruction {
    /// The values that it reads.
    #[inline]
    pub fn reads(&self) -> &[Value] {
        match self {
            Instruction::Apply { arguments, .. } => arguments,
            Instruction::Cast { from } => std::slice::from_ref(from),
            Instruction::Load { .. }
            | Instruction::Result { .. }
            | Instruction::Scalar { .. }
            | Instruction::Coordinate { .. } => &[],
        }
    }
}

/// Straight-line code: instructions with their dtypes, and which values come out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Expr {
    instructions: Vec<Instruction>,
    dtypes: Vec<DType>,
    outputs: SmallVec<[Value; 2]>,
    prepared: Prepared,
}

/// What a backend made of an expression; no part of what the expression is.
#[derive(Default)]
struct Prepared(Mutex<Option<Arc<dyn Any + Send + Sync>>>);

impl Clone for Prepared {
    fn clone(&self) -> Prepared {
        Prepared::default()
    }
}

impl PartialEq for Prepared {
    fn eq(&self, _other: &Prepared) -> bool {
        true
    }
}

impl Eq for Prepared {}

impl Hash for Prepared {
    fn hash<H: Hasher>(&self, _state: &mut H) {}
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("…")
    }
}

impl Expr {
    /// An expression without instructions.
    pub fn new() -> Expr {
        Expr::default()
    }

    /// The same, with room for that many instructions.
    pub fn with_capacity(instructions: usize) -> Expr {
        Expr {
            instructions: Vec::with_capacity(instructions),
            dtypes: Vec::with_capacity(instructions),
            outputs: SmallVec::new(),
            prepared: Prepared::default(),
        }
    }

    /// The expression that hands on one operand.
    pub fn load_of(operand: u16, dtype: DType) -> Expr {
        let mut expr = Expr::new();
        let value = expr.load(operand, dtype);
        expr.output(value);
        expr
    }

    /// True where it only hands on the operand of that number.
    pub fn is_load_of(&self) -> Option<u16> {
        match (self.instructions.as_slice(), self.outputs.as_slice()) {
            ([Instruction::Load { operand }], [0]) => Some(*operand),
            _ => None,
        }
    }

    /// The instructions in order.
    pub fn instructions(&self) -> &[Instruction] {
        &self.instructions
    }

    /// The dtype of each instruction's value.
    pub fn dtypes(&self) -> &[DType] {
        &self.dtypes
    }

    /// The values that come out.
    pub fn outputs(&self) -> &[Value] {
        &self.outputs
    }

    /// The dtypes of the values that come out.
    pub fn output_dtypes(&self) -> impl Iterator<Item = DType> + '_ {
        self.outputs.iter().map(|&value| self.dtypes[value as usize])
    }

    /// Which result of the core an output hands on as it is.
    pub fn handed_on(&self, output: usize) -> Option<usize> {
        match self.instructions[self.outputs[output] as usize] {
            Instruction::Result { index } => Some(index as usize),
            _ => None,
        }
    }

    /// What a backend once made of the expression, where it `fits` what is asked for now; else what `make` gives, which
    /// is kept. One thing is kept at a time, for expressions of a plan are run again and again in one way.
    pub fn prepared<T: Any + Send + Sync>(
        &self,
        fits: impl FnOnce(&T) -> bool,
        make: impl FnOnce() -> Result<T>,
    ) -> Result<Arc<T>> {
        let lock = || self.prepared.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().clone().and_then(|known| known.downcast::<T>().ok());
        if let Some(known) = known.filter(|known| fits(known)) {
            return Ok(known);
        }
        let made = Arc::new(make()?);
        *lock() = Some(made.clone());
        Ok(made)
    }

    fn push(&mut self, instruction: Instruction, dtype: DType) -> Value {
        self.prepared = Prepared::default();
        self.instructions.push(instruction);
        self.dtypes.push(dtype);
        (self.instructions.len() - 1) as Value
    }

    /// Adds a load of an operand of that dtype.
    pub fn load(&mut self, operand: u16, dtype: DType) -> Value {
        self.push(Instruction::Load { operand }, dtype)
    }

    /// Adds a result of the core.
    pub fn result(&mut self, index: u16, dtype: DType) -> Value {
        self.push(Instruction::Result { index }, dtype)
    }

    /// Adds a run-time scalar.
    pub fn scalar(&mut self, index: u16, dtype: DType) -> Value {
        self.push(Instruction::Scalar { index }, dtype)
    }

    /// Adds the index along an axis.
    pub fn coordinate(&mut self, axis: u16) -> Value {
        self.push(Instruction::Coordinate { axis }, DType::Int64)
    }

    /// Adds a scalar operation; the arguments already have the dtype it computes in.
    pub fn apply(&mut self, operation: Operation, arguments: &[Value]) -> Value {
        let compute = self.dtypes[arguments[arguments.len() - 1] as usize];
        let dtype = operation.result_dtype(compute);
        self.push(Instruction::Apply { operation, arguments: PerArgument::from_slice(arguments) }, dtype)
    }

    /// Adds a conversion, where one is needed.
    pub fn cast(&mut self, from: Value, dtype: DType) -> Value {
        if self.dtypes[from as usize] == dtype { from } else { self.push(Instruction::Cast { from }, dtype) }
    }

    /// Names a value as an output.
    pub fn output(&mut self, value: Value) {
        self.prepared = Prepared::default();
        self.outputs.push(value);
    }

    /// The same with its outputs converted.
    pub fn with_outputs_as(&self, dtype: DType) -> Expr {
        let mut expr = self.clone();
        for index in 0..expr.outputs.len() {
            expr.outputs[index] = expr.cast(expr.outputs[index], dtype);
        }
        expr
    }

    /// An error where the code refers to what is not there, or dtypes do not fit: a mistake of who built it.
    pub fn check(&self, operands: &[DType], results: &[DType], scalars: usize, rank: usize) -> Result<()> {
        let wrong = |what: String| Err(Error::state("expression", what));
        for (index, (instruction, &dtype)) in self.instructions.iter().zip(&self.dtypes).enumerate() {
            match instruction {
                Instruction::Load { operand } => {
                    if operands.get(*operand as usize) != Some(&dtype) {
                        return wrong(format!("instruction {index} loads operand {operand} as {dtype}"));
                    }
                }
                Instruction::Result { index: result } => {
                    if results.get(*result as usize) != Some(&dtype) {
                        return wrong(format!("instruction {index} reads result {result} as {dtype}"));
                    }
                }
                Instruction::Scalar { index: scalar } => {
                    if *scalar as usize >= scalars {
                        return wrong(format!("instruction {index} reads scalar {scalar} of {scalars}"));
                    }
                }
                Instruction::Coordinate { axis } => {
                    if *axis as usize >= rank || dtype != DType::Int64 {
                        return wrong(format!(
                            "instruction {index} reads the index along axis {axis} of {rank}"
                        ));
                    }
                }
                Instruction::Apply { operation, arguments } => {
                    if arguments.iter().any(|&argument| argument as usize >= index) {
                        return wrong(format!("instruction {index} uses a later value"));
                    }
                    let given = arguments.map(|argument| self.dtypes[argument as usize]);
                    let signature = operation.signature_of(&given)?;
                    if signature.arguments != given || signature.result != dtype {
                        return wrong(format!(
                            "instruction {index} applies {} to {:?}",
                            operation.name(),
                            &*given
                        ));
                    }
                }
                Instruction::Cast { from } => {
                    if *from as usize >= index {
                        return wrong(format!("instruction {index} uses a later value"));
                    }
                }
            }
        }
        match self.outputs.iter().find(|&&output| output as usize >= self.instructions.len()) {
            Some(output) => wrong(format!("output {output} does not exist")),
            None => Ok(()),
        }
    }
}
