"""Mapped tasks whose videos would all land on one file are an import error of their DAG, in a real DAG file."""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path
from typing import Any

import pytest
from airflow.models import DagBag

HEAD = """
from datetime import datetime
from airflow.sdk import DAG, TaskGroup, task, task_group
from airflow_provider_kling.decorators.kling import kling_text2video
from airflow_provider_kling.operators.kling import KlingBatchOperator, KlingText2VideoOperator
from airflow_provider_kling.operators.image import KlingImage2VideoOperator

waits = {"wait_for_completion": True}
with DAG("mapped", schedule=None, start_date=datetime(2026, 1, 1)):

    @task
    def rows():
        return [{"prompt": "x", "key": "a", "output_path": "a.mp4"}]

"""
REFUSED = {
    "expand": """
        KlingText2VideoOperator.partial(task_id="clip", output_path="clip.mp4", **waits).expand(prompt=["x", "y"])
    """,
    "expand_kwargs": """
        KlingText2VideoOperator.partial(task_id="clip", output_path="s3://b/clip.mp4", **waits).expand_kwargs(rows())
    """,
    "another operator": """
        KlingImage2VideoOperator.partial(task_id="clip", output_path="clip.mp4", **waits).expand(image=["x", "y"])
    """,
    "default_args": """
        KlingText2VideoOperator.partial(task_id="clip", default_args={"output_path": "clip.mp4"}).expand(prompt=["x"])
    """,
    "default_args of a group": """
        with TaskGroup("group", default_args={"output_path": "clip.mp4"}):
            KlingText2VideoOperator.partial(task_id="clip", **waits).expand(prompt=["x", "y"])
    """,
    "one key": """
        KlingText2VideoOperator.partial(task_id="clip", output_path="{key}.mp4", key="a", **waits).expand(prompt=["x"])
    """,
    "batch": """
        KlingBatchOperator.partial(task_id="clip", output_path="clips/{index}.mp4").expand(items=[["x"], ["y"]])
    """,
    "decorator": """
        @kling_text2video(output_path="clip.mp4", **waits)
        def clip(subject):
            return subject

        clip.expand(subject=["x", "y"])
    """,
    "decorator of Airflow": """
        @task.kling_text2video(output_path="clip.mp4", **waits)
        def clip(subject, place):
            return subject

        clip.partial(place="z").expand_kwargs([{"subject": "x"}])
    """,
    "overridden": """
        @kling_text2video
        def clip(subject):
            return subject

        clip.override(task_id="clip", output_path="clip.mp4", **waits).expand(subject=["x"])
    """,
    "task group": """
        @task_group
        def each(subject):
            KlingText2VideoOperator(task_id="clip", prompt=subject, output_path="clip.mp4", **waits)

        each.expand(subject=["x", "y"])
    """,
}
TAKEN = {
    "directory": """
        KlingText2VideoOperator.partial(task_id="clip", output_path="clips/", **waits).expand(prompt=["x", "y"])
    """,
    "names": """
        KlingText2VideoOperator.partial(task_id="a", output_path="{index}.mp4", **waits).expand(prompt=["x", "y"])
        KlingText2VideoOperator.partial(task_id="b", output_path="{key}.mp4", **waits).expand_kwargs(rows())
        KlingText2VideoOperator.partial(
            task_id="c", output_path="{key}.mp4", key="{{ ti.map_index }}", **waits
        ).expand(prompt=["x"])
    """,
    "template": """
        KlingText2VideoOperator.partial(
            task_id="clip", output_path="{{ ti.map_index }}.mp4", **waits
        ).expand(prompt=["x", "y"])
    """,
    "a path for each": """
        KlingText2VideoOperator.partial(task_id="clip", **waits).expand_kwargs(rows())
        KlingText2VideoOperator.partial(task_id="more", prompt="x", **waits).expand(output_path=["a.mp4", "b.mp4"])
    """,
    "no file": """
        KlingText2VideoOperator.partial(task_id="clip").expand(prompt=["x", "y"])
    """,
    "batch": """
        KlingBatchOperator.partial(task_id="clip", output_path="clips/{key}.mp4").expand(items=[["x"], ["y"]])
    """,
    "decorator": """
        @task.kling_text2video(output_path="{key}.mp4", **waits)
        def clip(row):
            return {"prompt": row, "key": row}

        clip.expand(row=["x", "y"])
        clip("not mapped")
    """,
    "task group": """
        @task_group
        def each(subject):
            KlingText2VideoOperator(task_id="a", prompt=subject, key=subject, output_path="{key}.mp4", **waits)
            KlingText2VideoOperator(task_id="b", prompt=subject, output_path="clips/", **waits)

        each.expand(subject=["x", "y"])
    """,
    "one file, not mapped": """
        KlingText2VideoOperator(task_id="clip", prompt="x", output_path="clip.mp4", **waits)
    """,
}


def errors(path: Path, code: str, head: str = HEAD) -> list[str]:
    file = path / "dag.py"
    file.write_text(head + textwrap.indent(textwrap.dedent(code), "    "))
    arguments: dict[str, Any] = {"load_op_links": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        bag = DagBag(str(file), **arguments)
    assert bag.import_errors or bag.dags.keys() == {"mapped"}
    return list(bag.import_errors.values())


@pytest.mark.parametrize("code", REFUSED.values(), ids=[*REFUSED])
def test_one_file_for_all_mapped_tasks_is_an_import_error(tmp_path: Path, code: str) -> None:
    (error,) = errors(tmp_path, code)

    assert "output_path: '" in error
    assert "is one file for all of the mapped tasks" in error
    assert "clip" in error


@pytest.mark.parametrize("kind", ["expand", "decorator"])
def test_the_default_args_of_the_dag_reach_mapped_tasks(tmp_path: Path, kind: str) -> None:
    head = HEAD.replace("schedule=None", 'schedule=None, default_args={"output_path": "clip.mp4"}')
    code = REFUSED[kind].replace('output_path="clip.mp4", ', "")

    assert errors(tmp_path, REFUSED[kind].replace('output_path="clip.mp4"', 'output_path="{index}.mp4"'), head) == []
    (error,) = errors(tmp_path, code, head)
    assert "is one file for all of the mapped tasks" in error


@pytest.mark.parametrize("code", TAKEN.values(), ids=[*TAKEN])
def test_other_mapped_tasks_are_none(tmp_path: Path, code: str) -> None:
    assert errors(tmp_path, code) == []


def test_a_typo_in_the_path_of_mapped_tasks_is_found_when_the_dag_is_parsed(tmp_path: Path) -> None:
    code = 'KlingText2VideoOperator.partial(task_id="clip", output_path="{sku}.mp4", **waits).expand(prompt=["x"])'
    (error,) = errors(tmp_path, code)

    assert "output_path: holds {sku}" in error
