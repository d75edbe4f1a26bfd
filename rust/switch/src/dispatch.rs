//! Which shard a message belongs to (`config.md` §2.11 `sip_worker_threads`).

use std::hash::{DefaultHasher, Hash, Hasher};

use pbx_sip::transaction::Branch;
use pbx_sip::{Message, Method, Name, Replaces, Shard};

use crate::call::shard_of_tag;

/// The rule of one shard among several. It needs nothing but the message, so every shard comes to the same answer, and
/// copies, CANCEL and ACK follow their INVITE.
#[derive(Clone, Debug)]
pub(crate) struct Dispatch {
    own: Shard,
    count: usize,
    primed: DefaultHasher,
}

impl Dispatch {
    /// `key` is secret, or strangers could put all their calls on one shard. `None`: there is one only.
    pub(crate) fn new(own: Shard, count: usize, key: &[u8; 32]) -> Option<Self> {
        let mut primed = DefaultHasher::new();
        (key, "dispatch").hash(&mut primed);
        (count > 1).then_some(Self { own, count, primed })
    }

    /// The shards beside this one.
    pub(crate) fn others(&self) -> impl Iterator<Item = Shard> + use<> {
        let own = self.own;
        Shard::all(self.count).filter(move |&shard| shard != own)
    }

    /// The other shard a message is for; `None`: this one.
    pub(crate) fn elsewhere(&self, message: &Message) -> Option<Shard> {
        let known = |shard: Option<Shard>| shard.filter(|shard| shard.index() < self.count);
        let owner = if message.is_request() {
            self.owner_of_request(message, known)
        } else {
            let branch = message.via().ok().and_then(|via| via.branch().and_then(Branch::shard));
            known(branch).unwrap_or(self.own)
        };
        (owner != self.own).then_some(owner)
    }

    fn owner_of_request(&self, message: &Message, known: impl Fn(Option<Shard>) -> Option<Shard>) -> Shard {
        match message.method() {
            // One shard writes the bindings, the others have copies.
            Method::Register => Shard::FIRST,
            method => match known(message.to_tag().and_then(shard_of_tag)) {
                Some(shard) => shard,
                // Answered without memory, wherever it came in.
                None if method == Method::Options => self.own,
                // Who takes a place in a dialog is judged where that dialog is.
                None => known(replaced(message)).unwrap_or_else(|| self.of_call_id(message.call_id())),
            },
        }
    }

    /// The shard after this one.
    pub(crate) fn next(&self) -> Shard {
        Shard::new((self.own.index() + 1) % self.count).unwrap_or_default()
    }

    fn of_call_id(&self, call_id: &str) -> Shard {
        let mut hasher = self.primed.clone();
        call_id.hash(&mut hasher);
        let index = (u128::from(hasher.finish()) * self.count as u128) >> 64;
        Shard::new(index as usize).unwrap_or_default()
    }
}

/// The dialog an INVITE takes the place of.
pub(crate) fn replaces_of(message: &Message) -> Option<Replaces> {
    let value = message.header(Name::Replaces).filter(|_| message.to_tag().is_none())?;
    Replaces::parse(value).ok()
}

fn replaced(message: &Message) -> Option<Shard> {
    shard_of_tag(&replaces_of(message)?.to_tag)
}

#[cfg(test)]
mod tests {
    use pbx_sip::{Bytes, Limits};

    use super::*;
    use crate::call::tag;

    fn dispatches(count: usize) -> Vec<Dispatch> {
        Shard::all(count).filter_map(|own| Dispatch::new(own, count, &[7; 32])).collect()
    }

    fn request(method: &str, call_id: &str, to_tag: &str) -> Message {
        let text = format!(
            "{method} sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx\r\n\
             From: <sip:a@192.0.2.9>;tag=1\r\nTo: <sip:b@192.0.2.1>{to_tag}\r\nCall-ID: {call_id}\r\n\
             CSeq: 1 {method}\r\nMax-Forwards: 70\r\n\r\n"
        );
        Message::parse(Bytes::from(text), &Limits::default()).unwrap()
    }

    fn owners(all: &[Dispatch], message: &Message) -> Vec<Shard> {
        all.iter().map(|at| at.elsewhere(message).unwrap_or(at.own)).collect()
    }

    #[test]
    fn every_shard_names_the_same_owner_and_all_of_them_get_calls() {
        let all = dispatches(4);
        let mut calls = [0; 4];
        for n in 0..4000 {
            let call_id = format!("{n}@192.0.2.9");
            let invite = owners(&all, &request("INVITE", &call_id, ""));
            assert!(invite.iter().all(|owner| *owner == invite[0]), "{invite:?}");
            assert_eq!(owners(&all, &request("CANCEL", &call_id, "")), invite);
            assert_eq!(owners(&all, &request("ACK", &call_id, ";tag=0123456789abcdef")), invite);
            calls[invite[0].index()] += 1;
        }
        assert!(calls.iter().all(|&calls| (800..1200).contains(&calls)), "{calls:?}");
    }

    #[test]
    fn a_request_inside_a_dialog_goes_to_the_shard_of_our_tag() {
        let all = dispatches(3);
        for shard in Shard::all(3) {
            let to_tag = format!(";tag={}", tag("0123456789abcdef", shard.name(5)));
            for method in ["BYE", "ACK", "INVITE", "OPTIONS"] {
                assert_eq!(owners(&all, &request(method, "x", &to_tag)), [shard; 3], "{method}");
            }
        }
        let foreign = format!(";tag={}", tag("0123456789abcdef", Shard::new(9).unwrap().name(5)));
        let bye = owners(&all, &request("BYE", "x", &foreign));
        assert!(bye.iter().all(|owner| *owner == bye[0] && owner.index() < 3));
    }

    #[test]
    fn registers_are_for_the_first_and_options_for_whoever_reads_them() {
        let all = dispatches(3);
        assert_eq!(owners(&all, &request("REGISTER", "x", "")), [Shard::FIRST; 3]);
        let own: Vec<Shard> = Shard::all(3).collect();
        assert_eq!(owners(&all, &request("OPTIONS", "x", "")), own);
    }

    #[test]
    fn a_single_shard_asks_nobody() {
        assert!(Dispatch::new(Shard::FIRST, 1, &[7; 32]).is_none());
    }
}
