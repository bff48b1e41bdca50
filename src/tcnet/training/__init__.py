"""Making weights: where a network starts from. (The trainer is not written yet.)"""
