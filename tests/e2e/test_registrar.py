"""The registrar on the wire: RFC 3261 section 10.3 and digest (reliability R1, R4, R6)."""

import asyncio
import re

import pytest

from tests.e2e.agent import Agent, Message, digest_parameters, new_call_id
from tests.e2e.conftest import OPEN, ServerFactory
from tests.e2e.server import PASSWORD, PbxServer


def contacts(response: Message) -> dict[str, int]:
    """URI user -> expires, of every Contact in the response."""
    values = ", ".join(response.all("contact"))
    return {
        user: int(seconds)
        for user, seconds in re.findall(r"<sip:([^@>]+)@[^>]*>[^,]*?expires=(\d+)", values, re.IGNORECASE)
    }


class Registrar:
    """Registers several devices of one user from one socket, without credentials."""

    def __init__(self, agent: Agent) -> None:
        self.agent = agent
        self.call_id = new_call_id()
        self.cseq = 0

    async def put(self, *contact: str, expires: str = "", cseq: int = 0, call_id: str = "") -> Message:
        self.cseq = cseq or self.cseq + 1
        # Without this every REGISTER would carry the agent's own Contact.
        headers = [("Contact", value) for value in contact] + ([("Expires", expires)] if expires else [])
        request = self.agent.make(
            "REGISTER", self.agent.user, cseq=self.cseq, call_id=call_id or self.call_id
        )
        request.headers = [(n, v) for n, v in request.headers if n != "Contact"] + headers
        return await self.agent.response(self.agent.send(request))

    async def bound(self) -> dict[str, int]:
        return contacts(await self.put(call_id=new_call_id()))

    def device(self, name: str, parameters: str = "") -> str:
        return f"<sip:{name}@127.0.0.1:{self.agent.port}>{parameters}"


def test_r1_table_of_section_10_3(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as agent:
            it = Registrar(agent)
            assert await it.bound() == {}
            # Granted: the default without a wish, the wish, the cap.
            assert contacts(await it.put(it.device("plain")))["plain"] == 30
            both = await it.put(it.device("wish", ";expires=40"), it.device("cap", ";q=0.5"), expires="3600")
            assert contacts(both) == {"plain": pytest.approx(30, abs=1), "wish": 40, "cap": 50}
            assert "q=0.5" in ", ".join(both.all("contact"))
            # Too short a wish changes nothing, not even the good contact beside it.
            short = await it.put(it.device("new"), it.device("wish", ";expires=5"))
            assert short.status == 423
            assert short.header("min-expires") == "10"
            assert set(await it.bound()) == {"plain", "wish", "cap"}
            # Lower CSeq within one Call-ID: refused; under another Call-ID the number is free.
            it.cseq = 20
            assert (await it.put(it.device("plain"))).status == 200
            assert (await it.put(it.device("plain"), expires="0", cseq=5)).status == 500
            assert "plain" in await it.bound()
            assert (await it.put(it.device("wish"), cseq=3, call_id=new_call_id())).status == 200
            # Removal of one, bad stars, good star.
            it.cseq = 30
            assert set(contacts(await it.put(it.device("plain"), expires="0"))) == {"wish", "cap"}
            assert (await it.put("*")).status == 400
            assert (await it.put("*", expires="60")).status == 400
            assert (await it.put("*", it.device("wish"), expires="0")).status == 400
            assert set(await it.bound()) == {"wish", "cap"}
            assert contacts(await it.put("*", expires="0")) == {}
            assert await it.bound() == {}

    asyncio.run(scenario(start(OPEN)))


def test_r1_binding_limit_and_broken_contact_change_nothing(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as agent:
            it = Registrar(agent)
            assert (await it.put(it.device("a"), it.device("b"))).status == 200
            assert (await it.put(it.device("c"))).status == 403
            assert (await it.put(it.device("a"), "<sip:@@@>")).status == 400
            assert set(await it.bound()) == {"a", "b"}

    asyncio.run(scenario(start(OPEN | {"max_bindings_per_user": 2})))


def test_r1_foreign_aor_is_refused_to_an_authenticated_user(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as agent:
            request = agent.make("REGISTER", "1002")
            response = await agent.ask(request)
            assert response.status == 403, response

    asyncio.run(scenario(start()))


async def challenge(agent: Agent, request: Message) -> Message:
    response = await agent.response(agent.send(request))
    assert response.status == 401, response
    return response


def stale(response: Message) -> set[str]:
    return {digest_parameters(value).get("stale", "").lower() for value in response.all("www-authenticate")}


async def again(agent: Agent, request: Message, header: tuple[str, str]) -> Message:
    """The same request with these credentials, as a new transaction."""
    request.headers = [
        (n, agent.via() if n == "Via" else f"{request.cseq_number + 1} REGISTER" if n == "CSeq" else v)
        for n, v in request.headers
        if n != "Authorization"
    ] + [header]
    return await agent.response(agent.send(request))


def test_r4_nonces(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as agent:
            request = agent.make("REGISTER", "1001")
            first, second = (
                await challenge(agent, request),
                await challenge(agent, agent.make("REGISTER", "1001")),
            )
            assert [digest_parameters(v)["algorithm"] for v in first.all("www-authenticate")] == [
                "SHA-256",
                "MD5",
            ]
            # Two nonces in flight, nc counted for each; a jump forward is fine, a replay is not.
            assert (await again(agent, request, agent.credentials(request, first))).status == 200
            assert (
                await again(agent, request, agent.credentials(request, second, algorithm="MD5"))
            ).status == 200
            assert (await again(agent, request, agent.credentials(request, first, nc=40))).status == 200
            assert (await again(agent, request, agent.credentials(request, first, nc=30))).status == 200
            replayed = await again(agent, request, agent.credentials(request, first, nc=40))
            assert replayed.status == 401
            assert stale(replayed) == {"true"}
            # A foreign nonce is stale only if the response fits it.
            foreign = await again(agent, request, agent.credentials(request, first, nonce="bm90IG91cnM"))
            assert foreign.status == 401
            assert stale(foreign) == {"true"}
            wrong = await again(
                agent, request, agent.credentials(request, first, nonce="bm90IG91cnM", password="guess")
            )
            assert wrong.status == 401
            assert "true" not in stale(wrong)
            assert (await again(agent, request, agent.credentials(request, foreign))).status == 200

    asyncio.run(scenario(start()))


def test_r4_restart_costs_a_client_one_round_trip(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as agent:
            request = agent.make("REGISTER", "1001")
            before = await challenge(agent, request)
            await asyncio.to_thread(server.stop)
            with server:
                refused = await again(agent, request, agent.credentials(request, before))
                assert refused.status == 401
                assert stale(refused) == {"true"}
                assert (await again(agent, request, agent.credentials(request, refused))).status == 200

    asyncio.run(scenario(start()))


def test_r6_wrong_uri_method_and_algorithm_are_refused(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1001", server.address) as agent:
            request = agent.make("REGISTER", "1001")
            offered = await challenge(agent, request)
            other_uri = await again(
                agent, request, agent.credentials(request, offered, uri="sip:elsewhere.test")
            )
            assert other_uri.status == 400
            other_method = await again(agent, request, agent.credentials(request, offered, method="INVITE"))
            assert other_method.status == 401
            unoffered = await again(
                agent, request, agent.credentials(request, offered, algorithm="SHA-512-256")
            )
            assert unoffered.status == 401
            assert (await again(agent, request, agent.credentials(request, offered))).status == 200

    asyncio.run(scenario(start()))


def test_r6_md5_is_refused_to_a_user_stored_with_sha_256_only(start: ServerFactory) -> None:
    async def scenario(server: PbxServer) -> None:
        async with Agent("1004", server.address) as agent:
            request = agent.make("REGISTER", "1004")
            offered = await challenge(agent, request)
            assert [digest_parameters(v)["algorithm"] for v in offered.all("www-authenticate")] == ["SHA-256"]
            assert (
                await again(agent, request, agent.credentials(request, offered, algorithm="MD5"))
            ).status == 401
            assert (await again(agent, request, agent.credentials(request, offered))).status == 200

    import hashlib

    digest = hashlib.sha256(f"1004:127.0.0.1:{PASSWORD}".encode()).hexdigest()
    user = {"username": "1004", "ha1_sha256": digest, "realm": "127.0.0.1"}
    asyncio.run(scenario(start({"user_backends": [{"type": "memory", "users": [user]}]})))
