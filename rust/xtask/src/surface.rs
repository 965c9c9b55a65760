//! What the Python module offers, read from the sources of its bindings: functions, classes, methods.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens;

use crate::expand::{self, Macros};
use crate::types::{Types, text_of};

type Result<T> = std::result::Result<T, String>;

/// How a function or method is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A class attribute, with its type in `result`.
    Attribute,
    /// A property; `settable` with the type that it takes.
    Property { settable: bool },
    /// A method, or a function of the module.
    Plain,
    /// A method of the class.
    Class,
    /// A method without `self`.
    Static,
}

/// A function or method.
#[derive(Clone, Debug)]
pub struct Function {
    /// See [`Kind`].
    pub kind: Kind,
    /// Parameters as Python writes them, without `self`.
    pub parameters: Vec<String>,
    /// The Python type of the result.
    pub result: String,
    /// The documentation.
    pub documentation: String,
}

/// A class.
#[derive(Debug, Default)]
pub struct Class {
    /// The documentation.
    pub documentation: String,
    /// Methods and properties by name.
    pub members: BTreeMap<String, Function>,
}

/// Everything that the module offers.
#[derive(Debug, Default)]
pub struct Surface {
    /// Functions by name.
    pub functions: BTreeMap<String, Function>,
    /// Functions of submodules, by the submodules' names.
    pub submodules: BTreeMap<String, BTreeMap<String, Function>>,
    /// Classes by name.
    pub classes: BTreeMap<String, Class>,
}

impl Surface {
    /// Reads the bindings' sources; the macros that they call may stand in `table` too.
    pub fn read(bindings: &Path, table: &Path) -> Result<Surface> {
        let mut shared = Macros::default();
        for (_, file) in files(table)? {
            shared.add(&file.items);
        }
        let mut sources = Vec::new();
        for (path, file) in files(bindings)? {
            let mut macros = shared.clone();
            macros.add(&file.items);
            let items = expand::items(file.items, &macros).map_err(|error| format!("{path}: {error}"))?;
            sources.push((path, items));
        }
        let mut surface = Surface::default();
        let mut names = HashMap::new();
        // A file, or a folder by its mod.rs, that makes a module has its functions there.
        let mut submodules = HashMap::new();
        for (path, items) in &sources {
            if let Some(name) = items.iter().find_map(submodule_of) {
                submodules.insert(path.trim_end_matches("mod.rs").to_string(), name);
            }
        }
        for item in sources.iter().flat_map(|(_, items)| items) {
            if let syn::Item::Struct(class) = item
                && let Some(options) = attribute(&class.attrs, "pyclass")
            {
                let name = option(&options, "name").map_or(class.ident.to_string(), |name| unquoted(&name));
                names.insert(class.ident.to_string(), name.clone());
                surface.classes.entry(name).or_default().documentation = documentation(&class.attrs);
            }
        }
        // A name stands for one type in all of the bindings.
        let aliases = sources.iter().flat_map(|(_, items)| items).filter_map(|item| match item {
            syn::Item::Type(alias) if alias.generics.type_params().count() == 0 => {
                Some((alias.ident.to_string(), (*alias.ty).clone()))
            }
            _ => None,
        });
        let types = Types::new(names, aliases.collect());
        for (path, items) in &sources {
            let submodule = submodules.iter().find(|(folder, _)| path.starts_with(*folder));
            let submodule = submodule.map(|(_, name)| name.as_str());
            for item in items {
                surface.add(item, submodule, &types)?;
            }
        }
        Ok(surface)
    }

    fn add(&mut self, item: &syn::Item, submodule: Option<&str>, types: &Types) -> Result<()> {
        match item {
            syn::Item::Fn(function) => {
                let Some(options) = attribute(&function.attrs, "pyfunction") else { return Ok(()) };
                let options = merged(options, attribute(&function.attrs, "pyo3"));
                let name = name_of(&function.sig.ident, &options);
                let function =
                    read_function(&function.sig, &function.attrs, &options, types, Kind::Plain, false);
                let functions = match submodule {
                    Some(name) => self.submodules.entry(name.to_string()).or_default(),
                    None => &mut self.functions,
                };
                functions.insert(name, function);
            }
            syn::Item::Impl(block) if attribute(&block.attrs, "pymethods").is_some() => {
                let Some(class) = types.class_of(&block.self_ty) else {
                    return Err(format!("pymethods of {}, which is no class", text_of(&block.self_ty)));
                };
                let types = types.of_class(&class);
                let class = self.classes.entry(class).or_default();
                for item in &block.items {
                    if let syn::ImplItem::Fn(method) = item {
                        class.add(method, &types);
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

impl Class {
    fn add(&mut self, method: &syn::ImplItemFn, types: &Types) {
        let has = |name: &str| attribute(&method.attrs, name).is_some();
        let options = attribute(&method.attrs, "pyo3").unwrap_or_default();
        let mut name = name_of(&method.sig.ident, &options);
        let named = option(&options, "name").is_some();
        let kind = if has("setter") {
            if !named {
                name = name.trim_start_matches("set_").to_string();
            }
            if let Some(property) = self.members.get_mut(&name) {
                property.kind = Kind::Property { settable: true };
            }
            return;
        } else if has("getter") {
            if !named {
                name = name.trim_start_matches("get_").to_string();
            }
            Kind::Property { settable: false }
        } else if has("new") {
            name = "__new__".to_string();
            Kind::Static
        } else if has("classattr") {
            Kind::Attribute
        } else if has("classmethod") {
            Kind::Class
        } else if has("staticmethod") {
            Kind::Static
        } else {
            Kind::Plain
        };
        // The C level of the buffer protocol.
        if matches!(name.as_str(), "__getbuffer__" | "__releasebuffer__") {
            return;
        }
        let special = name.starts_with("__") && name.ends_with("__");
        let mut function = read_function(&method.sig, &method.attrs, &options, types, kind, special);
        if name == "__richcmp__" {
            function.parameters = vec!["other: Any".to_string(), "/".to_string()];
            for comparison in ["__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__"] {
                self.members.insert(comparison.to_string(), function.clone());
            }
            return;
        }
        self.members.insert(name, function);
    }
}

/// The name in `PyModule::new(…, "name")`, where the item is a function that has it.
fn submodule_of(item: &syn::Item) -> Option<String> {
    let syn::Item::Fn(function) = item else { return None };
    let text = function.block.to_token_stream().to_string();
    let (_, call) = text.split_once("PyModule :: new (")?;
    call.split('"').nth(1).map(str::to_string)
}

/// All Rust files below a folder, by path.
pub fn files(folder: &Path) -> Result<Vec<(String, syn::File)>> {
    let mut paths = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                paths.push(path);
            }
        }
    }
    paths.sort();
    let mut files = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let file = syn::parse_file(&text).map_err(|error| format!("{}: {error}", path.display()))?;
        files.push((path.display().to_string(), file));
    }
    Ok(files)
}

/// The options of an attribute, `name = value` separated by commas; `None` where the attribute is not there.
fn attribute(attributes: &[syn::Attribute], name: &str) -> Option<Vec<(String, TokenStream)>> {
    let mut options = None;
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident(name)) {
        let options: &mut Vec<(String, TokenStream)> = options.get_or_insert_default();
        let syn::Meta::List(list) = &attribute.meta else { continue };
        for part in split(list.tokens.clone(), ',') {
            let mut sides = split(part, '=').into_iter();
            let key = sides.next().unwrap_or_default().to_string();
            options.push((key, sides.next().unwrap_or_default()));
        }
    }
    options
}

fn merged(
    mut options: Vec<(String, TokenStream)>,
    more: Option<Vec<(String, TokenStream)>>,
) -> Vec<(String, TokenStream)> {
    options.extend(more.unwrap_or_default());
    options
}

fn option(options: &[(String, TokenStream)], name: &str) -> Option<TokenStream> {
    options.iter().find(|option| option.0 == name).map(|option| option.1.clone())
}

/// Tokens between separators; the second and later of `=` stay in the last part.
fn split(tokens: TokenStream, separator: char) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    for tree in tokens {
        let separates = matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == separator);
        if separates && !(separator == '=' && parts.len() == 2) {
            parts.push(TokenStream::new());
        } else if let Some(part) = parts.last_mut() {
            part.extend([tree]);
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn name_of(ident: &syn::Ident, options: &[(String, TokenStream)]) -> String {
    match option(options, "name") {
        Some(name) => unquoted(&name),
        None => ident.to_string().trim_start_matches("r#").to_string(),
    }
}

fn unquoted(tokens: &TokenStream) -> String {
    syn::parse2::<syn::LitStr>(tokens.clone()).map_or_else(|_| tokens.to_string(), |text| text.value())
}

/// The text of `///` lines, `concat!` and `stringify!` carried out.
pub fn documentation(attributes: &[syn::Attribute]) -> String {
    let mut lines = Vec::new();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("doc")) {
        if let syn::Meta::NameValue(pair) = &attribute.meta {
            lines.push(literal_text(&pair.value));
        }
    }
    let lines: Vec<&str> = lines.iter().map(|line| line.strip_prefix(' ').unwrap_or(line)).collect();
    // What is written for Rust alone stays there.
    let end = lines.iter().position(|line| line.starts_with("# Safety")).unwrap_or(lines.len());
    lines[..end].join("\n").trim().to_string()
}

fn literal_text(expression: &syn::Expr) -> String {
    match expression {
        syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => text.value(),
        syn::Expr::Macro(call) if call.mac.path.is_ident("stringify") => call.mac.tokens.to_string(),
        syn::Expr::Macro(call) if call.mac.path.is_ident("concat") => split(call.mac.tokens.clone(), ',')
            .into_iter()
            .filter_map(|part| syn::parse2::<syn::Expr>(part).ok())
            .map(|part| literal_text(&part))
            .collect(),
        other => other.to_token_stream().to_string(),
    }
}

/// Parameters and result. `special` methods take their arguments by position.
fn read_function(
    signature: &syn::Signature,
    attributes: &[syn::Attribute],
    options: &[(String, TokenStream)],
    types: &Types,
    kind: Kind,
    special: bool,
) -> Function {
    let mut arguments: Vec<(String, &syn::Type)> = Vec::new();
    for (index, input) in signature.inputs.iter().enumerate() {
        let syn::FnArg::Typed(argument) = input else { continue };
        let name = argument.pat.to_token_stream().to_string().trim_start_matches("r#").to_string();
        let receiver = index == 0 && (name == "slf" || kind == Kind::Class);
        if !receiver && text_of(&argument.ty) != "Python<'py>" && text_of(&argument.ty) != "Python<'_>" {
            arguments.push((name, &argument.ty));
        }
    }
    // An operator takes any object, to say of most that it does not know them.
    let operator = special
        && matches!(&signature.output, syn::ReturnType::Type(_, result) if types.may_be_not_implemented(result));
    let type_of = |name: &str| match arguments.iter().find(|argument| argument.0 == name) {
        Some(_) if operator => "_Argument".to_string(),
        Some(argument) => types.argument(argument.1),
        None => "Any".to_string(),
    };
    let parameters = match option(options, "signature") {
        Some(signature) => written_signature(signature, &type_of),
        None => {
            // The modulus of powers is left out by everybody.
            let taken = arguments.iter().filter(|argument| !argument.0.ends_with("modulo"));
            let mut parameters: Vec<String> =
                taken.map(|(name, _)| format!("{name}: {}", type_of(name))).collect();
            if special && !parameters.is_empty() {
                parameters.push("/".to_string());
            }
            parameters
        }
    };
    let result = match &signature.output {
        syn::ReturnType::Default => "None".to_string(),
        syn::ReturnType::Type(_, _) if operator => "Tensor".to_string(),
        syn::ReturnType::Type(_, result) => types.result(result),
    };
    let in_place = special && signature.ident.to_string().starts_with("__i") && result == "None";
    let result = if in_place { "Self".to_string() } else { result };
    Function { kind, parameters, result, documentation: documentation(attributes) }
}

/// The parameters of `signature = (…)`.
fn written_signature(signature: TokenStream, type_of: &dyn Fn(&str) -> String) -> Vec<String> {
    let inner = match signature.into_iter().next() {
        Some(TokenTree::Group(group)) => group.stream(),
        _ => return Vec::new(),
    };
    let mut parameters = Vec::new();
    for part in split(inner, ',') {
        let mut sides = split(part, '=').into_iter();
        let name: String =
            sides.next().unwrap_or_default().into_iter().map(|tree| tree.to_string()).collect();
        let bare = name.trim_start_matches('*');
        if bare.is_empty() || bare == "/" {
            parameters.push(name);
            continue;
        }
        let of_type = if name.starts_with('*') { "Any".to_string() } else { type_of(bare) };
        parameters.push(match sides.next() {
            None => format!("{name}: {of_type}"),
            Some(default) => {
                let default: String = default.into_iter().map(|tree| tree.to_string()).collect();
                let inner = default.strip_prefix("Some(").and_then(|rest| rest.strip_suffix(')'));
                let default = match inner.unwrap_or(&default) {
                    "true" => "True",
                    "false" => "False",
                    // What is no literal of Python.
                    other if other.contains(['(', '[', ':']) => "...",
                    other => other,
                };
                let of_type = if default == "None" && !of_type.ends_with("| None") && of_type != "Any" {
                    format!("{of_type} | None")
                } else {
                    of_type
                };
                format!("{name}: {of_type} = {default}")
            }
        });
    }
    parameters
}
