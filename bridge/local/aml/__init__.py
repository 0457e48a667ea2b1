"""An emulator of the part of Azure Machine Learning that the bridge meets, and of a little of Data Factory beside it.

Pipeline jobs, components, run history, models and managed online endpoints. The real `azure-ai-ml` client talks to it
over plain HTTP on loopback. Everything that takes time passes through its states by a timeline, and what happens can be
told to an Event Grid sink. Everything is kept in memory. Queues of Service Bus are shown as resources when the
emulator of Service Bus is named (`--service-bus-control`), read only and one by one. Roles, who has them, and system
topics of Event Grid are shown as `--resources` has them, or `PUT /resources` at the control port. Answers carry a Date,
which `POST /skew` moves.

Where the facts come from: routes, names and fields are those of azure-ai-ml 1.35; shapes of answers follow the SDK's
own recordings of the service; the text of the "already exists" answer follows azure-sdk-for-python PR 47389; events
follow azure-docs PR 59351. Data Factory has its own page: `factories`.

What it does not do
-------------------
* It runs nothing. A job has no steps in run history (its list of children is empty, even where steps send events), no
  logs, no metrics and no files; its outputs are made-up references, and so is what a registered model consists of.
* It knows pipeline jobs only. Command, sweep and automatic jobs, schedules, environments, code upload, data assets,
  datastores and batch endpoints answer 501 "not emulated".
* It believes every bearer token: signature, audience and expiry are not looked at. Roles are shown and never enforced:
  whoever lacks one is not refused. They have no groups, no deny assignments and no conditions. Discovery is anonymous,
  as it is in the cloud.
* With `--workspace-scope` only that workspace is shown; jobs and components of others are answered all the same.
* System topics and their subscriptions are words: no event follows them (the Event Grid emulator has its own), and they
  are read only. Whether the service lists delivery properties with a subscription was not tried: here it does.
* It does not check an input's type against the component, and accepts inputs that the component does not have.
* Where the service's answer is not known, the answer here is a guess: the status 400 of a changed immutable property
  and of missing required inputs, and the texts of most errors. An unknown component is answered 400 here; one recording
  of the service (2022, a component of a step) shows 404 NotFound: see `--missing-component-status`.
* Changes of run history (`jobs.update`, `jobs.archive`) are not emulated, so nothing is ever archived.
* Endpoints cannot be called, and have no keys. A deployment is checked for its model, its size and its name, not for an
  environment or code: whether these would work is decided by the model's tag `emulator.deployment`.
* What a busy endpoint refuses is documented in one sentence (409 while an operation is in progress). Here it refuses
  changes of what is itself changing, and deployments while it is being created or deleted. Traffic is in force when its
  operation has ended, and may go to a deployment that is not ready. Deleting one that has traffic is refused: a guess.
* Whether deployments of managed endpoints raise ModelDeployed in the service is not documented, the samples show older
  kinds: see `--no-model-deployed-events`. Documents show ModelVersion as a number, captures and this as a text.
* The limits (`--limits`, or POST /limits at the control port) know one caller: all who ask share the two buckets.
"""
