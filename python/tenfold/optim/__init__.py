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

from tenfold.optim import lr_scheduler
from tenfold.optim.adagrad import Adagrad
from tenfold.optim.adam import Adam, AdamW
from tenfold.optim.optimizer import Optimizer
from tenfold.optim.rmsprop import RMSprop
from tenfold.optim.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "lr_scheduler"]
