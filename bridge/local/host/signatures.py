"""The real worker's checks of a function's parameters, which fail at indexing and not at the first call."""

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from azure.functions.eventgrid import EventGridEventInConverter
from azure.functions.http import HttpRequestConverter, HttpResponseConverter
from azure.functions.servicebus import ServiceBusMessageInConverter
from azure.functions.timer import TimerRequestConverter

#: The worker's converters, which say what a parameter may be annotated with.
CONVERTERS: dict[str, Any] = {
    "eventGridTrigger": EventGridEventInConverter,
    "httpTrigger": HttpRequestConverter,
    "serviceBusTrigger": ServiceBusMessageInConverter,
    "timerTrigger": TimerRequestConverter,
}


class SignatureError(Exception):
    """The parameters or the annotations do not fit the bindings."""


def check(call: Callable[..., Any], bindings: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the function takes a context.

    Raises:
        SignatureError: the worker would refuse to index this function.
    """
    parameters = set(inspect.signature(call).parameters)
    bound = {str(binding["name"]): binding for binding in bindings if binding["name"] != "$return"}
    annotations = _annotations(call)
    wants_context = "context" in parameters and "context" not in bound
    if wants_context:
        parameters.discard("context")
        _check_context(annotations.get("context"))
    unbound = sorted(parameters - set(bound))
    if unbound:
        raise SignatureError(
            f"parameter {', '.join(unbound)} has no binding (the context parameter must be named exactly 'context')"
        )
    missing = sorted(set(bound) - parameters)
    if missing:
        raise SignatureError(f"binding {', '.join(missing)} has no parameter in Python")
    for name, binding in bound.items():
        if name in annotations:
            _check_trigger(name, str(binding["type"]), annotations[name])
    if "return" in annotations and any(binding["name"] == "$return" for binding in bindings):
        _check_http_return(annotations["return"])
    return wants_context


def _annotations(call: Callable[..., Any]) -> dict[str, Any]:
    try:
        return typing.get_type_hints(call)
    except Exception as error:
        raise SignatureError(f"its annotations cannot be evaluated: {type(error).__name__}: {error}") from error


def _check_context(annotation: Any) -> None:
    if annotation is not None and getattr(annotation, "__name__", "") != "Context":
        raise SignatureError(f"the context parameter must be annotated func.Context, not {annotation!r}")


def _check_trigger(parameter: str, kind: str, annotation: Any) -> None:
    if isinstance(annotation, types.GenericAlias):
        raise SignatureError(
            f"parameter {parameter!r}: the worker refuses {annotation!r} (PEP 585); write typing.List[...]"
        )
    if isinstance(annotation, types.UnionType) or typing.get_origin(annotation) is typing.Union:
        raise SignatureError(f"parameter {parameter!r}: the worker refuses the union {annotation!r}; name one type")
    if annotation in (str, bytes):
        raise SignatureError(f"parameter {parameter!r}: this host does not pass a trigger's data as {annotation!r}")
    if not CONVERTERS[kind].check_input_type_annotation(annotation):
        raise SignatureError(f"parameter {parameter!r}: the annotation {annotation!r} does not fit a {kind}")


def _check_http_return(annotation: Any) -> None:
    if not isinstance(annotation, type) or not HttpResponseConverter.check_output_type_annotation(annotation):
        raise SignatureError(f"an HTTP function must return func.HttpResponse or str, not {annotation!r}")
