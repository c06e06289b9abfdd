"""Every stream of the corpus, cut in every way."""

from collections.abc import Iterator
from itertools import pairwise

import pytest

from tests.upstream.corpus_cases import DIALECT_OF, Case, cases, shown, target_for
from webapp.upstream.dialects import DIALECTS, AnswerDecoder
from webapp.upstream.messages import Piece

CUTS = ("whole", "bytes", "sevens", "splits")


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("case", cases("streams"))
def test_a_stream_of_the_corpus_is_decoded(case: Case, cut: str) -> None:
    dialect = DIALECT_OF[case["protocol"]]
    decoder = DIALECTS[dialect].decoder(target_for(case["vendor"], dialect))
    pieces = read(decoder, chunks(case, cut), stays_open=case.get("connection") == "stays-open")
    expect = case["expect"]
    found = shown(decoder.reply)
    assert found == {name: expect[name] for name in found}
    assert "".join(piece.text for piece in pieces if piece.kind == "text") == expect["text"]
    assert "".join(piece.text for piece in pieces if piece.kind == "reasoning") == expect["reasoning"]
    assert all(piece.text for piece in pieces)
    details = {name: decoder.reply.details.get(name) for name in ("hint", "keep", "cost_usd", "citations")}
    assert details == {name: expect.get(name) for name in details}
    assert len(decoder.reply.warnings) == expect.get("warnings", 0)


def chunks(case: Case, cut: str) -> Iterator[bytes]:
    body = case.bytes()
    size = {"whole": len(body) or 1, "bytes": 1, "sevens": 7}.get(cut)
    places = list(range(0, len(body), size)) if size else [0, *case.get("splits", [])]
    for start, end in pairwise([*places, len(body)]):
        yield body[start:end]


def read(decoder: AnswerDecoder, parts: Iterator[bytes], stays_open: bool) -> list[Piece]:
    """Do what a reader does: stop when the decoder says so, else close at the end or when the grace time is over."""
    pieces = []
    for part in parts:
        pieces += decoder.feed(part)
        if decoder.ended:
            return pieces
    assert decoder.finished or not stays_open
    return pieces + (decoder.grace_over() if stays_open else decoder.close())
