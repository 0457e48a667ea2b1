"""What the bridge does, one file a use case: each a function over commands, facts and ports."""
