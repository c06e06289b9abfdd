"""One load, measured: direct calls of the upstream, then ours, with what ours cost the server."""

from collections.abc import Awaitable
from dataclasses import dataclass

from tests.load.figures import Figures, compared, lag_figures, lags_of, show, stream_figures, whole_figures
from tests.load.program import Door, Speed, ask_streams, ask_wholes
from tests.load.served import Served
from tests.load.stage import Stage

WHOLE = (20, 1000)  # tokens, tokens a second
WHOLE_SECONDS = 3.0
FEW_TOKENS = 1000  # processor time is told in steps of 10 ms: too coarse for fewer


@dataclass(frozen=True)
class Streams:
    """So many at once; the last start comes before the first end. One alone is asked for ten times in a row."""

    count: int
    speed: Speed
    a_second: float

    @property
    def rounds(self) -> int:
        return 10 if self.count == 1 else 1

    @property
    def tokens(self) -> int:
        return self.count * self.rounds * self.speed[0]


ONE, HUNDRED = Streams(1, (20, 100), 1), Streams(100, (80, 20), 250)


@dataclass(frozen=True)
class Scene:
    """A serving app, the upstream itself, and the app as programs see it."""

    served: Served
    stage: Stage
    direct: Door

    @property
    def ours(self) -> Door:
        return Door(self.served.port, self.stage.token, "paced")

    async def streams(self, door: Door, load: Streams) -> Figures:
        """Ask for streams at a door; a token's way is timed by the upstream's own book."""
        rounds, lags = [], list[float]()
        for _ in range(load.rounds):
            rounds.append(await ask_streams(door, load.speed, load.count, load.a_second))
            lags += lags_of(rounds[-1], await self.direct.sent())
        return stream_figures(rounds, load.speed[0]) | lag_figures(lags)

    async def warm_up(self, *doors: Door) -> None:
        """Let everybody make connections and read what is remembered."""
        for door in doors:
            await ask_streams(door, WHOLE, 20)
            await ask_wholes(door, WHOLE, 4, 0.5)

    async def measure(self, name: str, before: Figures, ours: Awaitable[Figures], tokens: int = 0) -> dict[str, object]:
        """Measure ours and what it costs, beside figures from before; print it."""
        cpu = self.served.cpu_seconds()
        after = await ours
        cpu_ms = (self.served.cpu_seconds() - cpu) * 1000
        costs = {"most_mb": self.served.megabytes("VmHWM")}
        if tokens >= FEW_TOKENS:
            costs["cpu_ms_per_1000_tokens"] = cpu_ms / tokens * 1000
        elif not tokens:
            costs["cpu_ms_per_request"] = cpu_ms / max(1, after["requests_a_second"] * WHOLE_SECONDS)
        row = compared(before, after)
        show(name, costs, row)
        return {**costs, **row}


async def wholes(door: Door, workers: int) -> Figures:
    """Ask without streams for some seconds."""
    return whole_figures(await ask_wholes(door, WHOLE, workers, WHOLE_SECONDS))
