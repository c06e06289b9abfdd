"""Our exception tree.

JackfieldError
├── ConfigError            a setting is missing or wrong: the process refuses to start
├── CryptoError            a sealed value does not open: wrong master key, row, owner or origin
├── NotFoundError          no such object for this user (404; also when it belongs to somebody else)
├── ForbiddenError         the user may see it but not do this (403)
├── ConflictError          the object is not in a state that allows this (409)
├── BusyError              a pool or limit is full; try again later (503)
├── TooOftenError          this user does it too often; try again in some seconds (429)
└── UpstreamError          a provider did not answer as it should (webapp/upstream/failures.py)
"""


class JackfieldError(Exception):
    """Root of all errors that Jackfield raises on purpose."""


class ConfigError(JackfieldError):
    """A setting is missing or wrong; the text says which and what to do."""


class CryptoError(JackfieldError):
    """A sealed value does not open."""


class NotFoundError(JackfieldError):
    """The object does not exist for this user."""


class ForbiddenError(JackfieldError):
    """The user may not do this."""


class ConflictError(JackfieldError):
    """The object's state does not allow this."""


class BusyError(JackfieldError):
    """All places are taken; the caller may try again."""


class TooOftenError(JackfieldError):
    """This user has `most` of something running, or began as many within a minute; try again in `seconds`."""

    def __init__(self, *, most: int, seconds: int, are_running: bool) -> None:
        self.most, self.seconds, self.are_running = most, seconds, are_running
