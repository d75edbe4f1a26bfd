"""SIP for tools and tests: the engine's own parser, read-only.

```python
from pbx.sip import Message, ParseError

message = Message.parse(datagram)          # raises ParseError, whose args[0] is the reason
message.start_line, message.headers        # headers in order, as (name, value)
message.from_.uri, message.to.tag, message.via[0].branch, message.cseq
assert message.to_bytes() == datagram
```
"""

from pbx._native import Message, NameAddr, ParseError, Sdp, SdpMedia, Uri, Via

__all__ = ["Message", "NameAddr", "ParseError", "Sdp", "SdpMedia", "Uri", "Via"]
