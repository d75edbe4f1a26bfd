//! SDP, RTP and relay sessions without I/O.
