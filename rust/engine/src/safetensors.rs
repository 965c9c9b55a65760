//! Named tensors in files of the safetensors format.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use ::safetensors::SafeTensors;
use ::safetensors::tensor::{Dtype, TensorView};
use tenfold_ir::{DType, Error, Result};

use crate::Tensor;

/// What a file holds.
#[derive(Clone)]
pub struct Contents {
    /// The tensors by name.
    pub tensors: BTreeMap<String, Tensor>,
    /// Texts by name.
    pub metadata: HashMap<String, String>,
}

const DTYPES: [(DType, Dtype); 14] = [
    (DType::Bool, Dtype::BOOL),
    (DType::Int8, Dtype::I8),
    (DType::Int16, Dtype::I16),
    (DType::Int32, Dtype::I32),
    (DType::Int64, Dtype::I64),
    (DType::Uint8, Dtype::U8),
    (DType::Uint16, Dtype::U16),
    (DType::Uint32, Dtype::U32),
    (DType::Uint64, Dtype::U64),
    (DType::Float16, Dtype::F16),
    (DType::Bfloat16, Dtype::BF16),
    (DType::Float32, Dtype::F32),
    (DType::Float64, Dtype::F64),
    (DType::Complex64, Dtype::C64),
];

/// The elements of a tensor in row-major order.
fn bytes_of(name: &str, tensor: &Tensor) -> Result<Vec<u8>> {
    let dense = tensor.detach().contiguous()?;
    let (buffer, _) = dense.buffer()?;
    let size = dense.spec().bytes();
    buffer.bytes()?.get(..size).map(<[u8]>::to_vec).ok_or_else(|| {
        Error::state("safetensors.save", format!("{name:?} has fewer bytes than its shape says"))
    })
}

/// The contents of a file with these tensors.
pub fn serialize(
    tensors: &BTreeMap<String, Tensor>,
    metadata: Option<HashMap<String, String>>,
) -> Result<Vec<u8>> {
    let operation = "safetensors.save";
    let mut elements = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        let dtype = DTYPES.iter().find(|pair| pair.0 == tensor.dtype()).ok_or_else(|| {
            Error::dtype(operation, format!("{name:?} has dtype {}, which the format lacks", tensor.dtype()))
        })?;
        elements.push((name, dtype.1, tensor.shape().to_vec(), bytes_of(name, tensor)?));
    }
    let wrong = |error: ::safetensors::SafeTensorError| Error::value(operation, error.to_string());
    let mut views = Vec::with_capacity(elements.len());
    for (name, dtype, shape, bytes) in &elements {
        views.push((name, TensorView::new(*dtype, shape.clone(), bytes).map_err(wrong)?));
    }
    ::safetensors::serialize(views, metadata).map_err(wrong)
}

/// The tensors in the contents of a file.
pub fn deserialize(bytes: &[u8]) -> Result<Contents> {
    let operation = "safetensors.load";
    let corrupt = |error: ::safetensors::SafeTensorError| {
        Error::value(operation, format!("not a safetensors file, or a damaged one: {error}"))
    };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(corrupt)?;
    let file = SafeTensors::deserialize(bytes).map_err(corrupt)?;
    let mut tensors = BTreeMap::new();
    for (name, view) in file.tensors() {
        let dtype = DTYPES.iter().find(|pair| pair.1 == view.dtype()).ok_or_else(|| {
            Error::dtype(operation, format!("{name:?} has dtype {:?}, which is not offered", view.dtype()))
        })?;
        let mut data = std::borrow::Cow::Borrowed(view.data());
        if dtype.0 == DType::Bool {
            // A byte other than 0 and 1 counts as true.
            data = data.iter().map(|&byte| u8::from(byte != 0)).collect();
        }
        tensors.insert(name, Tensor::from_bytes(&data, view.shape(), dtype.0)?);
    }
    Ok(Contents { tensors, metadata: header.metadata().clone().unwrap_or_default() })
}

fn file_error(operation: &'static str, path: &Path, error: &std::io::Error) -> Error {
    Error::io(operation, format!("{}: {error}", path.display()))
}

/// A new file beside `path`, for what is to replace it.
fn temporary_beside(path: &Path) -> std::io::Result<(PathBuf, File)> {
    let name = path.file_name().ok_or_else(|| std::io::Error::other("not the path of a file"))?;
    for attempt in 0..100 {
        let mut temporary = name.to_os_string();
        temporary.push(format!(".{}-{attempt}.tmp", std::process::id()));
        let temporary = path.with_file_name(temporary);
        match File::options().write(true).create_new(true).open(&temporary) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            opened => return Ok((temporary, opened?)),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// Writes tensors to a file: the old one, if any, is there until the new one is whole.
///
/// ```no_run
/// use std::collections::BTreeMap;
/// use tenfold::{DType, Tensor, safetensors};
/// let tensors = BTreeMap::from([("weight".to_string(), Tensor::zeros(&[2, 3], DType::Float32)?)]);
/// safetensors::save("model.safetensors", &tensors, None)?;
/// assert_eq!(safetensors::load("model.safetensors")?.tensors["weight"].shape().to_vec(), [2, 3]);
/// # tenfold::Result::Ok(())
/// ```
pub fn save(
    path: impl AsRef<Path>,
    tensors: &BTreeMap<String, Tensor>,
    metadata: Option<HashMap<String, String>>,
) -> Result<()> {
    let (operation, path) = ("safetensors.save", path.as_ref());
    let bytes = serialize(tensors, metadata)?;
    let (temporary, mut file) =
        temporary_beside(path).map_err(|error| file_error(operation, path, &error))?;
    let written =
        file.write_all(&bytes).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&temporary, path));
    written.map_err(|error| {
        // The error that counts is the first one.
        let _removed = fs::remove_file(&temporary);
        file_error(operation, path, &error)
    })
}

/// Reads the tensors of a file.
pub fn load(path: impl AsRef<Path>) -> Result<Contents> {
    let path = path.as_ref();
    let bytes = fs::read(path).map_err(|error| file_error("safetensors.load", path, &error))?;
    deserialize(&bytes).map_err(|error| {
        Error::new(error.kind(), "safetensors.load", format!("{}: {}", path.display(), error.detail()))
    })
}
