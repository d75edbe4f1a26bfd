//! Rules of the wire, judged on every datagram that leaves the switch.

use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

use pbx_sip::{Bytes, Limits, Message, Method};
use pbx_switch::config::MediaMode;

use crate::address::SERVER;
use crate::coverage::{Coverage, Feature};
use crate::media_ledger::MediaLedger;

/// Copies of one request: 11 with timers E and F, 7 with A and B (RFC 3261 §17.1).
const MAX_COPIES: u32 = 11;

/// How long a server transaction remembers its final response at least (Timers J and L): a copy of the request that
/// comes later is a new one.
const MEMORY: Duration = Duration::from_secs(32);

/// A server failure of the switch or of a callee, as it left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerFailure {
    pub(crate) code: u16,
    pub(crate) method: Method,
    pub(crate) first_line: String,
}

/// What is known of a request the switch answers.
#[derive(Default)]
struct Answered {
    /// When its final response was sent first.
    final_at: Option<Instant>,
    status: u16,
    tag: Option<String>,
    /// The request was answered long before, and forgotten.
    is_late: bool,
}

/// What is known of a request the switch sent.
struct Sent {
    copies: u32,
}

/// The switch's side of a dialog, by Call-ID and both tags.
#[derive(Default)]
struct Numbering {
    cseq: u32,
    said_bye: bool,
}

/// Sums and judgements over everything the switch sent.
pub(crate) struct Watch {
    pub(crate) sent_total: u64,
    pub(crate) server_failures: Vec<ServerFailure>,
    pub(crate) broken: Vec<String>,
    /// The clock stood still while work went on.
    pub(crate) stalled: bool,
    /// What was seen of features.
    pub(crate) coverage: Coverage,
    /// Calls go to names.
    has_names: bool,
    mode: MediaMode,
    answered: HashMap<(String, Method), Answered>,
    sent: HashMap<(String, Method), Sent>,
    numbering: HashMap<(String, String, String), Numbering>,
    /// Calls whose party has hung up.
    left: HashSet<String>,
}

impl Watch {
    pub(crate) fn new(mode: MediaMode, has_names: bool) -> Self {
        Self {
            sent_total: 0,
            server_failures: Vec::new(),
            broken: Vec::new(),
            stalled: false,
            coverage: Coverage::default(),
            has_names,
            mode,
            answered: HashMap::new(),
            sent: HashMap::new(),
            numbering: HashMap::new(),
            left: HashSet::new(),
        }
    }

    /// Judges one datagram on its way out.
    pub(crate) fn see(&mut self, now: Instant, bytes: &Bytes, ledger: &MediaLedger) {
        self.sent_total += 1;
        let message = match Message::parse(bytes.clone(), &Limits::default()) {
            Ok(message) => message,
            Err(error) => return self.broken.push(format!("unreadable datagram sent: {error}")),
        };
        let branch = message.via().ok().and_then(|via| via.params.value("branch")).unwrap_or("").to_owned();
        let is_first = if message.is_request() {
            self.see_request(&message, branch)
        } else {
            self.see_response(now, &message, branch)
        };
        // Who hung up with an INVITE of his unanswered still gets its 2xx; its ports are closed by then.
        let has_left = self.left.contains(message.call_id());
        if let Some(sdp) = message.sdp().filter(|_| is_first && !has_left) {
            self.see_description(&message, sdp, ledger);
        }
    }

    /// One final response to a request, nothing else after it, one tag (RFC 3261 §8.2.6.2, §17.2).
    fn see_response(&mut self, now: Instant, message: &Message, branch: String) -> bool {
        let (status, method) = (message.status(), message.cseq_method());
        if method == Method::Bye {
            self.left.insert(message.call_id().to_owned());
        }
        let tag = message.to_tag().map(str::to_owned).filter(|_| status > 100);
        if status > 100 && tag.is_none() {
            self.broken.push(format!("{status} to {} without To tag", method.as_str()));
        }
        let answered = self.answered.entry((branch, method)).or_default();
        if answered.final_at.is_some_and(|at| now >= at + MEMORY) {
            *answered = Answered { is_late: true, ..Answered::default() };
        }
        if (500..600).contains(&status) && !answered.is_late {
            let first_line = format!("{status} {} to {}", message.reason(), method.as_str());
            self.server_failures.push(ServerFailure { code: status, method, first_line });
        }
        if status == 491 && answered.status < 200 {
            self.coverage.count(Feature::Glare);
        }
        if status >= 200 {
            answered.final_at.get_or_insert(now);
        }
        if answered.status >= 200 && answered.status != status && !is_judged_anew(method, answered.status) {
            let first = answered.status;
            let call = short(message);
            self.broken
                .push(format!("{status} to {} after its final {first}, Call-ID {call}", method.as_str()));
        }
        if let (Some(first), Some(tag)) = (&answered.tag, &tag)
            && first != tag
        {
            self.broken.push(format!("two To tags to one {}, Call-ID {}", method.as_str(), short(message)));
        }
        let is_first = answered.status != status;
        answered.status = answered.status.max(status);
        answered.tag = tag.or(answered.tag.take());
        is_first
    }

    /// Rising CSeq in each dialog, nothing after BYE, no more copies than timers allow (RFC 3261 §12.2.1.1, §17.1).
    fn see_request(&mut self, message: &Message, branch: String) -> bool {
        let method = message.method();
        let from_tag = message.from_tag().unwrap_or("").to_owned();
        if from_tag.is_empty() {
            self.broken.push(format!("{} without From tag", method.as_str()));
        }
        if method == Method::Ack {
            return false;
        }
        let sent = self.sent.entry((branch, method)).or_insert(Sent { copies: 0 });
        sent.copies += 1;
        if sent.copies > MAX_COPIES {
            self.broken.push(format!("{} copies of one {}", sent.copies, method.as_str()));
        }
        if sent.copies > 1 || method == Method::Cancel {
            return false;
        }
        let dialog = (message.call_id().to_owned(), from_tag, message.to_tag().unwrap_or("").to_owned());
        let numbering = self.numbering.entry(dialog).or_default();
        // The next server of a name gets the same request in a new transaction (RFC 3263 §4.3).
        let is_next_hop =
            method == Method::Invite && message.to_tag().is_none() && message.cseq() == numbering.cseq;
        if is_next_hop && self.has_names {
            self.coverage.count(Feature::NextServer);
        }
        if message.cseq() <= numbering.cseq && !is_next_hop {
            let (cseq, last) = (message.cseq(), numbering.cseq);
            let call = short(message);
            self.broken.push(format!("{} with CSeq {cseq} after {last}, Call-ID {call}", method.as_str()));
        }
        if numbering.said_bye {
            self.broken.push(format!(
                "{} after BYE in one dialog, Call-ID {}",
                method.as_str(),
                short(message)
            ));
        }
        numbering.said_bye |= method == Method::Bye;
        numbering.cseq = message.cseq();
        true
    }

    /// Our address with a port that is open, or none of ours, as the mode says.
    fn see_description(&mut self, message: &Message, sdp: &[u8], ledger: &MediaLedger) {
        let text = String::from_utf8_lossy(sdp);
        let is_ours = text.contains(&format!("c=IN IP4 {}\r", SERVER.ip()));
        let what = format!("{} {}", message.status(), message.method().as_str());
        match (self.mode, is_ours) {
            (MediaMode::All, false) => self.broken.push(format!("{what} with a foreign address in mode all")),
            (MediaMode::None, true) => self.broken.push(format!("{what} with our address in mode none")),
            _ => {}
        }
        let ports = text.lines().filter_map(|line| {
            line.strip_prefix("m=")?.split(' ').nth(1)?.parse::<u16>().ok().filter(|port| *port != 0)
        });
        // Mode bypass shows our address with the ports of the other party.
        for port in ports.filter(|_| is_ours && self.mode != MediaMode::Bypass) {
            if !ledger.holds(port) {
                self.broken.push(format!("{what} names port {port}, which is not open"));
            }
        }
    }
}

/// Whether a copy of a request that got this answer is judged anew: strangers are answered without state (RFC 3261
/// §8.2.7). By then the switch drains, or knows the dialog or INVITE the request overtook.
fn is_judged_anew(method: Method, first: u16) -> bool {
    method != Method::Invite && matches!(first, 401 | 407 | 481)
}

fn short(message: &Message) -> &str {
    let call = message.call_id();
    call.get(..8).unwrap_or(call)
}
