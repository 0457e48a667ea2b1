"""The command line: what rules would do, and runs and dead letters by the app's HTTP API."""
