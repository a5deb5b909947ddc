"""Staged freezing: what learns when, as data and pure functions; no trainer is needed here."""

from pl_losses.stages.plan import plan as plan
from pl_losses.stages.selection import Selection as Selection, select as select
from pl_losses.stages.stage import Stage as Stage
