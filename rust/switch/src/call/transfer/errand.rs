//! What one call wants done to another.

use std::time::Instant;

use pbx_sip::Bytes;

use super::super::calls::Calls;
use super::super::farewell::Farewell;
use super::super::id::CallId;
use crate::core::Core;
use crate::location::Location;

/// Work between calls. A call that is gone by then is left out.
#[derive(Debug)]
pub(crate) enum Errand {
    /// Reach whom the referral of this call names.
    Reach(CallId),
    /// The target rings: tell the referral.
    Progress {
        /// The call of the referral.
        parent: CallId,
        /// 101–199.
        code: u16,
    },
    /// The target cannot be reached, or is lost: tell the referral.
    Failed {
        /// The call of the referral.
        parent: CallId,
        /// 300–699.
        code: u16,
    },
    /// The target offers a session to the remaining party.
    Offered {
        /// The call of the referral.
        parent: CallId,
        /// As the remaining party is to see it.
        offer: Bytes,
    },
    /// The remaining party answered that offer.
    Agreed {
        /// The call of the referral.
        parent: CallId,
        /// The call of the target.
        target: CallId,
        /// As the remaining party wrote it.
        answer: Bytes,
    },
    /// A party hung up while a phone was about to take its place, and nobody took it.
    Left(CallId),
    /// The target is not wanted any more.
    Dropped(CallId),
}

impl Calls {
    /// Carries out what calls asked for, until nothing is left.
    pub(crate) fn run_errands(&mut self, core: &mut Core, location: &Location, now: Instant) {
        while let Some(errand) = core.errands.pop_front() {
            match errand {
                Errand::Reach(id) => self.reach(core, location, now, id),
                Errand::Progress { parent, code } => {
                    self.with(core, now, parent, |call, core| call.on_target_progress(core, now, code));
                }
                Errand::Failed { parent, code } => {
                    self.with(core, now, parent, |call, core| call.on_target_failed(core, now, code));
                }
                Errand::Offered { parent, offer } => {
                    self.with(core, now, parent, |call, core| call.on_target_offer(core, now, offer));
                }
                Errand::Agreed { parent, target, answer } => {
                    self.join(core, now, (parent, target), &answer);
                }
                Errand::Left(id) => {
                    self.with(core, now, id, |call, core| call.hang_up_both(core, now, Farewell::Plain));
                }
                Errand::Dropped(target) => {
                    self.with(core, now, target, |call, core| call.on_dropped(core, now));
                }
            }
        }
    }
}
