"""
Refuse before paying: a request against its schema and the known rules of its model.

All faults are found at once, each with the name of its field, so that one failed run is enough to fix a DAG.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema

from airflow_provider_kling.api.models import LLMPROVIDER_NAMES, canonical_model, rule_violations
from airflow_provider_kling.exceptions import KlingValidationError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.api.dialects import Dialect

_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


# Named tuples here and in capabilities: a frozen dataclass costs a millisecond at import, which every DAG file pays.
class Findings(NamedTuple):
    """What is wrong with a request.

    :param faults: (field, message) pairs that forbid sending it.
    :param warnings: (field, message) pairs that the API may or may not mind.
    """

    faults: tuple[tuple[str, str], ...] = ()
    warnings: tuple[tuple[str, str], ...] = ()

    def raise_for_faults(self, what: str) -> None:
        """
        Raise one error that lists every fault.

        :param what: the beginning of the message, e.g. ``text2video request``.
        :raises KlingValidationError: when there is a fault.
        """
        if self.faults:
            lines = "".join(f"\n  - {field}: {message}" for field, message in self.faults)
            raise KlingValidationError(f"{what} refused before sending:{lines}\n", faults=self.faults)


def coerce(capability: Capability, fields: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the fields with the types of the schema where a template could only yield a string.

    ``"0.5"`` becomes 0.5 and ``5`` becomes ``"5"`` where the schema says so; nothing else is guessed.
    """
    schema = {"properties": {**capability.schema["properties"]}}
    coerced: dict[str, Any] = _coerce(schema, dict(fields))
    return coerced


def _coerce(schema: Mapping[str, Any], value: Any) -> Any:
    if schema.get("type") == "number" and isinstance(value, str) and _JSON_NUMBER.fullmatch(value):
        return float(value) if any(mark in value for mark in ".eE") else int(value)
    if schema.get("type") == "string" and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, Mapping):
        known = schema.get("properties", {})
        return {name: _coerce(known.get(name, {}), item) for name, item in value.items()}
    return value


def check_fields(capability: Capability, fields: Mapping[str, Any], *, without: Iterable[str] = ()) -> Findings:
    """
    Check what the schema alone can tell; used when the DAG is parsed.

    :param fields: the request fields that are set, by name.
    :param without: fields that are set but not known yet, because they hold a template.

    The model name is not checked here: which models are accepted depends on the connection, and reading a
    connection while a DAG is parsed costs a database query every few seconds.
    """
    left_out = set(without)
    schema = capability.schema
    known = {name: rule for name, rule in schema["properties"].items() if name not in left_out}
    known["model"] = {"type": "string", "minLength": 1}
    partial = {
        **schema,
        "properties": known,
        "required": [name for name in schema["required"] if name not in left_out],
    }
    values = {name: value for name, value in fields.items() if name not in left_out}
    return Findings(faults=tuple(_schema_faults(partial, values)))


def check_request(
    capability: Capability,
    fields: Mapping[str, Any],
    extra_body: Mapping[str, Any],
    *,
    dialect: Dialect,
    models: Iterable[str] = (),
) -> Findings:
    """
    Check a request that is about to be paid for.

    :param fields: the request fields that are set, rendered and coerced.
    :param extra_body: documented fields of newer models.
    :param dialect: decides whether the known rules refuse (where they were seen) or warn.
    :param models: model names that the connection accepts beyond those known.
    """
    # Kling's reference: prompt is required unless multi_shot with shot_type customize gives one per shot.
    per_shot = bool(extra_body.get("multi_prompt"))
    faults = list(check_fields(capability, fields, without=("prompt",) if per_shot else ()).faults)
    faults += [(f"extra_body.{name}", message) for name, message in _schema_faults(capability.extra_schema, extra_body)]
    faults += [
        (f"extra_body.{name}", "is set as an argument too; set it once") for name in extra_body if name in fields
    ]
    faults += _model_faults(fields.get("model"), dialect, models)
    faults += _own_id_faults(fields.get("external_task_id"))
    body = {**fields, **extra_body, "model": canonical_model(str(fields.get("model")))}
    doubts = rule_violations(body)
    if dialect.enforces_model_rules:
        return Findings(tuple(_without_repeats([*faults, *doubts])))
    doubts += [
        (f"extra_body.{name}", f"is not documented by the {dialect.name} gateway; it is sent as it is")
        for name in extra_body
    ]
    return Findings(tuple(faults), tuple(doubts))


def _own_id_faults(own_id: object) -> Iterator[tuple[str, str]]:
    """Refuse what could not be looked up again: the id stands in a path, where servers decode %2F into a slash."""
    bad = sorted(set(re.findall(r"[/,\s\x00-\x1f]", own_id))) if isinstance(own_id, str) else []
    if bad:
        yield "external_task_id", f"must not hold {_words(bad)}: the task could not be found again by it"


def _model_faults(model: object, dialect: Dialect, models: Iterable[str]) -> Iterator[tuple[str, str]]:
    if not isinstance(model, str) or not model:
        return
    accepted = {*dialect.models, *(canonical_model(name) for name in models)}
    if canonical_model(model) in accepted:
        return
    spellings = sorted(accepted | {LLMPROVIDER_NAMES[name] for name in accepted if name in LLMPROVIDER_NAMES})
    near = _near(model, spellings, most=3, cutoff=0.5)
    yield (
        "model",
        f"{model!r} is not known in dialect {dialect.name!r}; "
        + (f"did you mean {_words(near)}? " if near else f"known are {_words(spellings)}. ")
        + f'To use it all the same, add "models": ["{model}"] to the extra of the connection',
    )


def _schema_faults(schema: Mapping[str, Any], value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    validator = _validator(_Frozen(schema))
    errors = sorted(validator.iter_errors(value), key=lambda error: [str(step) for step in error.absolute_path])
    found = [fault for error in errors for fault in _explain(error)]
    found += [(path, f"{item} is not a finite number") for path, item in _not_finite("", value)]
    yield from _without_repeats(found)


class _Frozen:
    """A schema as a cache key: building a validator costs ten times a validation."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.schema = schema
        self._key = repr(schema)

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Frozen) and self._key == other._key


@cache
def _validator(frozen: _Frozen) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(frozen.schema)


def _explain(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Say one schema error in the user's words."""
    path = ".".join(str(step) for step in error.absolute_path)
    rule: Any = error.validator_value
    instance: Any = error.instance
    schema: Any = error.schema
    if error.validator == "required":
        missing = [name for name in rule if name not in instance]
        yield from ((_join(path, name), _why_required(path, name)) for name in missing)
    elif error.validator == "additionalProperties":
        known = sorted(schema["properties"])
        for name in sorted(set(instance).difference(known), key=str):
            near = _near(name, known)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {_words(known)}"
            yield _join(path, str(name)), f"is not a field of the API; {hint}"
    else:
        yield path, _describe(error)


def _why_required(path: str, name: str) -> str:
    if (path, name) == ("camera_control", "config"):
        return "is required when type is 'simple'"
    return "is required"


def _describe(error: ValidationError) -> str:
    value: Any = error.instance
    limit: Any = error.validator_value
    schema: Any = error.schema
    match error.validator:
        case "maxLength":
            return f"has {len(value):,} characters; at most {limit:,} are allowed"
        case "minLength":
            return "is empty"
        case "enum":
            return f"{value!r} is not one of {_words(limit)}"
        case "type":
            return f"{_shorten(value)} is not of type {limit}"
        case "minimum" | "maximum":
            low, high = schema.get("minimum"), schema.get("maximum")
            return f"is {value}; it must be between {low} and {high}"
    return error.message


def _not_finite(path: str, value: Any) -> Iterator[tuple[str, float]]:
    """Find NaN and infinities, which JSON cannot carry and which pass every range check."""
    if isinstance(value, float) and not math.isfinite(value):
        yield path, value
    elif isinstance(value, Mapping):
        for name, item in value.items():
            yield from _not_finite(_join(path, str(name)), item)


def _without_repeats(found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys(found))


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _near(word: object, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> list[str]:
    import difflib

    return difflib.get_close_matches(str(word), list(known), n=most, cutoff=cutoff)


def _words(values: Iterable[object]) -> str:
    return ", ".join(repr(value) for value in values)
