//! Scaled dot-product attention and its gradient.

use super::{Spec, Specs};
use crate::{DType, Error, Result, Shape};

/// Which way attention is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AttentionKind {
    /// `q (…, H, L, D), k (…, G, S, D), v (…, G, S, V) → o (…, H, L, V), l (…, H, L)`: `o = softmax(s) · v` and
    /// `l = log Σ exp(s)` of the scores `s = scale · q · kᵀ + mask`.
    Forward,
    /// `q, k, v, o, l, g → gq, gk, gv`, from the results of [`AttentionKind::Forward`] and the gradient g of o: the
    /// probabilities `p = exp(s − l)` are computed again, `gs = p · (g · vᵀ − Σ g·o)`.
    Gradient,
}

/// Attention of H heads over G heads of keys and values, each of which serves H / G neighbours.
///
/// A last input, where there is one more, is the mask `(…, H, L, S)`: bool (true where a query may look) or in the
/// dtype of the others (added to the scores; −∞ forbids like false). A query that may look at nothing gives zeros and
/// `l = −∞`.
///
/// Keys are taken in blocks of [`Attention::BLOCK`], with the running maximum and sum of Milakov and Gimelshein 2018,
/// "Online normalizer calculation for softmax"; the gradient as in Dao 2023, "FlashAttention-2", with
/// [`Attention::GRADIENT_QUERIES`] queries at a time, head after head. Products are in the order of [`super::Gemm`], those of a block added to the earlier blocks'.
#[derive(Clone, Debug, PartialEq)]
pub struct Attention {
    /// Which way.
    pub kind: AttentionKind,
    /// Query i may look at keys 0 to i only.
    pub causal: bool,
    /// The factor of the scores.
    pub scale: f64,
}

impl Attention {
    /// Keys of a block.
    pub const BLOCK: usize = 256;

    /// Queries of a block of the gradient.
    pub const GRADIENT_QUERIES: usize = 128;

    /// The number of inputs without a mask.
    fn inputs(&self) -> usize {
        match self.kind {
            AttentionKind::Forward => 3,
            AttentionKind::Gradient => 6,
        }
    }

    /// Where the mask stands among so many inputs.
    pub fn mask(&self, inputs: usize) -> Option<usize> {
        (inputs > self.inputs()).then(|| self.inputs())
    }

    /// The name in messages and reports.
    pub fn name(&self) -> &'static str {
        match self.kind {
            AttentionKind::Forward => "attention",
            AttentionKind::Gradient => "attention_gradient",
        }
    }

    /// Floating-point operations of the products, without the pairs that `causal` leaves out.
    pub(super) fn flops(&self, inputs: &[Spec]) -> usize {
        let q = &inputs[0].shape;
        let (rank, s, v) = (q.rank(), inputs[1].shape[q.rank() - 2], inputs[2].shape[q.rank() - 1]);
        let (l, d) = (q[rank - 2], q[rank - 1]);
        let square = l.min(s);
        let pairs = if self.causal { square * (square + 1) / 2 + (l - square) * s } else { l * s };
        let heads: usize = q[..rank - 2].iter().product();
        let products = match self.kind {
            AttentionKind::Forward => d + v,
            AttentionKind::Gradient => 3 * d + 2 * v,
        };
        2 * heads * pairs * products
    }

    pub(super) fn results(&self, inputs: &[Spec]) -> Result<Specs> {
        let (q, k, v) = (&inputs[0], &inputs[1], &inputs[2]);
        if !matches!(q.dtype, DType::Float32 | DType::Float64) {
            return Err(Error::dtype(self.name(), format!("needs float32 or float64; got {}", q.dtype)));
        }
        let wrong = || {
            let shapes: Vec<String> =
                inputs.iter().map(|spec| format!("{} {}", spec.dtype, spec.shape)).collect();
            Error::shape(self.name(), format!("inputs do not fit; got {}", shapes.join(", ")))
        };
        let rank = q.shape.rank();
        if rank < 3 || k.shape.rank() != rank || v.shape.rank() != rank {
            return Err(wrong());
        }
        let [heads, length] = [q.shape[rank - 3], q.shape[rank - 2]];
        let [groups, keys] = [k.shape[rank - 3], k.shape[rank - 2]];
        let outer = &q.shape[..rank - 3];
        let with = |extents: &[usize]| -> Shape { outer.iter().chain(extents).copied().collect() };
        let output = with(&[heads, length, v.shape[rank - 1]]);
        let logarithms = with(&[heads, length]);
        let mut fits = k.shape == with(&[groups, keys, q.shape[rank - 1]])
            && v.shape == with(&[groups, keys, v.shape[rank - 1]])
            && (heads == groups || groups > 0 && heads.is_multiple_of(groups));
        if self.kind == AttentionKind::Gradient {
            fits &= inputs[3].shape == output && inputs[4].shape == logarithms && inputs[5].shape == output;
        }
        fits &= inputs[..self.inputs()].iter().all(|input| input.dtype == q.dtype);
        if let Some(mask) = inputs.get(self.inputs()) {
            fits &= mask.shape == with(&[heads, length, keys])
                && (mask.dtype == DType::Bool || mask.dtype == q.dtype);
        }
        if !fits {
            return Err(wrong());
        }
        Ok(match self.kind {
            AttentionKind::Forward => {
                let output = Shape::checked(self.name(), &output)?;
                Specs::from_vec(vec![Spec::new(output, q.dtype), Spec::new(logarithms, q.dtype)])
            }
            AttentionKind::Gradient => Specs::from_vec(vec![q.clone(), k.clone(), v.clone()]),
        })
    }
}
