//! A call and the phases of its life.

use std::sync::Arc;
use std::time::Instant;

use pbx_sip::transaction::TransactionId;
use pbx_sip::{Flow, Message};

use super::accept::HeldAnswer;
use super::branch::Branch;
use super::early::EarlyLeg;
use super::failure::Failure;
use super::hops::Searching;
use super::id::{CallId, Side};
use super::leg::Leg;
use super::media::CallMedia;
use super::plan::Plan;
use super::redescribe::Redescription;
use super::relay::Relay;
use super::reliable::Reliable;
use super::transfer::{Referral, Target};
use crate::config::MediaMode;
use crate::core::Inbound;
use crate::policy::Policy;
use crate::query::QueryId;
use crate::route::Direction;

/// Where a call stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Python was asked.
    Deciding(QueryId),
    /// Media sockets are being opened.
    Opening,
    /// INVITEs are out.
    Ringing,
    /// Both legs stand.
    Connected,
    /// Over; BYEs, CANCELs or late answers are awaited.
    Ending,
}

/// The caller's INVITE while it is unanswered.
pub(super) struct Invite {
    pub(super) message: Message,
    pub(super) transaction: TransactionId,
    pub(super) flow: Flow,
    /// P-Asserted-Identity of the caller, if he proved who he is.
    pub(super) asserted: Option<String>,
    /// Who the callee sees as the caller, when that is not the sender of the INVITE.
    pub(super) shown: Option<String>,
}

/// Two parties and what joins them.
pub(crate) struct Call {
    pub(super) id: CallId,
    pub(super) policy: Arc<Policy>,
    pub(super) phase: Phase,
    pub(super) invite: Option<Invite>,
    pub(super) caller: Leg,
    pub(super) callee: Option<Leg>,
    pub(super) branches: Vec<Branch>,
    /// Dialogs of the callees before the answer.
    pub(super) early: Vec<EarlyLeg>,
    /// What the caller was sent reliably.
    pub(super) reliable: Option<Box<Reliable>>,
    /// Nobody but the one endpoint that rings will ever ring.
    pub(super) is_sole: bool,
    /// Targets whose servers are being looked for.
    pub(super) searches: Vec<Searching>,
    pub(super) plan: Plan,
    /// Number of the group that rings, counted from 1.
    pub(super) group: u32,
    /// Whether any failure of that group leads to the next.
    pub(super) any_failure: bool,
    /// Whether a callee rang.
    pub(super) rung: bool,
    pub(super) media: CallMedia,
    /// The answer that waits for sockets.
    pub(super) held: Option<Box<HeldAnswer>>,
    pub(super) relays: Vec<Relay>,
    /// The callee has yet to be shown our address.
    pub(super) reanchor_due: bool,
    /// Our own re-INVITE that shows it.
    pub(super) reanchor: Option<TransactionId>,
    /// How often that was sent.
    pub(super) reanchor_tries: u8,
    /// What a party has yet to be shown of the other one.
    pub(super) redescription: Option<Box<Redescription>>,
    /// The transfer one of the parties asked for.
    pub(super) referral: Option<Box<Referral>>,
    /// The transfer this call takes a party in for.
    pub(super) target: Option<Box<Target>>,
    /// The leg whose place a phone is taking, and its side.
    pub(super) replaced: Option<Box<(Side, Leg)>>,
    /// Sides that have sent REFER, a bit each.
    pub(super) refers: u8,
    /// Media mode a transfer insists on.
    pub(super) forced: Option<MediaMode>,
    pub(super) best: Option<Failure>,
    /// BYE transactions of ours still running.
    pub(super) byes: u8,
    pub(super) started_at: Instant,
    pub(super) answered_at: Option<Instant>,
    pub(super) summary: Summary,
}

/// What is shown of a call.
pub(super) struct Summary {
    pub(super) from: Box<str>,
    pub(super) to: Box<str>,
    pub(super) callee: Option<Box<str>>,
    pub(super) source: std::net::SocketAddr,
    /// Key under which the INVITE is known for loop detection.
    pub(super) origin: u64,
    /// CSeq number of the INVITE.
    pub(super) cseq: u32,
    pub(super) user: Option<Box<str>>,
    pub(super) direction: Direction,
}

impl Call {
    /// The question Python was asked, while it is open.
    pub(super) fn query(&self) -> Option<QueryId> {
        match self.phase {
            Phase::Deciding(query) => Some(query),
            _ => None,
        }
    }

    /// The leg of a side, once there is one: before the answer, the early dialog that is the other end.
    pub(super) fn leg(&self, side: Side) -> Option<&Leg> {
        match side {
            Side::Caller => Some(&self.caller),
            Side::Callee => self.callee.as_ref().or_else(|| self.early_leg().map(|early| &early.leg)),
        }
    }

    /// The leg of a side, to be changed.
    pub(super) fn leg_mut(&mut self, side: Side) -> Option<&mut Leg> {
        match side {
            Side::Caller => Some(&mut self.caller),
            Side::Callee if self.callee.is_some() => self.callee.as_mut(),
            Side::Callee => self.early_leg_mut().map(|early| &mut early.leg),
        }
    }

    /// The unanswered INVITE with what is needed to answer it.
    pub(super) fn inbound(&self) -> Option<Inbound<'_>> {
        self.invite.as_ref().map(|invite| Inbound {
            transaction: invite.transaction,
            flow: invite.flow,
            request: &invite.message,
            tag: Some(&self.caller.dialog.local_tag),
        })
    }

    /// Whether nothing is awaited any more.
    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Ending
            && self.byes == 0
            && self.relays.is_empty()
            && self.reanchor.is_none()
            && !self.redescription.as_ref().is_some_and(|shown| shown.is_asking())
            && self.referral.is_none()
            && !self.branches.iter().any(Branch::is_pending)
            && !self.caller.is_owed()
            && !self.callee.as_ref().is_some_and(Leg::is_owed)
    }
}
