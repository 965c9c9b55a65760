"""The cases of recurrent layers, attention, transformers and embeddings: kind `network`.

Such a case calls a module (`args` and `kwargs` are its constructor's) or a function with several arguments and takes
several results. An argument is data, `{"input": name}` for a drawn array, or `{"pack": name, "lengths": …}` for a
packed sequence of one. Inputs whose name begins with x are differentiated.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

Case = dict[str, Any]


def normal(*shape: int) -> Case:
    return {"fill": "normal", "shape": shape}


def integers(high: int, *shape: int) -> Case:
    return {"fill": "integers", "high": high, "shape": shape}


def mask(*shape: int) -> Case:
    return {"fill": "mask", "shape": shape}


def given(name: str) -> Case:
    return {"input": name}


def packed(name: str, lengths: list[int]) -> Case:
    return {"pack": name, "lengths": lengths}


def layer(
    name: str,
    target: str,
    inputs: dict[str, Case],
    arguments: list[Any],
    *args: Any,
    train: bool = True,
    named: dict[str, Any] | None = None,
    **kwargs: Any,
) -> Case:
    """A module with `args` and `kwargs`, called with `arguments` and `named`."""
    return {
        "name": name, "kind": "network", "form": "module", "target": target, "args": args, "kwargs": kwargs,
        "train": train, "inputs": inputs, "arguments": arguments, "named": named or {},
    }  # fmt: skip


def function(name: str, target: str, inputs: dict[str, Case], *arguments: Any, **named: Any) -> Case:
    return {
        "name": name, "kind": "network", "form": "function", "target": target, "inputs": inputs,
        "arguments": arguments, "named": named,
    }  # fmt: skip


def sequence_layers(draw: random.Random) -> list[Case]:
    return [
        *recurrent_layers(draw), *recurrent_cells(draw), *attention_layers(draw), *transformers(draw),
        *embedding_bags(draw),
    ]  # fmt: skip


def recurrent_layers(draw: random.Random) -> Iterator[Case]:
    t, n, i, h = draw.randint(3, 5), draw.randint(2, 4), draw.randint(2, 5), draw.randint(3, 6)
    x = given("x")
    for target in ("RNN", "LSTM", "GRU"):
        pair = target == "LSTM"

        def states(count: int, pair: bool = pair) -> dict[str, Case]:
            return {"x_h": normal(count, n, h), **({"x_c": normal(count, n, h)} if pair else {})}

        hx: Any = [x, [given("x_h"), given("x_c")]] if pair else [x, given("x_h")]
        steps, batch_first = {"x": normal(t, n, i)}, {"x": normal(n, t, i)}
        yield layer(target, target, steps, [x], i, h)
        yield layer(f"{target} with states", target, {**steps, **states(1)}, hx, i, h)
        yield layer(f"{target} unbatched", target, {"x": normal(t, i)}, [x], i, h, batch_first=True)
        yield layer(f"{target} of two layers without bias", target, batch_first, [x], i, h, 2, bias=False,
                    batch_first=True)  # fmt: skip
        yield layer(f"{target} of two layers in both directions", target, {**steps, **states(4)}, hx, i, h, 2,
                    bidirectional=True)  # fmt: skip
        yield layer(f"{target} in evaluation with dropout", target, steps, [x], i, h, 2, dropout=0.5, train=False)
        lengths = [draw.randint(1, t) for _ in range(n - 1)]
        lengths.insert(draw.randrange(n), t)
        hx = [packed("x", lengths), *hx[1:]]
        yield layer(f"{target} packed", target, {**steps, **states(4)}, hx, i, h, 2, bidirectional=True)
        yield layer(f"{target} packed without states", target, steps, [packed("x", lengths)], i, h)
    yield layer("LSTM with projection", "LSTM", {"x": normal(t, n, i)}, [x], i, h, 2, proj_size=2, bidirectional=True)
    yield layer(
        "LSTM packed with projection", "LSTM", {"x": normal(t, n, i)}, [packed("x", lengths)], i, h, proj_size=2
    )


def recurrent_cells(draw: random.Random) -> Iterator[Case]:
    n, i, h = draw.randint(2, 4), draw.randint(2, 5), draw.randint(3, 6)
    x, state, inputs = given("x"), given("x_h"), {"x": normal(n, i), "x_h": normal(n, h)}
    for target in ("RNNCell", "GRUCell"):
        yield layer(target, target, {"x": normal(n, i)}, [x], i, h)
        yield layer(f"{target} with a state", target, inputs, [x, state], i, h, bias=False)
        yield layer(f"{target} of one sample", target, {"x": normal(i), "x_h": normal(h)}, [x, state], i, h)
    yield layer("RNNCell with relu", "RNNCell", inputs, [x, state], i, h, nonlinearity="relu")
    yield layer("LSTMCell", "LSTMCell", {"x": normal(n, i)}, [x], i, h)
    pair = [x, [state, given("x_c")]]
    yield layer("LSTMCell with states", "LSTMCell", {**inputs, "x_c": normal(n, h)}, pair, i, h, False)
    one = {"x": normal(i), "x_h": normal(h), "x_c": normal(h)}
    yield layer("LSTMCell of one sample", "LSTMCell", one, pair, i, h)


def attention_layers(draw: random.Random) -> Iterator[Case]:
    rows, columns, n, heads = draw.randint(3, 5), draw.randint(2, 6), draw.randint(2, 3), 2
    e = 2 * heads * draw.randint(1, 2)
    q, k = normal(rows, n, e), normal(columns, n, e)
    same, cross = {"x": q}, {"x": q, "x_k": k, "x_v": normal(columns, n, e)}
    itself, other = [given("x")] * 3, [given("x"), given("x_k"), given("x_v")]
    memory = [given("x"), given("x_k"), given("x_k")]
    name = "MultiheadAttention"
    blocked, additive, padding = mask(rows, columns), normal(n * heads, rows, columns), mask(n, columns)
    yield layer("attention to itself", name, same, itself, e, heads)
    yield layer("attention to itself without weights", name, same, itself, e, heads, named={"need_weights": False})
    yield layer("attention batch first", name, {"x": normal(n, rows, e)}, itself, e, heads, batch_first=True)
    yield layer("attention unbatched", name, {"x": normal(rows, e)}, itself, e, heads)
    yield layer("attention across", name, cross, other, e, heads, bias=False)
    yield layer("attention to memory", name, {"x": q, "x_k": k}, memory, e, heads, named={"need_weights": False})
    for need in (True, False):
        named = {"attn_mask": given("m"), "key_padding_mask": given("p"), "need_weights": need}
        shown = "with" if need else "without"
        masks = {"m": blocked, "p": padding}
        yield layer(f"attention with masks, {shown} weights", name, {**cross, **masks}, other, e, heads, named=named)
        yield layer(f"attention with additive mask, {shown} weights", name, {**cross, "m": additive, "p": padding},
                    other, e, heads, named=named)  # fmt: skip
        yield layer(f"attention with learned and zero keys, {shown} weights", name,
                    {**cross, "m": blocked, "p": padding}, other, e, heads, named=named, add_bias_kv=True,
                    add_zero_attn=True)  # fmt: skip
    yield layer("attention, each head's weights", name, cross, other, e, heads, named={"average_attn_weights": False})
    widths = {"x": q, "x_k": normal(columns, n, 3), "x_v": normal(columns, n, 5)}
    yield layer("attention with other widths", name, widths, other, e, heads, kdim=3, vdim=5)
    causal = {"attn_mask": given("m"), "is_causal": True, "need_weights": False}
    square = {"x": q, "m": {"fill": "causal", "shape": (rows, rows)}}
    yield layer("attention causal", name, square, itself, e, heads, named=causal)


def transformers(draw: random.Random) -> Iterator[Case]:
    s, t, n, e = draw.randint(2, 5), draw.randint(2, 5), draw.randint(2, 3), 4
    src, tgt = {"x": normal(s, n, e)}, {"x": normal(t, n, e), "x_m": normal(s, n, e)}
    padding = mask(n, s)
    causal = {"fill": "causal", "shape": (t, t)}
    shared: Any = (e, 2, 6)
    x, memory = [given("x")], [given("x"), given("x_m")]
    for train in (True, False):
        mode = "training" if train else "evaluation"
        dropout = 0.0 if train else 0.3
        yield layer(f"encoder layer, {mode}", "TransformerEncoderLayer", src, x, *shared, dropout=dropout, train=train)
        yield layer(f"encoder layer with options, {mode}", "TransformerEncoderLayer",
                    {"x": normal(n, s, e), "p": padding}, x, *shared, dropout=dropout, activation="gelu",
                    layer_norm_eps=1e-3, batch_first=True, norm_first=True, bias=False, train=train,
                    named={"src_key_padding_mask": given("p")})  # fmt: skip
        yield layer(f"decoder layer, {mode}", "TransformerDecoderLayer", tgt, memory, *shared, dropout=dropout,
                    train=train)  # fmt: skip
        yield layer(f"decoder layer with options, {mode}", "TransformerDecoderLayer",
                    {**tgt, "m": causal, "p": padding}, memory, *shared, dropout=dropout, norm_first=True,
                    train=train, named={"tgt_mask": given("m"), "tgt_is_causal": True,
                                        "memory_key_padding_mask": given("p")})  # fmt: skip
        both = {"x": normal(s, n, e), "x_t": normal(t, n, e), "m": causal}
        yield layer(f"transformer, {mode}", "Transformer", both, [given("x"), given("x_t")], e, 2, 2, 2, 6,
                    dropout=dropout, train=train, named={"tgt_mask": given("m")})  # fmt: skip
    yield layer("transformer unbatched", "Transformer", {"x": normal(s, e), "x_t": normal(t, e)},
                [given("x"), given("x_t")], e, 2, 1, 1, 6, dropout=0.0, batch_first=True)  # fmt: skip


def embedding_bags(draw: random.Random) -> Iterator[Case]:
    v, d, n = draw.randint(4, 9), draw.randint(2, 5), draw.randint(2, 4)
    table, row = {"i": integers(v, n, 5)}, [given("i")]
    for mode in ("sum", "mean", "max"):
        yield layer(f"embedding bag, {mode}", "EmbeddingBag", table, row, v, d, mode=mode)
        yield layer(f"embedding bag with offsets, {mode}", "EmbeddingBag",
                    {"i": integers(v, 7), "o": {"fill": "values", "values": [0, 2, 2, 6]}}, [given("i"), given("o")],
                    v, d, mode=mode, padding_idx=draw.randrange(v))  # fmt: skip
        yield layer(f"embedding bag with last offset, {mode}", "EmbeddingBag",
                    {"i": integers(v, 7), "o": {"fill": "values", "values": [0, 3, 7]}}, [given("i"), given("o")],
                    v, d, mode=mode, include_last_offset=True)  # fmt: skip
    yield layer("embedding bag weighted", "EmbeddingBag", {**table, "x": normal(n, 5)}, row, v, d, mode="sum",
                named={"per_sample_weights": given("x")})  # fmt: skip
    yield layer("embedding bag by frequency", "EmbeddingBag", table, row, v, d, mode="sum", scale_grad_by_freq=True)
    yield layer("embedding bag of bounded norm", "EmbeddingBag", table, row, v, d, max_norm=1.0)
    yield layer("embedding by frequency", "Embedding", table, row, v, d, scale_grad_by_freq=True)
    yield layer("embedding of bounded norm", "Embedding", table, row, v, d, max_norm=draw.uniform(0.5, 2))
    yield layer(
        "embedding of bounded 1-norm", "Embedding", table, row, v, d, padding_idx=-1, max_norm=1.0, norm_type=1.0
    )


def sequence_functions(draw: random.Random) -> list[Case]:
    rows, columns, d, w = draw.randint(3, 6), draw.randint(3, 7), draw.randint(2, 5), draw.randint(1, 6)
    n, heads = draw.randint(1, 3), 2
    inputs = {"x": normal(n, heads, rows, d), "x_k": normal(n, heads, columns, d), "x_v": normal(n, heads, columns, w)}
    qkv = (given("x"), given("x_k"), given("x_v"))
    name = "scaled_dot_product_attention"
    grouped = {**inputs, "x": normal(n, 3 * heads, rows, d)}
    blind = {"fill": "values", "values": [[j > 1 and i != 1 for j in range(columns)] for i in range(rows)]}
    return [
        function("attention", name, inputs, *qkv),
        function("attention of matrices", name, {"x": normal(rows, d), "x_k": normal(columns, d),
                                                 "x_v": normal(columns, w)}, *qkv),
        function("attention causal", name, inputs, *qkv, is_causal=True),
        function("attention causal, scaled", name, inputs, *qkv, is_causal=True, scale=draw.uniform(0.1, 2)),
        function("attention masked", name, {**inputs, "m": mask(rows, columns)}, *qkv, given("m")),
        function("attention with a mask a head", name, {**inputs, "m": mask(heads, rows, columns)}, *qkv, given("m")),
        function("attention with a query that sees nothing", name, {**inputs, "m": blind}, *qkv, given("m")),
        function("attention biased", name, {**inputs, "m": normal(n, 1, rows, columns)}, *qkv, given("m")),
        function("attention with a bias to learn", name, {**inputs, "x_m": normal(heads, rows, columns)}, *qkv,
                 given("x_m")),
        function("attention grouped", name, grouped, *qkv, enable_gqa=True, is_causal=True),
    ]  # fmt: skip
