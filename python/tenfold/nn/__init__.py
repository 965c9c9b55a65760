"""Neural networks: modules, their functions, initialisers.

>>> import tenfold as tf
>>> from tenfold import nn
>>> model = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
>>> model(tf.zeros(5, 1, 8, 8)).shape
(5, 10)
"""

from tenfold.nn import functional as functional
from tenfold.nn import init as init
from tenfold.nn import modules as modules
from tenfold.nn import utils as utils
from tenfold.nn.modules import *  # noqa: F403  (each file lists its classes)
from tenfold.nn.parameter import Buffer as Buffer
from tenfold.nn.parameter import Parameter as Parameter
from tenfold.nn.parameter import UninitializedBuffer as UninitializedBuffer
from tenfold.nn.parameter import UninitializedParameter as UninitializedParameter
