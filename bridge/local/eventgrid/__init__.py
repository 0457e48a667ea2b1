"""An emulator of Event Grid: custom topics that take events, and their delivery to Service Bus queues or webhooks.

The real `azure-eventgrid` client publishes to `/topics/{name}/api/events`. A topic has one subscription, with a static
delivery property `bridge_door`, so that a receiver can tell which topic an event came through. The topic without a key
stands for a workspace's system topic: only the Azure ML emulator feeds it, by `POST /workspace-events`.

Where the facts come from: learn.microsoft.com, "Event Grid message delivery and retry", "Service Bus queues and topics
as event handlers", "Azure Event Grid event schema"; the SDK azure-eventgrid 4.22.

What it does not do
-------------------
* No filters, no output batching, no namespaces (pull delivery), no partner topics, one subscription a topic.
* Topics take both schemas and deliver an event in the schema it came in; a cloud topic is made for one of them.
* Publishing wants an access key: SAS tokens and Entra tokens are refused. Service Bus gets a shared access signature.
* Delivery is in order, one event at a time and without the small random waits of the cloud, so that tests can rely on
  it; disorder has to be asked for. Event Grid promises no order.
* It never postpones for an endpoint that keeps failing ("probation"), and knows no validation by opening a link.
* Dead letters are a list, not blobs. The reason of one that is not retried ("NotRetried") is this emulator's word.
* Everything is in memory: a restart forgets what was not delivered.
"""
