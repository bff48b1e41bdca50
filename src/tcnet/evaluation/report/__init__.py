"""An evaluation as tables, curves, pictures and an HTML page."""
