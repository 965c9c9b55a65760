//! Writes `python/tenfold/_core.pyi`.

use std::fmt::Write;

use tenfold_ir::DType;

use crate::surface::{Function, Kind, Surface};

const HEADER: &str = r#"# Written by `cargo run -p xtask -- stubs` from the operation table and the bindings' sources: change those.
import builtins
import os
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self, TypeAlias

class _Array(Protocol):
    @property
    def __array_interface__(self) -> builtins.dict[str, Any]: ...

# Within classes a method may have the name of a type.
_Dtype: TypeAlias = dtype
_DtypeArgument: TypeAlias = dtype | builtins.str | builtins.type[Any] | Any
_Number: TypeAlias = builtins.complex | Tensor
_Argument: TypeAlias = Tensor | builtins.complex | _Array
_Integers: TypeAlias = builtins.int | Sequence[builtins.int]
_Path: TypeAlias = builtins.str | os.PathLike[builtins.str]

__version__: builtins.str

class ShapeError(ValueError, RuntimeError):
    """Shapes do not fit the operation."""

class DTypeError(TypeError, RuntimeError):
    """Dtypes do not fit the operation."""
"#;

/// The stub of everything that the module offers.
pub fn written(surface: &Surface) -> String {
    let mut text = HEADER.to_string();
    for (name, class) in &surface.classes {
        let _ = write!(text, "\nclass {name}:\n");
        text += &docstring(&class.documentation, "    ");
        for (name, function) in &class.members {
            member(&mut text, name, function);
        }
    }
    text.push('\n');
    for dtype in DType::ALL {
        let _ = writeln!(text, "{}: _Dtype", dtype.name());
    }
    for (name, functions) in &surface.submodules {
        let _ = write!(text, "\n# A submodule.\nclass {name}:\n");
        for (name, function) in functions {
            member(&mut text, name, &Function { kind: Kind::Static, ..function.clone() });
        }
    }
    for (name, function) in &surface.functions {
        let _ = write!(text, "\ndef {name}({}) -> {}:", function.parameters.join(", "), function.result);
        text += &body(&function.documentation, "    ");
    }
    text
}

fn member(text: &mut String, name: &str, function: &Function) {
    const INDENT: &str = "    ";
    let result = &function.result;
    let mut parameters = vec!["self".to_string()];
    match function.kind {
        Kind::Attribute => {
            let _ = writeln!(text, "{INDENT}{name}: ClassVar[{result}]");
            return;
        }
        Kind::Property { settable } => {
            let _ = write!(text, "{INDENT}@property\n{INDENT}def {name}(self) -> {result}:");
            *text += &body(&function.documentation, "        ");
            if settable {
                let _ = write!(
                    text,
                    "{INDENT}@{name}.setter\n{INDENT}def {name}(self, value: {result}) -> None: ...\n"
                );
            }
            return;
        }
        Kind::Class => {
            let _ = writeln!(text, "{INDENT}@classmethod");
            parameters = vec!["cls".to_string()];
        }
        Kind::Static if name == "__new__" => parameters = vec!["cls".to_string()],
        Kind::Static => {
            let _ = writeln!(text, "{INDENT}@staticmethod");
            parameters.clear();
        }
        Kind::Plain => {}
    }
    parameters.extend(function.parameters.iter().cloned());
    let result = if name == "__new__" { "Self" } else { result };
    let _ = write!(text, "{INDENT}def {name}({}) -> {result}:", parameters.join(", "));
    // A comparison gives a tensor, where `object`'s gives a bool.
    if matches!(name, "__eq__" | "__ne__") {
        *text += " ...  # type: ignore[override]\n";
    } else {
        *text += &body(&function.documentation, "        ");
    }
}

/// What follows the colon of a definition.
fn body(documentation: &str, indent: &str) -> String {
    if documentation.is_empty() {
        " ...\n".to_string()
    } else {
        format!("\n{}", docstring(documentation, indent))
    }
}

fn docstring(documentation: &str, indent: &str) -> String {
    let escaped = documentation.replace('\\', "\\\\").replace("\"\"\"", "\\\"\\\"\\\"");
    let lines: Vec<&str> = escaped.lines().collect();
    match lines.as_slice() {
        [] => format!("{indent}...\n"),
        [line] => format!("{indent}\"\"\"{line}\"\"\"\n"),
        [first, rest @ ..] => {
            let mut text = format!("{indent}\"\"\"{first}\n");
            for line in rest {
                let line = format!("{indent}{line}");
                text += line.trim_end();
                text.push('\n');
            }
            text + indent + "\"\"\"\n"
        }
    }
}
