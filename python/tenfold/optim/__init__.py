"""Optimizers, and learning rates that change.

>>> import tenfold as tf
>>> from tenfold import optim
>>> x = tf.tensor([1.0], requires_grad=True)
>>> optimizer = optim.SGD([x], lr=0.1)
>>> (x * x).sum().backward()
>>> optimizer.step()
>>> round(x.item(), 4)
0.8
"""

from tenfold.optim import lr_scheduler, swa_utils
from tenfold.optim.adadelta import Adadelta
from tenfold.optim.adafactor import Adafactor
from tenfold.optim.adagrad import Adagrad
from tenfold.optim.adam import Adam, AdamW
from tenfold.optim.adam_family import Adamax, NAdam, RAdam
from tenfold.optim.asgd import ASGD
from tenfold.optim.lbfgs import LBFGS
from tenfold.optim.lion import Lion
from tenfold.optim.muon import Muon
from tenfold.optim.optimizer import Optimizer
from tenfold.optim.rmsprop import RMSprop
from tenfold.optim.rprop import Rprop
from tenfold.optim.sgd import SGD
from tenfold.optim.sparse_adam import SparseAdam

__all__ = [
    "ASGD",
    "LBFGS",
    "SGD",
    "Adadelta",
    "Adafactor",
    "Adagrad",
    "Adam",
    "AdamW",
    "Adamax",
    "Lion",
    "Muon",
    "NAdam",
    "Optimizer",
    "RAdam",
    "RMSprop",
    "Rprop",
    "SparseAdam",
    "lr_scheduler",
    "swa_utils",
]
