"""The router API as users write it, tried without an engine."""

import asyncio

import pytest

from pbx.routing import Forward, Invite, InviteFields, Reject, Router


def decide(router, **fields):
    return asyncio.run(router.decide(Invite(InviteFields(**fields))))


def test_example_of_the_documentation():
    router = Router()

    @router.invite(to_user=r"^9(\d{7,})$", source="internal")
    def outbound(call: Invite, digits: str) -> Forward:
        return Forward(to_user=digits, ring_timeout=40)

    assert decide(router, to_user="95551234").verdict == Forward(to_user="5551234", ring_timeout=40)
    assert decide(router, to_user="95551234", direction="inbound").verdict is None
    assert decide(router, to_user="9555").verdict is None
    assert outbound(Invite(InviteFields()), "1").to_user == "1"


def test_all_conditions_must_hold():
    router = Router()

    @router.invite(from_user="1001", to_host="pbx.test", user="1001")
    def handler(call):
        return Reject(486)

    fields = {"from_user": "1001", "to_host": "PBX.test", "user": "1001"}
    assert decide(router, **fields).verdict == Reject(486)
    for name in fields:
        assert decide(router, **{**fields, name: "other"}).verdict is None


def test_named_and_unnamed_groups_fill_parameters():
    router = Router()

    @router.invite(to_user=r"^(?P<area>\d\d)(\d+)$", from_user=r"^u(\d)$")
    async def handler(call, number, line, area="00"):
        return Reject(480, f"{area}-{number}-{line}")

    assert decide(router, to_user="12345", from_user="u7").verdict.reason == "12-345-7"


def test_first_verdict_counts_and_names_its_handler():
    router = Router()

    @router.invite()
    def first(call):
        return None

    @router.invite()
    async def second(call):
        return Reject(603)

    @router.invite()
    def third(call):
        raise AssertionError

    decided = decide(router)
    assert decided.verdict == Reject(603)
    assert decided.handler.endswith("second")


@pytest.mark.parametrize(
    ("conditions", "function"),
    [
        ({}, lambda: None),
        ({}, lambda call, digits: None),
        ({"to_user": r"(?P<x>\d)"}, lambda call: None),
        ({"to_user": r"(\d)"}, lambda call, a, b: None),
    ],
    ids=["no invite", "nothing captured", "no parameter for the group", "too many parameters"],
)
def test_groups_and_parameters_that_do_not_fit_are_refused_when_written(conditions, function):
    with pytest.raises(TypeError):
        Router().invite(**conditions)(function)


def test_unknown_source_is_refused_when_written():
    with pytest.raises(ValueError, match="sideways"):
        Router().invite(source="sideways")


def test_headers_are_found_by_name_in_any_case():
    invite = Invite(InviteFields(headers=[("X-Account", "7"), ("x-account", "8")]))
    assert invite.header("X-ACCOUNT") == "7"
    assert invite.header("Subject") is None
