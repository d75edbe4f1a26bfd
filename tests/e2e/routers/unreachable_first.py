"""A router that names somebody who is not there before the one who is."""

from pbx.routing import Forward, Invite, Router

router = Router()


@router.invite()
def hunt(call: Invite) -> Forward:
    # Nobody listens on port 9 of the loopback.
    return Forward(targets=["sip:gone@127.0.0.1:9", call.to_user])
