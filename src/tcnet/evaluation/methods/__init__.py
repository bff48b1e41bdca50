"""What an evaluation compares: our models, BasicVSR, interpolation, anybody's function or ONNX file."""
