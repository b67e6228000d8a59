"""``@task.kling_text2video`` and ``@task.kling_image2video``; imported from here, type checkers know them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec, overload

from airflow.providers.common.compat.sdk import DecoratedOperator, task_decorator_factory

from airflow_provider_kling.decorators.base import KlingDecoratedOperator
from airflow_provider_kling.decorators.mapped import checked
from airflow_provider_kling.operators.image import KlingImage2VideoOperator
from airflow_provider_kling.operators.kling import KlingText2VideoOperator

if TYPE_CHECKING:
    from airflow.sdk.bases.decorator import Task

P = ParamSpec("P")
Request = str | Mapping[str, Any]


class KlingText2VideoDecoratedOperator(KlingDecoratedOperator, KlingText2VideoOperator):
    """The task of ``@task.kling_text2video``."""

    custom_operator_name = "@task.kling_text2video"
    template_fields = (*DecoratedOperator.template_fields, *KlingText2VideoOperator.template_fields)
    template_fields_renderers: ClassVar[dict[str, str]] = {
        **DecoratedOperator.template_fields_renderers,
        **KlingText2VideoOperator.template_fields_renderers,
    }


class KlingImage2VideoDecoratedOperator(KlingDecoratedOperator, KlingImage2VideoOperator):
    """The task of ``@task.kling_image2video``."""

    custom_operator_name = "@task.kling_image2video"
    template_fields = (*DecoratedOperator.template_fields, *KlingImage2VideoOperator.template_fields)


@overload
def kling_text2video(python_callable: Callable[P, Request], /) -> Task[P, Request]: ...
@overload
def kling_text2video(
    *, multiple_outputs: bool = ..., **kwargs: Any
) -> Callable[[Callable[P, Request]], Task[P, Request]]: ...
def kling_text2video(
    python_callable: Callable[..., Request] | None = None, *, multiple_outputs: bool | None = None, **kwargs: Any
) -> Any:
    """
    Make a function a task that generates a video from the prompt, or the request, that it returns.

    :param python_callable: returns text, or a dict of request fields, and of ``key`` and ``meta``. What it returns is
        never rendered as a template.
    :param multiple_outputs: push each key of the manifest to XCom by itself; default ``False``, whatever the function
        is annotated to return.
    :param kwargs: see :class:`.KlingText2VideoOperator`; ``prompt`` may be left out.
    """
    return _decorator(KlingText2VideoDecoratedOperator, python_callable, multiple_outputs, kwargs)


@overload
def kling_image2video(python_callable: Callable[P, Request], /) -> Task[P, Request]: ...
@overload
def kling_image2video(
    *, multiple_outputs: bool = ..., **kwargs: Any
) -> Callable[[Callable[P, Request]], Task[P, Request]]: ...
def kling_image2video(
    python_callable: Callable[..., Request] | None = None, *, multiple_outputs: bool | None = None, **kwargs: Any
) -> Any:
    """
    Make a function a task that generates a video from the prompt, or the request with the image, that it returns.

    :param python_callable: returns text (the prompt; ``image`` is an argument then), or a dict of request fields. What
        it returns is never rendered as a template. The dict may hold ``key`` and ``meta`` too.
    :param multiple_outputs: push each key of the manifest to XCom by itself; default ``False``, whatever the function
        is annotated to return.
    :param kwargs: see :class:`.KlingImage2VideoOperator`; ``image`` may be left out.
    """
    return _decorator(KlingImage2VideoDecoratedOperator, python_callable, multiple_outputs, kwargs)


def _decorator(
    operator: type[KlingDecoratedOperator],
    python_callable: Callable[..., Request] | None,
    multiple_outputs: bool | None,
    kwargs: Mapping[str, Any],
) -> Any:
    # Else Airflow infers it from an annotation of what the function returns, which is not what the task returns.
    made: Any = task_decorator_factory(
        python_callable, multiple_outputs=bool(multiple_outputs), decorated_operator_class=operator, **kwargs
    )
    return checked(made) if python_callable is not None else lambda function: checked(made(function))
