"""
Refuse before paying: a request against its schema and the known rules of its model.

All faults are found at once, each with the name of its field, so that one failed run is enough to fix a DAG.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema

from airflow_provider_kling.api.normal import shot_faults
from airflow_provider_kling.api.offers import sort_findings
from airflow_provider_kling.api.plain import faults_of, is_given, join, key_faults, shorten, shorten_name
from airflow_provider_kling.exceptions import KlingValidationError

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

    from airflow_provider_kling.api.capabilities import Capability
    from airflow_provider_kling.api.dialects import Dialect

_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d{0,20})(\.\d{1,20})?([eE][+-]?\d{1,3})?")
# The patterns of the schemas, in words.
_PATTERNS = {
    "^https?://": "is no http(s) link, which is all that Kling takes here",
    "^([3-9]|1[0-5])$": "is not one of '3' to '15'",
    "^([1-9]|1[0-5])$": "is not one of '1' to '15'",
}
# Of the list of faults in a message: a log line, not a page.
_LONGEST = 1_700


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
            raise KlingValidationError(f"{what} refused before sending:{_listed(self.faults)}\n", faults=self.faults)


def _listed(faults: Iterable[tuple[str, str]]) -> str:
    """Return a line per fault, and only how many more there are once the text is long."""
    lines = [f"\n  - {shorten_name(field)}: {message}"[:_LONGEST] for field, message in faults]
    text, shown = "", 0
    while shown < len(lines) and len(text) + len(lines[shown]) <= _LONGEST:
        text += lines[shown]
        shown += 1
    return text if shown == len(lines) else f"{text}\n  … and {len(lines) - shown} more"


def mapping(name: str, value: Any) -> tuple[dict[str, Any], tuple[tuple[str, str], ...]]:
    """
    Return an argument that holds request fields, and its fault where it holds none.

    :param name: of the argument.
    :param value: as given, or as a template rendered it; ``None`` is no fields.
    """
    if value is None or isinstance(value, Mapping):
        given = dict({} if value is None else value)
        faults = tuple(fault for field in given for fault in key_faults(name, field))
        return {field: item for field, item in given.items() if isinstance(field, str)}, faults
    what = f"must be a dict of request fields, not {type(value).__name__} ({shorten(value)})"
    how = "; a template gives a dict only with render_template_as_native_obj on the DAG, or from .output of a task"
    return {}, ((name, what + (how if isinstance(value, str) else "")),)


def coerce(capability: Capability, fields: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return the fields with the types of the schema where a template could only yield a string.

    ``"0.5"`` becomes 0.5, ``5`` becomes ``"5"`` and ``"True"`` becomes true where the schema says so; nothing else is
    guessed.
    """
    schema = {"properties": {**capability.schema["properties"]}}
    coerced: dict[str, Any] = _coerce(schema, dict(fields))
    return coerced


def _coerce(schema: Mapping[str, Any], value: Any) -> Any:
    if schema.get("type") == "number" and isinstance(value, str) and _JSON_NUMBER.fullmatch(value):
        return float(value) if any(mark in value for mark in ".eE") else int(value)
    if schema.get("type") == "string" and isinstance(value, int) and not isinstance(value, bool):
        return str(value) if value.bit_length() <= 64 else value
    if schema.get("type") == "boolean" and isinstance(value, str) and value in ("true", "True", "false", "False"):
        return value in ("true", "True")
    if isinstance(value, Mapping) and "properties" in schema:
        # No deeper than the schema: a dict may hold itself.
        return {name: _coerce(schema["properties"].get(name, {}), item) for name, item in value.items()}
    return value


def check_fields(capability: Capability, fields: Mapping[str, Any], *, without: Iterable[str] = ()) -> Findings:
    """
    Check what the schema alone can tell; used when the DAG is parsed.

    :param fields: the request fields that are set, by name.
    :param without: fields that are set but not known yet, because they hold a template.

    The model name is not checked here: which models are accepted depends on the connection, and reading a
    connection while a DAG is parsed costs a database query every few seconds.
    """
    left_out = frozenset(without)
    # The model, when unset, is the dialect's own.
    optional = left_out | {"model"} | ({"prompt"} if is_given(fields.get("shots")) else set())
    required = [name for name in capability.schema["required"] if name not in optional]
    values = {name: value for name, value in fields.items() if name not in left_out}
    return Findings(faults=tuple(_schema_faults(_validator(capability, left_out), values, required)))


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
    :param dialect: decides whether what Kling is known to refuse is refused (at Kling) or warned of (elsewhere).
    :param models: model names that the connection accepts beyond those known.
    """
    # Kling's reference: prompt is required unless multi_shot with shot_type customize gives one per shot.
    per_shot = is_given(extra_body.get("multi_prompt"))
    of_fields = check_fields(capability, fields, without=("prompt",) if per_shot else ()).faults
    of_extra = tuple(_schema_faults(_validator(capability, extra=True), extra_body)) if extra_body else ()
    twice = [name for name in extra_body if name in fields]
    body = {**fields, **extra_body}
    faults = [
        *of_fields,
        *((f"extra_body.{name}", message) for name, message in of_extra),
        *((f"extra_body.{name}", "is set as an argument too; set it once") for name in twice),
        *_own_id_faults(fields.get("external_task_id")),
    ]
    # Of what the schema refuses already, nothing more is said.
    sound = {name: value for name, value in body.items() if name not in _roots((*of_fields, *of_extra))}
    further, doubts = sort_findings(
        capability, sound, dialect=dialect, models=tuple(models), extra=frozenset(extra_body)
    )
    faults += [*_named(further, extra_body), *shot_faults(sound)]
    if not dialect.is_kling:
        undocumented = f"is not documented by the {dialect.name} gateway; it is sent as it is"
        doubts += [(name, undocumented) for name in extra_body]
    return Findings(tuple(_without_repeats(faults)), tuple(_named(doubts, extra_body)))


def _roots(faults: Iterable[tuple[str, str]]) -> set[str]:
    return {re.split(r"[.\[]", field, maxsplit=1)[0] for field, _ in faults}


def _named(found: Iterable[tuple[str, str]], extra_body: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield findings under the names that the user gave the fields."""
    for field, message in found:
        yield (f"extra_body.{field}" if _roots([(field, "")]) & extra_body.keys() else field), message


def _own_id_faults(own_id: object) -> Iterator[tuple[str, str]]:
    """Refuse what could not be looked up again: the id stands in a path, where servers decode %2F into a slash."""
    bad = sorted(set(re.findall(r"[/,\s\x00-\x1f]", own_id))) if isinstance(own_id, str) else []
    if bad:
        yield "external_task_id", f"must not hold {_words(bad)}: the task could not be found again by it"


def _schema_faults(
    validator: jsonschema.Draft202012Validator, value: Mapping[str, Any], required: Iterable[str] = ()
) -> Iterator[tuple[str, str]]:
    odd = {name: list(faults_of("", {name: item})) for name, item in value.items()}
    # What JSON cannot carry is said once, and not shown to a validator that may choke on it.
    plain = {name: item for name, item in value.items() if not odd[name]}
    errors = sorted(validator.iter_errors(plain), key=lambda error: [str(step) for step in error.absolute_path])
    missing = [(name, _why_required("", name)) for name in required if name not in value]
    found = [fault for error in errors for fault in _explain(error)]
    yield from _without_repeats([*missing, *found, *(fault for faults in odd.values() for fault in faults)])


@lru_cache(maxsize=256)
def _validator(
    capability: Capability, left_out: frozenset[str] = frozenset(), *, extra: bool = False
) -> jsonschema.Draft202012Validator:
    """
    Return the validator of the fields that are not left out; building one costs ten times a validation.

    What is required is checked beside it: that differs from request to request.
    """
    schema = capability.extra_schema if extra else capability.schema
    properties = {name: rule for name, rule in schema["properties"].items() if name not in left_out}
    if not extra and "model" in properties:
        # Which models are accepted depends on the connection.
        properties["model"] = {"type": "string", "minLength": 1}
    return jsonschema.Draft202012Validator({**schema, "properties": properties, "required": []})


def _explain(error: ValidationError) -> Iterator[tuple[str, str]]:
    """Say one schema error in the user's words."""
    path = ".".join(str(step) for step in error.absolute_path)
    rule: Any = error.validator_value
    instance: Any = error.instance
    schema: Any = error.schema
    if error.validator == "required":
        missing = [name for name in rule if name not in instance]
        yield from ((join(path, name), _why_required(path, name)) for name in missing)
    elif error.validator == "additionalProperties":
        known = sorted(schema["properties"])
        for name in sorted(set(instance).difference(known), key=str):
            near = _near(name, known)
            hint = f"did you mean {near[0]!r}?" if near else f"known are {_words(known)}"
            yield join(path, shorten_name(name)), f"is not a field of the API; {hint}"
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
            return f"{shorten(value)} is not one of {_words(limit)}"
        case "type":
            return f"{shorten(value)} is not of type {limit}"
        case "minimum" | "maximum":
            low, high = schema.get("minimum"), schema.get("maximum")
            return f"is {shorten(value)}; it must be between {low} and {high}"
        case "pattern":
            return f"{shorten(value)} {_PATTERNS[limit]}"
        case "minItems" | "maxItems":
            return f"has {len(value)} entries; it must have {schema.get('minItems', 0)} to {schema['maxItems']}"
    return error.message if len(error.message) <= 300 else error.message[:299] + "…"


def _without_repeats(found: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return list(dict.fromkeys(found))


def _near(word: object, known: Iterable[str], *, most: int = 1, cutoff: float = 0.6) -> list[str]:
    import difflib

    return difflib.get_close_matches(shorten_name(word), list(known), n=most, cutoff=cutoff)


def _words(values: Iterable[object]) -> str:
    return ", ".join(repr(value) for value in values)
