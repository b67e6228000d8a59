"""
The connection form of Airflow 3.0 and 3.1.

Airflow 3.2+ reads the form from provider info and skips this. Airflow 3.1 puts mocks in place of the form libraries
where they are not installed; 3.0 asks for neither then, and shows its standard fields alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from airflow_provider_kling.get_provider_info import CONN_FIELDS, UI_FIELD_BEHAVIOUR


def widgets() -> dict[str, Any]:
    """Return the custom fields of the form."""
    from flask_appbuilder.fieldwidgets import BS3TextFieldWidget
    from flask_babel import lazy_gettext
    from wtforms import StringField
    from wtforms.validators import any_of

    def field(label: str, description: str, schema: Mapping[str, Any]) -> Any:
        make: Callable[..., Any] = StringField
        return make(
            lazy_gettext(label),
            # The form makes a list to choose from of this.
            validators=[any_of(schema["enum"])] if "enum" in schema else [],
            description=description,
            default=schema.get("default"),
            widget=BS3TextFieldWidget(),
        )

    return {name: field(**spec) for name, spec in CONN_FIELDS.items()}


def field_behaviour() -> dict[str, Any]:
    """Return what the form calls and hides of Airflow's standard fields."""
    return {name.replace("-", "_"): value for name, value in UI_FIELD_BEHAVIOUR.items()}
