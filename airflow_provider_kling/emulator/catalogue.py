"""What Kling sells: its video models and what each takes. A reading of our own, shared with no code of the provider.

Sources: MAP = Kling's "Video Capability Map" of 2026-05-19; NEW = its new-standard pages of 2026-07; OLD = its API
reference of the kling-v3 era; LIVE = exchanges that somebody wrote down. What is sold at what price stands in
``prices``: a combination that has no price there is not sold.
"""

from __future__ import annotations

from typing import NamedTuple

STD_PRO = ("std", "pro")
ALL_MODES = ("std", "pro", "4k")
SHORT = (5, 10)
LONG = tuple(range(3, 16))
UP_TO_TEN = tuple(range(3, 11))
# The new standard says it in pixels; Kling's billing page equates the two.
MODES = {"720p": "std", "1080p": "pro", "4k": "4k"}


class Model(NamedTuple):
    """One model. ``name`` is its ``model_name`` on the legacy paths, ``path`` its place in the new ones.

    Attributes:
        kinds: the legacy capabilities it is sold for.
        seconds: the lengths it makes.
        tail: the modes in which it takes an end frame.
        tail_alone: does it take an end frame without a first one?
        shots: does it take several shots?
        elements: how many elements it takes.
        retired: the day on which Kling stopped serving it, "" while it does.
    """

    name: str
    path: str
    kinds: tuple[str, ...]
    seconds: tuple[int, ...]
    modes: tuple[str, ...] = STD_PRO
    tail: tuple[str, ...] = ()
    tail_alone: bool = False
    shots: bool = False
    elements: int = 0
    retired: str = ""

    @property
    def price_key(self) -> str:
        """The name it has in the table of prices."""
        return self.path or self.name


_BOTH = ("text2video", "image2video")
_RETIRED = "2026-09-15"  # several secondary sources; Kling's own log has no line about it

_ROWS = (
    # MAP, NEW
    Model("", "kling-3.0-turbo", (), LONG, shots=True),
    Model("kling-v3", "kling-3.0", (*_BOTH, "motion-control"), LONG, ALL_MODES, ALL_MODES, shots=True, elements=3),
    Model("kling-v3-omni", "kling-3.0-omni", ("omni-video",), LONG, ALL_MODES, ALL_MODES, shots=True, elements=3),
    Model("kling-video-o1", "kling-o1", ("omni-video",), UP_TO_TEN, tail=STD_PRO, elements=7),
    Model("kling-v2-6", "kling-2.6", (*_BOTH, "motion-control"), SHORT, tail=("pro",)),
    Model("kling-v2-5-turbo", "kling-2.5-turbo", _BOTH, SHORT, tail=("pro",)),
    # OLD
    Model("kling-v1", "", _BOTH, SHORT, tail=STD_PRO, tail_alone=True, retired=_RETIRED),
    Model("kling-v1-5", "", ("image2video",), SHORT, tail=("pro",), tail_alone=True, retired=_RETIRED),
    Model("kling-v1-6", "", (*_BOTH, "multi-image2video"), SHORT, tail=("pro",), tail_alone=True, retired=_RETIRED),
    Model("kling-v2-master", "", _BOTH, SHORT, retired=_RETIRED),
    Model("kling-v2-1", "", ("image2video",), SHORT, tail=("pro",), retired=_RETIRED),
    Model("kling-v2-1-master", "", _BOTH, SHORT, retired=_RETIRED),
)
BY_NAME = {row.name: row for row in _ROWS if row.name}
BY_PATH = {row.path: row for row in _ROWS if row.path}
# A name that the settings add: nothing is known of it, so little is refused.
ANY = Model("", "", (), SHORT, tail=STD_PRO, tail_alone=True, shots=True, elements=3)

# Image models (Kling's image pages and its image capability map). That the old ones are gone too is an inference.
IMAGE_MODELS = ("kling-v3", "kling-v2-1")
RETIRED_IMAGE_MODELS = ("kling-v1", "kling-v1-5", "kling-v2", "kling-v2-new")

# The retired models as somebody might spell them in a new path, where they never were.
RETIRED_PATHS = frozenset(
    {row.name for row in _ROWS if row.retired}
    | {"kling-1.0", "kling-1.5", "kling-1.6", "kling-2.0-master", "kling-2.1", "kling-2.1-master"}
)
