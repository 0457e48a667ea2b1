"""Procedures in Python that really run: CREATE PROCEDURE and CALL, with secrets and external access as in Snowflake.

The handlers run in a process of their own, with the real Snowpark connected back to the emulator and with what
Snowflake gives them besides: the module `_snowflake`, and a network that leads to the allowed hosts only.

What it does not do
-------------------
* RUNTIME_VERSION is not looked at: handlers run in the emulator's interpreter, with the packages installed there.
  Which of them may be imported is decided by PACKAGES. IMPORTS, artifact repositories and RETURNS TABLE are refused.
* Procedures in other languages are recorded when they are created and refused by CALL.
* The whole session of the caller is shared, also by EXECUTE AS OWNER: its transaction, temporary tables and variables.
  Of the owner's rights only database and schema are taken; role and user stay the caller's. A transaction within the
  caller's open one is refused.
* Whether secrets, network rules and integrations fit together is checked by CREATE PROCEDURE and again by CALL. Host
  names are compared, never resolved. `requests` is taken through the URL map; every other way out is refused.
* A number with a fraction within a VARIANT arrives as a float. What a handler prints goes to the emulator's log.
* Overloads are told apart by the number of their arguments only.
* No limits of time or memory, and no sandbox but for the network: files and processes are the emulator's user's.
* No SHOW PROCEDURES, no CALL with INTO; `get_active_session()` works while only one handler runs.
"""
