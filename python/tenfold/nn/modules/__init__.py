"""Layers, activations, losses and containers."""

# ruff: noqa: F403  (each file lists its classes)

from tenfold.nn.modules.activation import *
from tenfold.nn.modules.activation_with_options import *
from tenfold.nn.modules.adaptive_softmax import *
from tenfold.nn.modules.attention import *
from tenfold.nn.modules.batchnorm import *
from tenfold.nn.modules.container import *
from tenfold.nn.modules.conv import *
from tenfold.nn.modules.distance import *
from tenfold.nn.modules.dropout import *
from tenfold.nn.modules.flatten import *
from tenfold.nn.modules.folding import *
from tenfold.nn.modules.instancenorm import *
from tenfold.nn.modules.lazy import *
from tenfold.nn.modules.linear import *
from tenfold.nn.modules.loss import *
from tenfold.nn.modules.margin_loss import *
from tenfold.nn.modules.module import *
from tenfold.nn.modules.normalization import *
from tenfold.nn.modules.padding import *
from tenfold.nn.modules.parallel import *
from tenfold.nn.modules.parameter_containers import *
from tenfold.nn.modules.pooling import *
from tenfold.nn.modules.positional import *
from tenfold.nn.modules.rnn import *
from tenfold.nn.modules.sparse import *
from tenfold.nn.modules.transformer import *
from tenfold.nn.modules.unpooling import *
from tenfold.nn.modules.upsampling import *
