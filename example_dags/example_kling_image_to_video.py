"""From words to a picture, and from the picture to a video: both landed, both paid for once."""

from __future__ import annotations

# [START image_to_video]
from datetime import datetime

from airflow.sdk import DAG

from airflow_provider_kling.operators.image import KlingImage2VideoOperator, KlingImageGenerationOperator

OUTPUT = "{{ var.value.get('kling_output', 'file:///var/tmp/kling-videos/') }}"

# Images are sold by Kling's own API: a connection with dialect kling or kling-v3.
with DAG(
    dag_id="example_kling_image_to_video",
    schedule=None,
    start_date=datetime(2026, 1, 1),
    params={"subject": "a paper boat on a rain-soaked street"},
    default_args={"wait_for_completion": True, "deferrable": True, "poll_interval": 5, "retries": 2},
    tags=["kling", "example"],
):
    draw = KlingImageGenerationOperator(
        task_id="draw",
        prompt="{{ params.subject }}, soft light, shallow depth of field",
        aspect_ratio="16:9",
        output_path=OUTPUT,
    )

    animate = KlingImage2VideoOperator(
        task_id="animate",
        image="{{ ti.xcom_pull(task_ids='draw')['output_paths'][0] }}",
        prompt="The camera moves slowly closer",
        output_path=OUTPUT,
    )

    draw >> animate
# [END image_to_video]
