"""The one background loop: saves live answers, reads lists that are due, ends dead runs, removes what is old."""

import logging
from datetime import timedelta

from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from webapp.chat.conversation import Conversation, remove_presets
from webapp.chat.live import hang_up_all, live_answers
from webapp.chat.run import INTERRUPTED, RUNNING, Run, renew_leases
from webapp.chat.writer import save_live_texts
from webapp.core import clock
from webapp.core.database import db, writing
from webapp.core.runtime import runtime
from webapp.models.capability_check import LONGEST, end_abandoned_checks, prune_checks
from webapp.models.discovery import DueLists
from webapp.models.drift import prune_drifts
from webapp.providers.batch import end_abandoned
from webapp.providers.check import LIVE, STOPPED, Check
from webapp.providers.check import RUNNING as CHECK_RUNNING
from webapp.providers.credential import Credential
from webapp.providers.provider import UNDO_TIME, Provider
from webapp.providers.turns import turns
from webapp.routing.alias import settle_aliases
from webapp.routing.comparison import LONGEST as LONGEST_COMPARISON
from webapp.routing.comparison import end_abandoned_comparisons, prune_comparisons
from webapp.routing.gateway import prune_gateways
from webapp.routing.gateway_check import DueGateways
from webapp.routing.history import prune_health
from webapp.routing.keybook import keybook
from webapp.routing.paid_probing import PaidProber
from webapp.routing.probe_budget import prune_probe_days
from webapp.routing.probing import Prober
from webapp.routing.rule import prune_rules
from webapp.routing.states import states
from webapp.usage.recorder import prune_usage, write_waiting

BEAT_SECONDS = 1.0
SWEEP_EVERY = 30  # beats
CHECK_LIMIT = timedelta(seconds=120)
CHECKS_KEPT = timedelta(days=30)

log = logging.getLogger(__name__)


def watch() -> None:
    """The loop, until the process closes. Only a serving process starts it, as a background job."""
    closing = runtime().background.is_closing
    with writing() as session:
        end_runs_of_the_dead(session)
    beats, lists, prober, paid_prober, gateways = 0, DueLists(), Prober(), PaidProber(), DueGateways()
    while not closing.wait(BEAT_SECONDS):
        beats += 1
        try:
            with writing() as session:
                beat(session)
            if beats % SWEEP_EVERY == 1:
                with writing() as session:
                    sweep(session)
            write_waiting()
            keybook.write()
            states.exchange()
            lists.read_next()
            gateways.look_next()
            prober.probe_next()
            paid_prober.probe_next()
        except Exception:
            log.exception("The monitor's round failed")
    hang_up_all()
    turns.wake()


def beat(session: Session) -> None:
    """What happens every second."""
    save_live_texts(session)
    renew_leases(session, [answer.run_id for answer in live_answers()])


def sweep(session: Session) -> None:
    """What happens every half minute."""
    now = clock.now()
    for record in (Provider, Credential, Conversation):
        session.execute(delete(record).where(record.deleted_at < now - UNDO_TIME))
    remove_presets(session, now - UNDO_TIME)
    session.execute(
        update(Check).where(Check.status == CHECK_RUNNING, Check.created_at < now - CHECK_LIMIT).values(status=STOPPED)
    )
    end_abandoned(session, now - CHECK_LIMIT)
    session.execute(delete(Check).where(Check.created_at < now - CHECKS_KEPT))
    end_abandoned_checks(session, now - LONGEST)
    prune_checks(session)
    end_abandoned_comparisons(session, now - LONGEST_COMPARISON)
    prune_comparisons(session)
    prune_usage(session)
    prune_drifts(session)
    prune_health(session)
    prune_probe_days(session)
    prune_gateways(session)
    settle_aliases(session)
    prune_rules(session)
    states.look_over(session)


def end_runs_of_the_dead(session: Session) -> None:
    """With SQLite only one process serves: what another one left running will not go on."""
    if db.engine.dialect.name == "sqlite":
        others = (Run.status == RUNNING, Run.boot_id != runtime().boot_id)
        session.execute(update(Run).where(*others).values(status=INTERRUPTED))
        session.execute(update(Check).where(Check.status.in_(LIVE)).values(status=STOPPED))
        session.execute(update(Provider).values(refresh_started_at=None))
        end_abandoned_checks(session, clock.now())
        end_abandoned_comparisons(session, clock.now())
