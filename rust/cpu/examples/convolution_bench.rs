//! Prints the time of the three products of usual convolution layers in f32; the minimum of several runs.

use std::time::{Duration, Instant};

use tenfold_cpu::convolution::{Axis, Geometry, forward, input_gradient, weight_gradient};

fn layer(
    (images, groups): (usize, usize),
    (input_channels, output_channels): (usize, usize),
    input: usize,
    (kernel, stride, before): (usize, usize, usize),
) {
    let output = (input + 2 * before - kernel) / stride + 1;
    let axis = Axis { input, kernel, output, stride, before, dilation: 1 };
    let (inputs, outputs) = (input_channels / groups, output_channels / groups);
    let axes = [Axis::UNIT, axis, axis];
    let geometry = Geometry { images, groups, input_channels: inputs, output_channels: outputs, axes };
    let pixels = vec![0.5f32; images * input_channels * input * input];
    let weight = vec![0.25f32; output_channels * inputs * kernel * kernel];
    let gradient = vec![0.5f32; images * output_channels * output * output];
    let (mut first, mut second, mut third) = (gradient.clone(), pixels.clone(), weight.clone());
    let measure = |run: &mut dyn FnMut()| {
        let mut best = Duration::MAX;
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_millis(250) {
            let start = Instant::now();
            run();
            best = best.min(start.elapsed());
        }
        best.as_secs_f64() * 1e3
    };
    let valid = "the operands have the geometry's lengths";
    let times = [
        measure(&mut || forward(&geometry, &pixels, &weight, &mut first, None).expect(valid)),
        measure(&mut || input_gradient(&geometry, &gradient, &weight, &mut second, None).expect(valid)),
        measure(&mut || weight_gradient(&geometry, &pixels, &gradient, &mut third, None).expect(valid)),
    ];
    let flops = 2.0 * (gradient.len() * inputs * kernel * kernel) as f64;
    print!(
        "{images:3} x {input_channels:3}->{output_channels:3} {input:3}^2 k{kernel} s{stride} g{groups:3}"
    );
    for time in times {
        print!("  {time:7.2} ms {:5.0} GF/s", flops / time / 1e6);
    }
    println!();
}

fn main() {
    layer((8, 1), (64, 64), 56, (3, 1, 1));
    layer((128, 1), (1, 32), 28, (3, 1, 0));
    layer((128, 1), (32, 64), 26, (3, 1, 0));
    layer((128, 1), (1, 32), 28, (3, 1, 1));
    layer((128, 1), (32, 64), 14, (3, 1, 1));
    layer((8, 1), (3, 64), 224, (7, 2, 3));
    layer((8, 1), (128, 128), 28, (3, 1, 1));
    layer((8, 1), (64, 128), 56, (3, 2, 1));
    layer((8, 1), (512, 512), 7, (3, 1, 1));
    layer((8, 1), (256, 64), 56, (1, 1, 0));
    layer((8, 1), (256, 512), 28, (1, 2, 0));
    layer((8, 64), (64, 64), 56, (3, 1, 1));
    layer((8, 128), (128, 128), 56, (3, 2, 1));
    layer((1, 1), (64, 64), 128, (3, 1, 1));
}
