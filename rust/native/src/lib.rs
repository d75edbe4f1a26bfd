//! PyO3 glue: the extension module pbx._native.
