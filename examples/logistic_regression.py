"""Logistic regression: benign or malignant, from thirty measurements of cell nuclei.

Data: 569 tumours (W. Street et al., Nuclear feature extraction for breast tumor diagnosis, 1993), bundled with
scikit-learn; a quarter is held out. scikit-learn's own logistic regression, which minimises the same loss with the same
penalty of the weights' squares, stands beside it: the two agree within 1 %.
"""

import argparse
from pathlib import Path

import matplotlib
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

import tenfold as tf
from tenfold import metrics, nn, optim

matplotlib.use("Agg")
from matplotlib import pyplot as plt

parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--out", type=Path, default=Path("runs/logistic_regression"), help="folder of the picture")
parser.add_argument("--quick", action="store_true", help="as in full, which takes a second")
options = parser.parse_args()
options.out.mkdir(parents=True, exist_ok=True)

tf.manual_seed(0)
data = load_breast_cancer()
train_x, test_x, train_y, test_y = train_test_split(
    data.data, data.target, test_size=0.25, random_state=0, stratify=data.target
)
scaler = StandardScaler().fit(train_x)
train_x, test_x = scaler.transform(train_x), scaler.transform(test_x)
peer = LogisticRegression(C=1.0, tol=1e-8, max_iter=1000).fit(train_x, train_y)

x, y = tf.asarray(train_x).float(), tf.asarray(train_y).float()
model = nn.Linear(30, 1)
optimizer = optim.LBFGS(model.parameters(), max_iter=200, line_search_fn="strong_wolfe")
loss_function = nn.BCEWithLogitsLoss()


def closure() -> tf.Tensor:
    """The loss and its gradient: mean cross-entropy, and the penalty that scikit-learn's C = 1 stands for."""
    optimizer.zero_grad()
    loss = loss_function(model(x).squeeze(1), y) + 0.5 * (model.weight**2).sum() / len(y)
    loss.backward()
    return loss


print(f"loss before {closure().item():.5f}")
optimizer.step(closure)
print(f"loss after  {closure().item():.5f}")

with tf.no_grad():
    probabilities = model(tf.asarray(test_x).float()).squeeze(1).sigmoid()
labels = tf.asarray(test_y)
accuracy = ((probabilities > 0.5) == (labels == 1)).float().mean().item()
loss = nn.functional.binary_cross_entropy(probabilities, labels.float()).item()
area = metrics.ROCAUC()
area.update(probabilities, labels)
peer_loss, peer_accuracy = log_loss(test_y, peer.predict_proba(test_x)), peer.score(test_x, test_y)

figure, axes = plt.subplots(figsize=(6.5, 4.2), layout="constrained")
bins = [place / 20 for place in range(21)]
for kind, name in enumerate(data.target_names):
    axes.hist(probabilities[labels == kind].tolist(), bins=bins, alpha=0.7, label=str(name))
axes.set(xlabel="probability of benign", ylabel="tumours held out", title=f"ROC AUC {area.compute():.4f}")
axes.legend(frameon=False)
figure.savefig(options.out / "probabilities.png", dpi=110)
print(f"drew {options.out / 'probabilities.png'}")
print(f"held-out log loss: {loss:.4f} (within 1 % of scikit-learn's {peer_loss:.4f})")
print(f"held-out accuracy: {accuracy:.4f} (within 1 % of scikit-learn's {peer_accuracy:.4f})")
assert abs(loss / peer_loss - 1) < 0.01
assert abs(accuracy / peer_accuracy - 1) < 0.01
