"""A Snowflake for the laptop: fakesnow (DuckDB behind Snowflake's HTTP API) plus what it lacks for this project.

What is added: the login that connector 5.x wants, errors that are answered at once, turns per session, idempotent
request ids, asynchronous queries, statements that DuckDB cannot have as recorded no-ops, and external functions that
really call an HTTP service in Snowflake's wire format.

Started as `python -m bridge.local.snowflake --port P --control-port C`. The control port has the routes that every
emulator has, and also `GET /statements`, `GET /no-ops`, `GET,POST /url-map`, `GET /external-functions`.

Faults. Facts of a query request: `verb` (INSERT, SELECT, ...) and `sql` (a match is contained in the text). Kinds:

* `error` {code, sqlstate, message}: the statement is refused and not executed.
* `http_status` {status}: this HTTP request is answered with a bare status; the connector may retry it by itself.
* `delay` {seconds}: the statement starts that much later.
* `after_commit_error` {status}: the statement is executed, then its answer is lost for good, also for the connector's
  own retries, which carry the same request id. Without a status the connection breaks off within the answer, which
  connector 5.x reports at once; with 504, say, it tries six times first.
* `session_gone` {code, message}: the session ends, as when its tokens have expired (390114).
* `login_refused`, without facts: the login is answered like a wrong password.

What it does not do
-------------------
* No credential is verified; a user and some secret must be present. No role, grant or masking is enforced.
* Tasks, streams, alerts, procedures, SQL functions, warehouses, grants, integrations and secrets are accepted,
  recorded and forgotten. `CALL` and scripting blocks are refused.
* The control clock moves nothing: nothing in here waits for a due time.
* VARCHAR lengths are not enforced, integers beyond 64 bits do not fit a column, `1 / 0` is infinity, SUM of a NUMBER
  is a float, the offset of a TIMESTAMP_TZ is lost (every time is UTC), and a failed statement aborts an open
  transaction.
* A login creates the database and the schema that it names.
* External functions: no overloads, no translators, no Content-MD5, no SHOW; the batches of a query go one by one.
* `PUT`, `GET`, stages in clouds, `QUERY_HISTORY`, `RESULT_SCAN` and several statements in one request do not work.
* Databases live in memory and end with the process.
"""
