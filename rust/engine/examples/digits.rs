//! A network of three layers learns the handwritten 8×8 digits: `cargo run --release --example digits`.

use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use flate2::read::GzDecoder;
use tenfold::functional::{ClassOptions, cross_entropy};
use tenfold::optim::{Adam, AdamSettings, Linear, Module, Parameter};
use tenfold::random::Generator;
use tenfold::{DType, Result, Tensor, autograd};

const BATCH: usize = 64;
const EPOCHS: usize = 40;
const HELD_OUT: usize = 360;

/// The values of a gzipped idx file of bytes: a header (type, rank, extents), then the values, row-major.
fn read_idx(name: &str) -> std::result::Result<Tensor, Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../python/tenfold/datasets/data/digits");
    let mut bytes = Vec::new();
    GzDecoder::new(File::open(folder.join(name))?).read_to_end(&mut bytes)?;
    let &[0, 0, 8, rank, ..] = bytes.as_slice() else { return Err("not an idx file of bytes".into()) };
    let (header, values) = bytes.split_at_checked(4 + 4 * rank as usize).ok_or("the header is cut short")?;
    let shape: Vec<usize> = header[4..]
        .chunks_exact(4)
        .map(|extent| u32::from_be_bytes(extent.try_into().unwrap()) as usize)
        .collect();
    Ok(Tensor::from_slice(values, &shape)?)
}

struct Network {
    layers: [Linear; 3],
}

impl Network {
    fn new(generator: &mut Generator) -> Result<Network> {
        let layers = [
            Linear::new(64, 128, generator)?,
            Linear::new(128, 64, generator)?,
            Linear::new(64, 10, generator)?,
        ];
        Ok(Network { layers })
    }
}

impl Module for Network {
    fn forward(&self, input: &Tensor) -> Result<Tensor> {
        let [first, second, third] = &self.layers;
        third.forward(&second.forward(&first.forward(input)?.relu()?)?.relu()?)
    }

    fn named_parameters(&self) -> Vec<(String, Parameter)> {
        let numbered = self.layers.iter().enumerate();
        numbered
            .flat_map(|(number, layer)| {
                let named = layer.named_parameters().into_iter();
                named.map(move |(name, parameter)| (format!("{number}.{name}"), parameter))
            })
            .collect()
    }
}

fn accuracy(network: &Network, images: &Tensor, labels: &Tensor) -> Result<f64> {
    let found = autograd::no_grad(|| network.forward(images)?.argmax(Some(1), false))?;
    Ok(found.equal(labels)?.cast(DType::Float64)?.mean(None, false)?.item()?.to_f64())
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let generator = &mut Generator::new(1);
    let images = read_idx("images-idx3-ubyte.gz")?.reshape(&[-1, 64])?.cast(DType::Float32)?.divide(16.0)?;
    let labels = read_idx("labels-idx1-ubyte.gz")?.cast(DType::Int64)?;
    let order = Tensor::randperm(labels.elements(), Some(generator))?;
    let (images, labels) = (images.take(&order, Some(0))?, labels.take(&order, Some(0))?);
    let part = |tensor: &Tensor, start, length| tensor.slice(0, start, 1, length)?.contiguous();
    let (test_images, test_labels) = (part(&images, 0, HELD_OUT)?, part(&labels, 0, HELD_OUT)?);
    let count = labels.elements() - HELD_OUT;
    let (images, labels) = (part(&images, HELD_OUT, count)?, part(&labels, HELD_OUT, count)?);

    let network = Network::new(generator)?;
    let mut optimizer =
        Adam::new(network.parameters(), AdamSettings { learning_rate: 2e-3, ..Default::default() });
    for epoch in 1..=EPOCHS {
        let order = Tensor::randperm(count, Some(generator))?;
        let mut sum = 0.0;
        for start in (0..count).step_by(BATCH) {
            let batch = order.slice(0, start, 1, BATCH.min(count - start))?;
            let scores = network.forward(&images.take(&batch, Some(0))?)?;
            let loss = cross_entropy(&scores, &labels.take(&batch, Some(0))?, &ClassOptions::default())?;
            optimizer.zero_grad();
            Parameter::backward(&loss)?;
            optimizer.step()?;
            sum += loss.item()?.to_f64() * batch.elements() as f64;
        }
        println!("epoch {epoch:2}  training loss {:.4}", sum / count as f64);
    }
    println!("held-out accuracy: {:.4}", accuracy(&network, &test_images, &test_labels)?);
    Ok(())
}
