"""Tasks and their balance: from outputs to one number to minimise, without a Trainer."""

from pl_losses.objective.objective import Objective as Objective
from pl_losses.objective.param_groups import param_groups as param_groups
from pl_losses.objective.report import Report as Report
from pl_losses.objective.task import Task as Task, TaskOutput as TaskOutput
