"""`tcnet serve`: a page in the browser and an HTTP interface, which start the command.

Nothing is imported here: the processes that the server starts need none of the server's packages.
"""
