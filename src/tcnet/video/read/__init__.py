"""Video files to frames: exact times, right colours, constant memory; damage is skipped and counted."""
