"""A client of the emulated API that knows nothing but HTTP."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests

from airflow_provider_kling.emulator import KlingEmulator

PATH = "/v1/videos/text2video"
# On sale in both ways to speak to Kling.
MODEL = "kling-v2-6"


@dataclass
class Client:
    """Talks to one dialect of an emulator."""

    emulator: KlingEmulator
    dialect: str
    token: str = ""

    @property
    def base(self) -> str:
        return self.emulator.base_url(self.dialect)

    def send(self, method: str, path: str, **options: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token or self.emulator.api_key}"}
        return requests.request(
            method, self.base + path, headers=headers, timeout=options.pop("timeout", 10), **options
        )

    def create(self, prompt: str = "A beautiful sunset", *, timeout: float = 10, **body: Any) -> requests.Response:
        model = {"model": "kling-video-v1"} if self.dialect == "llmprovider" else {"model_name": MODEL}
        return self.send("POST", PATH, json={**model, "prompt": prompt, **body}, timeout=timeout)

    def created(self, prompt: str = "A beautiful sunset", **body: Any) -> str:
        answer = self.create(prompt, **body)
        assert answer.status_code == 200, answer.text
        task_id: str = self.data(answer)["task_id"]
        return task_id

    def get(self, task_id: str) -> requests.Response:
        path = f"/v1/task/{task_id}" if self.dialect == "llmprovider" else f"{PATH}/{task_id}"
        return self.send("GET", path)

    def show(self, task_id: str) -> dict[str, Any]:
        answer = self.get(task_id)
        assert answer.status_code == 200, answer.text
        return self.data(answer)

    def list(self, **query: object) -> requests.Response:
        return self.send("GET", PATH, params={key: str(value) for key, value in query.items()})

    def video_url(self, task_id: str) -> str:
        url: str = self.show(task_id)["task_result"]["videos"][0]["url"]
        return url

    def data(self, answer: requests.Response) -> dict[str, Any]:
        body = answer.json()
        data: dict[str, Any] = body if self.dialect == "llmprovider" else body["data"]
        return data


def refusal(answer: requests.Response) -> tuple[int, object]:
    """HTTP status and Kling's code, or the gateway's word for it."""
    body = answer.json()
    return answer.status_code, body["error"]["code"] if "error" in body else body["code"]
