"""`python -m bridge`: the command line of those who write rules and look after runs."""

import io
import logging
import sys

from bridge.cli.program import main

if __name__ == "__main__":
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal without ✓ still gets the rest
    # What SDKs log is for the app's log: here the command says in its own words what went wrong.
    logging.getLogger().addHandler(logging.NullHandler())
    raise SystemExit(main())
