"""Pictures of numbers: curves of losses, curves of a training, sheets of predictions."""

from pl_losses.plots.curves import Curve as Curve, draw_loss_curves as draw_loss_curves
from pl_losses.plots.sheet import draw_prediction_sheet as draw_prediction_sheet
from pl_losses.plots.training import draw_training_curves as draw_training_curves
