"""What programs wish for by headers, beyond OpenAI's request: by which route to go, how long to wait."""

import re

from flask import request

from webapp.accounts.user import MOST_WAIT_SECONDS, User
from webapp.openai_api.schema import RequestError

ROUTE, WAIT = "x-jackfield-route", "x-jackfield-wait"


def wanted_route(otherwise: str = "") -> str:
    """Return the route that the program insists on, else that of its preset."""
    return request.headers.get(ROUTE, "") or otherwise


def wanted_wait(user: User) -> int:
    """Return the longest wait, in seconds, that a busy one may name: told, else the account's. Raises RequestError."""
    text = request.headers.get(WAIT)
    if text is None:
        return user.program_wait_seconds
    if not re.fullmatch("[0-9]{1,2}", text) or int(text) > MOST_WAIT_SECONDS:
        raise RequestError(f"The header {WAIT} takes whole seconds from 0 to {MOST_WAIT_SECONDS}.", param=WAIT)
    return int(text)
