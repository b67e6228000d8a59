"""
Checks of arguments that are no request fields: what is wrong with a value, in words, or ``None``.

What comes from a Variable, the environment or a template is text where a number is meant; what comes from anywhere else
may be anything. Nothing here trusts a value to have a length, a truth or a repr.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from airflow_provider_kling import ON_MODERATION
from airflow_provider_kling.api.plain import DEEPEST, choice, is_too_deep, is_utf8, shorten
from airflow_provider_kling.compat.templates import holds_template, literal_text
from airflow_provider_kling.lifecycle.labels import Label
from airflow_provider_kling.lifecycle.paths import label_faults, path_fault, unknown_names
from airflow_provider_kling.operators.items import LABEL, given_label
from airflow_provider_kling.operators.mapped import mapped_fault

# Longer than Kling keeps a task; Airflow's own dates end in the year 9999.
LONGEST = 365 * 86_400.0


def text(value: object) -> str | None:
    """Return what is wrong with a text that may be missing."""
    if value is None or (isinstance(value, str) and is_utf8(value)):
        return None
    return f"must be text, not {shorten(value)}"


def depth(value: object) -> str | None:
    """Return what is wrong with a value that Airflow, which looks for templates all through it, would not survive."""
    return f"is nested more than {DEEPEST} levels deep, or holds itself" if is_too_deep(value) else None


def own_id(value: object) -> str | None:
    """Return what is wrong with the user's own ``external_task_id``; a native template makes a number of digits."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() <= 64:
        return None
    return text(value)


def seconds(value: Any) -> float | None:
    """Return seconds of a number, a text or a ``timedelta``; ``None`` where it is none above 0 and within a year."""
    try:
        number = value.total_seconds() if isinstance(value, timedelta) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if 0 < number <= LONGEST else None


def units(value: Any) -> float | None:
    """Return a number of units; ``None`` where it is none of at least 0."""
    try:
        number = None if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return number if number is not None and 0 <= number < float("inf") else None


def whole_number(value: Any) -> int | None:
    """Return a whole number of at least 1; ``None`` where it is none."""
    if isinstance(value, str) and value.isdecimal() and len(value) < 20:
        value = int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 1 else None


class CheckedArguments:
    """
    The part of :class:`~airflow_provider_kling.operators.base.KlingOperator` that checks arguments.

    :cvar is_batch: whether many videos land at ``output_path``.
    """

    is_batch: ClassVar[bool] = False
    template_fields: Any
    kling_conn_id: Any
    external_task_id: Any
    key: Any
    meta: Any
    wait_for_completion: bool
    output_path: Any
    max_bytes: Any
    max_units: Any
    partition_by_key: Any
    outlets: Any
    on_clear: Any
    on_lost_submit: Any
    on_moderation: Any

    def argument_faults(self) -> list[tuple[str, str]]:
        """Return what is wrong with arguments that are no request fields, as far as it is known."""
        found = [
            ("on_clear", choice(self.on_clear, ("reuse", "new"))),
            ("on_lost_submit", choice(self.on_lost_submit, ("resubmit", "fail"))),
            ("on_moderation", choice(self.on_moderation, ON_MODERATION) or self._moderation_fault()),
            *self._number_faults(),
            ("partition_by_key", self.partition_by_key and self._partition_fault()),
            *((name, depth(getattr(self, name))) for name in self.template_fields),
            *((name, fault) for name, fault in self._text_faults() if not holds_template(getattr(self, name))),
            *given_label({name: getattr(self, name) for name in LABEL if not holds_template(getattr(self, name))})[1],
            # Jinja puts values in the place of its own marks, and leaves the names in single braces.
            ("output_path", unknown_names(literal_text(self.output_path))),
            ("output_path", self._mapped_group_fault()),
        ]
        if self.output_path is not None and not self.wait_for_completion:
            found.append(("output_path", "needs wait_for_completion=True: there is no video to land before"))
        return list(dict.fromkeys((name, fault) for name, fault in found if fault))

    def _moderation_fault(self) -> str | None:
        if self.on_moderation != "return" or self.wait_for_completion:
            return None
        return "'return' needs wait_for_completion=True: what is returned without it is the id of a task"

    def _number_faults(self) -> Iterator[tuple[str, str | None]]:
        """Yield what is wrong with numbers, and make numbers of those that are text."""
        for name in ("timeout", "poll_interval"):
            value = getattr(self, name)
            if value is not None or name == "timeout":
                setattr(self, name, seconds(value))
                fault = f"must be a number of seconds above 0, not {shorten(value)}; a year at most"
                yield name, fault if getattr(self, name) is None else None
        if self.max_units is not None:
            value, self.max_units = self.max_units, units(self.max_units)
            fault = f"must be a number of units of at least 0, not {shorten(value)}"
            yield "max_units", fault if self.max_units is None else None
        value, self.max_bytes = self.max_bytes, whole_number(self.max_bytes) or 0
        yield "max_bytes", None if self.max_bytes else f"must be a whole number of bytes above 0, not {shorten(value)}"

    def _partition_fault(self) -> str | None:
        """Return why the events of this task cannot have partition keys."""
        from airflow_provider_kling.compat import assets
        from airflow_provider_kling.compat.versions import airflow_is_at_least

        if not airflow_is_at_least(assets.PARTITIONS_SINCE):
            return f"needs Airflow {assets.PARTITIONS_SINCE}: leave it out, and map a task over the events of a run"
        if not self.output_path:
            return "needs an output_path: what is not landed has no event"
        if any(assets.is_alias(outlet) for outlet in self.outlets):
            return "needs an Asset among the outlets: Airflow gives what an AssetAlias emits no partition key"
        return None if any(assets.is_asset(outlet) for outlet in self.outlets) else "needs an Asset among the outlets"

    def _text_faults(self) -> Iterator[tuple[str, str | None]]:
        """Yield what is wrong with texts, where they are known."""
        yield "kling_conn_id", text(self.kling_conn_id) or ("is empty" if not self.kling_conn_id else None)
        yield "external_task_id", own_id(self.external_task_id)
        yield "output_path", self.output_path_fault()

    def own_id(self) -> str | None:
        """Return the user's own id as text, where there is one."""
        given = self.external_task_id
        return str(given) if own_id(given) is None and given else None

    def rendered_faults(self) -> list[tuple[str, str]]:
        """Return what is wrong with texts that are no request fields, now that all are known."""
        _, faults = given_label({name: getattr(self, name) for name in LABEL})
        return [*((name, fault) for name, fault in self._text_faults() if fault), *faults]

    def output_path_fault(self) -> str | None:
        """Return what is wrong with the output path."""
        if fault := text(self.output_path):
            return fault
        return path_fault(self.output_path, is_batch=self.is_batch) if self.output_path else None

    def _mapped_group_fault(self) -> str | None:
        """Return what is wrong with the output path of a task in a task group that is mapped."""
        # Airflow's base class has it.
        if self.get_closest_mapped_task_group() is None:  # type: ignore[attr-defined]
            return None
        key_differs = self.key is None or holds_template(self.key)
        return mapped_fault(self.output_path, key_differs=key_differs, is_batch=self.is_batch)

    def place_faults(self, labels: Sequence[Label]) -> list[tuple[str, str]]:
        """Return what is wrong with where videos with these labels would land; nothing where the path itself is."""
        if self.output_path_fault() or not self.output_path:
            return []
        return list(label_faults(self.output_path, labels, is_batch=self.is_batch))
