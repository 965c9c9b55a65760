//! Prints the time of the three products of usual convolution layers in f32, the minimum of several runs, and behind
//! each by how much that of the definition takes longer.

use std::time::{Duration, Instant};

use tenfold_cpu::convolution::{Axis, Geometry, forward, input_gradient, set_direct, weight_gradient};

/// An axis of `(input, kernel, stride, padding)`.
fn axis((input, kernel, stride, before): (usize, usize, usize, usize)) -> Axis {
    let output = (input + 2 * before - kernel) / stride + 1;
    Axis { input, kernel, output, stride, before, dilation: 1 }
}

/// The least time of both ways to run, in turns, in milliseconds.
fn measure(run: &mut dyn FnMut()) -> [f64; 2] {
    let mut best = [Duration::MAX; 2];
    let begin = Instant::now();
    while begin.elapsed() < Duration::from_millis(500) {
        for (direct, best) in [false, true].into_iter().zip(&mut best) {
            set_direct(direct);
            let start = Instant::now();
            run();
            *best = start.elapsed().min(*best);
        }
    }
    best.map(|best| best.as_secs_f64() * 1e3)
}

fn layer(
    name: &str,
    (images, groups): (usize, usize),
    (input_channels, output_channels): (usize, usize),
    axes: &[Axis],
) {
    let mut all = [Axis::UNIT; 3];
    all[3 - axes.len()..].copy_from_slice(axes);
    let (inputs, outputs) = (input_channels / groups, output_channels / groups);
    let geometry = Geometry { images, groups, input_channels: inputs, output_channels: outputs, axes: all };
    let pixels = vec![0.5f32; images * input_channels * geometry.input_pixels()];
    let weight = vec![0.25f32; output_channels * inputs * geometry.taps()];
    let gradient = vec![0.5f32; images * output_channels * geometry.output_pixels()];
    let (mut first, mut second, mut third) = (gradient.clone(), pixels.clone(), weight.clone());
    let valid = "the operands have the geometry's lengths";
    let times = [
        measure(&mut || forward(&geometry, &pixels, &weight, &mut first, None).expect(valid)),
        measure(&mut || input_gradient(&geometry, &gradient, &weight, &mut second, None).expect(valid)),
        measure(&mut || weight_gradient(&geometry, &pixels, &gradient, &mut third, None).expect(valid)),
    ];
    let flops = 2.0 * (gradient.len() * inputs * geometry.taps()) as f64;
    print!("{name:32}");
    for [time, direct] in times {
        print!("  {time:7.2} ms {:5.0} GF/s {:5.2}×", flops / time / 1e6, direct / time);
    }
    println!();
}

fn main() {
    let only = std::env::args().nth(1).unwrap_or_default();
    let square = |extent, kernel, stride, before| [axis((extent, kernel, stride, before)); 2];
    let line = |extent, kernel, stride, before| [axis((extent, kernel, stride, before))];
    let cube = |extent, kernel, stride, before| [axis((extent, kernel, stride, before)); 3];
    let each = |name: &str, batch: (usize, usize), channels: (usize, usize), axes: &[Axis]| {
        if name.contains(&only) {
            layer(name, batch, channels, axes);
        }
    };
    each("8 64→64 56² k3", (8, 1), (64, 64), &square(56, 3, 1, 1));
    each("128 1→32 28² k3", (128, 1), (1, 32), &square(28, 3, 1, 0));
    each("128 32→64 26² k3", (128, 1), (32, 64), &square(26, 3, 1, 0));
    each("128 32→64 14² k3", (128, 1), (32, 64), &square(14, 3, 1, 1));
    each("16 256→256 14² k3", (16, 1), (256, 256), &square(14, 3, 1, 1));
    each("8 128→128 28² k3", (8, 1), (128, 128), &square(28, 3, 1, 1));
    each("8 512→512 7² k3", (8, 1), (512, 512), &square(7, 3, 1, 1));
    each("1 64→64 128² k3", (1, 1), (64, 64), &square(128, 3, 1, 1));
    each("8 64→128 56² k3 s2", (8, 1), (64, 128), &square(56, 3, 2, 1));
    each("4 3→64 224² k7 s2", (4, 1), (3, 64), &square(224, 7, 2, 3));
    each("4 3→64 224² k11 s4", (4, 1), (3, 64), &square(224, 11, 4, 2));
    each("8 64→128 28² k4 s2", (8, 1), (64, 128), &square(28, 4, 2, 1));
    each("32 16→32 16² k4 s2", (32, 1), (16, 32), &square(16, 4, 2, 1));
    each("64 3→64 64² k4 s2", (64, 1), (3, 64), &square(64, 4, 2, 1));
    each("8 32→64 28² k5", (8, 1), (32, 64), &square(28, 5, 1, 2));
    each("8 64→64 28² k2", (8, 1), (64, 64), &square(28, 2, 1, 0));
    each("8 64→64 28² k4", (8, 1), (64, 64), &square(28, 4, 1, 1));
    each("8 128→128 1000 k5", (8, 1), (128, 128), &line(1000, 5, 1, 2));
    each("8 128→128 1000 k3", (8, 1), (128, 128), &line(1000, 3, 1, 1));
    each("8 32→32 1000 k3", (8, 1), (32, 32), &line(1000, 3, 1, 1));
    each("8 16→16 1000 k3", (8, 1), (16, 16), &line(1000, 3, 1, 1));
    each("8 64→64 1000 k4", (8, 1), (64, 64), &line(1000, 4, 1, 0));
    each("8 64→64 1000 k2", (8, 1), (64, 64), &line(1000, 2, 1, 0));
    each("8 64→128 1000 k8 s4", (8, 1), (64, 128), &line(1000, 8, 4, 2));
    each("2 16→32 16³ k3", (2, 1), (16, 32), &cube(16, 3, 1, 1));
    each("1 16→16 32³ k3", (1, 1), (16, 16), &cube(32, 3, 1, 1));
    each("1 8→16 32³ k3", (1, 1), (8, 16), &cube(32, 3, 1, 1));
    each("2 64→64 8³ k3", (2, 1), (64, 64), &cube(8, 3, 1, 1));
    each("8 256→64 56² k1", (8, 1), (256, 64), &square(56, 1, 1, 0));
    each("8 256→512 28² k1 s2", (8, 1), (256, 512), &square(28, 1, 2, 0));
    each("8 64 groups 56² k3", (8, 64), (64, 64), &square(56, 3, 1, 1));
    each("8 128 groups 56² k3 s2", (8, 128), (128, 128), &square(56, 3, 2, 1));
}
