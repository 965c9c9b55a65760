"""Function transforms, as in ``torch.func``: they take a function of tensors and give another one.

``vmap`` maps over a batch, ``grad``, ``vjp``, ``jvp``, ``jacrev``, ``jacfwd`` and ``hessian`` differentiate. They
compose: gradients of each sample are ``vmap(grad(loss))``. Arguments and results are tensors, in nested tuples, lists
and dicts.

>>> import tenfold as tf
>>> from tenfold.func import grad, vmap
>>> vmap(grad(lambda x: (x**3).sum()))(tf.tensor([[1.0, 2.0], [3.0, 4.0]]))
tensor([[ 3., 12.],
        [27., 48.]])
"""

from tenfold.func.derivatives import grad, grad_and_value, linearize, value_and_grad, vjp
from tenfold.func.forward import jvp
from tenfold.func.jacobians import hessian, jacfwd, jacrev
from tenfold.func.mapping import vmap
from tenfold.func.modules import functional_call, stack_module_state

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "value_and_grad",
    "vjp",
    "vmap",
]
