"""The app without the Functions host: the same function_app.py, served by one process in a container.

`python -m bridge.container [http|worker|all] [--host ADDRESS] [--port PORT]`. `http` answers the routes; `worker` calls
the functions of queues and timers; `all` does both. Each also answers GET /live and GET /ready. Settings come from the
environment, and host.json counts as on the platform.

What is different from the platform
-----------------------------------
- Keys are those of BRIDGE_FUNCTION_KEYS. Routes are matched letter by letter, and a wrong method is 405.
- Event Grid's webhook is not served: events come by the queue `inbound-events`.
- Every worker fires the timers; the platform has one instance do it. What they do must bear that.
- A worker does not begin while the settings are wrong: no message uses up its deliveries for them.
- A function that exceeds functionTimeout ends the process, as the platform ends its worker; others finish first.
- No bindings besides triggers and HTTP answers, no sessions, no topics, no retry policies.
"""
