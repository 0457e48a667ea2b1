"""Here so that mypy tells the folders' modules apart; the host does not need it."""
