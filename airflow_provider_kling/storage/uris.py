"""How a landed file is called outside: by its URI."""

from __future__ import annotations

import os
from urllib.parse import quote

# What may stand in a path of a URI as it is. The rest is quoted, and % too, so that the path can be had from it again:
# a file's name may hold quoted characters of its key.
_PLAIN = "/:@!$&'()*+,;=~"


def uri_of(path: str) -> str:
    """
    Return the URI of a path: without the Airflow connection that an ``ObjectStoragePath`` may carry.

    >>> uri_of("s3://aws_default@bucket/clips/1.mp4")
    's3://bucket/clips/1.mp4'
    """
    scheme, host, name = _parts(path)
    return f"{scheme}://{host}{quote(name, _PLAIN)}"


def dataset_of(path: str) -> tuple[str, str]:
    """
    Return the namespace and the name that OpenLineage has for a path.

    >>> dataset_of("s3://aws_default@bucket/clips/1.mp4")
    ('s3://bucket', 'clips/1.mp4')
    >>> dataset_of("/clips/1.mp4")
    ('file', '/clips/1.mp4')
    """
    scheme, host, name = _parts(path)
    if scheme == "file" and not host:
        return "file", name
    return f"{'gs' if scheme == 'gcs' else scheme}://{host}", name.lstrip("/")


def _parts(path: str) -> tuple[str, str, str]:
    """Return scheme, host without the connection, and what is below, from its slash on."""
    scheme, separator, rest = path.partition("://")
    if not separator:
        # The first directory of a relative path would be read as a host.
        return "file", "", os.path.abspath(path)
    host, slash, name = rest.partition("/")
    return scheme, host.rpartition("@")[2], slash + name
