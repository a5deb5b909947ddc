"""`pl-losses fit|validate|test|predict`: Lightning's own CLI for any module and data."""

import warnings
from collections.abc import Sequence
from typing import Any

from jsonargparse import Namespace
from lightning.pytorch.cli import LightningArgumentParser, LightningCLI, SaveConfigCallback
from typing_extensions import override

from pl_losses.cli.errors import OneLineParser, fail, one_line
from pl_losses.mixins import MultiTaskMixin
from pl_losses.objective import param_groups
from pl_losses.specs.types import register_types


class LossesCLI(LightningCLI):
    """A LightningCLI that gives learned balances their own group in the optimizer."""

    @override
    def parse_arguments(self, parser: LightningArgumentParser, args: Any) -> None:
        # Lightning's own warns of arguments that come besides those of the process.
        given = isinstance(args, dict | Namespace)
        self.config = parser.parse_object(args) if given else parser.parse_args(args)

    @override
    def _add_configure_optimizers_method_to_model(self, subcommand: str | None) -> None:
        # Lightning builds the optimizer from `model.parameters()`; for that moment these are
        # groups, which every optimizer takes.
        model: Any = self.model
        groups = param_groups(model)
        if len(groups) < 2:
            super()._add_configure_optimizers_method_to_model(subcommand)
            return
        model.parameters = lambda: groups
        try:
            with warnings.catch_warnings():
                if type(model).configure_optimizers is MultiTaskMixin.configure_optimizers:
                    # It is the mixin's default that gives way, and nothing that the user wrote.
                    warnings.filterwarnings("ignore", ".*configure_optimizers` will be overridden")
                super()._add_configure_optimizers_method_to_model(subcommand)
        finally:
            del model.parameters


def run(words: Sequence[str]) -> int:
    """Run Lightning's CLI on a command and its arguments."""
    try:
        build_cli(LossesCLI, list(words), run=True)
    except (ValueError, LookupError, TypeError) as error:
        if not is_a_config_mistake(error):
            raise
        return fail(one_line(str(error)))
    return 0


def build_cli(cls: type[LossesCLI], args: Any, *, run: bool) -> LossesCLI:
    """Return a CLI for any module and data.

    Args:
        cls: The CLI.
        args: The words of a command line, or a config.
        run: Whether the words begin with a command that is to be run.
    """
    register_types()
    return cls(
        subclass_mode_model=True,
        subclass_mode_data=True,
        parser_class=OneLineParser,
        save_config_callback=SaveConfigCallback if run else None,
        save_config_kwargs={"overwrite": True},
        args=args,
        run=run,
    )


def is_a_config_mistake(error: BaseException) -> bool:
    """Whether the parser or this package raised an error; one of other code needs a traceback."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    home = "" if last is None else str(last.tb_frame.f_globals.get("__name__", ""))
    return home.partition(".")[0] in ("jsonargparse", "pl_losses")
