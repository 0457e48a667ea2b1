"""What a request is about: the name of its operation and the things it names, which faults match on."""

import re
from dataclasses import dataclass, field

_JOBS = r"/workspaces/[^/]+/jobs"
_ONLINE = r"/workspaces/[^/]+/onlineEndpoints"
_FACTORY = r"/Microsoft\.DataFactory/factories/(?P<factory>[^/]+)"
#: (method or None for each, pattern of the path, operation); the first that agrees counts.
_OPERATIONS = [
    (method, re.compile(pattern, re.IGNORECASE), operation)
    for method, pattern, operation in (
        (None, r"^/history/.*/runs/(?P<job>[^/]+)", "run_history"),
        (None, r"^/history/", "run_history"),
        (None, rf"{_JOBS}/(?P<job>[^/]+)/cancel$", "cancel_job"),
        ("PUT", rf"{_JOBS}/(?P<job>[^/]+)$", "put_job"),
        ("GET", rf"{_JOBS}/(?P<job>[^/]+)$", "get_job"),
        (None, rf"{_JOBS}$", "list_jobs"),
        ("PUT", rf"{_ONLINE}/(?P<endpoint>[^/]+)/deployments/(?P<deployment>[^/]+)$", "put_deployment"),
        ("GET", rf"{_ONLINE}/(?P<endpoint>[^/]+)/deployments/(?P<deployment>[^/]+)$", "get_deployment"),
        ("DELETE", rf"{_ONLINE}/(?P<endpoint>[^/]+)/deployments/(?P<deployment>[^/]+)$", "delete_deployment"),
        ("POST", rf"{_ONLINE}/(?P<endpoint>[^/]+)/deployments/(?P<deployment>[^/]+)/getLogs$", "deployment_logs"),
        (None, rf"{_ONLINE}/(?P<endpoint>[^/]+)/deployments$", "list_deployments"),
        ("PUT", rf"{_ONLINE}/(?P<endpoint>[^/]+)$", "put_endpoint"),
        ("GET", rf"{_ONLINE}/(?P<endpoint>[^/]+)$", "get_endpoint"),
        ("PATCH", rf"{_ONLINE}/(?P<endpoint>[^/]+)$", "patch_endpoint"),
        ("DELETE", rf"{_ONLINE}/(?P<endpoint>[^/]+)$", "delete_endpoint"),
        (None, rf"{_ONLINE}$", "list_endpoints"),
        (None, r"/mfeOperations(Status|Results)/", "get_operation"),
        (None, r"/workspaces/[^/]+/models(/|$)", "model"),
        (None, rf"{_FACTORY}/pipelines/(?P<pipeline>[^/]+)/createRun$", "create_run"),
        (None, rf"{_FACTORY}/queryPipelineRuns$", "query_runs"),
        (None, rf"{_FACTORY}/pipelineruns/", "get_run"),
        ("GET", r"/Microsoft\.ServiceBus/namespaces/[^/]+/queues/(?P<queue>[^/]+)$", "get_queue"),
        (None, r"/components", "component"),
    )
]


@dataclass(frozen=True)
class Facts:
    """What is known of a request before it is worked on."""

    method: str
    path: str
    operation: str
    #: job, endpoint, deployment, factory, pipeline, queue: as far as the path has them.
    names: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, method: str, path: str) -> "Facts":
        for wanted, pattern, operation in _OPERATIONS:
            found = pattern.search(path) if wanted in (None, method) else None
            if found:
                return cls(method, path, operation, found.groupdict())
        return cls(method, path, "other")
