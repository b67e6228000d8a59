"""What Kling can be asked for: name, path, schema."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NamedTuple


class Capability(NamedTuple):
    """
    One kind of generation.

    :param name: Kling's word for it, as in the path.
    :param path: create path below the base URL.
    """

    name: str
    path: str

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of the request in the ``llmprovider`` spelling."""
        return _schema(f"{self.name}.json")

    @property
    def extra_schema(self) -> dict[str, Any]:
        """The JSON Schema of documented fields of newer models, for ``extra_body``."""
        return _schema(f"{self.name}.extra_body.json")


@cache
def _schema(name: str) -> dict[str, Any]:
    from importlib.resources import files

    schema: dict[str, Any] = json.loads(files(__package__).joinpath("schemas", name).read_text("utf-8"))
    return schema


TEXT2VIDEO = Capability(name="text2video", path="/v1/videos/text2video")

CAPABILITIES = {capability.name: capability for capability in (TEXT2VIDEO,)}
