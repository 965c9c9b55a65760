"""A GPT from nothing: pairs of bytes, attention that looks back, and text drawn with a cache.

Data: the World English Bible, 4 million characters (`apt-get install diatheke sword-text-web`), cut into 2,000 kinds of
tokens; each twentieth chapter is held out. The model is that of A. Radford et al., Language Models are Unsupervised
Multitask Learners, 2019, made small. Keys and values of what was read are kept, so that each new token costs one row of
attention; it is drawn by temperature, top-k and top-p (A. Holtzman et al., ICLR 2020). Writes what it drew.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import tenfold as tf
from common.bible import split_text
from tenfold import nn, optim
from tenfold.nn import functional as F
from tenfold.text import Tokenizer, TokenWindows
from tenfold.train import Trainer
from tenfold.utils.data import DataLoader

CONTEXT = 128  # tokens that the model sees at once
Cache = tuple[tf.Tensor, tf.Tensor]  # keys and values `(N, heads, T, width / heads)`


class Block(nn.Module):
    """Attention to what came before, then a network at each place; both are added to what they read."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.attention_norm, self.network_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.network = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: tf.Tensor, cache: Cache | None = None) -> tuple[tf.Tensor, Cache]:
        """Places `(N, T, width)` that follow those of the cache; gives them changed, and a cache that has them too."""
        n, places, width = x.shape
        split = self.queries_keys_values(self.attention_norm(x)).reshape(n, places, 3, self.heads, width // self.heads)
        queries, keys, values = split.permute(2, 0, 3, 1, 4).unbind(0)
        if cache is not None:
            keys, values = tf.cat([cache[0], keys], dim=2), tf.cat([cache[1], values], dim=2)
        # After a cache comes one place at a time, which may look at all that there is.
        attended = F.scaled_dot_product_attention(queries, keys, values, is_causal=cache is None)
        x = x + self.joined(attended.transpose(1, 2).reshape(n, places, width))
        return x + self.network(self.network_norm(x)), (keys, values)


class GPT(nn.Module):
    """Tokens `(N, T)` to the logits of the next ones."""

    def __init__(self, tokens: int, width: int, layers: int, heads: int = 4):
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.position = nn.Embedding(CONTEXT, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:  # what is added to the stream starts smaller the more layers add to it
                last = name.endswith(("joined.weight", "network.2.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * layers) if last else 0.02)

    def step(self, tokens: tf.Tensor, caches: list[Cache] | None = None) -> tuple[tf.Tensor, list[Cache]]:
        """The logits `(N, T, tokens)` after those that the caches hold, and the caches with these too."""
        start = 0 if caches is None else caches[0][0].shape[2]
        x = self.embedding(tokens) + self.position(tf.arange(start, start + tokens.shape[1]))
        grown = []
        for number, block in enumerate(self.blocks):
            x, cache = block(x, None if caches is None else caches[number])
            grown.append(cache)
        return self.norm(x) @ self.embedding.weight.T, grown

    def forward(self, tokens: tf.Tensor) -> tf.Tensor:
        return self.step(tokens)[0].transpose(1, 2)  # `(N, tokens, T)`, as the cross-entropy of many places wants it


def draw(logits: tf.Tensor, temperature: float = 0.8, top_k: int = 50, top_p: float = 0.95) -> tf.Tensor:
    """One token `(1,)` of logits `(tokens,)`: of the `top_k` likeliest, as many as make up `top_p` of the chances."""
    best, tokens = (logits / temperature).topk(top_k)
    chances = F.softmax(best, dim=0)
    before = chances.cumsum(0) - chances
    return tokens[tf.multinomial(tf.where(before < top_p, chances, 0.0), 1)]


def write(model: GPT, tokenizer: Tokenizer, beginning: str) -> str:
    """Goes on from a beginning until the context is full."""
    tokens = tokenizer.encode(beginning)
    with tf.no_grad():
        logits, caches = model.step(tokens.unsqueeze(0))
        while len(tokens) < CONTEXT:
            token = draw(logits[0, -1])
            tokens = tf.cat([tokens, token])
            if len(tokens) < CONTEXT:
                logits, caches = model.step(token.unsqueeze(0), caches)
    return tokenizer.decode(tokens)


def check_cache(model: GPT, tokens: tf.Tensor) -> None:
    """Token by token with a cache gives the logits of all at once, but for the order of the sums."""
    with tf.no_grad():
        together, _ = model.step(tokens.unsqueeze(0))
        logits, caches = model.step(tokens[None, :1])
        one_by_one = [logits]
        for token in tokens[1:]:
            logits, caches = model.step(token.reshape(1, 1), caches)
            one_by_one.append(logits)
    # Sums of some hundred terms: a hundred times the rounding of the largest logit bounds what their order changes.
    tolerance = 100 * 2**-23 * together.abs().max().item()
    assert (tf.cat(one_by_one, dim=1) - together).abs().max().item() < tolerance, "the cache changes the logits"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/gpt"), help="folder of the text that it writes")
    parser.add_argument("--quick", action="store_true", help="a smaller model that reads Genesis and Exodus")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)

    tf.manual_seed(options.seed)
    train, test = split_text(["Genesis", "Exodus"]) if options.quick else split_text()
    tokenizer = Tokenizer.train([train], vocab_size=600 if options.quick else 2000, special_tokens=())
    train_tokens, test_tokens = tokenizer.encode(train), tokenizer.encode(test)
    characters_per_token = len(test) / len(test_tokens)
    print(f"{len(train_tokens)} tokens of {len(tokenizer)} kinds, {characters_per_token:.2f} characters each")

    windows = TokenWindows(train_tokens, CONTEXT)
    batches = DataLoader(windows, batch_size=8, shuffle=True)
    held_out = DataLoader(TokenWindows(test_tokens, CONTEXT), batch_size=16)
    model = GPT(len(tokenizer), width=64 if options.quick else 128, layers=2 if options.quick else 4)
    optimizer = optim.AdamW(model.parameters(), betas=(0.9, 0.95), weight_decay=0.1)
    rate, steps = 5e-3 if options.quick else 2e-3, options.epochs * len(batches)
    schedule = optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rate, total_steps=steps, pct_start=0.1)
    trainer = Trainer(model, optimizer, "cross_entropy", scheduler=schedule, schedule="step", clip_norm=1.0)
    trainer.fit(batches, epochs=options.epochs, verbose=2)

    model.eval()
    check_cache(model, test_tokens[:20])
    started = time.perf_counter()
    drawn = [write(model, tokenizer, beginning) for beginning in ("In the beginning", "Jesus said", "The king")]
    print(f"drew {3 * CONTEXT / (time.perf_counter() - started):.0f} tokens a second\n")
    (options.out / "text.txt").write_text("\n\n---\n\n".join(drawn) + "\n", "utf-8")
    print(*drawn, sep="\n\n---\n\n", end="\n\n")

    loss, wanted = trainer.evaluate(held_out)["loss"], 5.0 if options.quick else 4.2
    print(f"held-out bits per character: {loss / math.log(2) / characters_per_token:.3f}")
    print(f"held-out loss per token: {loss:.3f} (at most {wanted})")
    assert loss <= wanted, "the model did not learn as it should"


if __name__ == "__main__":
    main()
