//! The referrer's other call may live on another shard, or not be ready: then it is sent for, or waited for.

use std::time::{Duration, Instant};

use pbx_sip::Shard;

use super::super::calls::Calls;
use super::super::id::{CallId, TimerKind, shard_of_tag};
use super::super::migrate::NotMoved;
use super::errand::Errand;
use crate::core::Core;
use crate::output::Output;
use crate::shards::ShardNews;

/// How often a call is asked for in which something is under way.
const MAX_TRIES: u8 = 20;
/// How long it is given until it is asked for again.
const RETRY_AFTER: Duration = Duration::from_millis(100);

impl Calls {
    /// Sends for the call a referral names. `false`: no other shard can have it.
    pub(super) fn seek(&mut self, core: &mut Core, parent: CallId) -> bool {
        let referral = self.call_mut(parent).and_then(|call| call.referral.as_mut());
        let Some(replaces) = referral.and_then(|referral| referral.to.replaces.clone()) else { return false };
        let gone = self.gone_to(&replaces.to_tag);
        let Some(dispatch) = &core.dispatch else { return false };
        let holder = gone.or_else(|| shard_of_tag(&replaces.to_tag));
        let Some(to) = holder.filter(|holder| dispatch.others().any(|other| other == *holder)) else {
            return false;
        };
        let (asker, parent) = (self.shard, parent.as_u64());
        let news = ShardNews::Seek { asker, parent, replaces: Box::new(replaces) };
        core.outputs.push_back(Output::Shard { to, news });
        true
    }

    /// The call came, or does not come.
    pub(crate) fn on_sought(
        &mut self,
        core: &mut Core,
        now: Instant,
        parent: u64,
        found: Result<(), NotMoved>,
    ) {
        let parent = CallId::from_u64(parent);
        let Some(referral) = self.call_mut(parent).and_then(|call| call.referral.as_mut()) else { return };
        referral.seeks += 1;
        match found {
            Ok(()) => core.errands.push_back(Errand::Reach(parent)),
            Err(NotMoved::Busy) if referral.seeks < MAX_TRIES => {
                core.arm(now + RETRY_AFTER, parent, TimerKind::Reach);
            }
            Err(_) => self.miss(core, now, parent, 481),
        }
    }

    /// Another shard needs a call of this one, or of one it went to.
    pub(crate) fn on_seek(
        &mut self,
        core: &mut Core,
        (asker, parent): (Shard, u64),
        replaces: &pbx_sip::Replaces,
    ) {
        let (to, news) = match self.give(core, replaces, asker) {
            Ok(call) => (asker, ShardNews::Found { parent, call: Ok(call) }),
            Err(NotMoved::Unknown) => match self.gone_to(&replaces.to_tag) {
                Some(to) if to != asker => {
                    (to, ShardNews::Seek { asker, parent, replaces: Box::new(replaces.clone()) })
                }
                // It is on its way there.
                Some(_) => (asker, ShardNews::Found { parent, call: Err(NotMoved::Busy) }),
                None => (asker, ShardNews::Found { parent, call: Err(NotMoved::Unknown) }),
            },
            Err(busy) => (asker, ShardNews::Found { parent, call: Err(busy) }),
        };
        core.outputs.push_back(Output::Shard { to, news });
    }
}
