"""The scripts for Snowflake, checked as far as that goes without an account."""
