//! Scenarios drawn from a seed: a few users with a few phones each, and calls that go well and wrong.

use std::time::Duration;

use pbx_sip::{Refresher, Transport};
use serde_json::{Value, json};

use super::config::default_config;
use super::dice::Dice;
use super::plan::{
    CallPlan, Change, Device, Manners, MessagePlan, Order, Phone, PhoneTimer, Reinvite, Reliability, Reply,
    Scenario,
};
use super::transfers::transfers;
use super::zones::zone;
use crate::network::Network;

/// A scenario with the configuration it runs under.
#[derive(Clone, Debug)]
pub struct Draw {
    /// Phones and calls.
    pub scenario: Scenario,
    /// Configuration document.
    pub config: Value,
    /// How Python behaves when it is asked.
    pub python: Python,
    /// There are ports for one call only.
    pub few_ports: bool,
}

/// Behaviour of the decision side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Python {
    /// Not asked.
    Absent,
    /// Answers after this time.
    Answers(Duration),
    /// Never answers.
    Hangs,
    /// Names two users, and an address where nobody is, after this time.
    Forwards {
        /// How long it takes.
        after: Duration,
        /// Users in order.
        users: [u32; 2],
        /// All at once.
        parallel: bool,
    },
    /// Names a domain after this time.
    Names {
        /// How long it takes.
        after: Duration,
        /// A user is named besides, for when it cannot be reached.
        has_fallback: bool,
    },
}

impl Draw {
    /// The scenario of a seed at a loss rate. Equal arguments give equal scenarios.
    pub fn new(seed: u64, loss: f64) -> Self {
        let mut dice = Dice::new(seed);
        let users = 1 + dice.below(4);
        let mut phones = Vec::new();
        for user in 0..users {
            for _ in 0..dice.one_of(&[1, 1, 1, 2, 3]) {
                phones.push(phone(&mut dice, 1001 + user));
            }
        }
        let calls = (0..=dice.below(3)).map(|_| call(&mut dice, phones.len(), users)).collect();
        let network = network(&mut dice, loss);
        let busy_ports = if dice.chance(10) { 0.2 } else { 0.0 };
        let orders = orders(&mut dice, phones.len());
        let messages = messages(&mut dice, &mut phones);
        let mut scenario =
            Scenario { seed, network, busy_ports, phones, calls, messages, zones: Vec::new(), orders };
        let python = match dice.below(10) {
            3 => Python::Forwards {
                after: dice.millis(0, 1500),
                users: dice.one_of(&[[1001, 1002], [1003, 1001], [9998, 1002], [1002, 1004]]),
                parallel: dice.chance(50),
            },
            0 => Python::Answers(dice.millis(0, 1500)),
            1 => Python::Answers(dice.millis(1900, 2100)),
            4 => {
                zone(&mut dice, &mut scenario);
                Python::Names { after: dice.millis(0, 1000), has_fallback: dice.chance(30) }
            }
            2 if dice.chance(30) => Python::Hangs,
            _ => Python::Absent,
        };
        if matches!(python, Python::Absent | Python::Answers(_)) {
            call_devices(&mut dice, &mut scenario);
        }
        transfers(&mut dice, &mut scenario, users);
        timers(&mut dice, &mut scenario);
        let mode = dice.one_of(&["all", "all", "none", "auto"]);
        let mut config = default_config(&scenario, mode);
        config["call"]["ask_router"] = json!(python != Python::Absent);
        config["call"]["parallel_fork"] = json!(dice.chance(90));
        config["call"]["passthrough_failure"] = json!(dice.chance(75));
        config["call"]["session_timer"] = match dice.below(4) {
            0 => json!({"always": true, "expires_secs": dice.one_of(&[90, 120, 600])}),
            1 => Value::Null,
            _ => json!({"always": false, "expires_secs": 1800}),
        };
        config["call"]["blind_transfer_use_refer"] = json!(dice.chance(30));
        let few_ports = dice.chance(5);
        if few_ports {
            config["media"]["rtp_end_port"] = json!(20_003);
        }
        if dice.chance(25) {
            config["modules"] = json!(["acl", "registrar", "call"]);
        }
        Self { scenario, config, python, few_ports }
    }

    /// Whether 503 may be seen: decisions come too late, or ports run out.
    pub fn may_503(&self) -> bool {
        let late = match self.python {
            Python::Absent | Python::Forwards { .. } | Python::Names { .. } => false,
            Python::Answers(after) => after >= Duration::from_millis(1900),
            Python::Hangs => true,
        };
        late || self.few_ports
    }
}

fn orders(dice: &mut Dice, phones: usize) -> Vec<(Duration, Order)> {
    match dice.below(20) {
        0 => vec![(dice.millis(1000, 15_000), Order::Drain(dice.millis(0, 10_000)))],
        1 | 2 => vec![(dice.millis(2000, 15_000), Order::HangUp)],
        3 => vec![(dice.millis(0, 15_000), Order::Reload)],
        4 | 5 => vec![(dice.millis(1000, 15_000), Order::BreakStreams)],
        6 => vec![(dice.millis(1000, 15_000), Order::Vanish(dice.below(phones as u32) as usize))],
        _ => Vec::new(),
    }
}

/// Some phones keep their sessions alive themselves, some of them with an interval nobody grants.
fn timers(dice: &mut Dice, scenario: &mut Scenario) {
    for phone in &mut scenario.phones {
        phone.updates_early = dice.chance(50);
        phone.timer = dice.chance(25).then(|| PhoneTimer {
            interval_secs: dice.one_of(&[60, 90, 90, 120, 1800]),
            refresher: dice.one_of(&[None, Some(Refresher::Uac), Some(Refresher::Uas)]),
            by_update: dice.chance(50),
        });
    }
}

/// Some calls are for one device of a user. A router that names users would lead them elsewhere.
fn call_devices(dice: &mut Dice, scenario: &mut Scenario) {
    for call in &mut scenario.calls {
        let mut devices = scenario.phones.iter().filter(|phone| phone.user == call.to);
        call.device = devices.find_map(|phone| phone.device).filter(|_| dice.chance(20));
    }
}

/// Some phones know which device they are, some are flows of one; some send MESSAGEs. Drawn last, so that older
/// parts of a scenario stay what they were.
fn messages(dice: &mut Dice, phones: &mut [Phone]) -> Vec<MessagePlan> {
    let mut last: Option<(String, Device)> = None;
    for (number, phone) in (1..).zip(phones.iter_mut()) {
        if dice.chance(12) {
            phone.message_reply = dice.one_of(&[(404, "Not Found"), (430, "Flow Failed"), (603, "Decline")]);
        }
        if !dice.chance(50) {
            continue;
        }
        let sibling = last.filter(|(user, _)| *user == phone.user && dice.chance(50));
        let device = match sibling {
            Some((_, Device { number, reg_id })) => Device { number, reg_id: reg_id + 1 },
            None => Device { number, reg_id: 1 },
        };
        phone.device = Some(device);
        last = Some((phone.user.clone(), device));
    }
    if !dice.chance(40) {
        return Vec::new();
    }
    (0..=dice.below(3))
        .map(|_| {
            let phone = dice.below(phones.len() as u32) as usize;
            let target = &phones[dice.below(phones.len() as u32) as usize];
            let to = if dice.chance(5) { "9999".to_owned() } else { target.user.clone() };
            let device = target.device.filter(|_| dice.chance(50));
            MessagePlan { at: dice.millis(1000, 8000), phone, to, device }
        })
        .collect()
}

fn network(dice: &mut Dice, loss: f64) -> Network {
    let max_delay = dice.one_of(&[1, 20, 100, 400]);
    Network {
        loss,
        duplication: dice.one_of(&[0.0, 0.02, 0.1]),
        reorder: dice.one_of(&[0.0, 0.05, 0.2]),
        late: dice.one_of(&[0.0, 0.0, 0.02]),
        min_delay: Duration::from_millis(1),
        max_delay: Duration::from_millis(max_delay),
    }
}

fn phone(dice: &mut Dice, user: u32) -> Phone {
    let registers_after = dice.chance(95).then(|| dice.millis(0, 500));
    let manners = (0..=dice.below(2)).map(|_| manners(dice)).collect();
    let natted = dice.chance(20);
    let private_media = dice.chance(15);
    let transport = if dice.chance(20) { Transport::Tcp } else { Transport::Udp };
    Phone {
        registers_after,
        natted,
        private_media,
        transport,
        expires_secs: 60,
        manners,
        ..Phone::new(&user.to_string())
    }
}

fn manners(dice: &mut Dice) -> Manners {
    let after = dice.millis(0, 6000);
    let reply = match dice.below(20) {
        0..=10 => Reply::Answer { after, tags: 1 },
        11 => Reply::Answer { after, tags: 2 },
        12 => Reply::Answer { after, tags: 5 },
        13 => Reply::Reject { after, code: 486 },
        14 => dice.one_of(&[Reply::AnswerBare { after }, Reply::Reject { after, code: 486 }]),
        15 => Reply::Reject { after, code: dice.one_of(&[302, 401, 404, 407, 480, 500, 503, 603]) },
        16..=18 => Reply::Ring,
        _ => Reply::Silence,
    };
    let rings_after = (reply != Reply::Silence && dice.chance(85)).then(|| dice.millis(0, 800));
    let rings_after = if reply == Reply::Ring { rings_after.or(Some(Duration::ZERO)) } else { rings_after };
    let hangs_up_after = dice.chance(35).then(|| dice.millis(0, 12_000));
    let reinvites = if dice.chance(25) { reinvites(dice) } else { Vec::new() };
    let reliable = dice.chance(30);
    Manners { rings_after, reply, hangs_up_after, reinvites, reliable }
}

fn reinvites(dice: &mut Dice) -> Vec<Reinvite> {
    let changes =
        [Change::Hold, Change::Resume, Change::Codec, Change::NoOffer, Change::Info, Change::Update];
    // Whole seconds make both ends collide often.
    (0..=dice.below(3))
        .map(|_| Reinvite {
            after: Duration::from_millis(u64::from(1 + dice.below(5)) * 1000 + u64::from(dice.below(50))),
            change: dice.one_of(&changes),
        })
        .collect()
}

fn call(dice: &mut Dice, phones: usize, users: u32) -> CallPlan {
    let phone = dice.below(phones as u32) as usize;
    let target = if dice.chance(3) { 9999 } else { 1001 + dice.below(users) };
    let mut call = CallPlan::new(dice.millis(2000, 6000), phone, &target.to_string());
    call.late_offer = dice.chance(12);
    call.never_acks = dice.chance(3);
    let (no, may, must) = (Reliability::None, Reliability::Supported, Reliability::Required);
    call.reliability = dice.one_of(&[no, no, no, no, may, may, may, must]);
    call.cancels_after = match dice.below(10) {
        0 => Some(dice.millis(0, 100)),
        1 => Some(dice.millis(100, 7000)),
        _ => None,
    };
    call.hangs_up_after = dice.chance(45).then(|| dice.millis(0, 12_000));
    if dice.chance(25) {
        call.reinvites = reinvites(dice);
    }
    call
}
