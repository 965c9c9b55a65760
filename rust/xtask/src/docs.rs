//! Writes `docs/operations.md`: a section a row of the operation table.

use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

use proc_macro2::TokenTree;
use tenfold_ir::operations::{ResultType, Row, Rule};
use tenfold_ir::{Category, Operation};

use crate::surface::files;

const HEADER: &str = "<!-- Written by `cargo run -p xtask -- docs` from the operation table: change that. -->
# Scalar operations

Every operation here is a function `tenfold.name(…)`, a method `x.name(…)` and, in place, `x.name_(…)` in Python, and
a method of `Tensor` in Rust. Operands are broadcast. `out` is the result, `g` the gradient of the result.

- **Dtypes**: how the dtypes of the arguments become the one in which it computes, and what comes out.
- **Derivative**: *partial* lists the holomorphic derivatives by argument, *gradient* the gradients of the arguments.
- **Domain**: where tests draw each argument from. **Error**: the bound of the error there, in units in the last place
  of the exact result; near zeros of the function, in multiples of the dtype's epsilon.
- **Oracle**: a Python expression that computes the same, which the tests compare with.
";

/// The page. The text of derivatives is that of the sources in `table`.
pub fn written(table: &Path) -> Result<String, String> {
    let derivatives = derivatives(table)?;
    let mut text = HEADER.to_string();
    text += "\n|  | operations |\n|---|---|\n";
    for arity in 1..=3 {
        let names: Vec<String> = Operation::ALL
            .iter()
            .filter(|operation| operation.arity() == arity)
            .map(|operation| format!("[`{0}`](#{0})", operation.name()))
            .collect();
        let title = ["one argument", "two arguments", "three arguments"][arity - 1];
        let _ = writeln!(text, "| {title} | {} |", names.join(", "));
    }
    for operation in Operation::ALL {
        let row = operation.row();
        let _ = write!(text, "\n## {}\n\n`{}({})`", row.name, row.name, row.arguments.join(", "));
        if !row.aliases.is_empty() {
            let aliases: Vec<String> = row.aliases.iter().map(|alias| format!("`{alias}`")).collect();
            let _ = write!(text, ", also {}", aliases.join(", "));
        }
        let _ = write!(text, "\n\n{}\n\n", row.documentation.trim().replace("\n ", "\n"));
        let _ = writeln!(text, "- Dtypes: {}", dtypes(row));
        match derivatives.get(row.name) {
            Some((kind, formula)) => {
                let _ = writeln!(text, "- Derivative ({kind}): `{formula}`");
            }
            None => text += "- Derivative: none\n",
        }
        let _ = writeln!(text, "- Domain: {}", domain(row));
        let _ = writeln!(text, "- Error: {}", accuracy(row));
        let _ = writeln!(text, "- Oracle: `{}`", row.oracle);
    }
    Ok(text)
}

fn dtypes(row: &Row) -> String {
    let categories = [
        (Category::Boolean, "bool"),
        (Category::Integer, "integers"),
        (Category::Floating, "floating point"),
        (Category::Complex, "complex"),
    ];
    let takes: Vec<&str> = categories
        .into_iter()
        .filter(|&(category, _)| row.takes[category as usize])
        .map(|(_, name)| name)
        .collect();
    let rule = match row.rule {
        Rule::Promote if row.arguments.len() == 1 => "in the argument's dtype",
        Rule::Promote => "arguments meet in their promoted dtype",
        Rule::Floating => "as promoted; integers and bool become float32",
        Rule::Logical => "arguments become bool",
        Rule::Choose => "the first argument becomes bool, the others meet in their promoted dtype",
    };
    let result = match row.result {
        ResultType::Same => "the same dtype comes out",
        ResultType::Bool => "bool comes out",
        ResultType::Real => "the real dtype comes out",
    };
    format!("{}; {rule}; {result}", takes.join(", "))
}

fn domain(row: &Row) -> String {
    let ranges = row.arguments.iter().zip(row.domain);
    let ranges: Vec<String> =
        ranges.map(|(name, (low, high))| format!("`{name}` in [{low}, {high}]")).collect();
    ranges.join(", ")
}

fn accuracy(row: &Row) -> String {
    let (ulp, absolute) = (row.accuracy.ulp, row.accuracy.absolute);
    match (ulp, absolute) {
        (0.0, 0.0) => "none, the result is exact".to_string(),
        (ulp, 0.0) => format!("{ulp} ULP"),
        (ulp, absolute) => format!("{ulp} ULP, or {absolute} epsilon near zeros"),
    }
}

/// The derivative of each row as its source has it: `partial` or `gradient`, and the formula.
fn derivatives(table: &Path) -> Result<HashMap<String, (String, String)>, String> {
    let mut found = HashMap::new();
    for (_, file) in files(table)? {
        for item in file.items {
            if let syn::Item::Macro(definition) = item {
                for row in groups_with(definition.mac.tokens) {
                    read_row(&row, &mut found);
                }
            }
        }
    }
    Ok(found)
}

/// All groups between braces, at any depth.
fn groups_with(tokens: proc_macro2::TokenStream) -> Vec<Vec<TokenTree>> {
    let mut groups = Vec::new();
    let mut work: Vec<Vec<TokenTree>> = vec![tokens.into_iter().collect()];
    while let Some(trees) = work.pop() {
        for tree in &trees {
            if let TokenTree::Group(group) = tree {
                work.push(group.stream().into_iter().collect());
            }
        }
        groups.push(trees);
    }
    groups
}

/// Reads `… name(arguments): Rule -> Result; … partial { … }`.
fn read_row(row: &[TokenTree], found: &mut HashMap<String, (String, String)>) {
    let mut name = None;
    for pair in row.windows(3) {
        match pair {
            [TokenTree::Ident(ident), TokenTree::Group(_), TokenTree::Punct(colon)]
                if name.is_none() && colon.as_char() == ':' =>
            {
                name = Some(ident.to_string());
            }
            [TokenTree::Ident(field), TokenTree::Group(body), _]
                if field == "partial" || field == "gradient" =>
            {
                let Some(name) = &name else { continue };
                let source = body.span().source_text().unwrap_or_default();
                let formula =
                    source.strip_prefix('{').and_then(|text| text.strip_suffix('}')).unwrap_or(&source);
                let formula = formula.split_whitespace().collect::<Vec<_>>().join(" ");
                let kind = if field == "partial" { "partial" } else { "gradient" };
                found.insert(name.trim_end_matches('_').to_string(), (kind.to_string(), formula));
            }
            _ => {}
        }
    }
}
