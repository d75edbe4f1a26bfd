//! Rules for transfers at the end of a run.

use crate::agent::LegState;
use crate::world::World;

/// Whoever asked for a transfer either is out of the call, or still in it and told that it failed; and hears the end of
/// the story before the end of the call.
///
/// `is_ours`: the switch transfers by itself, so that all this is its doing.
pub(crate) fn check_referrals(world: &World<'_>, is_ours: bool, broken: &mut Vec<String>) {
    if !is_ours {
        return;
    }
    let mut unheard = world.unheard().notified_call_ids();
    unheard.extend(world.unheard().call_ids());
    for agent in world.agents().iter().filter(|agent| !world.was_cut_off(agent.account.index)) {
        let phone = agent.account.index;
        for referral in agent.referrals().filter(|referral| !unheard.contains(referral.call_id)) {
            let call_id = referral.call_id;
            let stands = referral.state == LegState::Confirmed;
            match referral.told {
                Some(..300) if stands => {
                    broken.push(format!(
                        "phone {phone} transferred its peer and is still in the call {call_id}"
                    ));
                }
                None if referral.is_subscribed && stands => {
                    broken
                        .push(format!("phone {phone} never heard how its transfer went, Call-ID {call_id}"));
                }
                None if referral.is_subscribed && referral.is_cut_short => {
                    broken.push(format!("phone {phone} lost its call before it was told, Call-ID {call_id}"));
                }
                _ => {}
            }
        }
    }
}
