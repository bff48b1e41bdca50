"""`tcnet serve`: a page in the browser and an HTTP interface that run the command.

Nothing is imported here: the server's child processes need none of its packages.
"""
