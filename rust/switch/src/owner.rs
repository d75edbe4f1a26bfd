//! Who acts on what becomes of our requests.

use crate::call::{CallId, PageId};
use pbx_media::relay::Side;

/// Who is told about the responses and timeouts of a client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A call.
    Call {
        /// Which one.
        call: CallId,
        /// What for.
        role: Role,
    },
    /// A MESSAGE outside dialogs.
    Page(PageId),
}

/// What a client transaction of a call is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// INVITE to one target; index into the call's branches.
    Branch(u16),
    /// Request relayed inside the dialog of the other side.
    Relayed,
    /// PRACK for a reliable response of a callee.
    Prack,
    /// Our own re-INVITE to the callee.
    Reanchor,
    /// Our own re-INVITE that shows a party what the other one says now.
    Redescribe,
    /// Our own refresh of the session of a side.
    Refresh(Side),
    /// Our re-INVITE to the party that remains of a transfer.
    Rejoin,
    /// Our re-INVITE to the far end of a transfer's target.
    Target,
    /// NOTIFY of a transfer.
    Notify,
    /// BYE towards a side.
    Bye,
}
