"""Cases of activations, normalisations, losses and optimizers that came after the first ones."""

from __future__ import annotations

import random
from typing import Any

Case = dict[str, Any]


def training_families(seed: int) -> dict[str, list[Case]]:
    """The cases of a seed by family."""
    draw = random.Random(seed)
    return {
        "training_layers": list(layers(draw)),
        "training_losses": [*margin_losses(draw), *likelihood_losses(draw), *ctc_losses(draw), *other_losses(draw)],
        "training_optimizers": list(optimizers(draw)),
        "training_schedules": list(schedules(draw)),
        "training_parametrized": list(parametrized(draw)),
    }


def normal(*shape: int, scale: float = 1.0) -> Case:
    return {"fill": "normal", "shape": shape, "scale": scale}


def uniform(*shape: int, low: float = 0.0, high: float = 1.0) -> Case:
    return {"fill": "uniform", "shape": shape, "low": low, "high": high}


def integers(high: int, *shape: int) -> Case:
    return {"fill": "integers", "high": high, "shape": shape}


def choice(values: list[int], *shape: int) -> Case:
    return {"fill": "choice", "values": values, "shape": shape}


def module(name: str, target: str, x: Case, *args: Any, train: bool = True, **kwargs: Any) -> Case:
    return {
        "name": name, "kind": "module", "target": target, "args": args, "kwargs": kwargs, "train": train,
        "inputs": {"x": x},
    }  # fmt: skip


def layers(draw: random.Random) -> list[Case]:
    n, c = draw.randint(2, 4), draw.randint(2, 5)
    series, image, volume = normal(n, c, 7), normal(n, c, 4, 5), normal(n, c, 3, 2, 4)
    size, alpha, beta = draw.randint(2, 5), draw.uniform(0.1, 2), draw.uniform(0.5, 1.5)
    cases = []
    for train in (True, False):
        mode = "training" if train else "evaluation"
        cases += [
            module(f"batch norm 3d, {mode}", "BatchNorm3d", volume, c, train=train),
            module(f"instance norm 1d with statistics, {mode}", "InstanceNorm1d", series, c, affine=True,
                   track_running_stats=True, momentum=0.3, train=train),
            module(f"instance norm 3d with statistics, {mode}", "InstanceNorm3d", volume, c,
                   track_running_stats=True, train=train),
        ]  # fmt: skip
    return [
        *cases,
        module("instance norm 1d of one sample", "InstanceNorm1d", normal(c, 7), c, affine=True),
        module("instance norm 2d", "InstanceNorm2d", image, c),
        module("instance norm 2d without bias", "InstanceNorm2d", image, c, affine=True, bias=False, eps=1e-3),
        module("local response norm", "LocalResponseNorm", image, size, alpha=alpha, beta=beta, k=alpha),
        module("local response norm of series", "LocalResponseNorm", series, 2),
        module("RReLU in evaluation", "RReLU", image, 0.1, 0.6, train=False),
        module("Softmin", "Softmin", image, dim=1),
        module("Softmax2d", "Softmax2d", image),
        module("Softmax2d of one image", "Softmax2d", normal(c, 4, 5)),
        module("ReLU6 in place", "ReLU6", normal(n, c, scale=5.0), train=False),
        module("dropout 3d in evaluation", "Dropout3d", volume, train=False),
        module("alpha dropout in evaluation", "AlphaDropout", image, 0.3, train=False),
        module("feature alpha dropout in evaluation", "FeatureAlphaDropout", image, train=False),
    ]


def call(name: str, target: str, *args: Any, differentiate: tuple[str, ...] = ("x",), **kwargs: Any) -> Case:
    """A function called with drawn arrays (given as cases of arrays, in the order x, y, z, …) and others."""
    inputs: Case = {}

    def place(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        as_input = dict(value)
        softmax = as_input.pop("log_softmax", None)
        name = "xyzuvw"[len(inputs)]
        inputs[name] = as_input
        return {"input": name} if softmax is None else {"input": name, "log_softmax": softmax}

    placed = [place(value) for value in args]
    placed_kwargs = {key: place(value) for key, value in kwargs.items()}
    return {
        "name": name, "kind": "arranged", "target": target, "call": placed, "kwargs": placed_kwargs, "inputs": inputs,
        "args": [], "differentiate": differentiate,
    }  # fmt: skip


def margin_losses(draw: random.Random) -> list[Case]:
    n, c, margin = draw.randint(3, 6), draw.randint(3, 7), draw.uniform(0.2, 1.5)
    x, signs, classes = normal(n, c), choice([-1, 1], n, c), integers(c, n)
    two, three = ("x", "y"), ("x", "y", "z")
    listed = choice([-1, *range(c)], n, c)
    cases = []
    for reduction in ("mean", "sum", "none"):
        how: dict[str, Any] = {"reduction": reduction}
        cases += [
            call(f"margin ranking, {reduction}", "margin_ranking_loss", x, x, signs, margin, differentiate=two, **how),
            call(f"hinge embedding, {reduction}", "hinge_embedding_loss", x, signs, margin, **how),
            call(f"soft margin, {reduction}", "soft_margin_loss", x, signs, **how),
            call(f"multi-label margin, {reduction}", "multilabel_margin_loss", x, listed, **how),
            call(f"multi-label soft margin, {reduction}", "multilabel_soft_margin_loss", x, integers(2, n, c), **how),
            call(f"multi margin, {reduction}", "multi_margin_loss", x, classes, 1, margin, **how),
            call(f"multi margin squared and weighted, {reduction}", "multi_margin_loss", x, classes, 2, margin,
                 uniform(c, low=0.1), **how),
            call(f"cosine embedding, {reduction}", "cosine_embedding_loss", x, x, choice([-1, 1], n), 0.1 * margin,
                 differentiate=two, **how),
            call(f"triplet, {reduction}", "triplet_margin_loss", x, x, x, margin, differentiate=three, **how),
            call(f"triplet swapped, {reduction}", "triplet_margin_loss", x, x, x, 2 * margin, 3.0, 1e-3, True,
                 differentiate=three, **how),
            call(f"triplet with distance, {reduction}", "triplet_margin_with_distance_loss", x, x, x, margin=margin,
                 swap=True, differentiate=three, **how),
        ]  # fmt: skip
    return [
        *cases,
        call("multi margin of one sample", "multi_margin_loss", normal(c), integers(c), reduction="none"),
        call("multi-label margin of one sample", "multilabel_margin_loss", normal(c), choice([-1, 0, 1], c)),
        call("multi-label soft margin weighted", "multilabel_soft_margin_loss", x, integers(2, n, c), uniform(c)),
        call("cosine embedding of one pair", "cosine_embedding_loss", normal(c), normal(c), choice([-1, 1])),
        call("cosine similarity", "cosine_similarity", x, x, 0, differentiate=two),
        call("pairwise distance", "pairwise_distance", x, x, 1.5, 1e-3, True, differentiate=two),
        call("distances of pairs", "pdist", x),
        call("distances of pairs, largest difference", "pdist", x, float(c)),
    ]


def likelihood_losses(draw: random.Random) -> list[Case]:
    n, c = draw.randint(3, 6), draw.randint(2, 6)
    x, counts, rates = normal(n, c), integers(6, n, c), uniform(n, c, low=0.1, high=4.0)
    three = ("x", "y", "z")
    cases = []
    for reduction in ("mean", "sum", "none"):
        how: dict[str, Any] = {"reduction": reduction}
        cases += [
            call(f"poisson nll, {reduction}", "poisson_nll_loss", x, counts, **how),
            call(f"poisson nll of rates, full, {reduction}", "poisson_nll_loss", rates, counts, False, True, eps=1e-3,
                 **how),
            call(f"gaussian nll, {reduction}", "gaussian_nll_loss", x, x, rates, differentiate=three, **how),
            call(f"gaussian nll with one variance a row, full, {reduction}", "gaussian_nll_loss", x, x,
                 uniform(n, low=0.1), True, differentiate=three, **how),
        ]  # fmt: skip
    return [
        *cases,
        call("gaussian nll with held variances", "gaussian_nll_loss", x, x, rates, eps=1.5, differentiate=three),
        call("gaussian nll with a number", "gaussian_nll_loss", x, x, 0.5),
    ]


def ctc_losses(draw: random.Random) -> list[Case]:
    t, n, c = draw.randint(10, 14), draw.randint(2, 4), draw.randint(4, 7)
    logits = {**normal(t, n, c), "log_softmax": -1}
    labels = {"fill": "choice", "values": list(range(1, c)), "shape": (n, 4)}
    flat = {"fill": "choice", "values": list(range(1, c)), "shape": (3 * n,)}
    steps, lengths = [t - number for number in range(n)], [1 + (number + 3) % 4 for number in range(n)]
    cases = []
    for reduction in ("mean", "sum", "none"):
        cases += [
            call(f"ctc, {reduction}", "ctc_loss", logits, labels, steps, lengths, reduction=reduction),
            call(f"ctc in one row, {reduction}", "ctc_loss", logits, flat, steps, [3] * n, reduction=reduction),
        ]
    return [
        *cases,
        call("ctc with another blank", "ctc_loss", logits, {**labels, "values": list(range(c - 1))}, steps, lengths,
             c - 1),
        call("ctc with labels that repeat", "ctc_loss", logits, {**labels, "values": [1, 2]}, steps, [4] * n),
        call("ctc with labels that do not fit", "ctc_loss", logits, labels, [3, *steps[1:]], [4] * n, 0, "mean", True),
        call("ctc without labels", "ctc_loss", logits, labels, steps, [0] * n),
        call("ctc of one sample", "ctc_loss", {**normal(t, c), "log_softmax": -1}, {**labels, "shape": (4,)}, [t], [4]),
    ]  # fmt: skip


def other_losses(draw: random.Random) -> list[Case]:
    n, i, c = draw.randint(3, 6), draw.randint(6, 9), draw.randint(8, 12)
    adaptive = call("adaptive softmax", "AdaptiveLogSoftmaxWithLoss", normal(n, i), integers(c, n))
    adaptive["args"] = [i, c, [2, 5], 2.0, True]
    fused = call("linear cross-entropy module", "LinearCrossEntropyLoss", normal(n, i), integers(c, n))
    fused |= {"args": [i, c], "kwargs": {"bias": True, "label_smoothing": 0.1}}
    return [
        adaptive,
        fused,
        call("linear cross-entropy", "linear_cross_entropy", normal(n, i), normal(c, i), integers(c, n),
             differentiate=("x", "y"), ignore_index=1, linear_bias=normal(c)),
    ]  # fmt: skip


# PyTorch's Muon computes in bfloat16, with 8 bits, of which a step of 1/1000 and ten of them leave this much.
TOLERANCES: dict[str, Case] = {"Muon": {"tolerance": 5e-4}}


def optimizers(draw: random.Random) -> list[Case]:
    rate, decay = draw.uniform(0.01, 0.05), draw.uniform(0.01, 0.2)
    betas = (draw.uniform(0.7, 0.95), draw.uniform(0.9, 0.999))
    matrices = ["0.weight", "2.weight"]
    variants: list[tuple[str, dict[str, Any]]] = [
        ("ASGD", {}),
        ("ASGD", {"lr": rate, "lambd": decay, "alpha": 0.6, "t0": 4, "weight_decay": decay}),
        ("Adadelta", {}),
        ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": decay, "maximize": True}),
        ("Adamax", {}),
        ("Adamax", {"lr": rate, "betas": betas, "weight_decay": decay}),
        ("NAdam", {}),
        ("NAdam", {"lr": rate, "betas": betas, "weight_decay": decay, "momentum_decay": 0.01}),
        ("NAdam", {"lr": rate, "weight_decay": decay, "decoupled_weight_decay": True}),
        ("RAdam", {}),
        ("RAdam", {"lr": rate, "betas": (0.8, 0.9), "weight_decay": decay}),
        ("RAdam", {"lr": rate, "betas": (0.8, 0.9), "weight_decay": decay, "decoupled_weight_decay": True}),
        ("Rprop", {}),
        ("Rprop", {"lr": rate, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.04)}),
        ("Adafactor", {}),
        ("Adafactor", {"lr": rate, "eps": (1e-6, 0.1), "d": 1.2, "weight_decay": decay, "beta2_decay": -0.5}),
        ("LBFGS", {"lr": 0.1, "max_iter": 3}),
        ("LBFGS", {"max_iter": 3, "history_size": 2, "line_search_fn": "strong_wolfe"}),
        ("Muon", {"lr": 1e-3}),
        ("Muon", {"lr": 1e-3, "nesterov": False, "momentum": 0.8, "weight_decay": decay,
                  "adjust_lr_fn": "match_rms_adamw"}),
    ]  # fmt: skip
    inputs = {"x": normal(10, 16, 6), "y": normal(10, 16, 3)}  # ten steps, 16 samples each
    return [
        {
            "name": f"{target}: {', '.join(options) or 'defaults'}", "kind": "optimizer", "target": target,
            "kwargs": options, "inputs": inputs, **TOLERANCES.get(target, {}),
            "groups": [{"parameters": matrices if target == "Muon" else ["0.weight", "0.bias", "2.weight", "2.bias"]}],
        }
        for target, options in variants
    ]  # fmt: skip


def schedules(draw: random.Random) -> list[Case]:
    gamma, low = draw.uniform(0.4, 0.9), draw.uniform(0.01, 0.3)
    power = {"power_of": gamma}

    def schedule(target: str, **kwargs: Any) -> Case:
        return {"target": target, "kwargs": kwargs}

    step, linear = schedule("StepLR", step_size=3, gamma=gamma), schedule("LinearLR", start_factor=low, total_iters=4)
    constant = schedule("ConstantLR", factor=low, total_iters=5)
    cosine = schedule("CosineAnnealingLR", T_max=4, eta_min=0.01)
    variants: list[Case] = [
        schedule("LambdaLR", lr_lambda=power),
        schedule("LambdaLR", lr_lambda=[power, {"power_of": low}]),
        schedule("MultiplicativeLR", lr_lambda=power),
        step,
        schedule("MultiStepLR", milestones=[2, 5, 5, 9], gamma=gamma),
        constant,
        linear,
        schedule("LinearLR", start_factor=gamma, end_factor=low, total_iters=20),
        schedule("ExponentialLR", gamma=gamma),
        schedule("PolynomialLR", total_iters=9, power=1.5),
        cosine,
        schedule("CosineAnnealingWarmRestarts", T_0=3, T_mult=2, eta_min=0.01),
        schedule("CosineAnnealingWarmRestarts", T_0=4),
        schedule("CyclicLR", base_lr=low, max_lr=1.0, step_size_up=3, step_size_down=2),
        schedule("CyclicLR", base_lr=[low, 0.1], max_lr=[1.0, 0.4], step_size_up=2, mode="triangular2"),
        schedule("CyclicLR", base_lr=low, max_lr=1.0, step_size_up=4, mode="exp_range", gamma=gamma,
                 cycle_momentum=False),
        schedule("OneCycleLR", max_lr=1.5, total_steps=16),
        schedule("OneCycleLR", max_lr=[1.5, 0.5], epochs=4, steps_per_epoch=5, pct_start=0.4,
                 anneal_strategy="linear", three_phase=True),
        schedule("SequentialLR", schedulers=[constant, schedule("ExponentialLR", gamma=gamma)], milestones=[4]),
        schedule("SequentialLR", schedulers=[linear, cosine, step], milestones=[3, 8]),
        schedule("ChainedScheduler", schedulers=[constant, schedule("ExponentialLR", gamma=gamma)]),
        schedule("ChainedScheduler", schedulers=[linear, step, cosine]),
        schedule("SWALR", swa_lr=0.05),
        schedule("SWALR", swa_lr=[0.05, 0.2], anneal_epochs=5, anneal_strategy="linear"),
        schedule("SWALR", swa_lr=0.05, anneal_epochs=0),
    ]  # fmt: skip
    falling = [draw.uniform(0.5, 1.0) * 0.9**number for number in range(16)]
    plateau = [
        schedule("ReduceLROnPlateau", factor=gamma, patience=1),
        schedule("ReduceLROnPlateau", mode="max", factor=gamma, patience=0, cooldown=2, min_lr=[0.05, 0.01]),
        schedule("ReduceLROnPlateau", factor=gamma, patience=0, threshold=0.05, threshold_mode="abs", eps=0.02),
    ]
    with_measures: list[Case] = [{**case, "measures": falling} for case in plateau]
    return [
        {
            **case, "name": f"{case['target']} {number} with {optimizer}", "kind": "schedule", "inputs": {},
            "optimizer": optimizer,
        }
        for optimizer in ("SGD", "Adam")
        for number, case in enumerate([*variants, *with_measures])
    ]  # fmt: skip


def parametrized(draw: random.Random) -> list[Case]:
    n, i = draw.randint(2, 4), draw.randint(3, 5)
    linear: list[tuple[str, list[int], Case]] = [
        ("square", [i, i], normal(n, i)), ("wide", [i, 2], normal(n, i)), ("high", [2, i], normal(n, 2)),
    ]  # fmt: skip
    image, series = normal(n, 2, 5, 5), normal(n, 3, 7)
    layers: list[tuple[str, str, Any, Case]] = [
        ("linear", "Linear", [i, 4], normal(n, i)),
        ("convolution", "Conv2d", [2, 3, 3], image),
        ("transposed convolution", "ConvTranspose1d", [3, 2, 2], series),
    ]
    cases = []

    def add(name: str, place: str, function: str, target: str, args: Any, x: Case, train: bool, **kwargs: Any) -> None:
        mode = "training" if train else "evaluation"
        cases.append(
            {
                "name": f"{place}, {function}, {name}, {mode}", "kind": "parametrized", "place": place,
                "function": function, "target": target, "args": args, "kwargs": kwargs, "train": train,
                "inputs": {"x": x},
            }
        )  # fmt: skip

    for name, target, args, x in layers:
        for place in ("utils", "parametrizations"):
            add(name, place, "weight_norm", target, args, x, True)
            add(f"{name} with one length", place, "weight_norm", target, args, x, True, dim=None)
            for train in (True, False):
                add(name, place, "spectral_norm", target, args, x, train, n_power_iterations=2)
    for name, args, x in linear:
        for kind in ("matrix_exp", "cayley", "householder"):
            add(f"{name} {kind}", "parametrizations", "orthogonal", "Linear", args, x, True, orthogonal_map=kind)
        add(
            f"{name} plain",
            "parametrizations",
            "orthogonal",
            "Linear",
            args,
            x,
            True,
            use_trivialization=False,
            orthogonal_map="householder",
        )
    return cases
