"""What each setting is, by what it is about."""
