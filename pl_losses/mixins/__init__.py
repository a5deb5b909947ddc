"""The steps of a LightningModule, as mixins."""

from pl_losses.mixins.multi_task import MultiTaskMixin as MultiTaskMixin
