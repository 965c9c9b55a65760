"""Random numbers: reproducible on any number of threads, distributed as promised, with a state to keep."""

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import tenfold as tf
from support import array_of, assert_near, assert_same

DRAWS = {
    "rand": lambda n: tf.rand(n),
    "rand float64": lambda n: tf.rand(n, dtype=tf.float64),
    "randn": lambda n: tf.randn(n),
    "randn float64": lambda n: tf.randn(n, dtype=tf.float64),
    "randint": lambda n: tf.randint(-5, 17, (n,)),
    "randint int8": lambda n: tf.randint(-5, 17, (n,), dtype=tf.int8),
    "randperm": lambda n: tf.randperm(n),
    "bernoulli": lambda n: tf.bernoulli(tf.full((n,), 0.3)),
    "normal": lambda n: tf.normal(3.0, 2.0, (n,)),
    "uniform_": lambda n: tf.zeros(n).uniform_(-2, 5),
    "normal_": lambda n: tf.zeros(n).normal_(),
    "bernoulli_": lambda n: tf.zeros(n).bernoulli_(0.2),
    "multinomial": lambda n: tf.multinomial(tf.ones(max(n, 1)), max(n // 2, 1)),
}


# --- Philox 4×32-10, written down once more from the paper, in plain Python.


def philox(counter, key):
    for _ in range(10):
        a, b = 0xD2511F53 * counter[0], 0xCD9E8D57 * counter[2]
        counter = [(b >> 32) ^ counter[1] ^ key[0], b & 0xFFFFFFFF, (a >> 32) ^ counter[3] ^ key[1], a & 0xFFFFFFFF]
        key = [(key[0] + 0x9E3779B9) & 0xFFFFFFFF, (key[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return counter


def words(seed, blocks, first=0):
    found = []
    for number in range(first, first + blocks):
        found += philox([number & 0xFFFFFFFF, number >> 32, 0, 0], [seed & 0xFFFFFFFF, seed >> 32])
    return np.array(found, dtype=np.uint64)


def test_our_own_philox_gives_the_published_answers() -> None:
    # kat_vectors of Random123, philox4x32-10.
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    assert philox([0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344], [0xA4093822, 0x299F31D0]) == [
        0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1,
    ]  # fmt: skip


@pytest.mark.parametrize("seed", [0, 1, 2**63 + 5, 2**64 - 1])
def test_uniform_numbers_are_the_upper_bits_of_philox(seed) -> None:
    tf.manual_seed(seed)
    assert_same(tf.rand(10), ((words(seed, 3)[:10] >> 8) * 2.0**-24).astype(np.float32))
    # Ten numbers took three blocks; the next draw begins at the fourth.
    assert_same(tf.rand(2), ((words(seed, 1, 3)[:2] >> 8) * 2.0**-24).astype(np.float32))
    tf.manual_seed(seed)
    low, high = words(seed, 3)[::2], words(seed, 3)[1::2]
    assert_same(tf.rand(5, dtype=tf.float64), ((low | high << np.uint64(32)) >> np.uint64(11))[:5] * 2.0**-53)


@given(st.integers(0, 2**64 - 1), st.integers(-(2**31), 2**31 - 1), st.integers(1, 2**31))
def test_whole_numbers_are_philox_by_multiply_and_shift(seed, low, span) -> None:
    high = min(low + span, 2**31)
    tf.manual_seed(seed)
    expected = [(int(word) * (high - low) >> 32) + low for word in words(seed, 2)]
    assert_same(tf.randint(low, high, (8,), dtype=tf.int32), np.array(expected, np.int32))


def test_normal_numbers_are_box_and_mullers() -> None:
    tf.manual_seed(3)
    found = tf.randn(1001, dtype=tf.float64)
    drawn = [int(a) | int(b) << 32 for a, b in words(3, 501).reshape(-1, 2)]
    radial = (np.array(drawn[::2], dtype=np.float64) + 0.5) * 2.0**-64
    angular = np.array([word >> 11 for word in drawn[1::2]]) * 2.0**-53
    radius = np.sqrt(-2 * np.log(radial))
    expected = np.stack([radius * np.cos(2 * np.pi * angular), radius * np.sin(2 * np.pi * angular)], 1).ravel()[:1001]
    # Four functions and two products of 1 ULP each; near the zeros of cos and sin 2π's rounding counts: 7·eps absolute.
    assert_near(found, expected, rtol=8 * 2.0**-52, atol=7 * 9.4 * 2.0**-53)


# --- The same numbers, however they are computed.


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_a_seed_gives_the_same_numbers_on_any_number_of_threads(draw) -> None:
    before = tf.get_num_threads()
    results = []
    try:
        for threads in (1, 2, 5):
            tf.set_num_threads(threads)
            tf.manual_seed(42)
            results.append([array_of(draw(n)) for n in (1, 7, 100_001)])
    finally:
        tf.set_num_threads(before)
    for others in results[1:]:
        for ours, theirs in zip(results[0], others, strict=True):
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_another_seed_or_a_later_draw_gives_other_numbers(draw) -> None:
    tf.manual_seed(1)
    first, later = array_of(draw(100)), array_of(draw(100))
    tf.manual_seed(2)
    other = array_of(draw(100))
    assert (first != later).any()
    assert (first != other).any()


@pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())
def test_a_state_that_is_set_back_goes_on_from_there(draw) -> None:
    tf.manual_seed(9)
    draw(13)
    state = tf.get_rng_state()
    first = array_of(draw(50))
    draw(1)
    tf.set_rng_state(state)
    assert_same(draw(50), first)
    assert tf.initial_seed() == 9


def test_a_number_nobody_looks_at_is_drawn_all_the_same() -> None:
    tf.manual_seed(0)
    tf.rand(5)
    after = array_of(tf.rand(5))
    tf.manual_seed(0)
    tf.rand(5).numpy()
    assert_same(tf.rand(5), after)


def test_a_generator_is_a_sequence_of_its_own() -> None:
    tf.manual_seed(0)
    generator = tf.Generator().manual_seed(0)
    assert_same(tf.rand(5, generator=generator), array_of(tf.rand(5)))
    state = generator.get_state()
    drawn = array_of(tf.randn(3, generator=generator))
    tf.randn(3)
    assert_same(tf.randn(3, generator=generator.set_state(state)), drawn)
    assert generator.initial_seed() == 0
    assert tf.Generator().seed() != tf.Generator().seed()


def test_each_thread_has_a_sequence_of_its_own() -> None:
    tf.manual_seed(0)
    expected = array_of(tf.rand(4))
    found = []

    def draw():
        tf.manual_seed(0)
        found.append(array_of(tf.rand(4)))

    tf.manual_seed(0)
    thread = threading.Thread(target=draw)
    thread.start()
    thread.join()
    np.testing.assert_array_equal(found[0], expected)
    assert_same(tf.rand(4), expected)


# --- Distributions. The seed is fixed; a right generator fails such a test with one seed in a thousand.

N = 20_000


@pytest.mark.parametrize("dtype", [tf.float32, tf.float64])
def test_uniform_and_normal_numbers_pass_kolmogorov_and_smirnovs_test(dtype) -> None:
    tf.manual_seed(1234)
    assert stats.kstest(array_of(tf.rand(N, dtype=dtype)), "uniform").pvalue > 0.001
    assert stats.kstest(array_of(tf.randn(N, dtype=dtype)), "norm").pvalue > 0.001
    assert stats.kstest(array_of(tf.normal(2.0, 3.0, (N,), dtype=dtype)), stats.norm(2, 3).cdf).pvalue > 0.001
    assert stats.kstest(array_of(tf.empty(N, dtype=dtype).uniform_(-1, 3)), stats.uniform(-1, 4).cdf).pvalue > 0.001


def test_neighbours_are_not_correlated() -> None:
    tf.manual_seed(5)
    for x in (array_of(tf.rand(N)) - 0.5, array_of(tf.randn(N))):
        for lag in (1, 2, 4):
            # The correlation of n independent pairs has standard deviation 1/√n: 4 of them.
            assert abs(np.corrcoef(x[:-lag], x[lag:])[0, 1]) < 4 / N**0.5


def test_whole_numbers_coins_and_choices_are_equally_likely() -> None:
    tf.manual_seed(6)
    assert stats.chisquare(np.bincount(array_of(tf.randint(0, 10, (N,))), minlength=10)).pvalue > 0.001
    heads = array_of(tf.bernoulli(tf.full((N,), 0.3))).sum()
    assert stats.binomtest(int(heads), N, 0.3).pvalue > 0.001
    weights = np.array([1, 2, 3, 4.0])
    drawn = np.bincount(array_of(tf.multinomial(tf.tensor(weights), N, replacement=True)), minlength=4)
    assert stats.chisquare(drawn, weights / 10 * N).pvalue > 0.001


def test_every_permutation_of_four_is_equally_likely() -> None:
    tf.manual_seed(7)
    found = [tuple(tf.randperm(4).tolist()) for _ in range(2400)]
    counts = np.unique(found, axis=0, return_counts=True)[1]
    assert len(counts) == 24
    assert stats.chisquare(counts).pvalue > 0.001


@pytest.mark.parametrize("n", [0, 1, 2, 1000, 70_000])
def test_a_permutation_has_every_number_once(n) -> None:
    assert_same(tf.sort(tf.randperm(n)), np.arange(n))


@pytest.mark.parametrize("dtype", [tf.float16, tf.bfloat16, tf.float32, tf.float64])
def test_uniform_numbers_lie_from_0_to_before_1(dtype) -> None:
    tf.manual_seed(0)
    x = array_of(tf.rand(100_000, dtype=dtype))
    assert x.min() >= 0
    assert x.max() < 1
    assert np.isfinite(array_of(tf.randn(100_000, dtype=dtype))).all()


def test_the_ends_of_probabilities_and_ranges() -> None:
    assert tf.bernoulli(tf.ones(1000)).sum().item() == 1000
    assert tf.bernoulli(tf.zeros(1000)).sum().item() == 0
    assert set(tf.randint(3, 4, (50,)).tolist()) == {3}
    drawn = tf.randint(0, 2**63, (1000,))
    assert drawn.min().item() >= 0
    assert drawn.max().item() > 2**62
    assert sorted(tf.multinomial(tf.tensor([1.0, 0.0, 1.0]), 2).tolist()) == [0, 2]
    for probabilities in ([0.5, 1.5], [-0.1], [float("nan")]):
        with pytest.raises(RuntimeError, match=r"^bernoulli: "):
            tf.bernoulli(tf.tensor(probabilities))
    with pytest.raises(RuntimeError, match=r"^multinomial: "):
        tf.multinomial(tf.tensor([1.0, 0.0]), 2)
    with pytest.raises(ValueError, match=r"^set_rng_state: needs a state of 16 bytes; got 3"):
        tf.set_rng_state(tf.zeros(3, dtype=tf.uint8))
