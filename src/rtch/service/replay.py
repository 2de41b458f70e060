# SPDX-License-Identifier: MIT
"""Training a run again and comparing it with its record, bit for bit.

The replay takes the run's configuration and data and as many threads as this process uses now. Nothing is
written. Each metric is compared when it is computed, so a difference is found at its step; at the end the
weights' SHA-256 is compared.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import rtch
from rtch.checkpoint import state_sha256
from rtch.errors import DivergedError, ReplayError
from rtch.service.config import Config
from rtch.service.job import build
from rtch.service.source import make_config, relocated
from rtch.service.training import ENTRY
from rtch.store import RunView
from rtch.train import Callback

Verdict = Literal["identical", "different", "data_changed", "other_numerics"]


@dataclasses.dataclass(frozen=True)
class Difference:
    """The first metric that differs; ``recorded`` or ``replayed`` is None where that side has no such line.

    ``name`` is ``weights_sha256`` when all metrics agree and the final weights do not.
    """

    step: int
    name: str
    recorded: float | str | None
    replayed: float | str | None


@dataclasses.dataclass(frozen=True)
class Replay:
    """What a replay found.

    ``recorded`` and ``replayed`` are the weights' SHA-256; ``replayed`` is None where training did not
    reach its end. ``steps`` were compared. ``data`` holds the recorded and the present fingerprint,
    ``numerics`` the two versions, ``release`` the rtch that made the run.
    """

    run: str
    verdict: Verdict
    recorded: str
    replayed: str | None
    steps: int
    threads: int
    recorded_threads: int | None
    same_host: bool
    difference: Difference | None
    data: tuple[str | None, str | None]
    numerics: tuple[int | None, int]
    release: str


class _Differs(Exception):  # noqa: N818 - it ends a training early, and is no error
    def __init__(self, difference: Difference) -> None:
        super().__init__()
        self.difference = difference


class _Comparison:
    """Takes the place of a run: compares what is logged with what was recorded."""

    def __init__(self, view: RunView) -> None:
        self._recorded: Iterator[tuple[int, float, str, float]] = view.points()
        self.steps = 0

    def log(self, values: Mapping[str, Any], step: int | None = None) -> None:
        """Compare one call of log; raise _Differs at the first value that is not the recorded one."""
        assert step is not None
        for name, value in values.items():
            recorded = next(self._recorded, None)
            if recorded is None:
                raise _Differs(Difference(step, name, None, value))
            at, _, what, number = recorded
            if (at, what) != (step, name):
                raise _Differs(Difference(min(at, step), f"{what} and {name}", None, value))
            if not same_bits(number, value):
                raise _Differs(Difference(step, name, number, value))
        self.steps = max(self.steps, step)

    def checkpoint(self, *, model: Any, optimizer: Any, epoch: int, step: int, **extra: Any) -> Path:
        """Write nothing."""
        return Path()

    def end(self) -> None:
        """Raise _Differs when something was recorded that the replay did not reach."""
        rest = next(self._recorded, None)
        if rest is not None:
            raise _Differs(Difference(rest[0], rest[2], rest[3], None))


def same_bits(left: float, right: float) -> bool:
    """Whether two floats are the same value: all NaNs are one, 0.0 and -0.0 are two."""
    return float(left).hex() == float(right).hex()


def replay(view: RunView, *, data: str | Path | None = None, callbacks: Sequence[Callback] = ()) -> Replay:
    """Train the run of ``view`` again and compare.

    ``data`` names the CSV file where it lies elsewhere now. Raises ReplayError for a run that the service
    did not make or that did not complete, and DataError when the data can't be read.
    """
    config = _replayable(view, data)
    environment = view.info.environment
    made = environment.get("numerics_version")
    fingerprint = view.info.data.get("fingerprint")
    result = Replay(
        run=view.id,
        verdict="other_numerics",
        recorded=str(view.results["weights_sha256"]),
        replayed=None,
        steps=0,
        threads=rtch.get_num_threads(),
        recorded_threads=environment.get("threads"),
        same_host=environment.get("host") == _host(),
        difference=None,
        data=(fingerprint, None),
        numerics=(made, rtch.numerics_version),
        release=str(environment.get("rtch")),
    )
    if made != rtch.numerics_version:
        return result
    job = build(config)
    now = job.dataset.fingerprint
    result = dataclasses.replace(result, data=(fingerprint, now))
    if now != fingerprint:
        return dataclasses.replace(result, verdict="data_changed")
    comparison = _Comparison(view)
    replayed = None
    try:
        progress = job.trainer(comparison, callbacks).fit(job.train, job.validation, job.test)
        comparison.end()
        replayed = state_sha256(job.model.state_dict())
        if replayed != result.recorded:
            raise _Differs(Difference(progress.step, "weights_sha256", result.recorded, replayed))
    except _Differs as found:
        return dataclasses.replace(
            result,
            verdict="different",
            replayed=replayed,
            steps=comparison.steps,
            difference=found.difference,
        )
    except DivergedError as error:
        difference = Difference(error.step, "loss", None, error.loss)
        return dataclasses.replace(result, verdict="different", steps=comparison.steps, difference=difference)
    return dataclasses.replace(result, verdict="identical", replayed=replayed, steps=comparison.steps)


def _replayable(view: RunView, data: str | Path | None) -> Config:
    if view.info.entry != ENTRY:
        raise ReplayError(
            f"replay: only runs of `rtch train` and TrainingService can be replayed; "
            f"got {view.id} ({view.name!r}), made by a script",
            run=view.id,
        )
    if view.status != "completed":
        advice = "it is being written" if view.status == "running" else f"`rtch resume {view.id}` completes it"
        raise ReplayError(
            f"replay: only completed runs can be replayed; got {view.id}, which is {view.status}; {advice}",
            run=view.id,
        )
    if "weights_sha256" not in view.results:
        raise ReplayError(f"replay: run {view.id} has recorded no weights_sha256 to compare with", run=view.id)
    return relocated(make_config(view.config), data)


def _host() -> str:
    import platform

    return platform.node()
