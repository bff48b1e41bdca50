"""Making weights: where a network starts from, and the trainer."""
