"""Function apps that the host's tests run, one a folder."""
