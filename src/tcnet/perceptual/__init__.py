"""How different two pictures look, by the features of a network trained on photographs."""
