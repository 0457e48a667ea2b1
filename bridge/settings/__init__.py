"""What the environment tells the app. Its parts are apart, because only some are needed before the first call."""
