"""What somebody sees before anything is paid for, in Airflow's own form."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow_provider_kling.api.plain import shorten
from airflow_provider_kling.api.preview import preview
from airflow_provider_kling.compat.hitl import Form
from airflow_provider_kling.lifecycle.approval import OPTIONS, REJECT, TOKEN, Answer, ApprovalPolicy, editable_fields
from airflow_provider_kling.lifecycle.budget import total

if TYPE_CHECKING:
    from airflow_provider_kling.lifecycle.job import Job

# Items of a batch that are shown.
_SAMPLE = 5
_LONGEST_SAMPLE = 300
# A line in a block of code is not wrapped by the page.
_WIDTH = 76


def form_of(job: Job, task_id: str, asked: Answer, positions: Sequence[int], policy: ApprovalPolicy) -> Form:
    """
    Return the form that asks for an approval.

    What it shows depends on what is asked for alone: Airflow shows the same form again after a retry or a clear.

    :param job: what is wanted, as its templates rendered.
    :param task_id: of the task that asks.
    :param asked: what the answer will be about.
    :param positions: of those requests.
    """
    estimate = total([job.estimate(job.requests[position]) for position in positions])
    bound = f" At most `max_units={job.max_units:g}` is spent." if job.max_units is not None else ""
    intro = f"**Estimate: {estimate}.**{bound} Nothing is submitted to Kling before this is approved."
    parts = [intro, *(_batch(job, positions) if job.is_batch else _one(job))]
    what = f"{len(positions)} of {job.capability.name}" if job.is_batch else job.capability.name
    hidden = {"value": asked.token, "description": None, "schema": {"type": "string", "const": asked.token}}
    return Form(
        subject=f"{task_id}: {what}, {estimate}",
        body="\n\n".join(parts),
        options=OPTIONS,
        params={TOKEN: hidden, **_fields(job, policy)},
        defaults=(REJECT,) if policy.on_timeout == "reject" else None,
        assigned_users=policy.assigned_users,
    )


def _fields(job: Job, policy: ApprovalPolicy) -> dict[str, Any]:
    longest = {
        name: job.capability.schema["properties"][name].get("maxLength") for name in editable_fields(job, policy)
    }
    return {
        name: {
            "value": value,
            "description": "Change it here, if need be; what stands here is what is paid for.",
            "schema": {"type": "string", "format": "multiline", "minLength": 1}
            | ({"maxLength": longest[name]} if longest[name] else {}),
        }
        for name, value in editable_fields(job, policy).items()
    }


def _one(job: Job) -> list[str]:
    request = dict(job.requests[0])
    prompt = request.pop("prompt", None)
    parts = [] if prompt is None else ["Prompt:", code(_wrapped(str(prompt)))]
    return [*parts, "Request:", code(json.dumps(preview(request), indent=2, ensure_ascii=False), "json")]


def _batch(job: Job, positions: Sequence[int]) -> list[str]:
    shown = positions[:_SAMPLE]
    parts = [f"{len(positions)} of {len(job.requests)} items are to be paid for."]
    for position in shown:
        request = dict(job.requests[position])
        prompt = str(request.pop("prompt", ""))
        fields = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in _brief(request).items())
        text = textwrap.shorten(prompt, _LONGEST_SAMPLE, placeholder=" …") if prompt else "(no prompt)"
        key = job.label(position).key
        lines = [*([f"key: {shorten(key)}"] if key is not None else []), text, fields]
        parts += [f"Item {position}:", code(_wrapped("\n".join(lines)))]
    if len(positions) > len(shown):
        parts.append(f"… and {len(positions) - len(shown)} more.")
    return parts


def _brief(request: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in preview(request).items() if not isinstance(value, (dict, list))}


def _wrapped(text: str) -> str:
    lines = [textwrap.wrap(line, _WIDTH, break_long_words=False) or [""] for line in text.splitlines() or [""]]
    return "\n".join(line for wrapped in lines for line in wrapped)


def code(text: str, language: str = "text") -> str:
    """Return a block of Markdown in which a text stays a text, whatever HTML or Markdown is in it."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"
