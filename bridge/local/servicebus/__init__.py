"""Service Bus on a laptop: a broker of queues that the unmodified azure-servicebus SDK takes for the real service.

AMQP 1.0 over plain TCP (`UseDevelopmentEmulator=true` in the connection string) with tokens over `$cbs` and
`$management`, and the REST send API. The configuration file has the layout of Microsoft's emulator, so that one can
stand in for the other.

    python -m bridge.local.servicebus --config FILE --port 5672 --http-port 5300 --control-port 5301

Fault kinds (`POST /faults` on the control port): `server_busy`, `drop_connection`, `lock_lost`, `duplicate_delivery`,
`detach`; what each does stands in `namespace`. They match by `queue` and `operation` (send, receive, settle).

What it does not do:

- No sessions, no deferral, no receiving by sequence number, no topics, no forwarding, no transactions, no partitions:
  each is refused with "not implemented", some already when the configuration is read.
- Queues live in memory: they survive an outage (`POST /outage`), not the end of the process.
- No ServiceBusAdministrationClient, no TLS, no websockets, no Entra tokens.
- One key with all rights. A token's path must cover the queue; its host is not looked at, since this broker does not
  know under which name it is called. An open link is not closed when its token expires.
- No quotas and no throttling except by fault; the only size limit is 256 KB for one send.
- Idle links stay open (the real service detaches them after 10 minutes): use the fault `detach`.
- REST: names of custom headers arrive in lower case, as the HTTP server hands them on.
- It was never compared with the real service; it follows the documentation and what the SDK expects.
"""
