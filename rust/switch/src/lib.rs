//! The PBX itself as a state machine without I/O.
