"""Figures of a load, and what became of them: printed as `before -> after`, the difference, the ratio."""

from collections.abc import Mapping
from statistics import quantiles

from tests.load.heard import Judged
from tests.load.upstream import FIRST_TOKEN_SECONDS

Figures = dict[str, float]


def stream_figures(rounds: list[list[Judged]], tokens: int) -> Figures:
    """Figures of streams of so many tokens; ms to the first text are those beyond the upstream's own wait."""
    answers = [answer for answers in rounds for answer in answers]
    said = tokens * sum(answer.is_complete for answer in answers)
    return {
        "complete": _complete(answers),
        "open_at_once": max(map(_open_at_once, rounds)),
        **_percentiles("first_ms", [answer.first - FIRST_TOKEN_SECONDS for answer in answers if answer.tokens_at]),
        "tokens_a_second": said / sum(map(_seconds, rounds)),
    }


def lag_figures(lags: list[float]) -> Figures:
    """From the upstream's write of a token to the reader's read."""
    return _percentiles("lag_ms", lags)


def lags_of(answers: list[Judged], sent: dict[str, list[float]]) -> list[float]:
    """Return the seconds that each token was on its way."""
    return [
        read_at - written_at
        for answer in answers
        for read_at, written_at in zip(answer.tokens_at, sent.get(answer.question, ()), strict=False)
    ]


def whole_figures(answers: list[Judged]) -> Figures:
    """Figures of requests without streams."""
    return {
        "complete": _complete(answers),
        **_percentiles("ms", [answer.whole for answer in answers if answer.is_complete]),
        "requests_a_second": sum(answer.is_complete for answer in answers) / _seconds(answers),
    }


def compared(before: Figures, after: Figures) -> dict[str, Figures]:
    """Pair the figures."""
    return {
        name: {
            "before": before[name],
            "after": after[name],
            "added": after[name] - before[name],
            "ratio": after[name] / before[name] if before[name] else 0.0,
        }
        for name in after
    }


def show(title: str, costs: Figures, pairs: dict[str, Figures]) -> None:
    """Print one load: what it cost, and a line for each pair of figures."""
    print(f"\n{title}  {written(costs)}")
    for name, pair in pairs.items():
        numbers = f"{pair['before']:10.2f} -> {pair['after']:<10.2f} {pair['added']:+10.2f}"
        print(f"  {name:18}{numbers}   x{pair['ratio']:.2f}", flush=True)


def written(values: Mapping[str, object]) -> str:
    """Return figures as one line."""
    return "  ".join(
        f"{name}={value:.2f}" if isinstance(value, float) else f"{name}={value}" for name, value in values.items()
    )


def _complete(answers: list[Judged]) -> float:
    return sum(answer.is_complete for answer in answers) / len(answers)


def _open_at_once(answers: list[Judged]) -> int:
    """The most streams that were open together, from head to end."""
    whole = [answer for answer in answers if answer.is_complete]
    moments = sorted([(answer.begun_at, 1) for answer in whole] + [(answer.ended_at, -1) for answer in whole])
    most = now = 0
    for _, change in moments:
        now += change
        most = max(most, now)
    return most


def _percentiles(name: str, seconds: list[float]) -> Figures:
    cuts = quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else [0.0] * 99
    return {f"{name}_p50": cuts[49] * 1000, f"{name}_p99": cuts[98] * 1000}


def _seconds(answers: list[Judged]) -> float:
    return max(answer.ended_at for answer in answers) - min(answer.asked_at for answer in answers)
