"""Sound in another form, for containers that cannot hold the one it has."""
