"""Procedures that really run: CREATE PROCEDURE and CALL, with secrets and external access as in Snowflake.

Handlers in Python run in a process of their own, with the real Snowpark connected back to the emulator and with what
Snowflake gives them besides: the module `_snowflake`, and a network that leads to the allowed hosts only.
Procedures in SQL run in the emulator, statement by statement: `scripts` reads them, `scripting` carries them out.

What it does not do
-------------------
* RUNTIME_VERSION is not looked at: handlers run in the emulator's interpreter, with the packages installed there.
  Which of them may be imported is decided by PACKAGES. IMPORTS, artifact repositories and RETURNS TABLE are refused.
* Procedures in other languages are recorded when they are created and refused by CALL.
* Of Snowflake Scripting there are one block with DECLARE, LET, `name := expression`, `CALL … [INTO :name]`, SELECT and
  DML, and RETURN. A procedure with anything else (IF, loops, EXCEPTION, cursors, SELECT … INTO, RETURN TABLE, blocks
  within blocks, EXECUTE IMMEDIATE, DDL) is recorded when it is created, and refused by CALL with the name of that.
* Within an expression of a script that has a query in it, variables need their colon. Variables get into a statement
  as literals, so an OBJECT or VARIANT cannot stand in the VALUES of an INSERT.
* The statements of a script are in no log, and no fault meets them; those of the handlers that it calls are and do.
* No more than 8 procedures call one another, whatever they use.
* The whole session of the caller is shared, also by EXECUTE AS OWNER: its transaction, temporary tables and variables.
  Of the owner's rights only database and schema are taken; role and user stay the caller's. A transaction within the
  caller's open one is refused.
* Whether secrets, network rules and integrations fit together is checked by CREATE PROCEDURE and again by CALL. Host
  names are compared, never resolved. `requests` is taken through the URL map; every other way out is refused.
* Within a VARIANT a decimal number with a fraction arrives as text, a whole one as an int, as Snowflake's mapping of
  types says. A FLOAT arrives as a float only if its JSON has an exponent: `0.5::FLOAT` and `1e0` cannot be told from
  decimals here, and arrive as "0.5" and 1. PARSE_JSON as a whole argument keeps every digit; fractions that
  are parsed or constructed anywhere else have the 17 digits of a double.
* What a handler prints goes to the emulator's log.
* Overloads are told apart by the number of their arguments only.
* No limits of time or memory, and no sandbox but for the network: files and processes are the emulator's user's.
* No SHOW PROCEDURES, no CALL with INTO outside of a script; `get_active_session()` works while only one handler runs.
"""
