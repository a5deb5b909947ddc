"""A run of many steps does not fill a file with the states of its bar."""

import pytest

from pl_losses.cli.compare import _Bar


def test_without_a_screen_a_bar_says_little(
    capsys: pytest.CaptureFixture[str],
) -> None:
    bar = _Bar(2)
    for step in range(1, 501):
        bar.step(step, 500)
    assert bar.bar.n == pytest.approx(1)
    bar.close()
    assert capsys.readouterr().err.count("\r") < 10
