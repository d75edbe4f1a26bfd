"""What a menu does for a key, a timeout or a closed hour."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Tag, model_validator

from pbx.config.tables.by_type import by_type
from pbx.config.tables.names import IvrRef, OptSound, QueueRef
from pbx.config.tables.scalars import FailureCode, HeaderMap, HttpMethod, HttpUrl, NonEmpty, OptText
from pbx.config.tables.table import FOLD, UPPER, Table, key, refuse_at
from pbx.config.target import Target, check_target
from pbx.config.templates import placeholders


def _target(text: str) -> str:
    # `{variable}` places are filled during the call; only then the whole can be judged.
    return Target(text) if placeholders(text) else check_target(text)


ActionTarget = Annotated[str, AfterValidator(_target)]
Key = Annotated[
    Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "#", "A", "B", "C", "D"], UPPER
]


class _Prompted(Table):
    prompt: OptSound = key(None, "Sound.")
    prompt_text: OptText = key(None, "Text spoken.")
    prompt_voice: OptText = key(None, "Voice of the text.")

    @model_validator(mode="after")
    def _one_prompt(self) -> "_Prompted":
        if self.prompt is not None and self.prompt_text is not None:
            raise refuse_at("prompt_text", "not together with prompt")
        return self


class Transfer(Table):
    """The call leaves for a target."""

    type: Annotated[Literal["transfer"], FOLD] = key(..., "Kind of action.")
    target: ActionTarget = key(..., "Where to.")
    params: dict[str, str | int | bool] = key({}, "Passed along.")
    return_app: IvrRef | None = key(None, "IVR that takes the call back on failure.")
    return_target: NonEmpty | None = key(None, "Menu there.")


class ToQueue(Table):
    """The call enters a queue."""

    type: Annotated[Literal["queue"], FOLD] = key(..., "Kind of action.")
    target: QueueRef = key(..., "Queue.")


class Voicemail(Table):
    """The call goes to a mailbox."""

    type: Annotated[Literal["voicemail"], FOLD] = key(..., "Kind of action.")
    target: NonEmpty = key(..., "Extension.")


class EnterMenu(Table):
    """Another menu."""

    type: Annotated[Literal["menu"], FOLD] = key(..., "Kind of action.")
    menu: NonEmpty = key(..., "Its name, or root.")


class Simple(Table):
    """Parent menu, greeting again, or end of the application."""

    type: Annotated[Literal["back", "repeat", "exit"], FOLD] = key(..., "Kind of action.")


class Play(_Prompted):
    """A sound, then the same menu."""

    type: Annotated[Literal["play"], FOLD] = key(..., "Kind of action.")


class Hangup(_Prompted):
    """The end, after a prompt if there is one."""

    type: Annotated[Literal["hangup", "play_and_hangup"], FOLD] = key(..., "Kind of action.")
    code: FailureCode = key(480, "Status before answer.")


class CollectExtension(_Prompted):
    """Dials the digits pressed."""

    type: Annotated[Literal["collect_extension"], FOLD] = key(..., "Kind of action.")
    min: int = key(3, "Fewest digits.", ge=1, le=64)
    max: int = key(4, "Most digits.", ge=1, le=64)
    inter_digit_timeout_ms: int = key(3000, "Longest pause between digits, ms.", ge=100, le=60_000)


class Collect(_Prompted):
    """Keeps the digits pressed."""

    type: Annotated[Literal["collect"], FOLD] = key(..., "Kind of action.")
    variable: NonEmpty = key(..., "Where they are kept.")
    min: int = key(1, "Fewest digits.", ge=1, le=64)
    max: int = key(16, "Most digits.", ge=1, le=64)
    end_key: Key = key("#", "Ends the input.")
    inter_digit_timeout_ms: int = key(3000, "Longest pause between digits, ms.", ge=100, le=60_000)


class AskWebhook(Table):
    """A web service chooses the action."""

    type: Annotated[Literal["webhook"], FOLD] = key(..., "Kind of action.")
    url: HttpUrl = key(..., "Where it is asked.")
    method: HttpMethod = key("POST", "How it is asked.")
    headers: HeaderMap = key({}, "HTTP headers sent along.")
    variables: str = key("", "Names of variables sent, comma-separated; empty: all.")


Action = Annotated[
    Annotated[Transfer, Tag("transfer")]
    | Annotated[ToQueue, Tag("queue")]
    | Annotated[Voicemail, Tag("voicemail")]
    | Annotated[EnterMenu, Tag("menu")]
    | Annotated[Simple, Tag("back")]
    | Annotated[Play, Tag("play")]
    | Annotated[Hangup, Tag("hangup")]
    | Annotated[CollectExtension, Tag("collect_extension")]
    | Annotated[Collect, Tag("collect")]
    | Annotated[AskWebhook, Tag("webhook")],
    Field(discriminator=by_type(aliases={"repeat": "back", "exit": "back", "play_and_hangup": "hangup"})),
]
