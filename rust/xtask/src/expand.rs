//! Expands `macro_rules!` macros in source files, so that what they define can be read like any other item.
//!
//! It knows as much of the language of macros as these sources use: fragments of single tokens, attributes,
//! expressions, types and blocks, nested repetitions, `paste!`.

use std::collections::HashMap;

use proc_macro2::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};

type Result<T> = std::result::Result<T, String>;

/// One arm of a macro.
#[derive(Clone)]
struct Arm {
    pattern: Vec<TokenTree>,
    body: Vec<TokenTree>,
}

/// Macros by name. A later file's macro of the same name replaces an earlier one's.
#[derive(Clone, Default)]
pub struct Macros(HashMap<String, Vec<Arm>>);

/// What a macro variable stands for.
#[derive(Clone)]
enum Binding {
    Tokens(Vec<TokenTree>),
    Repeated(Vec<HashMap<String, Binding>>),
}

type Bindings = HashMap<String, Binding>;

/// `$(…) separator operator` in a pattern or a body: the tokens inside, the separator, and how many tokens it takes.
struct Repetition<'a> {
    inner: Vec<TokenTree>,
    separator: Option<&'a TokenTree>,
    length: usize,
}

fn is_punct(tree: Option<&TokenTree>, character: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == character)
}

fn is_repeat_operator(tree: Option<&TokenTree>) -> bool {
    ['*', '+', '?'].into_iter().any(|operator| is_punct(tree, operator))
}

/// The repetition that begins at `tokens[0]`, which is `$`.
fn repetition(tokens: &[TokenTree]) -> Option<Repetition<'_>> {
    let Some(TokenTree::Group(group)) = tokens.get(1) else { return None };
    if group.delimiter() != Delimiter::Parenthesis {
        return None;
    }
    let inner = group.stream().into_iter().collect();
    if is_repeat_operator(tokens.get(2)) {
        Some(Repetition { inner, separator: None, length: 3 })
    } else {
        Some(Repetition { inner, separator: tokens.get(2), length: 4 })
    }
}

impl Macros {
    /// Adds the macros that the items of a file define.
    pub fn add(&mut self, items: &[syn::Item]) {
        for item in items {
            if let syn::Item::Macro(definition) = item
                && let Some(name) = &definition.ident
            {
                self.0.insert(name.to_string(), arms(definition.mac.tokens.clone()));
            }
        }
    }

    /// The tokens that `name! { tokens }` expands to; `None` where the macro is not among these.
    pub fn expand(&self, name: &str, tokens: TokenStream) -> Option<Result<TokenStream>> {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        if name == "paste" {
            return Some(Ok(pasted(tokens.into_iter().collect())));
        }
        let arms = self.0.get(name)?;
        for arm in arms {
            let mut bindings = Bindings::new();
            if matches(&arm.pattern, &tokens, &mut bindings) == Some(tokens.len()) {
                return Some(transcribe(&arm.body, &bindings).map(|trees| trees.into_iter().collect()));
            }
        }
        let start: String = tokens.iter().map(TokenTree::to_string).collect::<Vec<_>>().join(" ");
        Some(Err(format!("{name}!: no arm takes `{}`", start.chars().take(80).collect::<String>())))
    }
}

fn arms(tokens: TokenStream) -> Vec<Arm> {
    let groups: Vec<Vec<TokenTree>> = tokens
        .into_iter()
        .filter_map(|tree| match tree {
            TokenTree::Group(group) => Some(group.stream().into_iter().collect()),
            _ => None,
        })
        .collect();
    groups.chunks_exact(2).map(|pair| Arm { pattern: pair[0].clone(), body: pair[1].clone() }).collect()
}

/// Matches `tokens` from their beginning; gives how many were taken.
fn matches(pattern: &[TokenTree], tokens: &[TokenTree], bindings: &mut Bindings) -> Option<usize> {
    let (mut at, mut taken) = (0, 0);
    while at < pattern.len() {
        if is_punct(pattern.get(at), '$') {
            if let Some(repeat) = repetition(&pattern[at..]) {
                let mut rounds: Vec<Bindings> = Vec::new();
                loop {
                    let mut next = taken;
                    if let (Some(separator), false) = (repeat.separator, rounds.is_empty()) {
                        if !same(separator, tokens.get(next)) {
                            break;
                        }
                        next += 1;
                    }
                    let mut round = Bindings::new();
                    match matches(&repeat.inner, &tokens[next..], &mut round) {
                        Some(length) if length > 0 => {
                            taken = next + length;
                            rounds.push(round);
                        }
                        _ => break,
                    }
                }
                for name in variables(&repeat.inner) {
                    bindings.insert(name, Binding::Repeated(rounds.clone()));
                }
                at += repeat.length;
                continue;
            }
            let (TokenTree::Ident(name), TokenTree::Ident(fragment)) =
                (pattern.get(at + 1)?, pattern.get(at + 3)?)
            else {
                return None;
            };
            let length = fragment_length(&fragment.to_string(), &tokens[taken..])?;
            bindings.insert(name.to_string(), Binding::Tokens(tokens[taken..taken + length].to_vec()));
            taken += length;
            at += 4;
            continue;
        }
        match (&pattern[at], tokens.get(taken)?) {
            (TokenTree::Group(expected), TokenTree::Group(found)) => {
                let inner: Vec<TokenTree> = found.stream().into_iter().collect();
                let expected_inner: Vec<TokenTree> = expected.stream().into_iter().collect();
                if expected.delimiter() != found.delimiter()
                    || matches(&expected_inner, &inner, bindings)? != inner.len()
                {
                    return None;
                }
            }
            (expected, found) if same(expected, Some(found)) => {}
            _ => return None,
        }
        at += 1;
        taken += 1;
    }
    Some(taken)
}

fn same(expected: &TokenTree, found: Option<&TokenTree>) -> bool {
    found.is_some_and(|found| expected.to_string() == found.to_string())
}

/// The variables of a pattern.
fn variables(pattern: &[TokenTree]) -> Vec<String> {
    let mut names = Vec::new();
    for (at, tree) in pattern.iter().enumerate() {
        match tree {
            TokenTree::Group(group) => {
                names.extend(variables(&group.stream().into_iter().collect::<Vec<_>>()));
            }
            TokenTree::Ident(name) if at > 0 && is_punct(pattern.get(at - 1), '$') => {
                names.push(name.to_string());
            }
            _ => {}
        }
    }
    names
}

/// How many tokens a fragment takes.
fn fragment_length(fragment: &str, tokens: &[TokenTree]) -> Option<usize> {
    let first = tokens.first()?;
    let until = |ends: &[char]| {
        let ends = |tree: &TokenTree| ends.iter().any(|&end| is_punct(Some(tree), end));
        Some(tokens.iter().position(ends).unwrap_or(tokens.len())).filter(|&length| length > 0)
    };
    match (fragment, first) {
        ("tt", _) => Some(1),
        ("ident", TokenTree::Ident(_)) => Some(1),
        ("literal", TokenTree::Literal(_)) => Some(1),
        ("literal", TokenTree::Punct(sign)) if sign.as_char() == '-' => Some(2),
        ("literal", TokenTree::Ident(name)) if name == "true" || name == "false" => Some(1),
        ("block", TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => Some(1),
        ("meta", TokenTree::Ident(_)) => Some(tokens.len()),
        ("expr", _) => until(&[';', ',']),
        ("ty" | "path", _) => until(&[';', ',', '=']),
        _ => None,
    }
}

fn transcribe(body: &[TokenTree], bindings: &Bindings) -> Result<Vec<TokenTree>> {
    let mut output = Vec::new();
    let mut at = 0;
    while at < body.len() {
        if is_punct(body.get(at), '$') {
            if let Some(repeat) = repetition(&body[at..]) {
                repeat_body(&repeat, bindings, &mut output)?;
                at += repeat.length;
                continue;
            }
            if let Some(TokenTree::Ident(name)) = body.get(at + 1) {
                match bindings.get(&name.to_string()) {
                    Some(Binding::Tokens(tokens)) => output.extend(tokens.iter().cloned()),
                    Some(Binding::Repeated(_)) => {
                        return Err(format!("${name} is used without its repetition"));
                    }
                    // `$crate`
                    None => output.push(TokenTree::Ident(name.clone())),
                }
                at += 2;
                continue;
            }
        }
        match &body[at] {
            TokenTree::Group(group) => {
                let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                let inner = transcribe(&inner, bindings)?;
                output.push(TokenTree::Group(Group::new(group.delimiter(), inner.into_iter().collect())));
            }
            tree => output.push(tree.clone()),
        }
        at += 1;
    }
    Ok(output)
}

fn repeat_body(repeat: &Repetition<'_>, bindings: &Bindings, output: &mut Vec<TokenTree>) -> Result<()> {
    // Every variable that is repeated in the same repetition has the same rounds; those of outer ones stay bound.
    let names = variables(&repeat.inner);
    let mut rounds: Vec<Bindings> = Vec::new();
    for name in &names {
        if let Some(Binding::Repeated(own)) = bindings.get(name) {
            rounds.resize_with(own.len().max(rounds.len()), || bindings.clone());
            for (round, values) in rounds.iter_mut().zip(own) {
                if let Some(value) = values.get(name) {
                    round.insert(name.clone(), value.clone());
                }
            }
        }
    }
    for (index, round) in rounds.iter().enumerate() {
        if let (Some(separator), true) = (repeat.separator, index > 0) {
            output.push(separator.clone());
        }
        output.extend(transcribe(&repeat.inner, round)?);
    }
    Ok(())
}

/// `paste!`: `[<a b>]` becomes the identifier `ab`.
fn pasted(tokens: TokenStream) -> TokenStream {
    let mut output = Vec::new();
    for tree in tokens {
        let TokenTree::Group(group) = &tree else {
            output.push(tree);
            continue;
        };
        let inner: Vec<TokenTree> = group.stream().into_iter().collect();
        let joins = group.delimiter() == Delimiter::Bracket
            && is_punct(inner.first(), '<')
            && is_punct(inner.last(), '>');
        output.push(if joins {
            let name: String = inner[1..inner.len() - 1].iter().map(TokenTree::to_string).collect();
            TokenTree::Ident(Ident::new(&name, Span::call_site()))
        } else {
            TokenTree::Group(Group::new(group.delimiter(), pasted(group.stream())))
        });
    }
    output.into_iter().collect()
}

/// The items of a file with all known macros at item position expanded, modules flattened.
pub fn items(items: Vec<syn::Item>, macros: &Macros) -> Result<Vec<syn::Item>> {
    let mut output = Vec::new();
    let mut work: Vec<syn::Item> = items.into_iter().rev().collect();
    while let Some(item) = work.pop() {
        match item {
            syn::Item::Macro(call) if call.ident.is_none() => {
                let name = call.mac.path.segments.last().map(|segment| segment.ident.to_string());
                let Some(expanded) = name.and_then(|name| macros.expand(&name, call.mac.tokens.clone()))
                else {
                    continue;
                };
                let file: syn::File =
                    syn::parse2(closed(expanded?)).map_err(|error| format!("an expansion: {error}"))?;
                work.extend(file.items.into_iter().rev());
            }
            syn::Item::Mod(module) => {
                let content = module.content.map(|content| content.1).unwrap_or_default();
                work.extend(content.into_iter().rev());
            }
            other => output.push(other),
        }
    }
    Ok(output)
}

/// With a `;` where an expansion ends in a macro call between parentheses, as an item needs it.
fn closed(tokens: TokenStream) -> TokenStream {
    let mut trees: Vec<TokenTree> = tokens.into_iter().collect();
    if let [.., TokenTree::Punct(mark), TokenTree::Group(group)] = trees.as_slice()
        && mark.as_char() == '!'
        && group.delimiter() != Delimiter::Brace
    {
        trees.push(TokenTree::Punct(Punct::new(';', Spacing::Alone)));
    }
    trees.into_iter().collect()
}
