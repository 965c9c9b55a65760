"""Recurrent layers and cells: RNN, LSTM, GRU."""

from __future__ import annotations

import math
import warnings
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.amp import is_autocast_enabled
from tenfold.nn import functional as F
from tenfold.nn import init
from tenfold.nn.modules._arguments import new_tensor_options
from tenfold.nn.modules.module import Module
from tenfold.nn.parameter import Parameter
from tenfold.nn.utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNBase", "RNNCell", "RNNCellBase"]

# How many times wider than the state the projections are, and the functions of the layers.
_GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "LSTM": 4, "GRU": 3}
_FUNCTIONS = {"RNN_TANH": "rnn_tanh", "RNN_RELU": "rnn_relu", "LSTM": "lstm", "GRU": "gru"}


class RNNBase(Module):
    """What `RNN`, `LSTM` and `GRU` share: arguments, weights, initialisation.

    Layer k and direction have ``weight_ih_l{k}``, ``weight_hh_l{k}``, ``bias_ih_l{k}``, ``bias_hh_l{k}`` (and
    ``weight_hr_l{k}`` with projections; ``_reverse`` at the end for the backward direction), which begin uniform in
    ±1/√hidden_size. ``dropout`` acts on the outputs of all layers but the last.
    """

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if mode not in _GATES:
            raise ValueError(f"{name}: no such mode; got {mode!r}. Hint: one of {', '.join(_GATES)}")
        if isinstance(dropout, bool) or not isinstance(dropout, int | float) or not 0 <= dropout <= 1:
            raise ValueError(f"{name}: dropout must be a number from 0 to 1; got {dropout!r}")
        if not isinstance(bias, bool):
            raise TypeError(f"{name}: bias must be a bool; got {type(bias).__name__}")
        for argument, value in (("input_size", input_size), ("hidden_size", hidden_size), ("num_layers", num_layers)):
            if argument != "num_layers" and not isinstance(value, int):
                raise TypeError(f"{name}: {argument} must be an int; got {type(value).__name__}")
            if value <= 0:
                raise ValueError(f"{name}: {argument} must be greater than zero; got {value}")
        if not 0 <= proj_size < hidden_size:
            raise ValueError(f"{name}: proj_size must be from 0 to less than hidden_size; got {proj_size}")
        if dropout > 0 and num_layers == 1:
            warnings.warn(
                f"{name}: dropout acts between layers, and there is only one; got dropout={dropout}", stacklevel=3
            )
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._weight_names: list[list[str]] = []
        directions = 2 if bidirectional else 1
        gates, state = _GATES[mode] * hidden_size, proj_size or hidden_size
        options = new_tensor_options(device, dtype)
        for layer in range(num_layers):
            features = input_size if layer == 0 else state * directions
            for direction in range(directions):
                shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates, features), "weight_hh": (gates, state)}
                if bias:
                    shapes |= {"bias_ih": (gates,), "bias_hh": (gates,)}
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                suffix = f"_l{layer}" + ("_reverse" if direction else "")
                for kind, shape in shapes.items():
                    setattr(self, kind + suffix, Parameter(_core.empty(shape, **options)))
                self._weight_names.append([kind + suffix for kind in shapes])
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all weights anew."""
        bound = 1 / math.sqrt(self.hidden_size)
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def flatten_parameters(self) -> None:
        """Does nothing: the weights need no arrangement in memory."""

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The weights by layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._weight_names]

    def _states(self, hx: Any) -> tuple[Tensor, ...] | None:
        """The initial states as a tuple."""
        return None if hx is None else (hx,)

    def _run(self, input: Any, hx: Any) -> tuple[Any, tuple[Tensor, ...]]:
        name = type(self).__name__
        packed = input if isinstance(input, PackedSequence) else None
        x = packed.data if packed is not None else input
        weights = [weight for cell in self.all_weights for weight in cell]
        if packed is None and x.ndim not in (2, 3):
            raise ValueError(f"{name}: expected input to be 2D or 3D; got {x.ndim}D")
        if x.dtype != weights[0].dtype and not is_autocast_enabled():
            raise ValueError(
                f"{name}: the input must have the weights' dtype; got {x.dtype} and {weights[0].dtype}. "
                "Hint: convert the input or the model"
            )
        if x.shape[-1] != self.input_size:
            raise _core.ShapeError(
                f"{name}: input.size(-1) must be input_size; got {x.shape[-1]}, expected {self.input_size}"
            )
        states = self._states(hx)
        unbatched = packed is None and x.ndim == 2
        if unbatched:
            x = x.unsqueeze(0 if self.batch_first else 1)
        if states is not None and packed is None:
            axes = 2 if unbatched else 3
            if any(state.ndim != axes for state in states):
                raise _core.ShapeError(
                    f"{name}: a {axes}D input needs initial states with {axes} axes; "
                    f"got {', '.join(f'{state.ndim}D' for state in states)}"
                )
            if unbatched:
                states = tuple(state.unsqueeze(1) for state in states)
        if states is not None and packed is not None and packed.sorted_indices is not None:
            states = tuple(state.index_select(1, packed.sorted_indices) for state in states)
        given: Any = None if states is None else states if self.mode == "LSTM" else states[0]
        sizes = None if packed is None else packed.batch_sizes.tolist()
        output, *last = getattr(F, _FUNCTIONS[self.mode])(
            x, given, weights, self.bias, self.num_layers, self.dropout, self.training, self.bidirectional,
            self.batch_first, sizes,
        )  # fmt: skip
        if packed is not None:
            if packed.unsorted_indices is not None:
                last = [state.index_select(1, packed.unsorted_indices) for state in last]
            output = PackedSequence(output, packed.batch_sizes, packed.sorted_indices, packed.unsorted_indices)
        elif unbatched:
            output = output.squeeze(0 if self.batch_first else 1)
            last = [state.squeeze(1) for state in last]
        return output, tuple(last)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        output, last = self._run(input, hx)
        return output, last[0]

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        defaults = {
            "proj_size": 0, "num_layers": 1, "bias": True, "batch_first": False, "dropout": 0, "bidirectional": False,
        }  # fmt: skip
        for name, default in defaults.items():
            value = getattr(self, name)
            if value != default:
                text += f", {name}={value}"
        return text


class RNN(RNNBase):
    """Layers of a recurrent network (Elman 1990): h_t = tanh(W_ih x_t + b_ih + W_hh h_(t−1) + b_hh), or relu.

    Input `(T, N, input_size)`, `(N, T, input_size)` with ``batch_first``, without N, or a `PackedSequence`; the states
    ``hx`` `(layers · directions, N, hidden_size)` begin as zeros. Gives the last layer's states at all steps, `(T, N,
    directions · hidden_size)`, and all layers' last states.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> output, h_n = nn.RNN(10, 20, 2)(tf.zeros(5, 3, 10))
    >>> output.shape, h_n.shape
    ((5, 3, 20), (2, 3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        proj_size: int = 0,
    ) -> None:
        if proj_size:
            raise ValueError(f"RNN: only LSTM takes proj_size; got {proj_size}")
        if nonlinearity not in ("tanh", "relu"):
            raise ValueError(f"RNN: nonlinearity must be 'tanh' or 'relu'; got {nonlinearity!r}")
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(
            mode, input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip
        self.nonlinearity = nonlinearity


class LSTM(RNNBase):
    """Layers of long short-term memory (Hochreiter and Schmidhuber 1997).

    As `RNN`, with a pair ``hx = (h_0, c_0)`` of states and cells. The gates stand in the weights as input, forget,
    cell, output. With ``proj_size`` the states are projected to that width (Sak et al. 2014).

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> output, (h_n, c_n) = nn.LSTM(10, 20, bidirectional=True)(tf.zeros(5, 3, 10))
    >>> output.shape, h_n.shape, c_n.shape
    ((5, 3, 40), (2, 3, 20), (2, 3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            "LSTM", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size,
            device, dtype,
        )  # fmt: skip

    def _states(self, hx: Any) -> tuple[Tensor, ...] | None:
        if hx is None:
            return None
        if not isinstance(hx, tuple | list) or len(hx) != 2:
            raise TypeError(f"LSTM: hx must be a pair of states and cells; got {type(hx).__name__}")
        return tuple(hx)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, tuple[Tensor, Tensor]]:
        output, last = self._run(input, hx)
        return output, (last[0], last[1])


class GRU(RNNBase):
    """Layers of gated recurrent units (Cho et al. 2014), the reset gate behind the recurrent product.

    Arguments and shapes as for `RNN`; the gates stand in the weights as reset, update, new.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> output, h_n = nn.GRU(10, 20, batch_first=True)(tf.zeros(3, 5, 10))
    >>> output.shape, h_n.shape
    ((3, 5, 20), (1, 3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        proj_size: int = 0,
    ) -> None:
        if proj_size:
            raise ValueError(f"GRU: only LSTM takes proj_size; got {proj_size}")
        super().__init__(
            "GRU", input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional,
            device=device, dtype=dtype,
        )  # fmt: skip


class RNNCellBase(Module):
    """What the cells share: ``weight_ih``, ``weight_hh``, ``bias_ih`` and ``bias_hh``, uniform in ±1/√hidden_size."""

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, num_chunks: int, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__()
        options = new_tensor_options(device, dtype)
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        gates = num_chunks * hidden_size
        self.weight_ih = Parameter(_core.empty((gates, input_size), **options))
        self.weight_hh = Parameter(_core.empty((gates, hidden_size), **options))
        self.register_parameter("bias_ih", Parameter(_core.empty(gates, **options)) if bias else None)
        self.register_parameter("bias_hh", Parameter(_core.empty(gates, **options)) if bias else None)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all weights anew."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0.0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def _weights(self) -> tuple[Any, ...]:
        return self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh

    def _state(self, input: Tensor, hx: Tensor | None) -> Tensor:
        """The state, zeros by default, checked beside the input."""
        name = type(self).__name__
        if input.ndim not in (1, 2):
            raise ValueError(f"{name}: expected input to be 1D or 2D; got {input.ndim}D")
        if hx is None:
            return _core.zeros((*input.shape[:-1], self.hidden_size), dtype=input.dtype)
        if hx.ndim not in (1, 2):
            raise ValueError(f"{name}: expected hidden to be 1D or 2D; got {hx.ndim}D")
        return hx

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        if getattr(self, "nonlinearity", "tanh") != "tanh":
            text += f", nonlinearity={self.nonlinearity}"
        return text


class RNNCell(RNNCellBase):
    """One step of an `RNN`: input `(N, input_size)` and state `(N, hidden_size)`, or both without N, to the new state.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.RNNCell(10, 20)(tf.zeros(3, 10)).shape
    (3, 20)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        state = self._state(input, hx)
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"RNNCell: nonlinearity must be 'tanh' or 'relu'; got {self.nonlinearity!r}")
        function = F.rnn_tanh_cell if self.nonlinearity == "tanh" else F.rnn_relu_cell
        return function(input, state, *self._weights())


class LSTMCell(RNNCellBase):
    """One step of an `LSTM`: input `(N, input_size)` and a pair of state and cell `(N, hidden_size)` to the new pair.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> h, c = nn.LSTMCell(10, 20)(tf.zeros(3, 10))
    >>> h.shape, c.shape
    ((3, 20), (3, 20))
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        given = (None, None) if hx is None else hx
        states = [self._state(input, state) for state in given]
        return F.lstm_cell(input, states, *self._weights())


class GRUCell(RNNCellBase):
    """One step of a `GRU`: input `(N, input_size)` and state `(N, hidden_size)`, or both without N, to the new state.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> nn.GRUCell(10, 20)(tf.zeros(3, 10)).shape
    (3, 20)
    """

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool = True, device: Any = None, dtype: Any = None
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        return F.gru_cell(input, self._state(input, hx), *self._weights())
