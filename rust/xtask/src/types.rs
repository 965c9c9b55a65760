//! Python's types for those of the bindings.

use std::collections::HashMap;

use quote::ToTokens;

/// The classes and type aliases that the bindings know.
pub struct Types {
    /// Python's name of a Rust class.
    classes: HashMap<String, String>,
    aliases: HashMap<String, syn::Type>,
    /// The class whose methods are read.
    own: Option<String>,
}

/// A type as written, without spaces.
pub fn text_of(of_type: &syn::Type) -> String {
    of_type.to_token_stream().to_string().replace(' ', "")
}

impl Types {
    /// See the fields.
    pub fn new(classes: HashMap<String, String>, aliases: HashMap<String, syn::Type>) -> Types {
        Types { classes, aliases, own: None }
    }

    /// For the methods of a class.
    pub fn of_class(&self, class: &str) -> Types {
        Types { classes: self.classes.clone(), aliases: self.aliases.clone(), own: Some(class.to_string()) }
    }

    /// Python's name of a class.
    pub fn class_of(&self, of_type: &syn::Type) -> Option<String> {
        self.classes.get(&text_of(of_type)).cloned()
    }

    /// The type of an argument.
    pub fn argument(&self, of_type: &syn::Type) -> String {
        self.python(of_type, true)
    }

    /// The type of a result.
    pub fn result(&self, of_type: &syn::Type) -> String {
        self.python(of_type, false)
    }

    /// True for the result of an operator: a tensor, or `NotImplemented`, which is not annotated.
    pub fn may_be_not_implemented(&self, of_type: &syn::Type) -> bool {
        text_of(of_type) == "PyResult<Py<PyAny>>"
    }

    fn class_name(&self, name: &str) -> String {
        // Inside `Tensor`, `dtype` is a property.
        if name == "dtype" { "_Dtype".to_string() } else { name.to_string() }
    }

    fn python(&self, of_type: &syn::Type, argument: bool) -> String {
        match of_type {
            syn::Type::Reference(reference) => self.python(&reference.elem, argument),
            syn::Type::Paren(inner) => self.python(&inner.elem, argument),
            syn::Type::Tuple(tuple) if tuple.elems.is_empty() => "None".to_string(),
            syn::Type::Tuple(tuple) => {
                let parts: Vec<String> =
                    tuple.elems.iter().map(|element| self.python(element, argument)).collect();
                format!("builtins.tuple[{}]", parts.join(", "))
            }
            syn::Type::Slice(slice) if text_of(&slice.elem) == "u8" => "builtins.bytes".to_string(),
            syn::Type::Slice(slice) => format!("Sequence[{}]", self.python(&slice.elem, argument)),
            syn::Type::Array(array) => self.list(&array.elem, argument),
            syn::Type::Path(path) => self.path(path, argument),
            _ => "Any".to_string(),
        }
    }

    fn list(&self, element: &syn::Type, argument: bool) -> String {
        let list = if argument { "Sequence" } else { "builtins.list" };
        format!("{list}[{}]", self.python(element, argument))
    }

    fn path(&self, path: &syn::TypePath, argument: bool) -> String {
        let Some(segment) = path.path.segments.last() else { return "Any".to_string() };
        let name = segment.ident.to_string();
        let inner: Vec<&syn::Type> = match &segment.arguments {
            syn::PathArguments::AngleBracketed(list) => list
                .args
                .iter()
                .filter_map(|argument| match argument {
                    syn::GenericArgument::Type(inner) => Some(inner),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        if let Some(alias) = self.aliases.get(&name) {
            return self.python(alias, argument);
        }
        if let Some(class) = self.classes.get(&name) {
            return self.class_name(class);
        }
        let builtin = match (name.as_str(), inner.as_slice()) {
            ("Option", [inner]) => {
                let inner = self.python(inner, argument);
                return if inner == "Any" { inner } else { format!("{inner} | None") };
            }
            ("PyResult" | "Outcome" | "Result" | "Bound" | "Py" | "PyRef" | "Borrowed", [inner, ..]) => {
                return self.python(inner, argument);
            }
            ("BTreeMap" | "HashMap", [key, value]) => {
                let (key, value) = (self.python(key, argument), self.python(value, argument));
                return format!("builtins.dict[{key}, {value}]");
            }
            ("PathBuf", _) => return "_Path".to_string(),
            ("Vec", [inner]) if text_of(inner) == "u8" => "bytes",
            ("Vec", [inner]) => return self.list(inner, argument),
            ("Complex", _) => "complex",
            ("Self", _) => {
                return if argument { self.own.clone().unwrap_or_default() } else { "Self".to_string() };
            }
            ("PyArgument" | "TensorArgument", _) => return "_Argument".to_string(),
            ("ScalarArgument", _) => return "_Number".to_string(),
            ("DTypeArgument", _) => return "_DtypeArgument".to_string(),
            ("Integers", _) => return "_Integers".to_string(),
            ("usize" | "isize" | "u8" | "u16" | "u32" | "u64" | "i8" | "i16" | "i32" | "i64" | "i128", _) => {
                "int"
            }
            ("f32" | "f64", _) => "float",
            ("bool", _) => "bool",
            ("str" | "String" | "PyString", _) => "str",
            ("PyBytes", _) => "bytes",
            ("PyTuple", _) => "tuple[Any, ...]",
            ("PyList", _) => "list[Any]",
            ("PyDict", _) => "dict[Any, Any]",
            ("PyType", _) => "type[Any]",
            _ => return "Any".to_string(),
        };
        format!("builtins.{builtin}")
    }
}
