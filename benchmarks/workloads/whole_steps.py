"""Training steps of whole models, and decoding."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workloads import models
from workloads.workload import Group, Step, Workload, adam

Loss = Callable[[Any, Any], Any]


def training_step(
    name: str, make: Callable[[Any], Any], batch: Callable[[Any], tuple[Any, Any]], loss: str, flops: float = 0
) -> Workload:
    """`make(xp)` gives the model, `batch(xp)` inputs and targets, `loss` is a name of nn.functional."""

    def prepare(xp: Any) -> Step:
        model = make(xp)
        optimizer = adam(xp, model.parameters())
        inputs, targets = batch(xp)
        criterion = getattr(xp.nn.functional, loss)

        def step() -> Any:
            value = criterion(model(inputs), targets)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            return value

        return step

    return Workload(name, prepare, flops=flops)


def images(count: int, *shape: int, classes: int = 10) -> Callable[[Any], tuple[Any, Any]]:
    return lambda xp: (xp.randn(count, *shape), xp.randint(0, classes, (count,)))


def tokens(count: int, length: int, vocabulary: int) -> Callable[[Any], tuple[Any, Any]]:
    def batch(xp: Any) -> tuple[Any, Any]:
        return xp.randint(0, vocabulary, (count, length)), xp.randint(0, vocabulary, (count * length,))

    return batch


def encoded(xp: Any) -> tuple[Any, Any]:
    return xp.randn(8, 128, 768), xp.randn(8, 128, 768)


def pictures(xp: Any) -> tuple[Any, Any]:
    x = xp.rand(128, 784)
    return x, x


def labelled_tokens(xp: Any) -> tuple[Any, Any]:
    return xp.randint(0, 10_000, (32, 100)), xp.randint(0, 5, (32,))


def gan(xp: Any) -> Step:
    """A step of the discriminator on true and made pictures, then one of the generator."""
    generator, discriminator = models.generator(xp), models.discriminator(xp)
    # Small steps: with 1e-3 the discriminator is sure after some tens of them, and for some tens its gradients are
    # subnormal, which processors take up to 200 times as long for in either package. Which steps those are is chance.
    optimizers = (adam(xp, network.parameters(), lr=1e-5) for network in (generator, discriminator))
    of_generator, of_discriminator = optimizers
    real, noise = xp.rand(64, 784), xp.randn(64, 64)
    ones, zeros = xp.ones(64, 1), xp.zeros(64, 1)
    criterion = xp.nn.functional.binary_cross_entropy_with_logits

    def step() -> Any:
        made = generator(noise)
        of_discriminator.zero_grad()
        loss = criterion(discriminator(real), ones) + criterion(discriminator(made.detach()), zeros)
        loss.backward()
        of_discriminator.step()
        of_generator.zero_grad()
        fooled = criterion(discriminator(made), ones)
        fooled.backward()
        of_generator.step()
        return loss, fooled

    return step


def decoding(xp: Any, length: int = 32) -> Step:
    """Greedy: a prompt of 32 tokens, then 32 tokens one by one with cached keys and values."""
    model = models.GPT(xp, vocabulary=5000, width=256, heads=4, layers=4, context=128).module.eval()
    prompt = xp.randint(0, 5000, (1, 32))

    def step() -> Any:
        with xp.no_grad():
            cache: list[Any] = [None] * 4
            chosen, written, start = prompt, [], 0
            for _ in range(length):
                logits = model.decode(chosen, start, cache)
                start += chosen.shape[1]
                chosen = logits[:, -1:].argmax(-1)
                # A program that decodes looks at each token.
                written.append(chosen.item())
            return written

    return step


def conv_flops(*layers: tuple[int, int, int, int]) -> float:
    """Of pixels, channels in and out, kernel size, per layer and image; the first needs no gradient of its input."""
    products = [pixels * channels * out * kernel for pixels, channels, out, kernel in layers]
    return 2 * (3 * sum(products) - products[0])


CNN = 128 * conv_flops((28**2, 1, 32, 9), (14**2, 32, 64, 9), (1, 64 * 49, 10, 1))
# Four products of 768² and two of 768×3072 a token, and the scores.
BERT_LAYER = 3 * 2 * 8 * 128 * (4 * 768**2 + 2 * 768 * 3072 + 2 * 128 * 768)

GROUP = Group(
    "whole steps",
    [
        training_step("MLP 784-512-512-10 b128", models.mlp, images(128, 784), "cross_entropy",
                      flops=128 * conv_flops((1, 784, 512, 1), (1, 512, 512, 1), (1, 512, 10, 1))),
        training_step("CNN 28² b128 (Fashion-MNIST)", models.cnn, images(128, 1, 28, 28), "cross_entropy", flops=CNN),
        training_step("ResNet-18 32² b16", models.resnet18, images(16, 3, 32, 32), "cross_entropy"),
        training_step("ResNet-18 224² b4", models.resnet18, images(4, 3, 224, 224), "cross_entropy"),
        training_step("LSTM classifier b32 s100", models.lstm_classifier, labelled_tokens, "cross_entropy"),
        training_step("GPT 4 layers of 256, b8 s128", models.gpt, tokens(8, 128, 5000), "cross_entropy"),
        training_step("BERT-base layer b8 s128", models.bert_layer, encoded, "mse_loss", flops=BERT_LAYER),
        Workload("GAN 64-1024-2048-4096-2048-1024-784 b64", gan),
        training_step("autoencoder 784-256-64-256-784 b128", models.autoencoder, pictures, "mse_loss"),
        Workload("GPT greedy decoding, 32 tokens with a cache", decoding),
    ],
)  # fmt: skip
