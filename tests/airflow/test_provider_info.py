"""The provider info: one value that Airflow does not accept breaks every ``airflow`` command."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import zipfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from airflow.providers_manager import ProvidersManager

from airflow_provider_kling.compat.versions import airflow_is_at_least
from airflow_provider_kling.get_provider_info import CONN_FIELDS, UI_FIELD_BEHAVIOUR, get_provider_info
from dev.processes import ROOT

pytestmark = pytest.mark.airflow

CACHE = ROOT / ".cache" / "airflow-schemas"
VERSIONS = ("3.0.6", "3.1.8", "3.2.2", "3.3.2")
PREFIX = "airflow_provider_kling."


def _schema(version: str, scratch: Path) -> dict[str, Any]:
    """Return the schema file of an Airflow, from its wheel at first use."""
    cached = CACHE / f"{version}.json"
    if not cached.exists():
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", str(scratch), f"apache-airflow-core=={version}"], check=True)
        (wheel,) = scratch.glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            CACHE.mkdir(parents=True, exist_ok=True)
            partial = cached.with_suffix(".partial")
            partial.write_bytes(archive.read("airflow/provider_info.schema.json"))
            partial.replace(cached)
    return dict(json.loads(cached.read_bytes()))


@pytest.mark.parametrize("version", VERSIONS)
def test_accepted_by(version: str, tmp_path: Path) -> None:
    """Each supported Airflow accepts it."""
    schema = _schema(version, tmp_path)
    assert schema["properties"]["connection-types"]
    jsonschema.validate(get_provider_info(), schema)


def test_names_what_exists() -> None:
    """Every module and class that it names can be imported."""
    import importlib

    info = get_provider_info()
    for kind in ("hooks", "operators", "sensors", "triggers"):
        for group in info[kind]:
            for module in group["python-modules"]:
                assert importlib.import_module(module)
    paths = [*info["extra-links"], *(one["hook-class-name"] for one in info["connection-types"])]
    paths += [one["class-name"] for one in info.get("task-decorators", [])]
    paths += [one["plugin-class"] for one in info.get("plugins", [])]
    for path in paths:
        module, _, name = path.rpartition(".")
        assert getattr(importlib.import_module(module), name), path


def test_airflow_takes_it_up(caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder) -> None:
    """Airflow knows the connection type, its form and the link, and has nothing to grumble about."""
    manager = ProvidersManager()  # type: ignore[no-untyped-call]
    with caplog.at_level(logging.WARNING):
        hooks, links = dict(manager.hooks), list(manager.extra_links_class_names)
        behaviour = dict(manager.field_behaviours)
        forms = manager.connection_form_widgets
    assert [record.getMessage() for record in caplog.records if "kling" in record.getMessage().lower()] == []
    assert [str(one.message) for one in recwarn if "kling" in str(one.message).lower()] == []

    kling = hooks["kling"]
    assert kling is not None
    assert (kling.hook_name, kling.connection_id_attribute_name) == ("Kling", "kling_conn_id")
    assert kling.hook_class_name == f"{PREFIX}hooks.kling.KlingHook"
    assert f"{PREFIX}links.kling.KlingVideoLink" in links
    # Airflow 3.1 without FAB asks the hook only when the form is drawn; test_standalone polls that.
    if airflow_is_at_least("3.2") or find_spec("flask_appbuilder"):
        fields = {name.removeprefix("extra__kling__") for name in forms if name.startswith("extra__kling__")}
        assert fields == set(CONN_FIELDS)
        assert behaviour["kling"]["relabeling"] == UI_FIELD_BEHAVIOUR["relabeling"]
