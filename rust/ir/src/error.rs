//! The one error type of the workspace.

use std::borrow::Cow;
use std::fmt;

/// The result of everything that can fail.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What sort of mistake an [`Error`] reports; the Python layer maps each to exception classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// Shapes do not fit (`ShapeError`: ValueError and RuntimeError).
    Shape,
    /// Dtypes do not fit (`DTypeError`: TypeError and RuntimeError).
    DType,
    /// An argument has a value that is not allowed (ValueError).
    Value,
    /// An argument is of a type that is not allowed (TypeError).
    Type,
    /// An index or axis is out of range (IndexError).
    Index,
    /// A name is not there (KeyError).
    Key,
    /// A number does not fit its dtype (OverflowError).
    Overflow,
    /// What was asked for is not offered (NotImplementedError).
    NotImplemented,
    /// The call is right but the state is not (RuntimeError).
    State,
    /// Memory could not be had (MemoryError).
    Memory,
    /// The computation was stopped by the user (KeyboardInterrupt).
    Interrupted,
    /// Reading or writing failed (OSError).
    Io,
}

/// An error: the operation that raised it, what is wrong, and what to do about it.
///
/// ```
/// use tenfold_ir::{Error, ErrorKind};
/// let error = Error::new(ErrorKind::Shape, "matmul", "inner sizes differ; got 3 and 4").hint("transpose one operand");
/// assert_eq!(error.to_string(), "matmul: inner sizes differ; got 3 and 4. Hint: transpose one operand");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    details: Box<Details>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Details {
    kind: ErrorKind,
    operation: Cow<'static, str>,
    detail: String,
    hint: Option<String>,
}

impl Error {
    /// An error of `operation`.
    pub fn new(kind: ErrorKind, operation: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Error {
        Error {
            details: Box::new(Details {
                kind,
                operation: operation.into(),
                detail: detail.into(),
                hint: None,
            }),
        }
    }

    /// The same error with the way out.
    pub fn hint(mut self, hint: impl Into<String>) -> Error {
        self.details.hint = Some(hint.into());
        self
    }

    /// The same error, said by another operation (the one that the user called).
    pub fn in_operation(mut self, operation: impl Into<Cow<'static, str>>) -> Error {
        self.details.operation = operation.into();
        self
    }

    /// The sort of mistake.
    pub fn kind(&self) -> ErrorKind {
        self.details.kind
    }

    /// The operation that raised it.
    pub fn operation(&self) -> &str {
        &self.details.operation
    }

    /// What is wrong, without the operation's name and the hint.
    pub fn detail(&self) -> &str {
        &self.details.detail
    }
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident => $kind:ident;)*) => {
        impl Error {
            $($(#[$doc])*
            pub fn $name(operation: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Error {
                Error::new(ErrorKind::$kind, operation, detail)
            })*
        }
    };
}
constructors! {
    /// Shapes do not fit.
    shape => Shape;
    /// Dtypes do not fit.
    dtype => DType;
    /// An argument's value is not allowed.
    value => Value;
    /// An argument's type is not allowed.
    type_ => Type;
    /// An index or axis is out of range.
    index => Index;
    /// A name is not there.
    key => Key;
    /// A number does not fit.
    overflow => Overflow;
    /// Not offered.
    not_implemented => NotImplemented;
    /// The state is not right for the call.
    state => State;
    /// No memory.
    memory => Memory;
    /// Stopped by the user.
    interrupted => Interrupted;
    /// Reading or writing failed.
    io => Io;
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { operation, detail, hint, .. } = &*self.details;
        write!(f, "{operation}: {detail}")?;
        match hint {
            Some(hint) => write!(f, ". Hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}
