//! MESSAGEs between phones, devices with two flows, and addresses of one device.

mod support;

use pbx_sim::{Device, MessagePlan, Network, Phone, RunOptions, Scenario, default_config, run, undecided};
use support::{millis, secs};

/// A sender, a phone with two flows whose newer one fails as told, and another phone of the same user.
fn scenario(reply: (u16, &'static str), device: Option<Device>, network: Network) -> Scenario {
    let flow = |reg_id| Some(Device { number: 7, reg_id });
    let phones = vec![
        Phone::new("1001"),
        Phone { device: flow(1), ..Phone::new("1002") },
        Phone {
            device: flow(2),
            message_reply: reply,
            registers_after: Some(millis(300)),
            ..Phone::new("1002")
        },
        Phone { device: Some(Device { number: 8, reg_id: 1 }), ..Phone::new("1002") },
    ];
    let messages = (0..20)
        .map(|round| MessagePlan {
            at: secs(2) + millis(round * 100),
            phone: 0,
            to: "1002".to_owned(),
            device,
        })
        .collect();
    Scenario { messages, network, ..Scenario::new(phones, Vec::new()) }
}

fn delivered(scenario: &Scenario) -> (u64, u64, Vec<String>) {
    let config = default_config(scenario, "all").to_string();
    let report = run(&config, scenario, &mut undecided, RunOptions::default()).expect("a good configuration");
    (report.tally.messages, report.tally.delivered, report.violations)
}

#[test]
fn every_message_reaches_each_device_once_whichever_flow_works() {
    for reply in [(200, "OK"), (430, "Flow Failed"), (404, "Not Found")] {
        for device in [None, Some(Device { number: 7, reg_id: 1 }), Some(Device { number: 8, reg_id: 1 })] {
            let scenario = scenario(reply, device, Network::PERFECT);
            let refused = u64::from(reply.0 == 404 && device.is_some_and(|device| device.number == 7));
            assert_eq!(delivered(&scenario), (20, 20 * (1 - refused), Vec::new()), "{reply:?} {device:?}");
        }
    }
}

#[test]
fn loss_delays_messages_and_doubles_none() {
    for seed in 0..20 {
        let network = Network { duplication: 0.1, reorder: 0.2, ..Network::lossy(0.3) };
        let scenario = Scenario { seed, ..scenario((430, "Flow Failed"), None, network) };
        let (sent, arrived, broken) = delivered(&scenario);
        assert_eq!((sent, broken), (20, Vec::new()));
        assert!(arrived >= 18, "{arrived}");
    }
}

#[test]
fn message_to_an_absent_device_is_480_and_heard_by_nobody() {
    let absent = Some(Device { number: 9, reg_id: 1 });
    assert_eq!(delivered(&scenario((200, "OK"), absent, Network::PERFECT)), (20, 0, Vec::new()));
}
