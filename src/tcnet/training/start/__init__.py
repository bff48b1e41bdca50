"""What a run begins with: from scratch, BasicVSR, a trained model, or a larger one that is shrunk."""
