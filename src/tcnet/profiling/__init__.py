"""Profiling: how fast models run here, against baselines and against the machine's peak.

Import from its modules: the benchmark loads the evaluation, which `tcnet upscale` has no use for.
"""
