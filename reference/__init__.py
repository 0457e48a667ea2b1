"""The documents: the pages that are made of the code, and what all of them say. Not deployed."""
