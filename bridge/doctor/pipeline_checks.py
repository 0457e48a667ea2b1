"""Are the components there that pipelines.yaml names, in their versions, and do their inputs fit?"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from bridge.adapters.arm import segment
from bridge.doctor.findings import Finding, fail, ok, skipped, warn
from bridge.doctor.mends import command
from bridge.doctor.subject import Subject
from bridge.doctor.workspace_checks import workspace_path
from bridge.domain.inputs import InputSpec, InputType
from bridge.domain.pipelines import Pipeline

CHECK, INPUTS, COMPUTE = "pipelines.component", "pipelines.inputs", "pipelines.compute"
AT_ONCE = 8
VERSION, COMPUTE_VERSION = "2024-01-01-preview", "2023-10-01"
#: What a component may declare for an input that is given so; Azure ML takes every literal as text.
FITTING = {
    InputType.STRING: {"string", "enum"},
    InputType.DATE: {"string"},
    InputType.TIMESTAMP: {"string"},
    InputType.INTEGER: {"integer", "number", "float", "string"},
    InputType.NUMBER: {"number", "float", "string"},
    InputType.BOOLEAN: {"boolean", "string"},
    InputType.URI_FILE: {"uri_file", "anyfile", "path"},
    InputType.URI_FOLDER: {"uri_folder", "anydirectory", "path"},
}
#: What pipelines.yaml would call a component's type.
OURS = {"integer": "integer", "number": "number", "float": "number", "boolean": "boolean",
        "uri_file": "uri_file", "uri_folder": "uri_folder"}  # fmt: skip


def check_pipelines(subject: Subject) -> Iterator[Finding]:
    """Each pipeline by itself; several at once, because there may be hundreds."""
    catalogue = subject.catalogue
    if catalogue is None:
        yield skipped(CHECK, "components: not looked at", "it needs files.pipelines")
        return
    pipelines = [pipeline for name in catalogue.names() if (pipeline := catalogue.find(name))]
    with ThreadPoolExecutor(AT_ONCE) as at_once:
        for findings in at_once.map(lambda pipeline: _findings(subject, pipeline), pipelines):
            yield from findings


def _findings(subject: Subject, pipeline: Pipeline) -> list[Finding]:
    workspace = pipeline.workspace or subject.settings.workspace
    if workspace not in subject.workspaces:
        what = f"{pipeline.name}: its component is not looked at"
        return [skipped(CHECK, what, f"it needs workspace {workspace}")]
    return list(_pipeline(subject, pipeline, workspace))


def _pipeline(subject: Subject, pipeline: Pipeline, workspace: str) -> Iterator[Finding]:
    path = workspace_path(subject.settings, workspace)
    versions = f"{path}/components/{segment(pipeline.component_name)}/versions"
    found = subject.azure.get(f"{versions}/{segment(pipeline.component_version)}", VERSION)
    if found is None:
        yield _missing(subject, pipeline, workspace, versions)
    else:
        findings = list(_input_findings(subject, pipeline, _inputs(found)))
        yield from findings or [ok(CHECK, f"{pipeline.name}: {pipeline.component} exists, and its inputs fit")]
    if pipeline.compute and subject.azure.get(f"{path}/computes/{segment(pipeline.compute)}", COMPUTE_VERSION) is None:
        yield _no_compute(subject, pipeline, workspace)


def _missing(subject: Subject, pipeline: Pipeline, workspace: str, versions: str) -> Finding:
    listed = [str(each.get("name")) for each in subject.azure.listed(versions, VERSION)]
    what = f"{pipeline.name}: {workspace} has no {pipeline.component}"
    if not listed:
        create = command(
            "az", "ml", "component", "create", "--file", f"<{pipeline.component_name}.yml>",
            "--version", pipeline.component_version, "--workspace-name", workspace,
            "--resource-group", subject.settings.resource_group,
        )  # fmt: skip
        return fail(CHECK, what, cause=f"no component is called {pipeline.component_name}", mend=create)
    cause = f"its versions are {', '.join(listed[:5])}"
    entry = f"component: azureml:{pipeline.component_name}:{listed[0]}"
    return fail(CHECK, what, cause=cause, mend=_edit(subject, f"pipelines.{pipeline.name}.target", entry))


def _no_compute(subject: Subject, pipeline: Pipeline, workspace: str) -> Finding:
    create = command(
        "az", "ml", "compute", "create", "--name", str(pipeline.compute), "--type", "AmlCompute",
        "--size", "<size>", "--workspace-name", workspace, "--resource-group", subject.settings.resource_group,
    )  # fmt: skip
    what = f"{pipeline.name}: {workspace} has no compute {pipeline.compute}"
    return fail(COMPUTE, what, cause="pipelines.yaml names it as the pipeline's compute", mend=create)


def _inputs(component: Mapping[str, Any]) -> Mapping[str, Mapping[str, Any]]:
    spec = (component.get("properties") or {}).get("componentSpec") or {}
    return {str(name): each if isinstance(each, Mapping) else {} for name, each in (spec.get("inputs") or {}).items()}


def _input_findings(
    subject: Subject, pipeline: Pipeline, declared: Mapping[str, Mapping[str, Any]]
) -> Iterator[Finding]:
    for name, spec in pipeline.inputs.items():
        if name not in declared:
            takes = ", ".join(declared) or "no inputs"
            what = f'{pipeline.name}: {pipeline.component} has no input "{name}"'
            mend = _edit(subject, f"pipelines.{pipeline.name}.inputs", f"leave out {name}")
            yield fail(INPUTS, what, cause=f"it takes {takes}", mend=mend)
        else:
            yield from _one_input(subject, pipeline, spec, declared[name])
    for name in sorted(declared.keys() - pipeline.inputs.keys()):
        if _is_required(declared[name]):
            what = f'{pipeline.name}: {pipeline.component} requires the input "{name}", which nobody can give'
            entry = f"{name}: {{type: {_ours(declared[name])}, required: true}}"
            mend = _edit(subject, f"pipelines.{pipeline.name}.inputs", entry)
            yield fail(INPUTS, what, cause="pipelines.yaml does not have it", mend=mend)


def _one_input(subject: Subject, pipeline: Pipeline, spec: InputSpec, declared: Mapping[str, Any]) -> Iterator[Finding]:
    kind = str(declared.get("type") or "string").lower()
    place = f"pipelines.{pipeline.name}.inputs.{spec.name}"
    if kind not in FITTING[spec.type]:
        what = f'{pipeline.name}: input "{spec.name}" is {spec.type} here and {kind} in {pipeline.component}'
        cause = "Azure ML would refuse the job, or the component misread the value"
        yield fail(INPUTS, what, cause=cause, mend=_edit(subject, place, f"type: {_ours(declared)}"))
    elif _is_required(declared) and not spec.required and spec.default is None:
        what = f'{pipeline.name}: {pipeline.component} requires the input "{spec.name}", and callers may leave it out'
        cause = "such a run would be accepted, and refused by Azure ML"
        yield warn(INPUTS, what, cause=cause, mend=_edit(subject, place, "required: true, or a default"))


def _is_required(declared: Mapping[str, Any]) -> bool:
    return str(declared.get("optional", False)).lower() != "true" and declared.get("default") is None


def _ours(declared: Mapping[str, Any]) -> str:
    return OURS.get(str(declared.get("type") or "").lower(), "string")


def _edit(subject: Subject, place: str, entry: str) -> str:
    return f"in {subject.settings.pipelines_file}, at {place}: {entry}"
