"""Training in a few lines: a trainer with metrics, callbacks, checkpoints and logs.

>>> import tenfold as tf
>>> from tenfold import nn
>>> from tenfold.train import Trainer
>>> tf.manual_seed(0)
>>> x = tf.randn(256, 2)
>>> y = (x.sum(dim=1) > 0).long()
>>> trainer = Trainer(nn.Linear(2, 2), "adam", loss="cross_entropy", metrics=["accuracy"], lr=0.1)
>>> history = trainer.fit(x, y, epochs=5, batch_size=32)
>>> trainer.evaluate(x, y)["accuracy"] > 0.9
True
>>> trainer.predict(tf.tensor([[3.0, 3.0]])).argmax().item()
1
"""

from tenfold.train.callbacks import (
    Callback,
    Checkpoint,
    CSVLogger,
    EarlyStopping,
    JSONLogger,
    ProgressBar,
    TensorBoard,
)
from tenfold.train.history import History
from tenfold.train.lr_finder import LearningRates
from tenfold.train.state import load_state, save_state
from tenfold.train.trainer import Trainer

__all__ = [
    "CSVLogger",
    "Callback",
    "Checkpoint",
    "EarlyStopping",
    "History",
    "JSONLogger",
    "LearningRates",
    "ProgressBar",
    "TensorBoard",
    "Trainer",
    "load_state",
    "save_state",
]
