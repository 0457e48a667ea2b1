"""An emulator of the part of Azure Machine Learning that the bridge meets: pipeline jobs, components, run history.

The real `azure-ai-ml` client talks to it over plain HTTP on loopback. Jobs pass through their statuses by a timeline,
and every status can be told to an Event Grid sink. Everything is kept in memory.

Where the facts come from: routes, names and fields are those of azure-ai-ml 1.35; shapes of answers follow the SDK's
own recordings of the service; the text of the "already exists" answer follows azure-sdk-for-python PR 47389.

What it does not do
-------------------
* It runs nothing. A job has no steps (its list of children is empty), no logs, no metrics and no files; the outputs in
  its run history are made-up references.
* It knows pipeline jobs only. Command, sweep and automatic jobs, schedules, environments, code upload, data assets,
  datastores, models, batch and online endpoints answer 501 "not emulated".
* It believes every bearer token: signature, audience, expiry and roles are not looked at. Discovery is anonymous, as it
  is in the cloud.
* It does not check an input's type against the component, and accepts inputs that the component does not have.
* Where the service's answer is not known, the answer here is a guess: the status 400 of a changed immutable property
  and of missing required inputs, and the texts of most errors. An unknown component is answered 400 here; one recording
  of the service (2022, a component of a step) shows 404 NotFound: see `--missing-component-status`.
* Changes of run history (`jobs.update`, `jobs.archive`) are not emulated, so nothing is ever archived.
* `--limits` knows one caller: the two buckets are shared by everybody who asks.
"""
