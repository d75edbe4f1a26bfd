"""A SIP PBX core: policy and configuration in Python, everything that touches a packet in Rust."""
