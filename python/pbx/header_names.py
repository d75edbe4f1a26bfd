"""Headers a B2BUA always writes itself (`formats.md` §4.4); no rule and no decision may name them."""

_LONG = frozenset(
    [
        "via",
        "route",
        "record-route",
        "from",
        "to",
        "call-id",
        "cseq",
        "contact",
        "max-forwards",
        "max-breadth",
        "allow",
        "supported",
        "require",
        "proxy-require",
        "session-expires",
        "min-se",
        "rack",
        "rseq",
        "authorization",
        "proxy-authorization",
        "www-authenticate",
        "proxy-authenticate",
        "authentication-info",
        "proxy-authentication-info",
    ]
)
_COMPACT = frozenset("vftimlcekx")


def is_b2bua_header(name: str) -> bool:
    """Whether a header name, long or compact, in any letter case, is one of ours."""
    folded = name.lower()
    return folded in _LONG or folded in _COMPACT or folded.startswith("content-")
