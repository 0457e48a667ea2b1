"""A Snowflake for the laptop: fakesnow (DuckDB behind Snowflake's HTTP API) plus what it lacks for this project.

What is added: the login that connector 5.x wants, errors that are answered at once, turns per session, idempotent
request ids, asynchronous queries, statements that DuckDB cannot have as recorded no-ops, external functions that
really call an HTTP service in Snowflake's wire format, procedures in Python that really run (`procedures`), stages
that are folders (`stages`), SQL functions, and what runs by itself (`orchestration`): tasks, streams, alerts and
notifications.

Started as `python -m bridge.local.snowflake --port P --control-port C`. The control port has the routes that every
emulator has, and also `GET /statements`, `GET /no-ops`, `GET,POST /url-map`, `GET /external-functions`,
`GET /procedures`, `GET /tasks`, `GET /alerts`, `GET /notifications`.

What lies in stages: `GET /stages`, and `GET,PUT /stages/{database}/{schema}/{stage}/{path}` for the bytes of a file.

Faults. Facts of a query request: `verb` (INSERT, SELECT, CALL, ...) and `sql` (a match is contained in the text). The
statements of a procedure's handler are requests like any other. Kinds:

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
* No credential is verified; a user and some secret must be present. No role, grant or masking is enforced, but a user
  who was made by CREATE USER logs in only with roles that were granted.
* SHOW GRANTS TO ROLE and TO USER tell what GRANT and REVOKE said, object by object: not what was granted ON ALL or on
  FUTURE objects, what roles inherit, who owns what, or that CREATE OR REPLACE takes grants away.
* Warehouses and integrations other than for external access and notifications are accepted, recorded and forgotten.
* Scripting blocks outside procedures are refused, and fail the task whose body they are.
* Tasks and alerts: no schedule fires and no stream triggers; EXECUTE TASK and EXECUTE ALERT run them, as SYSTEM and in
  the background. The children of one task run one after the other. No retries, no time limits, no suspending after
  failures, no SHOW TASKS, no TASK_HISTORY: `GET /tasks` and `GET /alerts` tell what ran.
* Streams: APPEND_ONLY = TRUE on tables only; others are recorded and cannot be read. Rows that were deleted before the
  stream was read are missing from it, a stream is consumed into tables of its own database only, MERGE moves the
  offset in a step of its own, and no stream becomes stale by time.
* Notifications go to Event Grid only (queues of other clouds, e-mail and webhooks are recorded); who sends is told by
  the headers of the URL map. `GET /notifications` tells what was sent.
* SQL functions of one value only, told apart by the number of their arguments. A view keeps the body that a function
  had when the view was made. Table functions and those in other languages are recorded and forgotten.
* SYSTEM$ functions within an expression take constants only.
* Procedures: those in Python, and SQL ones of a few plain steps, within the limits that `procedures` tells. Secrets,
  network rules and external access integrations are kept for them, and recorded among the no-ops as well; secrets of
  other types than GENERIC_STRING, PASSWORD and WORKLOAD_IDENTITY_FEDERATION have no value here.
* The control clock moves nothing: nothing in here waits for a due time.
* VARCHAR lengths are not enforced, integers beyond 64 bits do not fit a column, `1 / 0` is infinity, SUM of a NUMBER
  is a float, the offset of a TIMESTAMP_TZ is lost (every time is UTC), and a failed statement aborts an open
  transaction.
* A login creates the database and the schema that it names.
* External functions: no overloads, no translators, no Content-MD5, no SHOW; the batches of a query go one by one.
* Stages: named ones and Parquet files only, within the limits that `stages` tells.
* `PUT`, `GET`, `QUERY_HISTORY`, `RESULT_SCAN` and several statements in one request do not work.
* Databases live in memory and end with the process.
"""
