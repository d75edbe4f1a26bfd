"""Tones: written as WAV files for a peer to play, and found again in what another peer recorded."""

import math
import struct
import wave
from pathlib import Path

SAMPLE_RATE = 8000
AMPLITUDE = 8000


def write_tone(path: Path, hertz: float, seconds: float) -> None:
    """Write a 16-bit mono WAV of one sine at 8 kHz."""
    count = int(SAMPLE_RATE * seconds)
    step = 2 * math.pi * hertz / SAMPLE_RATE
    samples = (int(AMPLITUDE * math.sin(step * index)) for index in range(count))
    with wave.open(str(path), "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(SAMPLE_RATE)
        sound.writeframes(struct.pack(f"<{count}h", *samples))


def read_samples(path: Path) -> tuple[int, list[int]]:
    """Return rate and samples of a 16-bit WAV, first channel; a length field the writer never closed is ignored."""
    octets = path.read_bytes()
    start = octets.find(b"data")
    if start < 0 or len(octets) < 36:
        return SAMPLE_RATE, []
    channels, rate = struct.unpack_from("<HI", octets, 22)
    body = octets[start + 8 :]
    count = len(body) // 2
    samples = struct.unpack(f"<{count}h", body[: count * 2])
    return rate, list(samples[::channels])


def share_of_tone(samples: list[int], hertz: float, rate: int = SAMPLE_RATE) -> float:
    """Share of the energy of `samples` that lies at `hertz`, 0 to 1 (Goertzel)."""
    energy = sum(sample * sample for sample in samples)
    if energy == 0:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * hertz / rate)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + coefficient * last - before
    power = before * before + last * last - coefficient * before * last
    return power / (energy * len(samples) / 2)


def seconds_with_tone(samples: list[int], hertz: float, rate: int = SAMPLE_RATE) -> float:
    """Seconds of the recording, counted in windows of 100 ms, in which `hertz` holds most of the energy."""
    window = rate // 10
    pieces = [samples[at : at + window] for at in range(0, len(samples) - window + 1, window)]
    loud = [piece for piece in pieces if max(piece) - min(piece) > AMPLITUDE // 4]
    return sum(share_of_tone(piece, hertz, rate) > 0.7 for piece in loud) / 10
