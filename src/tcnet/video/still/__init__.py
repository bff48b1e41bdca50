"""Image files, one picture each: what their headers say, and their pixels as they are meant to be seen."""
