"""A conversation as the page tells it: its turns in order, each with all that its fragment draws."""

import functools
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup
from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.chat.elements import Labels
from webapp.chat.live import InLine, live_answer
from webapp.chat.markdown import render
from webapp.chat.message import Message, messages_of
from webapp.chat.run import Run, runs_of


@dataclass(frozen=True, slots=True)
class Turn:
    """A question (no run) or an answer, with what came before where the page says so."""

    message: Message
    run: Run | None = None
    parts: tuple[tuple[dict[str, Any] | None, Markup], ...] = ()  # its text; before all but the first, who went on
    previous: Run | None = None
    line: InLine | None = None

    @property
    def html(self) -> Markup:
        """Its whole text."""
        return Markup("").join(html for _, html in self.parts)

    @property
    def is_retry(self) -> bool:
        """Whether this answers a question that was answered just before."""
        return bool(self.run and self.previous and self.previous.question_id == self.run.question_id)

    @property
    def is_switch(self) -> bool:
        """Whether another model than before answers."""
        return bool(self.run and self.previous and self.previous.model_pk != self.run.model_pk)


def story(session: Session, conversation_id: str, labels: Labels) -> list[Turn]:
    """Return all turns of a conversation."""
    runs = runs_of(session, conversation_id)
    turns, previous = [], None
    for message in messages_of(session, conversation_id):
        run = runs.get(message.id)
        turns.append(answer_turn(run, previous, labels) if run else Turn(message))
        previous = run or previous
    return turns


def answer_turn(run: Run, previous: Run | None, labels: Labels) -> Turn:
    """Return the turn of one answer; a running one is drawn by its stream."""
    live = live_answer(run.id) if run.is_running else None
    parts = () if live or not run.message.text else _parts(run, labels)
    line = live.line if live and live.line and (live.line.place or live.line.seconds) else None
    return Turn(run.message, run, parts, previous, line)


def previous_run(session: Session, run: Run) -> Run | None:
    """Return the run before this one in its conversation."""
    earlier = select(Run).where(Run.conversation_id == run.conversation_id, Run.id < run.id)
    return session.scalar(earlier.order_by(Run.id.desc()).limit(1))


def _parts(run: Run, labels: Labels) -> tuple[tuple[dict[str, Any] | None, Markup], ...]:
    """Draw the text, cut where somebody else went on."""
    text, seams = run.message.text, run.seams or []
    ends = [*(seam["at"] for seam in seams), len(text)]
    starts: list[tuple[dict[str, Any] | None, int]] = [(None, 0), *((seam, seam["at"]) for seam in seams)]
    cut = [(seam, text[start:end]) for (seam, start), end in zip(starts, ends, strict=True)]
    return tuple((seam, _rendered(part, labels)) for seam, part in cut if part or seam)


@functools.lru_cache(maxsize=200)
def _rendered(text: str, labels: Labels) -> Markup:
    """Drawn once: a finished answer does not change."""
    return render(text, labels)
