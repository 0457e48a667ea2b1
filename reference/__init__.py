"""The pages of `docs/` that are made of the code: settings and the HTTP API. Not deployed."""
