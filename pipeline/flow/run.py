"""The flow: one task run for each stage of DVC, in DVC's order."""

from __future__ import annotations

import signal
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

from dvc.exceptions import DvcException
from prefect import flow, get_run_logger, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State
from prefect.futures import PrefectFuture
from prefect.runtime import flow_run
from prefect.states import Cancelled, Completed, Failed
from pydantic import Field

from pipeline.flow import alone, command, far, graph, naming, show
from pipeline.flow.graph import Stage
from pipeline.flow.mend import mend
from pipeline.flow.outcome import Outcome
from pipeline.flow.schedule import Schedule
from pipeline.flow.watch import cancellable


@flow(name="segue", flow_run_name=naming.run_name)
def pipeline(
    targets: list[str] = [],  # noqa: B006 -- a form's field, and never changed
    overrides: list[str] = [],  # noqa: B006
    parallel: Annotated[int, Field(ge=1)] = 1,
) -> State[Any]:
    """Runs what has changed of dvc.yaml, as `dvc repro` does, with the same cache.

    Args:
        targets: rounds (round-2), stages (retrain@round-2) or groups of stages (retrain) to run,
            with all that they need; none is everything.
        overrides: of params.yaml, which keeps them: rounds.round-2.pseudo_label.portion=0.3
        parallel: how many stages run at once where the graph allows it.
    """
    outcome = Outcome()
    try:
        folder = graph.root()
        with alone.in_folder(folder, str(flow_run.id)):
            for line in mend():
                get_run_logger().warning(line)
            stages = graph.plan(overrides, targets)
            _shown(lambda: naming.tag(folder))
            changed = graph.changed()
            schedule = Schedule(stages, parallel, lambda *run: _submit(folder, changed, *run))
            outcome = Outcome(folder, stages, schedule.ended, schedule.seconds)
            state = _ended(schedule)
    except (graph.Refused, DvcException) as error:
        state = Failed(name="Refused", message=str(error))
    _shown(lambda: outcome.publish(state))
    return state


def _ended(schedule: Schedule) -> State[Any]:
    """The state of the whole run, when nothing of it runs any more."""
    command.Live.stopping = False
    try:
        with cancellable(schedule.interrupt):
            return summary(schedule.all())
    except KeyboardInterrupt:
        return Cancelled(message="Stopped; the next run goes on from here.")
    finally:
        _stop()


def _stop() -> None:
    """Stop what runs, undisturbed by a second Ctrl-C."""
    signs = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(sign, signal.SIG_IGN) for sign in signs]
    try:
        command.stop()
    finally:
        for sign, handler in zip(signs, before, strict=True):
            signal.signal(sign, handler)


def _submit(
    folder: Path,
    changed: set[str],
    stage: Stage,
    needs: list[PrefectFuture[Any]],
) -> PrefectFuture[Any]:
    # a name is a template to Prefect; with both, a run that never starts has it too
    named = stage.name.replace("{", "{{").replace("}", "}}")
    tags = {stage.item} - {""}
    of_name = run_stage.with_options(name=stage.name, task_run_name=named, tags=tags)
    same = stage.name not in changed and all(need.state.name == "Cached" for need in needs)
    future: PrefectFuture[Any] = of_name.submit(  # type: ignore[call-overload]  # of a custom state
        folder, stage, same, wait_for=needs
    )
    return future


@task(cache_policy=NO_CACHE)
def run_stage(folder: Path, stage: Stage, same: bool) -> State[Any]:
    """Cached, Restored, Completed or Failed, as DVC says; `same`: known to be Cached."""
    log = get_run_logger()
    progress = far.Progress(folder, stage)
    ended = command.Ended("Cached", "DVC knows its inputs, and its outputs are in place.")

    def hear(line: str) -> None:
        log.info(line)
        _shown(lambda: progress.hear(line))

    if not same:
        ended = command.run(
            stage.name, hear, lambda runs: _shown(progress.update) if runs else None
        )
    if ended.state == "Stopped":
        return Cancelled(message="Stopped with the flow.")
    if ended.state == "Failed":
        return Failed(message=f"{stage.name}: {ended.last}")
    if ended.state == "Completed":
        _shown(progress.update)
    _shown(lambda: show.publish(folder, stage))
    return Completed(name=ended.state, message=ended.last)


def _shown(what: Callable[[], None]) -> None:
    """What cannot be shown must not fail what was computed."""
    try:
        what()
    except Exception as error:
        get_run_logger().warning("not shown: %s: %s", type(error).__name__, error)


def summary(states: Mapping[str, State[Any]]) -> State[Any]:
    """Of the whole run: Failed with the names of the stages that failed, or Completed."""
    counts = Counter(state.name for state in states.values())
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    failed = [name for name, state in states.items() if state.is_failed()]
    if failed:
        text = f"{', '.join(failed)} failed; {told}. The next run does only the rest."
        return Failed(message=text)
    return Completed(message=f"{len(states)} stages: {told}")
