"""What an evaluation compares: our models, BasicVSR, interpolation, any function or ONNX file."""
