"""Triggers to commands and results to answers: translation only, the services decide."""
