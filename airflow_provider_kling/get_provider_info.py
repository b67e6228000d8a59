"""
All that Airflow is told about this provider.

Airflow calls this in nearly every process, and one value that it does not accept breaks every ``airflow`` command:
the tests check it against the schema file of each supported version.
"""

from __future__ import annotations

from typing import Any

_INTEGRATION = "Kling"

CONN_FIELDS: dict[str, dict[str, Any]] = {
    "dialect": {
        "label": "Dialect",
        "description": "Whose key it is. llmprovider: the gateway platform.llmprovider.ai. kling: Kling's own API on "
        "/v1, and gateways that pass it through. kling-v3: Kling's new standard; API key only.",
        "schema": {
            "type": ["string", "null"],
            "enum": ["llmprovider", "kling", "kling-v3"],
            "default": "llmprovider",
        },
    },
    "timeout": {
        "label": "Timeout (seconds)",
        "description": "How long to wait for one answer of the API. Default: 30.",
        "schema": {"type": ["number", "null"], "minimum": 1, "maximum": 120},
    },
    "models": {
        "label": "Further models",
        "description": "Model names to accept beyond those that this release knows, or that Kling retired, separated "
        "by commas.",
        "schema": {"type": ["string", "null"]},
    },
    "namespace": {
        "label": "Namespace",
        "description": "Tells deployments apart that share a Kling account and names of DAGs and tasks, e.g. staging.",
        "schema": {"type": ["string", "null"]},
    },
    "allow_private_downloads": {
        "label": "Private downloads",
        "description": "Whether videos may be fetched from private addresses although the API is not at one.",
        "schema": {"type": ["boolean", "null"], "default": False},
    },
}

UI_FIELD_BEHAVIOUR: dict[str, Any] = {
    # The port is not hidden: the Test button of Airflow 3.3.1 and 3.3.2 answers "Bad Request" to any connection without
    # one (apache/airflow#73298).
    "hidden-fields": ["schema"],
    "relabeling": {
        "host": "Base URL",
        "login": "Access key",
        "password": "API key or secret key",
    },
    "placeholders": {
        "host": "empty = the dialect's own; e.g. https://api-singapore.klingai.com",
        "login": "empty with an API key; set with a secret key",
        "port": "443, if Test says Bad Request (Airflow 3.3.1, 3.3.2)",
    },
}


def get_provider_info() -> dict[str, Any]:
    """Return the provider info as a dict; see Airflow's ``provider_info.schema.json``."""

    def modules(*names: str) -> list[dict[str, Any]]:
        return [
            {"integration-name": _INTEGRATION, "python-modules": [f"airflow_provider_kling.{name}" for name in names]}
        ]

    return {
        "package-name": "airflow-provider-kling",
        "name": _INTEGRATION,
        "description": "Kling text-to-video: each video paid for once and never lost.",
        "integrations": [
            {
                "integration-name": _INTEGRATION,
                "external-doc-url": "https://kling.ai/document-api",
                "tags": ["ai", "video"],
            }
        ],
        "hooks": modules("hooks.kling"),
        "operators": modules("operators.kling", "operators.image", "operators.video", "operators.audio"),
        "sensors": modules("sensors.kling", "sensors.quota"),
        "triggers": modules("triggers.kling", "triggers.batch", "triggers.approval"),
        "task-decorators": [
            {"name": name, "class-name": f"airflow_provider_kling.decorators.kling.{name}"}
            for name in ("kling_text2video", "kling_image2video")
        ],
        "extra-links": ["airflow_provider_kling.links.kling.KlingVideoLink"],
        "plugins": [{"name": "kling", "plugin-class": "airflow_provider_kling.plugins.kling.KlingPlugin"}],
        "connection-types": [
            {
                "connection-type": "kling",
                "hook-class-name": "airflow_provider_kling.hooks.kling.KlingHook",
                "hook-name": _INTEGRATION,
                "ui-field-behaviour": UI_FIELD_BEHAVIOUR,
                "conn-fields": CONN_FIELDS,
            }
        ],
    }
