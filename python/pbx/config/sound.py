"""Sounds that queues and menus play: files, web addresses, tones, silence or text to be spoken."""

import re
from pathlib import Path

from pbx.config.tables.table import refuse

_TONE = re.compile(r"tone://[1-9][0-9]{0,4},[1-9][0-9]{0,6}")
_SILENCE = re.compile(r"silence://[1-9][0-9]{0,6}")
_SUFFIXES = {".wav", ".mp3", ".ogg", ".flac"}


class Sound(str):
    """The text of a sound that has been checked."""

    __slots__ = ()

    @property
    def file(self) -> str | None:
        """The path, if this sound is a file of ours."""
        return None if "://" in self else str(self)

    @property
    def is_spoken(self) -> bool:
        """True for text that a speech service must turn into sound."""
        return self.startswith("tts://")


def check_sound(text: str) -> Sound:
    """Accept a sound or raise why it is none. Whether a file can be decoded is judged when it is opened."""
    scheme, colon, rest = text.partition("://")
    if not colon:
        if Path(text).suffix.lower() not in _SUFFIXES:
            raise refuse("a sound file is .wav, .mp3, .ogg or .flac")
        return Sound(text)
    good = {
        "http": rest != "",
        "https": rest != "",
        "tts": rest != "",
        "tone": _TONE.fullmatch(text) is not None,
        "silence": _SILENCE.fullmatch(text) is not None,
    }.get(scheme)
    if good is None:
        raise refuse(f'sounds with "{scheme}://" are not possible')
    if not good:
        raise refuse("tone://HZ,MS, silence://MS, tts://TEXT or a web address is needed")
    return Sound(text)


def file_fault(path: Path) -> str | None:
    """Why a sound file cannot be played, None if its first octets are of a known format."""
    with path.open("rb") as file:
        head = file.read(12)
    wav = head[:4] == b"RIFF" and head[8:12] == b"WAVE"
    mp3 = head[:3] == b"ID3" or (len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0)
    if wav or mp3 or head[:4] in {b"OggS", b"fLaC"}:
        return None
    return "not a WAV, MP3, OGG or FLAC file"
