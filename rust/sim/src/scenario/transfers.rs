//! Transfers drawn into a scenario.

use std::time::Duration;

use super::dice::Dice;
use super::plan::{CallPlan, Change, Manners, Phone, Reinvite, Scenario, Transfer};

/// Some calls are transferred, by either party, to a user or to another call of the same phone.
pub(super) fn transfers(dice: &mut Dice, scenario: &mut Scenario, users: u32) {
    if !dice.chance(40) {
        return;
    }
    for phone in &mut scenario.phones {
        phone.leaves_after = dice.chance(70).then(|| dice.millis(0, 3000));
        phone.refer_refusal = dice.chance(20).then(|| dice.one_of(&[403, 405, 501, 603]));
        callee_transfers(dice, phone, users);
    }
    for index in 0..scenario.calls.len() {
        if dice.chance(40) {
            let refer = referral(dice, users);
            scenario.calls[index].reinvites.push(refer);
            endure(dice, &mut scenario.calls[index].hangs_up_after);
        }
    }
    if dice.chance(40) {
        consult(dice, scenario, users);
    }
}

fn callee_transfers(dice: &mut Dice, phone: &mut Phone, users: u32) {
    for manners in &mut phone.manners {
        if dice.chance(15) {
            manners.reinvites.push(referral(dice, users));
            endure(dice, &mut manners.hangs_up_after);
        }
    }
}

/// Whoever wants to transfer a call stays in it long enough, as a rule.
fn endure(dice: &mut Dice, hangs_up_after: &mut Option<Duration>) {
    if dice.chance(80) {
        *hangs_up_after = None;
    }
}

/// A call to one user, another one to a second, and the two are joined.
fn consult(dice: &mut Dice, scenario: &mut Scenario, users: u32) {
    let phone = dice.below(scenario.phones.len() as u32) as usize;
    let mut at = dice.millis(2000, 4000);
    for is_consultation in [false, true] {
        let to = (1001 + dice.below(users)).to_string();
        let mut call = CallPlan::new(at, phone, &to);
        if is_consultation {
            let after = dice.millis(500, 5000);
            let change = Change::Refer { to: Transfer::Attended, is_silent: dice.chance(10) };
            call.reinvites.push(Reinvite { after, change });
        }
        scenario.calls.push(call);
        at += dice.millis(1000, 8000);
    }
    // Somebody has to pick up.
    for phone in &mut scenario.phones {
        if dice.chance(60) {
            phone.manners.insert(0, Manners::answering(dice.millis(0, 1500)));
        }
    }
}

fn referral(dice: &mut Dice, users: u32) -> Reinvite {
    let to = match dice.below(10) {
        0 => Transfer::Blind(9999),
        1..=3 => Transfer::Attended,
        _ => Transfer::Blind(1001 + dice.below(users)),
    };
    Reinvite { after: dice.millis(500, 6000), change: Change::Refer { to, is_silent: dice.chance(15) } }
}
