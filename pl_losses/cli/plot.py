"""`pl-losses plot`: value and gradient of losses, against a probability or a residual."""

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from pl_losses.cli.errors import fail
from pl_losses.losses import LOSSES, Loss
from pl_losses.losses.regression import RegressionLoss
from pl_losses.plots.curves import Curve, draw_loss_curves
from pl_losses.specs.options import check_options, options_of

POINTS = 400


def run(words: Sequence[str]) -> int:
    """Draw the losses named, for every value of the options given."""
    parser = argparse.ArgumentParser(
        prog="pl-losses plot",
        description="Draw value and gradient. Losses on labels: against the probability given to "
        "a true label; losses on numbers: against the residual. Any other option is one of the "
        "losses', with one or more values: --gamma 0 1 2 5.",
        allow_abbrev=False,
    )
    parser.add_argument("losses", nargs="+", metavar="LOSS")
    parser.add_argument("--out", default="losses.png", metavar="FILE")
    own, rest = parser.parse_known_args(list(words)[1:])
    try:
        options = read_options(rest)
        classes = {LOSSES.canonical(name): LOSSES[name] for name in own.losses}
        curves = [curve for name in classes for curve in curves_of(name, options)]
        against = "residual" if _on_numbers(classes) else "probability given to the true label"
        path = draw_loss_curves(curves, own.out, against)
    except (ValueError, LookupError, OSError, ImportError) as error:
        return fail(error)
    sys.stdout.write(f"{path}\n")
    return 0


def read_options(words: Sequence[str]) -> dict[str, list[str]]:
    """Return the values of each option, ``--name value …``.

    Raises:
        ValueError: If a value stands before any option, or an option has none.
    """
    options: dict[str, list[str]] = {}
    name = ""
    for word in words:
        if word.startswith("--"):
            name = word[2:].replace("-", "_")
            options[name] = []
        elif not name:
            raise ValueError(f"An option must be --name value …; got {word!r}.")
        else:
            options[name].append(word)
    for name, values in options.items():
        if not values:
            raise ValueError(f"--{name} needs at least one value.")
    return options


def curves_of(name: str, options: dict[str, list[str]]) -> list[Curve]:
    """Return a curve of one loss for every combination of the options that it has."""
    own = {key: values for key, values in options.items() if key in options_of(LOSSES[name])}
    curves = []
    for combination in product(*own.values()):
        chosen = dict(zip(own, combination, strict=True))
        checked = check_options(f"loss {name!r}", LOSSES[name], chosen, ("labels",))
        title = ", ".join([name, *(f"{key} {value}" for key, value in chosen.items())])
        curves.append(curve_of(title, name, checked))
    return curves


def curve_of(title: str, name: str, options: dict[str, Any]) -> Curve:
    """Return value and gradient of one loss over its whole range."""
    cls = LOSSES[name]
    if issubclass(cls, RegressionLoss):
        x = torch.linspace(-4, 4, POINTS, dtype=torch.float64)
        pred, target = x.clone().requires_grad_(), torch.zeros_like(x)
        loss: Loss = cls(**options)
    else:
        x = torch.linspace(0.002, 0.998, POINTS, dtype=torch.float64)
        pred, target = x.clone().requires_grad_(), torch.ones_like(x)
        loss = _on_probabilities(name, options)
    values = torch.stack([_single(loss, p, t) for p, t in zip(pred, target, strict=True)])
    (gradient,) = torch.autograd.grad(values.sum(), pred)
    return Curve(title, x, values.detach(), gradient)


def _single(loss: Loss, pred: Tensor, target: Tensor) -> Tensor:
    value: Tensor = loss(pred.reshape(1, 1), target.reshape(1, 1))
    return value


def _on_probabilities(name: str, options: dict[str, Any]) -> Loss:
    if "labels" not in options_of(LOSSES[name]):
        raise ValueError(f"Loss {name!r} takes neither labels nor numbers and cannot be drawn.")
    return LOSSES.build(name, labels={"kind": "binary", "from_logits": False}, **options)


def _on_numbers(classes: dict[str, type[Loss]]) -> bool:
    on_numbers = {issubclass(cls, RegressionLoss) for cls in classes.values()}
    if len(on_numbers) > 1:
        raise ValueError("Losses on labels and losses on numbers need a picture each.")
    return on_numbers.pop()
