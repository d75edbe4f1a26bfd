//! Registration and its refresh (RFC 3261 §10.2).

use std::time::{Duration, Instant};

use pbx_sip::{Builder, Contact, Message, Method, Name};

use super::client::Purpose;
use super::outbox::AgentTimer;
use super::user_agent::UserAgent;
use super::wallet::Challenger;
use crate::scenario::DOMAIN;

/// Challenges answered in a row.
const MAX_CHALLENGES: u8 = 3;
/// Pause after a failure.
const PAUSE: Duration = Duration::from_secs(5);

/// How registering went so far.
#[derive(Clone, Debug, Default)]
pub struct Registration {
    call_id: String,
    cseq: u32,
    challenges: u8,
    /// 200s received.
    pub ok_total: u32,
    /// Attempts that failed for good or were never answered.
    pub failed_total: u32,
    /// Challenges answered.
    pub challenged_total: u32,
    /// Status of the last final response.
    pub last_status: u16,
}

impl UserAgent {
    /// Registers, or refreshes.
    pub(super) fn register(&mut self, now: Instant) {
        if self.finished {
            return;
        }
        if self.registration.call_id.is_empty() {
            self.registration.call_id = self.token();
        }
        self.registration.cseq += 1;
        let uri = format!("sip:{DOMAIN}");
        let purpose = (Method::Register, Purpose::Register);
        self.launch(now, purpose, self.account.server, |agent, via| {
            let aor = format!("sip:{}@{DOMAIN}", agent.account.user);
            let registration = &agent.registration;
            let mut builder = Builder::request("REGISTER", &uri)
                .header(Name::Via, via)
                .header(Name::MaxForwards, "70")
                .header(Name::From, format!("<{aor}>;tag=r{}", registration.cseq))
                .header(Name::To, format!("<{aor}>"))
                .header(Name::CallId, &registration.call_id)
                .header(Name::CSeq, format!("{} REGISTER", registration.cseq))
                .header(Name::Contact, agent.registered_contact())
                .header(Name::Expires, agent.expires_secs.to_string());
            if agent.device.is_some() {
                builder = builder.header(Name::Supported, "path, outbound, gruu");
            }
            let to = Challenger::Registrar;
            if let Some(answer) = agent.wallet.answer(to, &agent.account, "REGISTER", &uri) {
                builder = builder.header(to.answer(), answer);
            }
            builder
        });
    }

    pub(super) fn on_register_response(&mut self, now: Instant, response: &Message) {
        self.registration.last_status = response.status();
        if response.status() == 200 {
            self.registration.ok_total += 1;
            self.registration.challenges = 0;
            self.check_registered(response);
            let granted = self.granted(response).unwrap_or(self.expires_secs);
            let refresh = Duration::from_millis(u64::from(granted) * 500);
            return self.out.arm(now + refresh, AgentTimer::Register);
        }
        if let Some(challenger) = Challenger::of(response.status())
            && self.registration.challenges < MAX_CHALLENGES
            && self.wallet.learn(challenger, response)
        {
            self.registration.challenges += 1;
            self.registration.challenged_total += 1;
            return self.register(now);
        }
        self.on_registration_failed(now);
    }

    pub(super) fn on_registration_failed(&mut self, now: Instant) {
        self.registration.failed_total += 1;
        self.registration.challenges = 0;
        self.out.arm(now + PAUSE, AgentTimer::Register);
    }

    /// A phone that knows itself says so (RFC 5626 §4.2).
    fn registered_contact(&self) -> String {
        match &self.device {
            Some(device) => format!(
                "{};+sip.instance=\"<{}>\";reg-id={}",
                self.contact(),
                device.instance(),
                device.reg_id
            ),
            None => self.contact(),
        }
    }

    /// RFC 5626 §6 and RFC 5627 §5.2 seen from the phone: our Contact once, with the address it was given.
    fn check_registered(&mut self, response: &Message) {
        let own = self.account.address.to_string();
        let contacts: Vec<String> =
            response.values(Name::Contact).map(|value| String::from_utf8_lossy(value).into_owned()).collect();
        let ours: Vec<&String> = contacts.iter().filter(|contact| contact.contains(&own)).collect();
        if ours.len() != 1 {
            return self.fault(format!("registered {} times", ours.len()));
        }
        let Some(device) = &self.device else { return };
        let public = format!("pub-gruu=\"sip:{}@{DOMAIN};gr={}\"", self.account.user, device.instance());
        if !ours[0].contains(&public) || !response.has_token(Name::Require, "outbound") {
            self.fault(format!("registered without outbound or GRUU: {}", ours[0]));
        }
    }

    /// Seconds granted to our own Contact.
    fn granted(&self, response: &Message) -> Option<u32> {
        let own = self.account.address.to_string();
        response.contacts().find_map(|contact| match contact {
            Ok(Contact::Addr(address)) if address.uri.contains(&own) => address.expires(),
            _ => None,
        })
    }
}
