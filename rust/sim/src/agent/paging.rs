//! MESSAGEs a phone sends and gets (RFC 3428).

use std::time::Instant;

use pbx_sip::{Builder, Message, Method, Name};

use super::client::Purpose;
use super::user_agent::UserAgent;
use super::wallet::Challenger;
use crate::scenario::{DOMAIN, MessagePlan};

/// Challenges answered in a row.
const MAX_CHALLENGES: u8 = 3;

/// A MESSAGE of a phone and what became of it.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    /// What it is known by at both ends.
    pub(crate) label: String,
    /// What was to be sent.
    pub(crate) plan: MessagePlan,
    /// The final status; `None` while there is none, or when nothing came.
    pub(crate) status: Option<u16>,
    /// Nothing came.
    pub(crate) is_unanswered: bool,
    call_id: String,
    cseq: u32,
    challenges: u8,
}

impl UserAgent {
    /// Sends a MESSAGE.
    pub(super) fn page(&mut self, now: Instant, plan: usize) {
        let index = self.pages.len();
        let call_id = self.token();
        self.pages.push(Page {
            label: format!("{}-{plan}", self.account.index),
            plan: self.messages[plan].clone(),
            status: None,
            is_unanswered: false,
            call_id,
            cseq: 0,
            challenges: 0,
        });
        self.send_page(now, index);
    }

    fn send_page(&mut self, now: Instant, index: usize) {
        self.pages[index].cseq += 1;
        let purpose = (Method::Message, Purpose::Page(index));
        self.launch(now, purpose, self.account.server, |agent, via| {
            let page = &agent.pages[index];
            let uri = page.plan.uri();
            let to = Challenger::Proxy;
            let builder = Builder::request("MESSAGE", &uri)
                .header(Name::Via, via)
                .header(Name::MaxForwards, "70")
                .header(Name::From, format!("<sip:{}@{DOMAIN}>;tag={}", agent.account.user, page.label))
                .header(Name::To, format!("<{uri}>"))
                .header(Name::CallId, &page.call_id)
                .header(Name::CSeq, format!("{} MESSAGE", page.cseq))
                .raw_name("X-Page", page.label.as_bytes())
                .body("text/plain", page.label.as_bytes());
            match agent.wallet.answer(to, &agent.account, "MESSAGE", &uri) {
                Some(answer) => builder.header(to.answer(), answer),
                None => builder,
            }
        });
    }

    pub(super) fn on_page_response(&mut self, now: Instant, index: usize, response: &Message) {
        if let Some(challenger) = Challenger::of(response.status())
            && self.pages[index].challenges < MAX_CHALLENGES
            && self.wallet.learn(challenger, response)
        {
            self.pages[index].challenges += 1;
            return self.send_page(now, index);
        }
        self.pages[index].status = Some(response.status());
    }

    pub(super) fn on_page_unanswered(&mut self, index: usize) {
        self.pages[index].is_unanswered = true;
    }

    /// Whether it answers MESSAGEs as a flow that failed does (RFC 5626 §11.6).
    pub(crate) fn message_fails_flow(&self) -> bool {
        self.message_reply.0 == 430
    }

    /// A MESSAGE never seen before.
    pub(super) fn on_message(&mut self, now: Instant, server: usize, request: &Message) {
        let label = request.named("X-Page").next().map(|label| String::from_utf8_lossy(label).into_owned());
        let label = label.unwrap_or_default();
        if request.body() != label.as_bytes() || request.text(Name::ContentType) != Some("text/plain") {
            self.fault(format!("MESSAGE {label} has another body"));
        }
        if request.header(Name::Contact).is_some() {
            self.fault(format!("MESSAGE {label} has a Contact"));
        }
        self.heard.push(label);
        let (code, reason) = self.message_reply;
        self.respond(now, server, (code, reason), None, |builder| builder);
    }
}
