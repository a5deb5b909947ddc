"""A collection of metrics: one state, one update."""

import pytest
import torch
from torchmetrics import MeanAbsoluteError

from pl_losses import Labels
from pl_losses.metrics import F1, METRICS, Precision, build_metrics
from tests.metrics.samples import KINDS, sample

ALL = METRICS.names


def groups(collection: object) -> set[frozenset[str]]:
    return {frozenset(group) for group in collection.compute_groups.values()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_collection_says_what_its_metrics_say_alone(kind: str) -> None:
    collection = build_metrics(ALL, kind, prefix="val/")
    alone = {name: METRICS.build(name, labels=kind) for name in ALL}
    for seed in range(3):
        batch = sample(kind, seed)
        collection.update(*batch)
        for metric in alone.values():
            metric.update(*batch)
    result = collection.compute()
    assert result == {f"val/{name}": metric.compute() for name, metric in alone.items()}


def test_a_state_is_updated_once(monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    plain = Labels.read
    monkeypatch.setattr(Labels, "read", lambda *args: reads.append(1) or plain(*args))
    collection = build_metrics(["precision", "recall", "f1", "iou", "accuracy"], "binary")
    for _ in range(3):
        collection.update(*sample("binary"))
    assert len(reads) == 3


def test_metrics_of_one_state_are_one_group() -> None:
    assert groups(build_metrics(ALL, "binary")) == {
        frozenset({"precision", "recall", "f1", "iou", "accuracy"}),
        frozenset({"average_precision", "best_f1", "best_threshold"}),
    }


def test_another_threshold_or_labels_are_another_state() -> None:
    collection = build_metrics(
        {
            "f1": {"threshold": 0.3},
            "precision": {},
            "recall": {"average": "micro"},
            "other": F1(Labels("binary", ignore_index=5)),
        },
        "binary",
    )
    assert groups(collection) == {
        frozenset({"f1"}),
        frozenset({"precision", "recall"}),
        frozenset({"other"}),
    }
    collection.update(torch.tensor([-0.5, -1.5]), torch.tensor([1, 5]))
    result = collection.compute()
    assert result["f1"] == pytest.approx(2 / 3)
    assert result["other"] == 0


def test_reset_and_clone_keep_the_groups() -> None:
    collection = build_metrics(ALL, "multiclass")
    collection.update(*sample("multiclass", 1))
    collection.compute()
    collection.reset()
    twin = collection.clone(prefix="test/")
    for each in (collection, twin):
        each.update(*sample("multiclass"))
    expected = collection.compute()
    assert twin.compute() == {f"test/{name}": value for name, value in expected.items()}
    fresh = build_metrics(ALL, "multiclass")
    fresh.update(*sample("multiclass"))
    assert fresh.compute() == expected


def test_the_value_is_that_of_the_latest_update() -> None:
    collection = build_metrics(["precision", "recall"], "binary")
    for labels, expected in (([1, 0], 0.5), ([1, 1], 0.75)):
        collection.update(torch.ones(2), torch.tensor(labels))
        assert collection.compute()["precision"] == expected


def test_weights_reach_every_metric_by_name_or_by_place() -> None:
    weight = torch.tensor([1.0, 0.0])
    for args, named in (((weight,), {}), ((), {"weight": weight})):
        collection = build_metrics(["f1", MeanAbsoluteError()], "binary")
        collection.update(torch.tensor([50.0, 50.0]), torch.tensor([1.0, 0.0]), *args, **named)
        assert collection.compute() == {"f1": 1, "mean_absolute_error": 0}


def test_a_task_without_data_reads_nan_everywhere() -> None:
    collection = build_metrics(ALL, "multilabel")
    assert all(value.isnan() for value in collection.compute().values())


def test_state_survives_a_checkpoint() -> None:
    collection, fresh = (build_metrics(ALL, "multiclass") for _ in range(2))
    for each in (collection, fresh):
        each.persistent(mode=True)
    collection.update(*sample("multiclass"))
    fresh.load_state_dict(collection.state_dict())
    assert fresh.compute() == collection.compute()


def test_wrong_names_say_what_is_wrong() -> None:
    with pytest.raises(LookupError, match="Did you mean 'recall'"):
        build_metrics(["recal"], "binary")
    with pytest.raises(ValueError, match=r"`metrics` must have different names; got 'f1' twice."):
        build_metrics(["f1", "f1"], "binary")
    with pytest.raises(ValueError, match="got 'precision' twice"):
        build_metrics(["precision", Precision("binary")], "binary")
