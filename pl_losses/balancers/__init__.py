"""Balancers: many losses to one, by weights on the losses."""

from pl_losses.balancers.base import BALANCERS as BALANCERS, Balancer as Balancer
from pl_losses.balancers.fixed import FixedBalancer as FixedBalancer, SumBalancer as SumBalancer
from pl_losses.balancers.uncertainty import UncertaintyBalancer as UncertaintyBalancer
