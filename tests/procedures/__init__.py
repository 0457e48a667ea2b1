"""Tests of the Python that runs inside Snowflake."""
