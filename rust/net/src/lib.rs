//! Sockets, threads and clocks: the only crate that does I/O.
