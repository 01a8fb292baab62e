"""The order of task runs: each as soon as what it needs has ended, and a place is free."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Mapping
from typing import Any

from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture

from pipeline.flow.graph import Stage

Submit = Callable[[Stage, list[PrefectFuture[Any]]], PrefectFuture[Any]]


class Schedule:
    """At most `parallel` stages at once; Prefect's own pool would start those that only wait.

    `ended` and `seconds`: the state and the time of each stage that has ended so far.
    """

    def __init__(self, stages: Mapping[str, Stage], parallel: int, submit: Submit) -> None:
        self._waiting = dict(stages)
        self._parallel, self._submit = parallel, submit
        self._started: dict[str, PrefectFuture[Any]] = {}
        self.ended: dict[str, State[Any]] = {}
        self.seconds: dict[str, float] = {}
        self._began: dict[str, float] = {}
        self._news: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def all(self) -> dict[str, State[Any]]:
        """The final state of each stage; Prefect starts none whose needs have failed.

        KeyboardInterrupt when interrupted.
        """
        while self._waiting or len(self.ended) < len(self._started):
            for stage in self._ready():
                self._start(stage)
            name = self._news.get()
            if name is None:
                raise KeyboardInterrupt
            self._started[name].wait()  # its state is known a moment after it has ended
            self.ended[name] = self._started[name].state
            self.seconds[name] = time.monotonic() - self._began[name]
        return self.ended

    def interrupt(self) -> None:
        """End all(), from any thread."""
        self._news.put(None)

    def _ready(self) -> list[Stage]:
        free = self._parallel - (len(self._started) - len(self.ended))
        able = [s for s in self._waiting.values() if self.ended.keys() >= {*s.needs}]
        return able[:free]

    def _start(self, stage: Stage) -> None:
        del self._waiting[stage.name]
        self._began[stage.name] = time.monotonic()
        future = self._submit(stage, [self._started[name] for name in stage.needs])
        self._started[stage.name] = future
        future.add_done_callback(lambda _: self._news.put(stage.name))
