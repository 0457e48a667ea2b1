"""A Functions host for one machine: runs the real function_app.py through its decorators, as strict as the platform.

`python -m bridge.local.host APPDIR --port P --control-port C [--with-parent]`, in the app's own environment. Settings
come from the environment, completed by APPDIR/local.settings.json. Keys are checked when LOCAL_FUNCTION_KEY,
LOCAL_MASTER_KEY and LOCAL_SYSTEM_KEY are set. LOCAL_FRONT_END_SECONDS shortens the 230 s after which a caller gets 502.

Control port, besides what every emulator has: GET /invocations, POST /timers/NAME/fire. The clock moves the timers
only. Fault kinds, all of which match on `function`:

- `crash`: SIGKILL this process, `when` = before or after the function ran, in any case before its message is settled.
  Params: `marker`, a file to write first, for the plan dies with the process. Matches on message_id, path, event_id.
- `abandon`: settle a success as a failure, which delivers the message (or the whole batch) again.

What it does not do
-------------------
- No output or input bindings, no topics, no sessions, no warm-up trigger, no trigger data as plain str or bytes.
- No retry policies of timers, no storage lease: two hosts fire a timer twice.
- No scaling, no cold start, no slots. A function that exceeds functionTimeout fails, but the worker is not restarted.
- Keys are three settings, not the key store; /admin/host/status is open.
- The host's JSON handling is not .NET's: the platform rewrites date-times inside event and untyped batch bodies.
- A chunked request keeps its body. On the platform that depends on the front end.
"""
