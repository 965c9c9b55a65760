"""Recurrent networks as introductions call them: nn.RNN with an explicit h0, a stacked nn.LSTM after an embedding."""

import math

import tenfold as tf
from tenfold import nn, optim


def test_rnn_with_an_explicit_h0_learns_a_wave():
    input_size, hidden_size, num_layers, batch_size, sequence_length = 1, 16, 1, 8, 20

    class RNN(nn.Module):
        def __init__(self):
            super().__init__()
            self.rnn = nn.RNN(input_size, hidden_size, num_layers, batch_first=True)
            self.fc = nn.Linear(hidden_size, 1)

        def forward(self, x):
            h0 = tf.zeros(num_layers, x.size(0), hidden_size)
            out, _ = self.rnn(x, h0)
            return self.fc(out[:, -1, :])

    tf.manual_seed(0)
    starts = tf.rand(batch_size, 1) * 2 * math.pi
    wave = tf.sin(starts + 0.3 * tf.arange(sequence_length + 1)).unsqueeze(2)
    x, y = wave[:, :-1], wave[:, -1]
    model = RNN()
    optimizer = optim.Adam(model.parameters(), lr=0.01)
    criterion = nn.MSELoss()
    losses = []
    for _ in range(150):
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert model(x).shape == (batch_size, 1)
    assert losses[-1] < 0.01 < losses[0]


def test_rnn_is_its_formula():
    tf.manual_seed(0)
    rnn = nn.RNN(3, 5, batch_first=True, dtype=tf.float64)
    x, h = tf.randn(2, 7, 3, dtype=tf.float64), tf.randn(2, 5, dtype=tf.float64)
    output, last = rnn(x, h.unsqueeze(0))
    for t in range(7):
        h = tf.tanh(x[:, t] @ rnn.weight_ih_l0.T + rnn.bias_ih_l0 + h @ rnn.weight_hh_l0.T + rnn.bias_hh_l0)
        # Sums of 3 + 5 products of numbers below 3, seven times: some n·eps = 56 · 2.2e-16, and a factor of safety.
        assert (output[:, t] - h).abs().max().item() < 1e-13
    assert last.shape == (1, 2, 5)
    assert (last[0] == output[:, -1]).all()


def test_stacked_lstm_with_h0_and_c0_after_an_embedding():
    vocabulary, embedding_dim, hidden_dim, layers = 12, 8, 16, 2

    class LSTMClassifier(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(vocabulary, embedding_dim)
            self.lstm = nn.LSTM(embedding_dim, hidden_dim, layers, batch_first=True)
            self.fc = nn.Linear(hidden_dim, 2)

        def forward(self, x):
            h0 = tf.zeros(layers, x.size(0), hidden_dim)
            c0 = tf.zeros(layers, x.size(0), hidden_dim)
            embedded = self.embedding(x)
            out, (hn, cn) = self.lstm(embedded, (h0, c0))
            assert out.shape == (x.size(0), x.size(1), hidden_dim)
            assert hn.shape == cn.shape == (layers, x.size(0), hidden_dim)
            return self.fc(out[:, -1, :])

    # Does the word 3 stand anywhere in the sentence?
    tf.manual_seed(0)
    x = tf.randint(4, vocabulary, (64, 10))
    y = tf.arange(64) % 2
    x[tf.arange(64), tf.randint(0, 10, (64,))] = tf.where(y == 1, tf.full((64,), 3), tf.full((64,), 5))
    model = LSTMClassifier()
    optimizer = optim.Adam(model.parameters(), lr=0.02)
    criterion = nn.CrossEntropyLoss()
    first = None
    for _ in range(80):
        loss = criterion(model(x), y)
        first = first or loss.item()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.2 < first
    assert (model(x).argmax(dim=1) == y).float().mean().item() > 0.95
