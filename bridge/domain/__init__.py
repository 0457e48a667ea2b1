"""What the bridge knows by itself: identity, the run lattice, commands, events, errors. Standard library only."""
