"""What trained networks teach: their pictures as targets, made once or at each step."""
