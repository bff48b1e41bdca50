"""`tcnet serve`: a page in the browser and an HTTP interface. It starts the command; it upscales nothing itself.

Nothing is imported here: the processes that the server starts need none of the server's packages.
"""
