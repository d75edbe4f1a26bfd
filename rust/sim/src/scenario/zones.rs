//! Names of a scenario, and the servers behind them.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::dice::Dice;
use super::plan::{Manners, Phone, Reply, Scenario};
use crate::address::phone_address;

/// A domain that calls are sent to by name.
#[derive(Clone, Debug)]
pub struct Zone {
    /// Its name.
    pub name: String,
    /// Its servers.
    pub servers: Vec<ZoneServer>,
    /// It has NAPTR records, which prefer a transport its servers do not have.
    pub has_naptr: bool,
    /// How long its records hold, seconds.
    pub ttl_secs: u32,
    /// What is wrong with its name servers.
    pub trouble: Trouble,
}

/// A server of a zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZoneServer {
    /// Where it is, or where nobody is.
    pub address: SocketAddr,
    /// SRV priority.
    pub priority: u16,
    /// It answers calls.
    pub is_live: bool,
}

/// What is wrong with a zone or its name servers. Another name server is well, unless it is said otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing.
    None,
    /// The first does not answer.
    Silent,
    /// The first says SERVFAIL.
    Refused,
    /// The first knows no extension (RFC 6891).
    OldServer,
    /// All answers are held back, up to this time.
    Slow(Duration),
    /// All answers are cut off.
    Truncated,
    /// Somebody else answers first.
    Forged,
    /// There are no SRV records, only addresses.
    NoServices,
    /// There are far more servers than anybody tries.
    Surplus,
    /// There are addresses that no name may stand for.
    Bogus,
}

impl Trouble {
    /// Whether all name servers have it.
    pub(crate) fn is_everywhere(self) -> bool {
        !matches!(self, Self::Silent | Self::Refused | Self::OldServer)
    }
}

impl Zone {
    pub(super) fn has_server(&self, address: SocketAddr) -> bool {
        self.servers.iter().any(|server| server.address == address)
    }

    /// Whether calls must succeed: what is tried before a server that lives costs a few seconds only.
    pub fn is_live(&self) -> bool {
        let is_found = match self.trouble {
            // The resolver gives up in the end, or some servers are never heard of.
            Trouble::Slow(_) | Trouble::Truncated => false,
            // Servers that do not speak the transport that is preferred use up all tries.
            Trouble::Surplus => !self.has_naptr,
            _ => true,
        };
        is_found && self.servers.iter().any(|server| server.is_live)
    }
}

/// Adds a zone and the phones that are its servers; they are called by name only.
pub(super) fn zone(dice: &mut Dice, scenario: &mut Scenario) {
    let count = 1 + dice.below(4) as u8;
    let same_priority = dice.chance(20);
    let mut servers: Vec<ZoneServer> = Vec::new();
    for number in 0..count {
        let (is_live, is_there) = match dice.below(10) {
            0..=2 => (false, false),
            3..=5 => (false, true),
            _ => (true, true),
        };
        let address = if is_there {
            scenario.phones.push(server(dice, is_live));
            phone_address(scenario.phones.len() - 1)
        } else {
            SocketAddr::new(Ipv4Addr::new(198, 51, 254, number).into(), 5060)
        };
        let priority = if same_priority { 1 } else { u16::from(number) + 1 };
        servers.push(ZoneServer { address, priority, is_live });
    }
    let slow = Trouble::Slow(dice.millis(0, 1500));
    let troubles = [
        Trouble::None,
        Trouble::Silent,
        Trouble::Refused,
        Trouble::OldServer,
        slow,
        Trouble::Truncated,
        Trouble::Forged,
        Trouble::NoServices,
        Trouble::Surplus,
        Trouble::Bogus,
    ];
    let trouble = dice.one_of(&troubles);
    scenario.zones.push(Zone {
        name: "carrier.test".to_owned(),
        servers,
        has_naptr: dice.chance(40) && trouble != Trouble::NoServices,
        ttl_secs: dice.one_of(&[0, 1, 60]),
        trouble,
    });
}

fn server(dice: &mut Dice, is_live: bool) -> Phone {
    let after = dice.millis(0, 3000);
    let mut manners = if is_live {
        Manners::answering(after)
    } else {
        dice.one_of(&[Reply::Silence, Reply::Reject { after: Duration::ZERO, code: 503 }]).into()
    };
    manners.hangs_up_after = dice.chance(30).then(|| dice.millis(0, 12_000));
    manners.reliable = dice.chance(30);
    Phone::new("gateway").unregistered().with_manners(vec![manners])
}
