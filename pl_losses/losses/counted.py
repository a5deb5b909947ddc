"""What long-tail losses share: they know how often each class occurs in training."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

from torch import Tensor
from typing_extensions import override

from pl_losses.core.checks import check_choice, check_class_count
from pl_losses.core.class_balance import check_counts
from pl_losses.core.elements import Elements
from pl_losses.core.labels import LabelsLike
from pl_losses.core.reduction import Reduction
from pl_losses.losses.classification import ClassificationLoss

ClassCounts = Sequence[float] | Literal["auto"]


class CountedLoss(ClassificationLoss):
    """A loss that knows how often each class occurs; a subclass writes :meth:`derive`.

    A subclass sets its own options first, and then calls :meth:`start_with`.

    Args:
        labels: What the target means: a kind, or ``Labels``.
        reduction: How the elements' losses become one number.
    """

    family = "long tail"

    kinds = ("multiclass",)

    class_counts: Tensor | None
    derived: Tensor | None

    def __init__(self, labels: LabelsLike, *, reduction: Reduction = "mean") -> None:
        super().__init__(labels, reduction=reduction)
        self.counted = False
        self.register_buffer("derived", None, persistent=False)

    @abstractmethod
    def derive(self, counts: Tensor) -> Tensor:
        """Return what the formula makes of the counts, once and for all."""

    def start_with(self, class_counts: ClassCounts) -> None:
        """Take the counts, or note that they are to be counted.

        Those that are counted are part of the ``state_dict``.
        """
        self.counted = isinstance(class_counts, str)
        self.register_buffer("class_counts", None, persistent=self.counted)
        if isinstance(class_counts, str):
            check_choice("class_counts", class_counts, ("auto",))
        else:
            self.set_class_counts(class_counts)

    def set_class_counts(self, counts: Sequence[float] | Tensor) -> None:
        """Replace the counts, each above 0; the way in for those that are counted."""
        if isinstance(counts, Tensor):
            checked = check_counts("class_counts", counts.tolist()).to(counts.device)
        else:
            checked = check_counts("class_counts", counts)
        self.class_counts, self.derived = checked, self.derive(checked)

    @override
    def context(self, elements: Elements) -> tuple[Tensor, ...]:
        if self.class_counts is None:
            raise ValueError(
                "`class_counts` must be known when the loss is computed; got 'auto', which a "
                "module with MultiTaskMixin counts when its training starts. Elsewhere give the "
                "numbers, or call `set_class_counts`."
            )
        check_class_count("class_counts", len(self.class_counts), elements.pred)
        return ()

    def known(self, like: Tensor) -> Tensor:
        """Return what was derived from the counts, in the dtype of a tensor."""
        if self.derived is None:
            raise ValueError("`class_counts` must be known; got 'auto'.")
        return self.derived.to(like.dtype)

    @override
    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        saved = state_dict.get(f"{prefix}class_counts")
        if self.counted and saved is not None:  # as many classes as were counted, known only now
            self.set_class_counts(saved)
        super()._load_from_state_dict(state_dict, prefix, *args)
