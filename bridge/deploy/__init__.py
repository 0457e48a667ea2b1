"""Turns the scripts in `sql/` into what a Snowflake account is given; not deployed to Azure."""
