"""How much one sender may send at once. What is over a limit is refused as a whole, before it costs memory or time.

Limits of single values stand with what they are of: inputs in `domain.inputs` and `domain.pipelines`, keys and names in
`services.accept_runs`, events and messages in `services.send_outbound`, headers in `handlers.answers`. SECURITY.md has
all of them in one table.
"""

#: Of a request by HTTP, as it came; Snowflake's batches are some megabytes at most.
BODY_BYTES = 16 * 1024 * 1024
#: Of the same without its Content-Encoding; what unpacks to more is no batch.
UNPACKED_BYTES = 32 * 1024 * 1024
#: Rows of a batch; the scripts in `sql/` ask Snowflake for 100 at most.
ROWS = 10_000
#: Commas and opening brackets in a document. Each may become a value, and an empty one takes 64 bytes of memory
#: for the two bytes of its text.
PARTS = 1_000_000
#: Of a message. Standard queues take 256 KB, Premium ones up to 100 MB; an event of Event Grid has 1 MB.
MESSAGE_BYTES = 2 * 1024 * 1024
#: In one message, as many as Event Grid puts into a request.
EVENTS = 5_000
