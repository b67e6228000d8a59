"""
Every model that Kling sells or has sold, one row each.

What a request may ask of a model, how long it takes, what it costs and what the documentation's tables say follows from
these rows. Sources, each row names its own:

- MAP: Kling's video capability map of 2026-05-19, and its image capability map.
- NEW: Kling's pages of the new standard (``/text-to-video/{model}`` …), 2026-07.
- OLD: Kling's reference of the ``/v1`` paths, of the time of kling-v3.
- PAGE: llmprovider's pages text2video and image2video, 2025-03-26.
- PRICE: Kling's price pages, 2026-09. SECOND: copies of older price pages, kept by others.
- GONE: several secondary sources on 2026-09-15 (Comfy-Org/docs#1326 among them); Kling's own log has no line about it.
"""

from __future__ import annotations

from airflow_provider_kling.api.model import Model

_GONE = "2026-09-15"
_3_TO_15 = tuple(str(seconds) for seconds in range(3, 16))
_3_TO_10 = _3_TO_15[:8]
_LLMPROVIDER, _KLING, _KLING_V3 = "llmprovider", "kling", "kling-v3"
_BOTH, _LEGACY = (_KLING, _KLING_V3), (_KLING,)
_GATEWAY = (_LLMPROVIDER, _KLING)
_VIDEO = {"text2video": _BOTH, "image2video": _BOTH}
_RATIOS = ("16:9", "9:16", "1:1", "4:3", "3:4", "3:2", "2:3", "21:9")
# No v2 model uses it; a client that sends it with each of them lives on the real service, so it is not refused.
_NO_CFG = ("cfg_scale",)
_ONLY_V1 = ("camera_control",)
_MASTER = {("std", "5"): 10.0, ("std", "10"): 20.0, ("pro", "5"): 10.0, ("pro", "10"): 20.0}

MODELS: tuple[Model, ...] = (
    Model(
        "kling-v3",
        "Kling 3.0",
        "MAP, NEW, OLD, PRICE",
        {**_VIDEO, "motion-control": _BOTH},
        {_KLING_V3: "kling-3.0"},
        durations=_3_TO_15,
        modes=("std", "pro", "4k"),
        sound=("std", "pro", "4k"),
        shots=6,
        end_frame=("std", "pro", "4k"),
        prompt={_KLING_V3: 3_072},
        refuses=_ONLY_V1,
        units={
            "": {"std": 0.6, "pro": 0.8, "4k": 3.0},
            "sound": {"std": 0.9, "pro": 1.2, "4k": 3.0},
            "motion": {"std": 0.9, "pro": 1.2},
        },
    ),
    Model(
        "kling-3.0-turbo",
        "Kling 3.0 Turbo",
        "MAP, NEW, PRICE",
        # Released for the new standard alone (2026-06-17).
        {"text2video": (_KLING_V3,), "image2video": (_KLING_V3,)},
        durations=_3_TO_15,
        sound=("always",),
        shots=6,
        prompt={_KLING_V3: 3_072},
        refuses=(*_ONLY_V1, "multi_shot"),
        units={"sound": {"std": 0.8, "pro": 1.0}},
    ),
    Model(
        "kling-v3-omni",
        "Kling 3.0 Omni",
        "MAP, NEW, OLD, PRICE",
        {"omni-video": _BOTH},
        {_KLING_V3: "kling-3.0-omni"},
        durations=_3_TO_15,
        modes=("std", "pro", "4k"),
        sound=("std", "pro", "4k"),
        shots=6,
        end_frame=("std", "pro", "4k"),
        prompt={_KLING_V3: 3_072},
        units={
            "": {"std": 0.6, "pro": 0.8, "4k": 3.0},
            "sound": {"std": 0.8, "pro": 1.0, "4k": 3.0},
            "video": {"std": 0.9, "pro": 1.2, "4k": 3.0},
        },
    ),
    Model(
        "kling-video-o1",
        "Kling O1",
        "MAP, NEW, OLD, PRICE",
        {"omni-video": _BOTH},
        {_KLING_V3: "kling-o1"},
        durations=_3_TO_10,
        alone=("5", "10"),
        end_frame=("std", "pro"),
        units={"": {"std": 0.6, "pro": 0.8}, "video": {"std": 0.9, "pro": 1.2}},
    ),
    Model(
        "kling-v2-6",
        "Kling 2.6",
        "MAP, NEW, OLD, PRICE",
        {**_VIDEO, "motion-control": _BOTH},
        {_KLING_V3: "kling-2.6"},
        sound=("pro",),
        end_frame=("pro",),
        refuses=_ONLY_V1,
        ignores=_NO_CFG,
        units={
            "": {"std": 0.3, "pro": 0.5},
            "sound": {"pro": 1.0},
            "voice": {"pro": 1.2},
            "motion": {"std": 0.5, "pro": 0.8},
        },
    ),
    Model(
        "kling-v2-5-turbo",
        "Kling 2.5 Turbo",
        "MAP, NEW, OLD, PRICE",
        _VIDEO,
        {_KLING_V3: "kling-2.5-turbo"},
        end_frame=("pro",),
        refuses=_ONLY_V1,
        ignores=_NO_CFG,
        # The middle of what a gateway documents (apixo.ai: 30 to 45 s, 45 to 60 s); seen live: 30 to 60 s.
        typical={"5": 38.0, "10": 53.0},
        units={"": {"std": 0.3, "pro": 0.5}},
    ),
    Model(
        "kling-v2-1-master",
        "Kling 2.1 Master",
        "OLD, SECOND, GONE",
        {"text2video": _LEGACY, "image2video": _LEGACY},
        refuses=_ONLY_V1,
        ignores=_NO_CFG,
        retired_on=_GONE,
        successor="kling-v3",
        clips=_MASTER,
    ),
    Model(
        "kling-v2-1",
        "Kling 2.1",
        "OLD, GONE",
        {"image2video": _LEGACY},
        end_frame=("pro",),
        refuses=_ONLY_V1,
        ignores=_NO_CFG,
        retired_on=_GONE,
        successor="kling-v2-6",
    ),
    Model(
        "kling-v2-master",
        "Kling 2.0 Master",
        "OLD (it has no mode: updates of 2025-05-13), SECOND, GONE",
        {"text2video": _LEGACY, "image2video": _LEGACY},
        modes=(),
        refuses=_ONLY_V1,
        ignores=_NO_CFG,
        retired_on=_GONE,
        successor="kling-v3",
        clips=_MASTER,
    ),
    Model(
        "kling-v1-6",
        "Kling 1.6",
        "PAGE, OLD, SECOND, GONE",
        {"text2video": _GATEWAY, "image2video": _GATEWAY, "multi-image2video": _BOTH},
        {_LLMPROVIDER: "kling-video-v1-6"},
        end_frame=("pro",),
        refuses=_ONLY_V1,
        retired_on=_GONE,
        successor="kling-v2-6",
        clips={("std", "5"): 2.0, ("std", "10"): 4.0, ("pro", "5"): 3.5, ("pro", "10"): 7.0},
    ),
    Model(
        "kling-v1-5",
        "Kling 1.5",
        "OLD, GONE",
        {"image2video": _LEGACY},
        end_frame=("pro",),
        retired_on=_GONE,
        successor="kling-v2-6",
    ),
    Model(
        "kling-v1",
        "Kling 1.0",
        "PAGE, OLD, SECOND, GONE",
        {"text2video": _GATEWAY, "image2video": _GATEWAY},
        {_LLMPROVIDER: "kling-video-v1"},
        end_frame=("std", "pro"),
        retired_on=_GONE,
        successor="kling-v2-6",
        clips={("std", "5"): 1.0, ("std", "10"): 2.0, ("pro", "5"): 3.5, ("pro", "10"): 7.0},
    ),
)

# Their names are those of video models, so they are another table. An image has no duration; the price is by image.
IMAGE_MODELS: tuple[Model, ...] = (
    Model(
        "kling-v3",
        "Kling Image 3.0",
        "MAP, OLD, PRICE",
        {"images": _BOTH},
        durations=(),
        modes=("1k", "2k"),
        aspect_ratios=_RATIOS,
        units={"": {"1k": 8.0, "2k": 8.0}},
    ),
    Model(
        "kling-v2-1",
        "Kling Image 2.1",
        "MAP, OLD, PRICE",
        {"images": _BOTH, "multi-image2image": _BOTH},
        durations=(),
        modes=("1k", "2k"),
        aspect_ratios=_RATIOS,
        units={"": {"1k": 4.0, "2k": 4.0}, "image": {"1k": 8.0, "2k": 8.0}, "images": {"1k": 16.0, "2k": 16.0}},
    ),
    Model(
        "kling-v3-omni",
        "Kling Image 3.0 Omni",
        "MAP, OLD, PRICE",
        {"omni-image": _BOTH},
        durations=(),
        modes=("1k", "2k", "4k"),
        aspect_ratios=("auto", *_RATIOS),
        units={"": {"1k": 8.0, "2k": 8.0, "4k": 16.0}},
    ),
    Model(
        "kling-image-o1",
        "Kling Image O1",
        "MAP, OLD, PRICE",
        {"omni-image": _BOTH},
        durations=(),
        modes=("1k", "2k"),
        aspect_ratios=("auto", *_RATIOS),
        units={"": {"1k": 8.0, "2k": 8.0}},
    ),
)
