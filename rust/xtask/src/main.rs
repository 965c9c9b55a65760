//! Generation of stubs and documentation, and checks.
//!
//! `cargo run -p xtask -- stubs` writes the Python stub of the core, `docs` the page on the operations, `generate`
//! both; `check` fails where a committed file is not what would be written.

mod docs;
mod expand;
mod stub;
mod surface;
mod types;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use surface::Surface;

const STUB: &str = "python/tenfold/_core.pyi";
const PAGE: &str = "docs/operations.md";

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What stands in a generated file.
fn generated(file: &str) -> Result<String, String> {
    let table = root().join("rust/ir/src/operations");
    match file {
        STUB => Ok(stub::written(&Surface::read(&root().join("rust/py/src"), &table)?)),
        _ => docs::written(&table),
    }
}

fn write(file: &str) -> Result<(), String> {
    let path = root().join(file);
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    std::fs::write(&path, generated(file)?).map_err(|error| format!("{file}: {error}"))
}

fn check(file: &str) -> Result<(), String> {
    let expected = generated(file)?;
    let found = std::fs::read_to_string(root().join(file)).unwrap_or_default();
    if found == expected {
        return Ok(());
    }
    let line = found.lines().zip(expected.lines()).take_while(|(found, expected)| found == expected).count();
    Err(format!(
        "{file} is not what the sources say, from line {} on:\n  there:    {}\n  expected: {}\nrun `make stubs` and commit the result",
        line + 1,
        found.lines().nth(line).unwrap_or("(the end)"),
        expected.lines().nth(line).unwrap_or("(the end)"),
    ))
}

fn main() -> ExitCode {
    let command = std::env::args().nth(1).unwrap_or_default();
    let outcome = match command.as_str() {
        "stubs" => write(STUB),
        "docs" => write(PAGE),
        "generate" => write(STUB).and_then(|()| write(PAGE)),
        "check" => check(STUB).and_then(|()| check(PAGE)),
        other => {
            Err(format!("no such command: '{other}'. Hint: the commands are stubs, docs, generate, check"))
        }
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
