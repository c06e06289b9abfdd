"""Watching and stopping a run."""

from collections.abc import Iterator

from flask import Blueprint, Response, g, render_template, request, url_for
from flask_babel import gettext

from webapp.accounts.session import is_live as is_session_live
from webapp.chat.elements import Labels
from webapp.chat.follower import Frame, follow
from webapp.chat.live import stop_live
from webapp.chat.run import find_run
from webapp.chat.story import answer_turn, previous_run
from webapp.core.database import db, release
from webapp.core.errors import BusyError, NotFoundError
from webapp.core.runtime import runtime
from webapp.web.assets import asset
from webapp.web.places import stream_place
from webapp.web.render import go_to, wants_fragment
from webapp.web.sse import HEARTBEAT, event, event_stream

runs = Blueprint("runs", __name__)


@runs.get("/chat/runs/<int:run_id>/events")
def show_events(run_id: int) -> Response:
    """The answer as it is written: everything so far, then what is new, then the finished fragment.

    Every connection begins with everything, so `Last-Event-ID` is not needed, whatever it holds.
    """
    run = find_run(db.session, g.user, run_id)
    if request.method == "HEAD":  # its body is never read and never closed: a place would be lost
        return event_stream(())
    place = stream_place(runtime().settings.stream_places)
    if place is None and run.is_running:
        raise BusyError
    session_id = g.session.id
    release()  # no connection is held while the answer is awaited
    frames = follow(run_id, lambda: is_session_live(session_id))
    response = event_stream(_encoded(run_id, frames))
    if place:
        response.call_on_close(place.leave)
    return response


@runs.post("/chat/runs/<int:run_id>/stop")
def delete_running(run_id: int) -> Response:
    """Stop the answer; what has come stays."""
    run = find_run(db.session, g.user, run_id)
    stop_live(run.id)
    if wants_fragment():
        return Response(status=204)
    return go_to(url_for("chat.show_conversation", conversation_id=run.conversation_id))


def labels() -> Labels:
    """Return the words inside drawn answers, in the language of the request."""
    return Labels(
        icon_url=f"{asset('icons.svg')}#copy",
        copy_code=gettext("Copy code"),
        code=gettext("Code"),
        table=gettext("Table"),
    )


def _encoded(run_id: int, frames: Iterator[Frame]) -> Iterator[str]:
    for number, frame in enumerate(frames):
        if frame.kind == "heartbeat":
            yield HEARTBEAT
        elif frame.kind == "over":
            yield event(_final(run_id), number)
        else:
            yield event(render_template("chat/_frame.html", run_id=run_id, frame=frame), number)


def _final(run_id: int) -> str:
    try:
        run = find_run(db.session, g.user, run_id)
        turn = answer_turn(run, previous_run(db.session, run), labels())
        return render_template("chat/_final.html", turn=turn, run=run)
    except NotFoundError:
        return render_template("chat/_gone.html", run_id=run_id)
    finally:
        release()
