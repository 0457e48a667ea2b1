"""Python that runs inside Snowflake: each file is the body of procedures, embedded in the SQL scripts as it stands.

Therefore no file here imports another one, or anything else of `bridge`: only the standard library, `requests` and,
inside of functions, `snowflake.snowpark`. Neither two dollar signs in a row nor a template's opening mark may occur.
"""
