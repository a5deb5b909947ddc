"""What every loss shares: checks, labels, likelihoods, overlaps, boxes, distances, reduction."""
