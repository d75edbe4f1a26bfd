"""Queues: one document a file, or `[proxy.queues.NAME]` with the body alone."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from pbx.config.tables.hours import BusinessHours
from pbx.config.tables.names import OptSound, OptTarget, QueueRef, Sound, Target
from pbx.config.tables.scalars import FailureCode, NonEmpty, OptText
from pbx.config.tables.table import FOLD, Table, key, refuse_at

MAX_WAIT_UNANSWERED_SECS = 170


class Hold(Table):
    """Hold music."""

    audio_file: OptSound = key(None, "Sound; a comfort tone if not given.")
    loop_playback: bool = key(True, "Play again from the start.")


class Agent(Table):
    """Somebody who answers."""

    uri: Target = key(..., "SIP URI or number.")
    label: OptText = key(None, "Name shown.")


class Strategy(Table):
    """Who is rung, and how long."""

    mode: Annotated[Literal["sequential", "parallel", "round_robin", "longest_idle"], FOLD] = key(
        "sequential", "Order of agents."
    )
    wait_timeout_secs: int = key(20, "Ring time of one agent, s.", ge=1, le=300)
    targets: list[Agent] = key(..., "The agents.", min_length=1)


class ComfortPrompt(Table):
    """A sound repeated while waiting."""

    audio_file: Sound = key(..., "Sound.")
    interval_secs: int = key(30, "Pause, s.", ge=1, le=86_400)


class VoicePrompts(Table):
    """Sounds of a queue."""

    transfer_prompt: OptSound = key(None, "On entry.")
    busy_prompt: OptSound = key(None, "No agent free.")
    position_prompt: OptSound = key(None, "Before the position.")
    comfort_prompts: list[ComfortPrompt] = key([], "While waiting.")
    service_prompt: OptSound = key(None, "To the caller when an agent has answered.")
    no_answer_prompt: OptSound = key(None, "Waited too long.")
    off_hours_prompt: OptSound = key(None, "While closed.")
    final_destination_prompt: OptSound = key(None, "Before the fallback.")


class Fallback(Table):
    """Where callers go whom no agent answers."""

    action: Annotated[Literal["redirect", "hangup", "queue"], FOLD] | None = key(
        None, "Kind, may be left out."
    )
    redirect: OptTarget = key(None, "Target.")
    failure_code: FailureCode | None = key(None, "Status code.")
    failure_reason: OptText = key(None, "Reason phrase.")
    queue_ref: QueueRef | None = key(None, "Another queue.")

    @model_validator(mode="after")
    def _one_kind(self) -> "Fallback":
        kinds = {"redirect": self.redirect, "hangup": self.failure_code, "queue": self.queue_ref}
        given = [kind for kind, value in kinds.items() if value is not None]
        if len(given) != 1:
            raise refuse_at("", "one of redirect, failure_code and queue_ref is needed")
        if self.action is not None and self.action != given[0]:
            raise refuse_at("action", f"the keys given are those of {given[0]}")
        return self


class QueueBody(Table):
    """The `[queue]` table."""

    name: OptText = key(None, "Name shown.")
    accept_immediately: bool = key(..., "True: answered on entry; false: when an agent answers.")
    passthrough_ringback: bool = key(False, "The caller hears the agent's early media.")
    hold: Hold = key(Hold(), "Hold music.")
    strategy: Strategy = key(..., "Who is rung.")
    max_wait_secs: int = key(300, "Longest stay, s.", ge=1, le=86_400)
    max_size: int = key(100, "Callers waiting.", ge=1, le=10_000)
    priority: int = key(0, "Priority of callers.", ge=0, le=100)
    retry_interval_secs: int = key(5, "Pause between rounds, s.", ge=0, le=3600)
    max_rounds: int = key(0, "Rounds; 0: until max_wait_secs.", ge=0, le=10_000)
    wrap_up_secs: int = key(0, "Rest of an agent after a call, s.", ge=0, le=3600)
    announce_position: bool = key(False, "Say the position.")
    announce_interval_secs: int = key(30, "Pause between announcements, s.", ge=1, le=86_400)
    business_hours: BusinessHours = key(BusinessHours(), "When agents are there.")
    voice_prompts: VoicePrompts = key(VoicePrompts(), "Sounds.")
    fallback: Fallback | None = key(None, "Where callers go whom no agent answers; 486 if absent.")

    @model_validator(mode="after")
    def _consistent(self) -> "QueueBody":
        if self.passthrough_ringback and not self.accept_immediately:
            raise refuse_at("passthrough_ringback", "needs accept_immediately = true")
        if not self.accept_immediately and self.max_wait_secs > MAX_WAIT_UNANSWERED_SECS:
            reason = f"at most {MAX_WAIT_UNANSWERED_SECS} with accept_immediately = false"
            raise refuse_at("max_wait_secs", reason)
        return self


class QueueDocument(Table):
    """A queue file."""

    name: Annotated[NonEmpty, Field(max_length=128)] = key(..., "Name, compared trimmed and in lower case.")
    id: int | None = key(None, "Number, for references.")
    description: OptText = key(None, "For readers.")
    tags: list[NonEmpty] = key([], "For readers.")
    queue: QueueBody = key(..., "The queue.")
