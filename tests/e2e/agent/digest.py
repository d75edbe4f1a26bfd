"""Answers to digest challenges (RFC 7616)."""

import hashlib
import re


def digest_parameters(value: str) -> dict[str, str]:
    found = re.findall(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))', value.partition(" ")[2])
    return {name.lower(): quoted or plain for name, quoted, plain in found}


def digest_answer(fields: dict[str, str], nc: int) -> str:
    def hashed(text: str) -> str:
        kind = {"MD5": "md5", "SHA-256": "sha256", "SHA-512-256": "sha512_256"}[fields["algorithm"].upper()]
        return hashlib.new(kind, text.encode()).hexdigest()

    first = hashed(f"{fields['username']}:{fields['realm']}:{fields['password']}")
    second = hashed(f"{fields['method']}:{fields['uri']}")
    response = hashed(f"{first}:{fields['nonce']}:{nc:08x}:{fields['cnonce']}:auth:{second}")
    quoted = ", ".join(f'{name}="{fields[name]}"' for name in ("username", "realm", "nonce", "uri", "cnonce"))
    return f'Digest {quoted}, response="{response}", algorithm={fields["algorithm"]}, qop=auth, nc={nc:08x}'
