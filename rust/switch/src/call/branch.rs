//! One INVITE towards one endpoint.

use pbx_sip::transaction::TransactionId;

use super::plan::Endpoint;
use super::session_timer::Asked;

/// State of a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BranchState {
    /// INVITE sent, no final response.
    Pending,
    /// Its 2xx was taken.
    Won,
    /// Failed, cancelled, or its 2xx came too late.
    Over,
}

/// One fork of a call, a dialog of its own in the making.
pub(super) struct Branch {
    pub(super) transaction: TransactionId,
    pub(super) endpoint: Endpoint,
    /// Its share of Max-Breadth.
    pub(super) breadth: usize,
    pub(super) state: BranchState,
    /// Session interval asked for.
    pub(super) asked: Asked,
    /// It has said something.
    pub(super) is_heard: bool,
    /// CANCEL was asked for.
    pub(super) cancelled: bool,
}

impl Branch {
    /// Whether a final response may still come.
    pub(super) fn is_pending(&self) -> bool {
        self.state == BranchState::Pending
    }

    /// Whether the call waits for that response. A cancelled branch may take half a minute to say 487, or say
    /// nothing; only an answer that crosses the CANCEL counts.
    pub(super) fn is_awaited(&self) -> bool {
        self.is_pending() && !self.cancelled
    }
}
