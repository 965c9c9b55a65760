"""Sequences: attention and recurrent layers, as functions and in modules, with their gradients."""

from __future__ import annotations

from typing import Any

from programs.language import Call
from programs.writer import Writer, call, dtype_of, family, method


@family(1.5)
def attention(w: Writer) -> None:
    dtype = w.choose(("float32", "float32", "float64", "bfloat16"))
    batch, heads = w.choose(((), (2,), (1, 2))), w.choose(((), (), (1, 1), (2, 2), (4, 2), (6, 2)))
    # Blocks have 32 or 128 queries and 256 keys.
    length, others, width = w.choose((1, 3, 5, 17, 33)), w.choose((1, 4, 17, 33)), w.choose((1, 2, 8, 13))
    if w.chance(0.1):
        length, others, width = w.choose((1, 130)), 260, 2
    query = w.define(w.fresh((*batch, *heads[:1], length, width), dtype, requires_grad=w.chance(0.6)))
    if query is None:
        return
    key, value = (w.fresh((*batch, *heads[1:], others, width), dtype) for _ in range(2))
    options: dict[str, Any] = {}
    if len(set(heads)) > 1:
        options["enable_gqa"] = True
    if w.chance(0.4):
        options["is_causal"] = True
    elif w.chance(0.4):
        rows = w.choose((1, length))
        options["attn_mask"] = w.fresh((*heads[:1], rows, others), w.choose(("bool", dtype)))
    made = w.define(call("F.scaled_dot_product_attention", query, key, value, **options))
    if made is not None and w.own is None and w.operand(made.name).value.requires_grad:
        w.do(method(method(made, "sum"), "backward"))


@family(1)
def recurrent(w: Writer) -> None:
    if w.own is not None:
        return
    name, features, hidden = w.choose(("RNN", "GRU", "LSTM")), w.choose((1, 3, 4)), w.choose((1, 2, 5, 17))
    options: dict[str, Any] = {"batch_first": True} if w.chance(0.5) else {}
    if w.chance(0.3):
        options["bidirectional"] = True
    if w.chance(0.3):
        options["num_layers"] = 2
    if name == "RNN" and w.chance(0.5):
        options["nonlinearity"] = "relu"
    options["dtype"] = dtype_of(w.choose(("float32", "float32", "float64", "bfloat16")))
    model = w.define(call("nn." + name, features, hidden, **options), prefix="model")
    steps, batch = w.choose((1, 3, 6)), w.choose((1, 2, 9))
    x = w.define(call("tf.randn", steps, batch, features, dtype=options["dtype"], requires_grad=w.chance(0.5)))
    if model is None or x is None:
        return
    # The states at all steps, and what is left at the end (of an LSTM a pair).
    output = w.define(Call(model, (x,)), count=2)
    if output is not None:
        states = w.tensors[-1] if name == "LSTM" else w.tensors[-2]
        w.do(method(method(w.operand(states).name, "sum"), "backward"))


@family(0.6)
def transformer(w: Writer) -> None:
    if w.own is not None:
        return
    width = w.choose((4, 8))
    layer = w.choose((
        call("nn.MultiheadAttention", width, 2, batch_first=True),
        call("nn.TransformerEncoderLayer", width, 2, 7, dropout=0.1, batch_first=True),
    ))  # fmt: skip
    model = w.define(layer, prefix="model")
    x = w.define(call("tf.randn", 2, w.choose((1, 3, 5)), width))
    if model is None or x is None:
        return
    if layer.function.path == "nn.MultiheadAttention":
        made = w.define(Call(model, (x, x, x)), count=2)
        made = w.operand(w.tensors[-2]).name if made is not None else None
    else:
        made = w.define(Call(model, (x,)))
    if made is not None:
        w.do(method(method(made, "sum"), "backward"))
