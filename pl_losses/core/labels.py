"""What a target means, said once and shared by a task's losses and metrics."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_choice
from pl_losses.core.class_balance import balanced_weights
from pl_losses.core.class_weights import (
    ClassWeights,
    check_class_weights,
    counting_rule,
    weight_of_label,
)
from pl_losses.core.elements import Elements, channels, classes, pair
from pl_losses.core.ignoring import some, where_marked
from pl_losses.core.likelihood import (
    Likelihood,
    SigmoidLikelihood,
    SoftLabelLikelihood,
    SoftmaxLikelihood,
)
from pl_losses.core.precision import FullPrecisionModule, upcast

Kind = Literal["binary", "multiclass", "multilabel", "regression"]


class Labels(FullPrecisionModule):
    """The meaning of a target.

    Args:
        kind: How target and prediction belong together.

            - ``"binary"``: one logit for each yes-or-no target, in the same shape; a channel of
              one may be missing on either side.
            - ``"multiclass"``: logits ``(N, C, *)``; the target holds class numbers, ``(N, *)``
              or ``(N, 1, *)``, or a one-hot or soft distribution ``(N, C, *)``.
            - ``"multilabel"``: logits ``(N, C, *)``, C yes-or-no targets in the same shape.
            - ``"regression"``: numbers, in the same shape.

            Yes-or-no targets are boolean, integer or floating; floating ones may be soft.
        ignore_index: Target of the elements that do not count; ``nan`` works for regression.
            ``None`` is torch's own rule: -100 for multiclass, nothing for the other kinds.
        class_weights: Weight of the elements of each label. Binary: two, for 0 and 1. Multiclass:
            C. Multilabel: C, or C pairs for 0 and 1 of each class. ``"auto"``: counted when the
            training of a :class:`~pl_losses.MultiTaskMixin` starts, so that each class has the
            same say; ``{"effective_number": 0.999}``: counted too, by that rule and its beta. What
            was counted is part of the ``state_dict``.
        from_logits: Whether predictions are logits; if not, they are probabilities.

    Raises:
        ValueError: If the kind is unknown, or an option does not go with it.

    Example:
        >>> Labels("binary", class_weights=[1, 8])
        Labels(binary, class_weights=[1.0, 8.0])
    """

    class_weights: Tensor | None

    def __init__(
        self,
        kind: Kind = "multiclass",
        *,
        ignore_index: float | None = None,
        class_weights: ClassWeights | None = None,
        from_logits: bool = True,
    ) -> None:
        super().__init__()
        self.kind = check_choice("kind", kind, get_args(Kind))
        default = -100 if kind == "multiclass" else None
        self.ignore_index = default if ignore_index is None else ignore_index
        self.from_logits = from_logits
        self._rule, self._said = counting_rule(class_weights), class_weights
        if kind == "regression" and (class_weights is not None or not from_logits):
            raise ValueError(
                "`class_weights` and `from_logits` must be left out for regression; got "
                f"class_weights={class_weights}, from_logits={from_logits}."
            )
        weights = None
        if class_weights is not None and self._rule is None:
            weights = check_class_weights(torch.tensor(class_weights).float(), kind)
        self.register_buffer("class_weights", weights, persistent=self.counted)

    @property
    def counted(self) -> bool:
        """Whether the class weights are counted, not given."""
        return self._rule is not None

    @classmethod
    def of(cls, value: "LabelsLike", kinds: Sequence[Kind] = get_args(Kind)) -> "Labels":
        """Return labels for whatever may stand for them: a kind, a mapping of options, labels.

        Raises:
            ValueError: If the kind is not among ``kinds``.
        """
        if isinstance(value, str):
            labels = cls(value)
        else:
            labels = value if isinstance(value, Labels) else cls(**value)
        if labels.kind not in kinds:
            raise ValueError(
                f"`labels` must be {' or '.join(kinds)} for this loss; got {labels.kind}."
            )
        return labels

    def set_class_weights(self, weights: Sequence[float] | Tensor) -> None:
        """Replace the class weights; the way in for those that are counted."""
        checked = torch.as_tensor(weights, dtype=torch.float32)
        self.class_weights = check_class_weights(checked, self.kind)

    def set_class_counts(self, counts: Tensor) -> None:
        """Derive the class weights from the number of elements of each class."""
        self.set_class_weights((self._rule or balanced_weights)(counts))

    def arrange(self, pred: Tensor, target: Tensor, weight: Tensor | None = None) -> Elements:
        """Check the shapes of a whole batch and lay it out; see :mod:`pl_losses.core.elements`."""
        if self.kind == "multiclass":
            elements = classes(pred, target, weight)
        elif self.kind == "multilabel":
            elements = channels(pred, target, weight)
        else:
            elements = pair(pred, target, weight)
        self._check_class_count(pred)
        return elements

    def bare(self, pred: Tensor, target: Tensor, weight: Tensor | None) -> bool:
        """Return whether a batch would be read as it is, of whatever shape it is."""
        settings = weight, self.class_weights, self.ignore_index
        if self.kind == "multiclass" or any(each is not None for each in settings):
            return False
        alike = pred.shape == target.shape and pred.dtype == target.dtype
        wide = pred.dtype in (torch.float32, torch.float64) and self.from_logits
        return alike and wide and (self.kind != "multilabel" or pred.ndim > 1)

    def light(self, elements: Elements) -> bool:
        """Return whether :meth:`read` makes no tensor as large as the prediction."""
        if self.kind == "multiclass":
            return elements.target.ndim < elements.pred.ndim
        weights = elements.weight, self.class_weights, self.ignore_index
        return all(each is None for each in weights)

    def read(
        self, pred: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Read a part of what :meth:`arrange` laid out.

        Returns:
            Logits (or numbers), the target in a form fit to compute with, and the weight of
            each element; ``None`` if all weigh one. Ignored elements have weight 0 and a harmless
            target.
        """
        pred = upcast(pred)
        target, weight = self.clean(pred, target, weight)
        if self.class_weights is not None:
            chosen = self.weight_of(target, self.class_weights.to(pred.dtype))
            weight = chosen if weight is None else weight * chosen
        return self._logits(pred), target, weight

    def clean(
        self, pred: Tensor, target: Tensor, weight: Tensor | None = None
    ) -> tuple[Tensor, Tensor | None]:
        """Return target and weight as :meth:`read` does, without the class weights."""
        pred = upcast(pred)
        weight = None if weight is None else weight.to(pred.dtype)
        target, weight = self._split_ignored(pred, target, weight)
        indices = self.kind == "multiclass" and target.ndim < pred.ndim
        return target.long() if indices else target.to(pred.dtype), weight

    def ignored(self, pred: Tensor, target: Tensor, weight: Tensor | None) -> Tensor | None:
        """Return where a part of what :meth:`arrange` laid out does not count.

        ``None`` if all of it counts, as far as that can be seen without waiting for a device.
        """
        distribution = self.kind == "multiclass" and target.ndim == pred.ndim
        marked = where_marked(target, self.ignore_index, distribution=distribution)
        # What weighs nothing is not looked at, so its target may be anything, even nan.
        nothing = None if weight is None else some(weight == 0)
        if nothing is None:
            return marked
        nothing = nothing.expand(self._element_shape(pred))
        return nothing if marked is None else marked | nothing

    def likelihood(self, logits: Tensor, target: Tensor) -> Likelihood:
        """Return the likelihood of a target that :meth:`read` has read."""
        if self.kind != "multiclass":
            return SigmoidLikelihood(logits, target)
        if target.ndim < logits.ndim:
            return SoftmaxLikelihood(logits, target)
        return SoftLabelLikelihood(logits, target)

    def _split_ignored(
        self, pred: Tensor, target: Tensor, weight: Tensor | None
    ) -> tuple[Tensor, Tensor | None]:
        ignored = self.ignored(pred, target, weight)
        if ignored is None:
            return target, None if weight is None else weight.expand(self._element_shape(pred))
        spread = ignored.unsqueeze(1) if target.ndim > ignored.ndim else ignored
        counts = (~ignored).to(pred.dtype)
        # Label 0 is in range for every kind; the zero weight keeps it from counting.
        return target.masked_fill(spread, 0), counts if weight is None else weight * counts

    def _element_shape(self, pred: Tensor) -> tuple[int, ...]:
        if self.kind == "multiclass":
            return (pred.shape[0], *pred.shape[2:])
        return tuple(pred.shape)

    def weights_like(self, truth: Tensor) -> Tensor:
        """Return the class weights of multiclass labels, ready to multiply ``(N, C, *)``."""
        if self.class_weights is None:
            return torch.ones_like(truth)
        return self.class_weights.to(truth.dtype).reshape(-1, *[1] * (truth.ndim - 2))

    def weight_of(self, target: Tensor, weights: Tensor) -> Tensor:
        """Return the entry of ``weights``, laid out as class weights, for each target."""
        return weight_of_label(target, weights, self.kind)

    def _logits(self, pred: Tensor) -> Tensor:
        if self.from_logits:
            return pred
        # Squeezed, not clamped: a clamp has no slope at the ends, and those errors are the worst.
        eps = torch.finfo(pred.dtype).eps
        squeezed = eps + (1 - 2 * eps) * pred
        return squeezed.log() if self.kind == "multiclass" else squeezed.logit()

    def _check_class_count(self, pred: Tensor) -> None:
        if self.class_weights is None and self.counted:
            raise ValueError(
                "`class_weights` must be known when a loss is computed; got weights to be counted, "
                "which a module with MultiTaskMixin does when its training starts. Elsewhere give "
                "the numbers, or call `set_class_weights`."
            )
        if self.class_weights is None or self.kind == "binary":
            return
        if len(self.class_weights) != pred.shape[1]:
            raise ValueError(
                f"`class_weights` must have one entry for each of the {pred.shape[1]} classes; "
                f"got {len(self.class_weights)}."
            )

    @override
    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        saved = state_dict.get(f"{prefix}class_weights")
        if self.counted and saved is not None:  # as many classes as were counted, known only now
            self.class_weights = torch.empty_like(saved)
        super()._load_from_state_dict(state_dict, prefix, *args)

    @override
    def __repr__(self) -> str:
        said = [self.kind]
        if self.ignore_index is not None:
            said.append(f"ignore_index={self.ignore_index}")
        if self.counted:
            said.append(f"class_weights={self._said}")
        elif self.class_weights is not None:
            said.append(f"class_weights={self.class_weights.tolist()}")
        if not self.from_logits:
            said.append("from_logits=False")
        return f"Labels({', '.join(said)})"


LabelsLike = Labels | Kind | Mapping[str, Any]
"""What may stand for labels wherever they are asked for."""
