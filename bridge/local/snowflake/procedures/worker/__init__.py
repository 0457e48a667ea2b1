"""The process that runs the handlers of procedures: Snowflake's side of the Python sandbox, on the laptop."""
