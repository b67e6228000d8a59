"""
The cells of the run: a variant of the API, a host and a way, each with a key and a link signature of its own.

So that whatever is found anywhere names the cell that it came from.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

# What JSON, URLs and HTML escape stands between two halves that nothing escapes: either half alone is a find.
_ESCAPED = '/+"&<'


@dataclass(frozen=True)
class Variant:
    """
    How the API is spoken to.

    :param dialect: of the connection.
    :param jwt: whether the canary is a secret key, with an access key as login, or an API key.
    :param from_create: whether the host is hostile from the create on, or only once a task exists.
    :param xcom_links: whether signed links may stand in XCom.
    """

    dialect: str
    jwt: bool = False
    from_create: bool = False
    xcom_links: bool = True


VARIANTS = {
    "flat": Variant("llmprovider"),
    "flat_create": Variant("llmprovider", from_create=True),
    "flat_no_links": Variant("llmprovider", xcom_links=False),
    "envelope": Variant("kling", jwt=True),
    "envelope_create": Variant("kling", jwt=True, from_create=True),
    "envelope_no_links": Variant("kling", jwt=True, xcom_links=False),
}


@dataclass(frozen=True, order=True)
class Cell:
    """One task instance."""

    variant: str
    server: str
    way: str

    @property
    def path(self) -> str:
        """Its part of a URL."""
        return f"{self.variant}/{self.server}/{self.way}"

    @property
    def conn_id(self) -> str:
        """Return the connection that is its own."""
        return f"{self.variant}__{self.server}__{self.way}"

    @property
    def facts(self) -> Variant:
        """Return what its variant means."""
        return VARIANTS[self.variant]


@dataclass(frozen=True)
class Canaries:
    """
    The keys and signatures of a run.

    :param seed: another one gives other keys.
    """

    seed: str

    def _digest(self, cell: Cell) -> str:
        return sha256(f"{self.seed}|{cell.path}".encode()).hexdigest()[:12]

    def key(self, cell: Cell) -> str:
        """Return the API key of a cell, or its secret key."""
        return f"canary-qza{self._digest(cell)}{_ESCAPED}qzb{self._digest(cell)}"

    def link(self, cell: Cell, base_url: str, name: str) -> str:
        """Return a signed link."""
        query = f"Expires=1999999999&Signature=CANARYSIGqzs{self._digest(cell)}&Key-Pair-Id=K2"
        return f"{base_url}/videos/{cell.path}/{name}.mp4?{query}"

    def index(self, cells: list[Cell]) -> dict[str, Cell]:
        """Return the cells by what their keys and signatures carry."""
        return {self._digest(cell): cell for cell in cells}

    def environment(self, cells: list[Cell], base_url: str, timeout: float = 10.0) -> dict[str, str]:
        """Return the connections as variables: what Airflow's database has of a key was put there by a task."""
        connections: dict[str, Any] = {}
        for cell in cells:
            connections[f"AIRFLOW_CONN_{cell.conn_id.upper()}"] = {
                "conn_type": "kling",
                "host": f"{base_url}/{cell.path}",
                "login": f"access-key-of-{cell.variant}" if cell.facts.jwt else None,
                "password": self.key(cell),
                "extra": {"dialect": cell.facts.dialect, "timeout": timeout},
            }
        return {name: json.dumps(connection) for name, connection in connections.items()}
