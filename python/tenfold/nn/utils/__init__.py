"""Gradients clipped, parameters as one vector, sequences packed."""

from tenfold.nn.utils import rnn as rnn
from tenfold.nn.utils.clip_grad import clip_grad_norm_, clip_grad_value_, get_total_norm
from tenfold.nn.utils.convert_parameters import parameters_to_vector, vector_to_parameters

__all__ = [
    "clip_grad_norm_",
    "clip_grad_value_",
    "get_total_norm",
    "parameters_to_vector",
    "rnn",
    "vector_to_parameters",
]
