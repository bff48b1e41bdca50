"""Decoded pictures of any pixel format to R'G'B' and back, with alpha and HDR metadata."""
