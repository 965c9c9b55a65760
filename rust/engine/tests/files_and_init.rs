//! Files of tensors, and initial values of parameters.

mod common;

use std::collections::{BTreeMap, HashMap};

use tenfold::init::{self, FanMode, Nonlinearity};
use tenfold::random::Generator;
use tenfold::{DType, ErrorKind, Tensor, safetensors};

fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("tenfold-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn what_is_saved_is_loaded() {
    let path = folder("saved").join("model.safetensors");
    let mut tensors = BTreeMap::new();
    for dtype in DType::ALL.into_iter().filter(|&dtype| dtype != DType::Complex128) {
        let tensor = common::tensor(&[2, 3], 1).abs().unwrap().multiply(20.0).unwrap().cast(dtype).unwrap();
        // Not dense: the file is.
        tensors.insert(format!("layer.{dtype}"), tensor.transpose(0, 1).unwrap());
    }
    tensors.insert("empty".into(), Tensor::zeros(&[0, 4], DType::Float32).unwrap());
    let metadata = HashMap::from([("made by".to_string(), "a test".to_string())]);
    safetensors::save(&path, &tensors, Some(metadata.clone())).unwrap();
    safetensors::save(&path, &tensors, Some(metadata.clone())).unwrap();
    let loaded = safetensors::load(&path).unwrap();
    assert_eq!(loaded.metadata, metadata);
    assert_eq!(loaded.tensors.len(), tensors.len());
    for (name, tensor) in &tensors {
        let other = &loaded.tensors[name];
        assert_eq!((other.shape(), other.dtype()), (tensor.shape(), tensor.dtype()));
        assert!(other.equal(tensor).unwrap().all(None, false).unwrap().item().unwrap().to_bool(), "{name}");
    }
    let files = std::fs::read_dir(path.parent().unwrap()).unwrap().count();
    assert_eq!(files, 1, "no temporary file is left");
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn damaged_files_are_errors() {
    let tensors = BTreeMap::from([("x".to_string(), Tensor::zeros(&[4], DType::Float32).unwrap())]);
    let bytes = safetensors::serialize(&tensors, None).unwrap();
    for length in 0..bytes.len() {
        assert_eq!(safetensors::deserialize(&bytes[..length]).err().unwrap().kind(), ErrorKind::Value);
    }
    assert_eq!(safetensors::deserialize(&[0xff; 64]).err().unwrap().kind(), ErrorKind::Value);
    assert_eq!(safetensors::load("/nonexistent/x.safetensors").err().unwrap().kind(), ErrorKind::Io);
    let wide = BTreeMap::from([("x".to_string(), Tensor::zeros(&[4], DType::Complex128).unwrap())]);
    assert_eq!(safetensors::serialize(&wide, None).err().unwrap().kind(), ErrorKind::DType);
}

/// Mean, standard deviation and largest magnitude.
fn statistics(tensor: &Tensor) -> (f64, f64, f64) {
    let values: Vec<f64> = tensor.to_vec::<f32>().unwrap().into_iter().map(f64::from).collect();
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
    (mean, variance.sqrt(), values.iter().fold(0.0, |largest, v| v.abs().max(largest)))
}

#[test]
fn initial_values_have_their_spread() {
    let (shape, generator) = ([40, 20, 3, 3], &mut Generator::new(1));
    let (inputs, outputs) = (180.0, 360.0);
    let float = DType::Float32;
    let relu = Nonlinearity::Relu;
    // 7,200 numbers: the deviation is known to about 1 %.
    let cases = [
        (
            init::xavier_uniform(&shape, 1.0, float, Some(&mut *generator)),
            (2.0_f64 / (inputs + outputs)).sqrt(),
        ),
        (
            init::xavier_normal(&shape, 2.0, float, Some(&mut *generator)),
            2.0 * (2.0_f64 / (inputs + outputs)).sqrt(),
        ),
        (
            init::kaiming_uniform(&shape, FanMode::In, relu, float, Some(&mut *generator)),
            (2.0_f64 / inputs).sqrt(),
        ),
        (
            init::kaiming_normal(&shape, FanMode::Out, relu, float, Some(&mut *generator)),
            (2.0_f64 / outputs).sqrt(),
        ),
    ];
    for (tensor, deviation) in cases {
        let (mean, found, _) = statistics(&tensor.unwrap());
        assert!(
            mean.abs() < 0.05 * deviation && (found / deviation - 1.0).abs() < 0.04,
            "{found} and {deviation}"
        );
    }
    let truncated = init::truncated_normal(&shape, 0.0, 1.0, (-1.0, 1.0), float, Some(generator)).unwrap();
    let (_, deviation, largest) = statistics(&truncated);
    assert!(largest <= 1.0 && (deviation - 0.5396).abs() < 0.02, "{deviation}");
}

#[test]
fn dirac_hands_on_its_channels() {
    let weight = init::dirac(&[4, 2, 3], 2, DType::Float64).unwrap();
    let x = common::tensor(&[1, 4, 5], 1);
    let options = tenfold::functional::ConvolutionOptions {
        padding: tenfold::functional::ConvolutionPadding::Same,
        groups: 2,
        ..Default::default()
    };
    let y = tenfold::functional::conv(&x, &weight, None, &options).unwrap();
    assert_eq!(common::floats(&y), common::floats(&x));
}
