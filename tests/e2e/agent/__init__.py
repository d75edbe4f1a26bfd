"""A SIP peer under the test's full control: raw messages over UDP or TCP, read and written by code of its own.

Nothing here uses the product's parser, so a fault in that cannot hide itself, and nothing happens by itself: no
retransmission, no answer, no ACK that the test did not ask for.
"""

from tests.e2e.agent.dialog import Dialog, call, hang_up
from tests.e2e.agent.digest import digest_answer, digest_parameters
from tests.e2e.agent.message import Headers, Message, new_branch, new_call_id, new_tag, tag_of
from tests.e2e.agent.sdp import audio_port, sdp
from tests.e2e.agent.user_agent import Agent

__all__ = [
    "Agent", "Dialog", "Headers", "Message", "audio_port", "call", "digest_answer", "digest_parameters", "hang_up",
    "new_branch", "new_call_id", "new_tag", "sdp", "tag_of",
]  # fmt: skip
