"""Clips for training and measuring: how HR becomes LR."""
