//! Calls: two dialogs joined back to back (RFC 7092 signalling/SDP-modifying B2BUA).

mod accept;
mod ask;
mod body;
mod branch;
mod calls;
mod decide;
mod dial;
mod dismiss;
mod failure;
mod farewell;
mod flows;
mod headers;
mod id;
mod identity;
mod in_dialog;
mod invite;
mod leg;
mod media;
mod page;
mod plan;
mod race;
mod reanchor;
mod relay;
mod resolve;
mod session_refresh;
mod session_timer;
mod state;
mod teardown;
mod views;

pub(crate) use calls::Calls;
pub(crate) use dismiss::Dismissed;
pub(crate) use headers::check_written;
pub(crate) use id::{CallId, CallTimer, TimerKind};
pub(crate) use invite::Admitted;
pub(crate) use page::{PageId, Pages};
