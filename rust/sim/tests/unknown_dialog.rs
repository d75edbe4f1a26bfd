//! D3: requests for dialogs nobody knows.

mod support;

use pbx_sim::{Phone, Scenario, phone_address};
use serde_json::Value;
use support::{end, millis, secs, since, to_phone, world, written};

#[test]
fn bye_info_update_and_reinvite_for_unknown_dialogs_are_481_at_once() {
    let scenario = Scenario::new(vec![Phone::new("1001").unregistered()], Vec::new());
    let mut world = world(&scenario, "all", &Value::Null);
    world.run_until(secs(1));
    for method in ["BYE", "INFO", "UPDATE", "INVITE"] {
        for tag in ["0123456789abcdef0", "nothing", "0123456789abcdefffffffff"] {
            let at = world.elapsed();
            world.inject(
                phone_address(0),
                written(&format!(
                    "{method} sip:pbx@203.0.113.231:5060 SIP/2.0
                     Via: SIP/2.0/UDP 198.51.0.0:5060;branch=z9hG4bK{method}{tag};rport
                     From: <sip:1001@lab.test>;tag=a
                     To: <sip:1002@lab.test>;tag={tag}
                     Call-ID: gone-{method}-{tag}
                     CSeq: 5 {method}
                     Contact: <sip:1001@198.51.0.0:5060>
                     Max-Forwards: 70"
                )),
            );
            world.run_until(at + millis(900));
            let answers = since(to_phone(&world, 0), at);
            assert_eq!(answers[0].name(), format!("481 {method}"));
        }
    }
    end(&mut world);
}
