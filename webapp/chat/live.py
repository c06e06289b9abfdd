"""The answers that this process is writing at the moment: the writer adds, any number of followers read."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from markupsafe import Markup

from webapp.chat.answer import AnswerRenderer
from webapp.chat.elements import Labels
from webapp.core import clock

SHOWN_KINDS = ("text", "refusal", "reasoning")
DRAWN_EVERY_SECONDS = 0.1
DRAWING_SHARE_SECONDS = 0.004  # with many live answers each is drawn less often, so that drawing leaves room to write


@dataclass(slots=True)
class Place:
    """How far one follower has read."""

    blocks: int = 0
    thought: int = 0
    version: int = -1
    beginning: int = 0
    line: "InLine | None" = None


@dataclass(frozen=True, slots=True)
class InLine:
    """An answer that waits until its provider may be asked: the place, 1 for the next one; 0 when it was asked."""

    provider: str
    place: int
    seconds: float = 0.0  # until a provider that was busy is asked again


@dataclass(frozen=True, slots=True)
class News:
    """What a follower has not seen yet: blocks to append, the open block to replace, reasoning to append."""

    blocks: Markup
    tail: Markup
    thought: str
    characters: int
    line: InLine | None = None  # if it changed
    is_whole: bool = False  # it takes the place of all that was told: the answer was begun anew


@dataclass(slots=True)
class LiveAnswer:
    """One answer in the making. Its text only grows; drawing is shared by all followers."""

    run_id: int
    labels: Labels
    stop: Callable[[], None] | None = None
    is_stopped: bool = False
    is_over: bool = False
    began_at: float = field(default_factory=clock.monotonic)  # after the wait in line, if there was one
    first_piece_at: float | None = None
    line: InLine | None = None
    _texts: list[str] = field(default_factory=list)  # in pieces: adding to one long text would copy it every time
    _thoughts: list[str] = field(default_factory=list)
    _length: tuple[int, int] = (0, 0)  # characters of the text, of the reasoning
    _blocks: list[Markup] = field(default_factory=list)
    _tail: Markup = field(default_factory=Markup)
    _version: int = 0
    _beginning: int = 0
    _part_at: int = 0  # where the text begins that `_renderer` draws
    _drawn: tuple[int, int] = (0, 0)
    _drawn_at: float = 0.0
    _saved: tuple[int, int] = (0, 0)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _renderer: AnswerRenderer | None = None

    @property
    def text(self) -> str:
        """What has come of the answer."""
        return "".join(self._texts)

    @property
    def thought(self) -> str:
        """What has come of the reasoning."""
        return "".join(self._thoughts)

    def add(self, kind: str, text: str) -> None:
        """Take an increment from the writer. Followers that know of text to be drawn soon are left to their sleep."""
        if kind not in SHOWN_KINDS:
            return
        with self._changed:
            self.first_piece_at = self.first_piece_at or clock.monotonic()
            is_known = self._is_waiting
            characters, thought = self._length
            if kind == "reasoning":
                self._thoughts.append(text)
                self._length = characters, thought + len(text)
            else:
                self._texts.append(text)
                self._length = characters + len(text), thought
            if not is_known or self._due_in() <= 0:
                self._changed.notify_all()

    def stand_in_line(self, provider: str, place: int, seconds: float = 0.0) -> None:
        """Tell the followers where the answer stands; 0 when the wait is over, and the clock of its turn begins."""
        with self._changed:
            if not (seconds or (self.line and self.line.seconds)):
                self.began_at = clock.monotonic()
            self.line = InLine(provider, place, seconds)
            self._version += 1
            self._changed.notify_all()

    def go_on_anew(self) -> None:
        """Draw what comes from here on apart from what came: somebody else says it."""
        with self._changed:
            if self._renderer and self.text:
                self._renderer.update(self.text[self._part_at :])
                self._blocks.append(self._renderer.close() + Markup('<hr class="seam">'))
            self._renderer, self._tail, self._part_at = None, Markup(), self._length[0]
            self._drawn = self._length
            self._version += 1
            self._changed.notify_all()

    def begin_anew(self) -> None:
        """Forget what came: somebody else says all of it."""
        with self._changed:
            self._texts, self._thoughts, self._blocks = [], [], []
            self._length = self._drawn = (0, 0)
            self._renderer, self._tail, self._part_at = None, Markup(), 0
            self._beginning += 1
            self._version += 1
            self._changed.notify_all()

    def end(self) -> None:
        """Say that the row holds the whole answer now."""
        with self._changed:
            self.is_over = True
            self._changed.notify_all()

    def wait_for_news(self, place: Place, seconds: float) -> News | None:
        """Return what is new for this follower; None when the answer is over or nothing came in time."""
        with self._changed:
            deadline = clock.monotonic() + seconds
            while not self.is_over:
                self._draw()
                news = self._news(place)
                if news:
                    return news
                left = deadline - clock.monotonic()
                if left <= 0:
                    return None
                # Text that waits for its turn to be drawn needs a look then; silence does not.
                self._changed.wait(min(left, self._due_in()) if self._is_waiting else left)
            return None

    def unsaved(self) -> tuple[str, str] | None:
        """Return text and reasoning when they grew since the last call: the monitor's checkpoint."""
        with self._changed:
            if self._saved == self._length:
                return None
            self._saved = self._length
            return self.text, self.thought

    @property
    def _is_waiting(self) -> bool:
        """Whether there is something that no follower was given yet."""
        return self._drawn != self._length

    def _due_in(self) -> float:
        """Return the seconds until the next drawing may be made."""
        interval = max(DRAWN_EVERY_SECONDS, DRAWING_SHARE_SECONDS * len(_live))
        return self._drawn_at + interval - clock.monotonic()

    def _draw(self) -> None:
        if not self._is_waiting or self._due_in() > 0:
            return
        if self._length[0] > self._drawn[0]:
            self._renderer = self._renderer or AnswerRenderer(self.labels)
            finished, self._tail = self._renderer.update(self.text[self._part_at :])
            if finished:
                self._blocks.append(finished)
        self._version += 1
        self._drawn, self._drawn_at = self._length, clock.monotonic()

    def _news(self, place: Place) -> News | None:
        if place.version == self._version:
            return None
        characters, thought = self._drawn
        is_whole = place.beginning != self._beginning
        if is_whole:
            place.blocks = place.thought = 0
        news = News(
            is_whole=is_whole,
            blocks=Markup("").join(self._blocks[place.blocks :]),
            tail=self._tail,
            thought=self.thought[place.thought : thought],
            characters=characters,
            line=self.line if self.line != place.line else None,
        )
        place.blocks, place.thought, place.version = len(self._blocks), thought, self._version
        place.line, place.beginning = self.line, self._beginning
        return news


_live: dict[int, LiveAnswer] = {}
_lock = threading.Lock()


def open_live(run_id: int, labels: Labels) -> LiveAnswer:
    """Begin an answer. Called before its job starts, so that a follower never comes too early."""
    answer = LiveAnswer(run_id, labels)
    with _lock:
        _live[run_id] = answer
    return answer


def close_live(run_id: int) -> None:
    """Forget an answer; its row is complete."""
    with _lock:
        answer = _live.pop(run_id, None)
    if answer:
        answer.end()


def live_answer(run_id: int) -> LiveAnswer | None:
    """Return the answer if this process is writing it."""
    with _lock:
        return _live.get(run_id)


def live_answers() -> list[LiveAnswer]:
    """Return all answers that this process is writing."""
    with _lock:
        return list(_live.values())


def hang_up_all() -> None:
    """Close every upstream connection, because the process ends: the writers then store what has come."""
    for answer in live_answers():
        if answer.stop:
            answer.stop()


def stop_live(run_id: int) -> None:
    """End an answer now: what has come stays, the upstream connection is closed."""
    answer = live_answer(run_id)
    if answer:
        answer.is_stopped = True
        if answer.stop:
            answer.stop()
