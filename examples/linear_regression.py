"""Linear regression by gradient descent: the progress of diabetes from ten measurements.

Data: 442 patients (B. Efron et al., Least Angle Regression, 2004), bundled with scikit-learn; a quarter is held out.
The same line by scikit-learn's closed formula stands beside it: the two agree within 1 %.
"""

import argparse
from pathlib import Path

import matplotlib
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split

import tenfold as tf
from tenfold import nn, optim

matplotlib.use("Agg")
from matplotlib import pyplot as plt

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("runs/linear_regression"), help="folder of the picture")
parser.add_argument("--quick", action="store_true", help="as in full, which takes a second")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)

tf.manual_seed(0)
data = load_diabetes()
train_x, test_x, train_y, test_y = train_test_split(data.data, data.target, test_size=0.25, random_state=0)
peer = LinearRegression().fit(train_x, train_y)

# Gradient descent wants columns of one size, and a target about 0; both by figures of the training part alone.
mean, scale = tf.asarray(train_x).mean(dim=0), tf.asarray(train_x).std(dim=0)
target_mean, target_scale = train_y.mean(), train_y.std()
x = ((tf.asarray(train_x) - mean) / scale).float()
y = ((tf.asarray(train_y) - target_mean) / target_scale).float().unsqueeze(1)

model = nn.Linear(10, 1)
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
loss_function = nn.MSELoss()
for step in range(1001):
    loss = loss_function(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    if step % 200 == 0:
        print(f"step {step:4}  loss {loss.item():.5f}")

with tf.no_grad():
    predicted = model(((tf.asarray(test_x) - mean) / scale).float()).squeeze(1) * target_scale + target_mean
error = ((predicted - tf.asarray(test_y)) ** 2).mean().sqrt().item()
peer_error = float(((peer.predict(test_x) - test_y) ** 2).mean() ** 0.5)

figure, (left, right) = plt.subplots(1, 2, figsize=(10, 4.4), layout="constrained")
left.scatter(test_y, predicted.tolist(), s=14)
left.plot([30, 340], [30, 340], color="gray", linewidth=1)
left.set(xlabel="progress of the disease", ylabel="predicted", title="Patients held out")
places = range(10)
left_bars = (model.weight[0].detach() / scale * target_scale).tolist()
right.bar([place - 0.2 for place in places], left_bars, width=0.4, label="Tenfold")
right.bar([place + 0.2 for place in places], peer.coef_, width=0.4, label="scikit-learn")
right.set(xticks=places, xticklabels=data.feature_names, title="Weights")
right.legend(frameon=False)
figure.savefig(options.out / "fit.png", dpi=110)
print(f"drew {options.out / 'fit.png'}")
print(f"held-out RMSE: {error:.3f} (within 1 % of scikit-learn's {peer_error:.3f})")
assert abs(error / peer_error - 1) < 0.01
