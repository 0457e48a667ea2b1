"""What may stand in pipelines.yaml, as models: they check the file and are its JSON Schema for editors."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, WithJsonSchema
from pydantic import model_validator
from pydantic_core import PydanticCustomError

from bridge.adapters.pipelines_inputs import Finding, read_input
from bridge.domain.pipelines import MAX_INPUTS, Allow, InputSpec, InputType, Pipeline, closest

MAX_TIMEOUT = timedelta(days=30)
_DURATION = re.compile(r"(?:(\d{1,5})d)?(?:(\d{1,5})h)?(?:(\d{1,5})m)?", re.ASCII)
