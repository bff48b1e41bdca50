"""What an evaluation measures: fidelity, temporal consistency, perceptual distance."""
