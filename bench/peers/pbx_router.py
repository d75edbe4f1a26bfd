"""The counterpart of kamailio_route.py for our server: asked once for every INVITE, it names the callee."""

from pbx.routing import Forward, Invite, Router

router = Router()


@router.invite(to_user="1002")
def decide(call: Invite) -> Forward:
    return Forward()
