"""What a user may write for a loss, a metric, a balancer or a task, and what it stands for."""

from pl_losses.specs.balancer import BalancerSpec as BalancerSpec
from pl_losses.specs.choice import Choice as Choice
from pl_losses.specs.options import Option as Option, options_of as options_of
from pl_losses.specs.task import TaskSpec as TaskSpec, TermSpec as TermSpec
