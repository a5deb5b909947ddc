"""Tables on scanned pages: a heat-map branch that feeds a detector, trained in stages."""
