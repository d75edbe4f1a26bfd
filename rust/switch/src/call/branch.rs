//! One INVITE towards one endpoint.

use pbx_sip::transaction::TransactionId;

use super::plan::Endpoint;

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
    pub(super) state: BranchState,
    /// CANCEL was asked for.
    pub(super) cancelled: bool,
}

impl Branch {
    pub(super) fn is_pending(&self) -> bool {
        self.state == BranchState::Pending
    }
}
