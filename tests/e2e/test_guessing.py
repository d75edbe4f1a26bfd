"""Who guesses learns nothing from the answer, nor from its time (reliability R7)."""

import re
import socket
import statistics
import time

from tests.e2e.agent import Agent, Message
from tests.e2e.conftest import ServerFactory

GUESSES = 2000


def asked(phone: socket.socket, octets: bytes) -> tuple[Message, float]:
    began_at = time.perf_counter()
    phone.send(octets)
    answer = phone.recv(65_536)
    return Message.parse(answer), time.perf_counter() - began_at


def shape(answer: Message) -> list[tuple[str, str]]:
    """Everything but what differs from answer to answer: identifiers, nonces."""
    varied = ("via", "from", "to", "call-id", "cseq")
    shown = [(name, re.sub(r'nonce="[^"]*"', "", value)) for name, value in answer.headers]
    return [("", answer.start), *((name, "" if name.lower() in varied else value) for name, value in shown)]


def test_r7_unknown_user_and_wrong_password_are_told_apart_by_nothing(start: ServerFactory) -> None:
    server = start({"ensure_user": False})
    agents = [Agent(user, server.address, password="wrong") for user in ("1001", "9999")]
    took: dict[str, list[float]] = {agent.user: [] for agent in agents}
    shapes = set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
        phone.settimeout(5)
        phone.connect(server.address)
        for agent in agents:
            agent.port = phone.getsockname()[1]
        challenge = {
            agent.user: asked(phone, agent.make("REGISTER", agent.user).to_bytes())[0] for agent in agents
        }
        for _ in range(GUESSES):
            for agent in agents:
                guess = agent.make("REGISTER", agent.user)
                guess.headers.append(agent.credentials(guess, challenge[agent.user]))
                answer, seconds = asked(phone, guess.to_bytes())
                assert answer.status == 401
                took[agent.user].append(seconds)
                shapes.add(tuple(shape(answer)))
    assert len(shapes) == 1, shapes
    medians = [statistics.median(times) for times in took.values()]
    print(f"medians {[f'{median * 1e6:.1f} us' for median in medians]}")
    assert max(medians) / min(medians) < 1.05, medians
