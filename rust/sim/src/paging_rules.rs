//! Rules for MESSAGEs and bindings at the end of a run.

use std::collections::BTreeMap;

use crate::agent::{Page, UserAgent};
use crate::world::World;

/// Every MESSAGE reached each phone once at most, those it was meant for alone, and its sender heard what became
/// of it.
pub(crate) fn check_pages(world: &World<'_>, broken: &mut Vec<String>) {
    let is_cut = world.agents().iter().any(|agent| world.was_cut_off(agent.account.index));
    for sender in world.agents() {
        for page in &sender.pages {
            check_page(world, page, is_cut, broken);
            let is_known = page.status.is_some() || page.is_unanswered && (world.has_losses() || is_cut);
            if !is_known && !world.was_cut_off(sender.account.index) {
                broken.push(format!("MESSAGE {}: no outcome", page.label));
            }
        }
    }
}

fn check_page(world: &World<'_>, page: &Page, is_cut: bool, broken: &mut Vec<String>) {
    let Page { label, plan, .. } = page;
    let mut hearings: BTreeMap<(u32, usize), usize> = BTreeMap::new();
    for agent in world.agents() {
        let count = agent.heard.iter().filter(|heard| *heard == label).count();
        if count == 0 {
            continue;
        }
        let index = agent.account.index;
        if agent.account.user != plan.to || !is_meant(agent, page) {
            broken.push(format!("MESSAGE {label}: heard by phone {index}, not meant"));
        }
        // A flow that says it failed has not delivered anything.
        if agent.message_fails_flow() {
            continue;
        }
        let whose = agent.device.map_or((0, index), |device| (device.number, 0));
        *hearings.entry(whose).or_default() += count;
    }
    // A broken connection leaves open whether the first flow delivered it.
    for ((device, index), count) in hearings.iter().filter(|(_, count)| **count > 1 && !is_cut) {
        broken.push(format!("MESSAGE {label}: heard {count} times by device {device}, phone {index}"));
    }
    if page.status.is_some_and(|status| status < 300) && hearings.is_empty() {
        broken.push(format!("MESSAGE {label}: delivered to nobody"));
    }
}

fn is_meant(agent: &UserAgent, page: &Page) -> bool {
    page.plan.device.is_none_or(|device| agent.device.is_some_and(|own| own.number == device.number))
}

/// A call to one device rings no other.
pub(crate) fn check_devices(world: &World<'_>, broken: &mut Vec<String>) {
    for callee in world.legs().iter().filter(|leg| !leg.is_caller) {
        let caller = callee.label.split('-').next().and_then(|index| index.parse::<usize>().ok());
        let caller = caller.and_then(|index| world.agents().get(index));
        let Some(called) = caller.and_then(|caller| caller.device_called(&callee.label)) else { continue };
        let rung = world.agents()[callee.phone].device;
        if rung.is_none_or(|rung| rung.number != called.number) {
            broken.push(format!("call {}: rang phone {}, another device", callee.label, callee.phone));
        }
    }
}

/// The bindings are those of the phones that registered, each once.
pub(crate) fn check_bindings(world: &World<'_>, broken: &mut Vec<String>) {
    let views = world.switch().registrations(world.now, usize::MAX, None);
    for switch in world.switch().switches() {
        let copies = switch.registrations(world.now, usize::MAX, None);
        let same = copies.iter().map(|view| (&view.aor, &view.contact, view.expires_secs));
        if !same.eq(views.iter().map(|view| (&view.aor, &view.contact, view.expires_secs))) {
            broken.push("shards have different bindings".to_owned());
        }
    }
    let mut contacts: Vec<(&str, &str)> =
        views.iter().map(|view| (view.aor.as_str(), view.contact.as_str())).collect();
    contacts.sort_unstable();
    for pair in contacts.windows(2).filter(|pair| pair[0] == pair[1]) {
        broken.push(format!("bound twice: {} {}", pair[0].0, pair[0].1));
    }
    for (aor, contact) in &contacts {
        let is_known =
            world.agents().iter().any(|agent| contact.contains(&agent.account.address.to_string()));
        if !is_known {
            broken.push(format!("nobody's binding: {aor} {contact}"));
        }
    }
    if world.has_losses() || world.switch().health().draining {
        return;
    }
    for agent in world.agents() {
        let index = agent.account.index;
        let is_bound =
            contacts.iter().any(|(_, contact)| contact.contains(&agent.account.address.to_string()));
        if agent.registration.last_status == 200 && !is_bound && !world.was_cut_off(index) {
            broken.push(format!("phone {index} is registered and not bound"));
        }
    }
}
