"""The output of a run: checked before the work, written in resumable pieces, in place only when complete."""
