"""Attention written out as introductions do, sinusoidal positions, and nn.Transformer with masks."""

import math

import pytest

import tenfold as tf
from tenfold import nn, optim
from tenfold.nn import functional as F

# Two sums of up to 32 products of numbers of size 1 behind one another, and a softmax between: float64's 2.2e-16 times
# some hundred.
CLOSE = 1e-13


def scaled_dot_product_attention(q, k, v, mask=None):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.size(-1))
    if mask is not None:
        scores = scores.masked_fill(mask == 0, float("-inf"))
    weights = F.softmax(scores, dim=-1)
    return weights @ v, weights


class MultiHeadAttention(nn.Module):
    def __init__(self, d_model, num_heads):
        super().__init__()
        self.num_heads, self.d_k = num_heads, d_model // num_heads
        self.W_q = nn.Linear(d_model, d_model)
        self.W_k = nn.Linear(d_model, d_model)
        self.W_v = nn.Linear(d_model, d_model)
        self.W_o = nn.Linear(d_model, d_model)

    def split_heads(self, x):
        return x.view(x.size(0), -1, self.num_heads, self.d_k).transpose(1, 2)

    def forward(self, q, k, v, mask=None):
        q, k, v = self.split_heads(self.W_q(q)), self.split_heads(self.W_k(k)), self.split_heads(self.W_v(v))
        x, _ = scaled_dot_product_attention(q, k, v, mask)
        x = x.transpose(1, 2).contiguous().view(x.size(0), -1, self.num_heads * self.d_k)
        return self.W_o(x)


class PositionalEncoding(nn.Module):
    def __init__(self, d_model, max_len=100):
        super().__init__()
        position = tf.arange(max_len).unsqueeze(1)
        div_term = tf.exp(tf.arange(0, d_model, 2) * (-math.log(10000.0) / d_model))
        pe = tf.zeros(max_len, d_model)
        pe[:, 0::2] = tf.sin(position * div_term)
        pe[:, 1::2] = tf.cos(position * div_term)
        self.register_buffer("pe", pe.unsqueeze(0))

    def forward(self, x):
        return x + self.pe[:, : x.size(1)]


@pytest.mark.parametrize("causal", [False, True])
def test_attention_by_hand_is_the_built_in_one(causal):
    tf.manual_seed(0)
    q, k, v = (tf.randn(2, 4, 7, 8, dtype=tf.float64) for _ in range(3))
    mask = tf.tril(tf.ones(7, 7)) if causal else None
    output, weights = scaled_dot_product_attention(q, k, v, mask)
    built_in = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
    assert (output - built_in).abs().max().item() < CLOSE
    assert (weights.sum(dim=-1) - 1).abs().max().item() < CLOSE
    if causal:
        assert weights.triu(1).abs().max().item() == 0


def test_multi_head_attention_by_hand_is_the_built_in_one():
    tf.manual_seed(0)
    ours = MultiHeadAttention(32, 4).double()
    theirs = nn.MultiheadAttention(32, 4, batch_first=True).double()
    with tf.no_grad():
        theirs.in_proj_weight.copy_(tf.concat([ours.W_q.weight, ours.W_k.weight, ours.W_v.weight]))
        theirs.in_proj_bias.copy_(tf.concat([ours.W_q.bias, ours.W_k.bias, ours.W_v.bias]))
        theirs.out_proj.load_state_dict(ours.W_o.state_dict())
    x = tf.randn(2, 9, 32, dtype=tf.float64)
    built_in, weights = theirs(x, x, x)
    assert (ours(x, x, x) - built_in).abs().max().item() < CLOSE
    assert weights.shape == (2, 9, 9)


def test_sinusoidal_positions():
    encoding = PositionalEncoding(16)
    x = tf.zeros(3, 10, 16)
    out = encoding(x)
    assert out.shape == (3, 10, 16)
    for position, column in [(0, 0), (5, 0), (7, 6), (9, 15)]:
        angle = position / 10000 ** ((column - column % 2) / 16)
        expected = math.cos(angle) if column % 2 else math.sin(angle)
        # The rate is exp of a rounded product and the angle a rounded product again: 9 · 4 · 2⁻²⁴.
        assert out[0, position, column].item() == pytest.approx(expected, abs=3e-6)
    assert "pe" in encoding.state_dict()
    assert list(encoding.parameters()) == []


def test_transformer_with_masks_learns_to_copy():
    pad, start, vocabulary = 0, 1, 10

    class Copier(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, 32)
            self.positions = PositionalEncoding(32)
            self.transformer = nn.Transformer(
                d_model=32, nhead=4, num_encoder_layers=1, num_decoder_layers=1, dim_feedforward=64, dropout=0.0,
                batch_first=True,
            )  # fmt: skip
            self.out = nn.Linear(32, vocabulary)

        def forward(self, source, target):
            target_mask = nn.Transformer.generate_square_subsequent_mask(target.size(1))
            out = self.transformer(
                self.positions(self.embedding(source)),
                self.positions(self.embedding(target)),
                tgt_mask=target_mask,
                src_key_padding_mask=source == pad,
                tgt_key_padding_mask=target == pad,
                memory_key_padding_mask=source == pad,
            )
            return self.out(out)

    tf.manual_seed(0)
    source = tf.randint(2, vocabulary, (32, 6))
    source[:16, 4:] = pad
    target = tf.concat([tf.full((32, 1), start), source], axis=1)
    model = Copier()
    optimizer = optim.Adam(model.parameters(), lr=3e-3)
    criterion = nn.CrossEntropyLoss(ignore_index=pad)
    losses = []
    for _ in range(60):
        logits = model(source, target[:, :-1])
        assert logits.shape == (32, 6, vocabulary)
        loss = criterion(logits.reshape(-1, vocabulary), target[:, 1:].reshape(-1))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]

    # What comes later, and what is padding, changes nothing.
    model.eval()
    later, padded = target[:, :-1].clone(), source.clone()
    later[:, 3:] = 7
    with tf.no_grad():
        known = model(source, target[:, :-1])
        assert (model(source, later)[:, :3] == known[:, :3]).all()
        assert model(padded[:16, :4], target[:16, :4]).shape == (16, 4, vocabulary)
        short = model(padded[:16, :4], target[:16, :4])
    # Without the padding rows are summed over 4 instead of 6 places: a few roundings of float32 in two layers.
    assert (short - known[:16, :4]).abs().max().item() < 1e-4
