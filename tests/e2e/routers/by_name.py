"""A router that calls by name whoever begins with a letter."""

from pbx.routing import Forward, Invite, Router

router = Router()


@router.invite(to_user="^[a-z]")
def outside(call: Invite) -> Forward:
    return Forward(targets=["sip:1002@phones.test"])
