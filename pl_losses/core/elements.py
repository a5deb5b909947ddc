"""How predictions, targets and weights are laid side by side, element for element.

This is the one place that compares shapes. Targets and weights that fit in more than one way are
an error here and never a broadcast later.
"""

from dataclasses import dataclass
from math import prod

from torch import Tensor

from pl_losses.core.checks import check_floating, check_shape


@dataclass(frozen=True)
class Elements:
    """A prediction with its target and weight, in one layout.

    The first axis counts samples, the last one places; between them are the classes, where the
    prediction has some. ``shape`` is the shape of one value per element, as the user sees it.
    """

    pred: Tensor
    target: Tensor
    weight: Tensor | None
    shape: tuple[int, ...]

    @property
    def parts(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """The three tensors, in the order in which formulas take them."""
        return self.pred, self.target, self.weight


def pair(pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Elements:
    """Lay out one target for each number of the prediction, which may keep a channel of one.

    Returns:
        Tensors of shape ``(N, places)``.

    Raises:
        ValueError: If the shapes of prediction and target differ by more than one channel.
    """
    check_floating("pred", pred)
    if target.shape != pred.shape:
        target = _match_channel(pred, target)
    samples = pred.shape[0] if pred.ndim else 1
    flat = (samples, prod(pred.shape[1:]))
    return Elements(
        pred.reshape(flat),
        target.reshape(flat),
        None if weight is None else spread_weight(weight, tuple(pred.shape)),
        tuple(pred.shape),
    )


def channels(pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Elements:
    """Lay out one target for each number of a prediction ``(N, C, *)``, keeping the channels.

    Returns:
        Tensors of shape ``(N, C, places)``.
    """
    _check_classes(pred)
    check_shape("target", target, pred.shape)
    return Elements(
        _flat_places(pred),
        _flat_places(target),
        None if weight is None else _spread_channels(weight, tuple(pred.shape)),
        tuple(pred.shape),
    )


def classes(pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Elements:
    """Lay out one class, or one distribution over classes, for each place of ``(N, C, *)``.

    Returns:
        The prediction ``(N, C, places)`` and the target ``(N, places)`` for class numbers or
        ``(N, C, places)`` for a distribution; without places if the prediction is ``(N, C)``.

    Raises:
        ValueError: If the target has none of the three shapes ``(N, *)``, ``(N, 1, *)`` and
            ``(N, C, *)``, or there is only one class.
    """
    _check_classes(pred)
    if pred.shape[1] < 2:
        raise ValueError(
            "`pred` must have at least 2 classes on axis 1 for multiclass labels; got shape "
            f"{tuple(pred.shape)}. One logit per place is what binary labels are for."
        )
    shape = (pred.shape[0], *pred.shape[2:])
    if target.shape == (pred.shape[0], 1, *pred.shape[2:]):
        target = target.squeeze(1)
    flat = pred.flatten(2) if pred.ndim > 2 else pred
    if target.shape == pred.shape:
        target = target.flatten(2) if pred.ndim > 2 else target
    elif target.shape == shape:
        if target.is_floating_point():
            raise ValueError(
                "`target` of class numbers must have an integer dtype; got "
                f"{target.dtype} in shape {tuple(target.shape)}."
            )
        target = target.flatten(1) if target.ndim > 1 else target
    else:
        raise ValueError(
            f"`target` must have shape {shape} or {(shape[0], 1, *shape[1:])} (class numbers) or "
            f"{tuple(pred.shape)} (one-hot or soft); got shape {tuple(target.shape)}."
        )
    if weight is not None:
        weight = spread_weight(weight, shape)
        weight = weight if pred.ndim > 2 else weight.squeeze(-1)
    return Elements(flat, target, weight, shape)


def spread_weight(weight: Tensor, shape: tuple[int, ...]) -> Tensor:
    """Return the weight of each element, shape ``(N, places)`` or ``(N, 1)``.

    Args:
        weight: A scalar, one weight for each sample ``(N,)``, or any shape that broadcasts to
            ``shape`` axis by axis; a channel of one may be missing or too many.
        shape: Shape of the elements; the first axis counts samples.

    Raises:
        ValueError: If the weight has another shape.
    """
    samples = shape[0] if shape else 1
    fitted = _fit(weight, shape)
    if prod(fitted.shape[1:]) == 1:
        return fitted.reshape(-1, 1).expand(samples, 1)
    return fitted.expand(shape).reshape(samples, prod(shape[1:]))


def _fit(weight: Tensor, shape: tuple[int, ...]) -> Tensor:
    if weight.numel() == 1:
        return weight.reshape([1] * max(len(shape), 1))
    if weight.ndim == 1 and len(shape) > 1 and weight.shape[0] == shape[0]:
        return weight.reshape(-1, *[1] * (len(shape) - 1))
    if weight.ndim == len(shape) + 1 and weight.shape[1] == 1:
        weight = weight.squeeze(1)
    elif weight.ndim == len(shape) - 1 and len(shape) > 1 and shape[1] == 1:
        weight = weight.unsqueeze(1)
    sizes = zip(weight.shape, shape, strict=False)
    if weight.ndim != len(shape) or any(have not in (1, want) for have, want in sizes):
        raise ValueError(
            f"`weight` must be a scalar, have shape ({shape[0] if shape else 1},) (one for each "
            f"sample) or broadcast to {shape} axis by axis; got shape {tuple(weight.shape)}."
        )
    return weight


def _spread_channels(weight: Tensor, shape: tuple[int, ...]) -> Tensor:
    if weight.shape == (shape[0], *shape[2:]) and len(shape) > 2:
        weight = weight.unsqueeze(1)
    return _flat_places(_fit(weight, shape).expand(shape))


def _flat_places(tensor: Tensor) -> Tensor:
    return tensor.flatten(2) if tensor.ndim > 2 else tensor.unsqueeze(-1)


def _check_classes(pred: Tensor) -> None:
    check_floating("pred", pred)
    if pred.ndim < 2:
        raise ValueError(f"`pred` must have shape (N, C, *); got shape {tuple(pred.shape)}.")


def _match_channel(pred: Tensor, target: Tensor) -> Tensor:
    if pred.ndim > 1 and pred.shape[1] == 1 and target.shape == (pred.shape[0], *pred.shape[2:]):
        return target.unsqueeze(1)
    if target.ndim > 1 and target.shape[1] == 1 and pred.shape == target.squeeze(1).shape:
        return target.squeeze(1)
    return check_shape("target", target, pred.shape)
