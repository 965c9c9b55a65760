"""Neural networks: modules, their functions, initialisers.

>>> import tenfold as tf
>>> from tenfold import nn
>>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
>>> model(tf.zeros(5, 1, 8, 8)).shape
(5, 10)
"""

from tenfold.nn import functional, init, modules, utils
from tenfold.nn.modules import *
from tenfold.nn.parameter import Parameter as Parameter
