"""What a client has sent as a credential comes out of what it is told."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from mlcontrol.adapters.http import Call, HttpClient
from mlcontrol.adapters.sent_secret import SHOWN, SentSecret, basic
from mlcontrol.core.settings import ConnectionSettings
from mlcontrol.core.types import ConnectionKind
from mlcontrol.ports.errors import AdapterError
from mlcontrol.testing.fault_proxy import FaultProxy, http_answer
from tests.canary import CANARY, seen_in

LONG = st.text(st.characters(min_codepoint=32, max_codepoint=0x2FF), min_size=8, max_size=40).filter(str.isprintable)


@given(secret=LONG, user=st.text(max_size=8))
def test_whatever_it_is_it_comes_out_of_texts_and_of_data(secret: str, user: str) -> None:
    sent = SentSecret(user)
    sent.add(secret)
    for said in (f"asked with {secret}.", f"Basic {basic(user, secret)}"):
        assert secret not in sent.out_of(said)
        assert basic(user, secret) not in sent.out_of(said)
        document = json.loads(sent.out_of_data(json.dumps({"note": said}).encode()))
        assert SHOWN in document["note"]


def test_a_short_one_is_cut_out_of_complaints_and_not_out_of_data() -> None:
    sent = SentSecret("")
    sent.add("test")
    assert sent.out_of("bad password test") == f"bad password {SHOWN}"
    assert sent.out_of_data(b'{"test_accuracy": 1}') == b'{"test_accuracy": 1}'


def test_the_one_before_is_known_while_its_answers_may_come() -> None:
    sent = SentSecret("")
    for secret in ("the-first-one", "the-second-one", "the-second-one"):
        sent.add(secret)
    assert sent.out_of("the-first-one the-second-one") == f"{SHOWN} {SHOWN}"


@pytest.mark.parametrize("after", ["forget_secret", "close"])
def test_an_answer_that_comes_after_the_secret_was_forgotten_does_not_tell_it(after: str) -> None:
    """Two calls at once: the refusal of one has the secret read anew, while the other is still on its way."""
    with FaultProxy(http_answer(json.dumps({"message": f"asked with {CANARY}"}).encode(), "500 Broken")) as server:
        http = HttpClient(
            ConnectionSettings("r", ConnectionKind.REGISTRY, "mlflow", server.url, "token"), lambda: CANARY
        )
        answer = http.send(Call("GET", "/"), 20.0)
        getattr(http, after)()
        refused: AdapterError = http.refusal(answer)
        http.close()
    assert SHOWN in str(refused.problem)
    assert seen_in(str(refused.problem).encode()) == []
