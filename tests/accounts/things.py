"""One of everything that somebody can have, and of what belongs to everybody, by the names of arguments in routes."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp.accounts.api_token import ApiToken, create_token
from webapp.accounts.session import SignInSession
from webapp.accounts.user import User
from webapp.chat.conversation import Conversation
from webapp.chat.message import Message
from webapp.chat.run import DONE, Run
from webapp.core import clock
from webapp.models.model import Model, id_hash
from webapp.models.preset import Preset
from webapp.providers.check import GOOD, STOPPED, Check
from webapp.providers.credential import Credential
from webapp.providers.private_address import PrivateAddress
from webapp.routing.comparison import Comparison
from webapp.routing.gateway import Gateway
from webapp.routing.rule import RuleRecord


def things_of(session: Session, user_id: int, provider_id: int) -> dict[str, str]:
    """Add one of everything that a person has."""
    model = Model(provider_id=provider_id, model_id="mine", id_hash=id_hash("mine"), search_text="mine")
    check = Check(provider_id=provider_id, user_id=user_id, name="Mine", status=GOOD, batch="of-the-owner")
    draft = Check(provider_id=None, user_id=user_id, name="Draft", status=GOOD)
    preset = Preset(owner_id=user_id, slug="mine", name="Secret preset", system_prompt="Secret prompt")
    session.add_all([model, check, draft, preset])
    create_token(session, session.get_one(User, user_id), "editor")
    session.flush()
    comparison = Comparison(user_id=user_id, model_pk=model.id, route="office", prompt="Secret", status=STOPPED)
    session.add(comparison)
    session.flush()
    return {
        "provider_id": str(provider_id),
        "model_pk": str(model.id),
        "key_id": str(session.scalars(select(Credential.id)).one()),
        "model": "mine",
        "check_id": str(check.id),
        "batch_id": "of-the-owner",
        "draft_id": str(draft.id),
        "preset_id": str(preset.id),
        "alias_id": str(model.id),
        "comparison_id": str(comparison.id),
        "token_id": str(session.scalars(select(ApiToken.id)).one()),
        "session_id": str(session.scalars(select(SignInSession.id).filter_by(user_id=user_id)).one()),
        "name": "far-end/mine",
        **_talk(session, user_id, model),
    }


def things_of_everybody(session: Session) -> dict[str, str]:
    """Add what is nobody's own."""
    rule, gateway = RuleRecord(name="Rule"), Gateway(slug="office", name="Office", base_url="http://127.0.0.1:9/v1")
    session.add_all([rule, gateway])
    session.flush()
    return {
        "rule_id": str(rule.id),
        "gateway_id": str(gateway.id),
        "address_id": str(session.scalars(select(PrivateAddress.id)).one()),
    }


def _talk(session: Session, user_id: int, model: Model) -> dict[str, str]:
    talk = Conversation(owner_id=user_id, title="Secret plans")
    session.add(talk)
    session.flush()
    question = Message(conversation_id=talk.id, role="user", text="Secret question", send_key="12345678")
    answer = Message(conversation_id=talk.id, role="assistant", text="Secret answer")
    session.add_all([question, answer])
    session.flush()
    run = Run(
        conversation_id=talk.id,
        owner_id=user_id,
        message_id=answer.id,
        question_id=question.id,
        status=DONE,
        boot_id="x",
        lease_until=clock.now(),
        model_pk=model.id,
        model_id="mine",
        model_name="mine",
        provider_name="Mine",
    )
    session.add(run)
    session.flush()
    return {"conversation_id": talk.id, "run_id": str(run.id)}
