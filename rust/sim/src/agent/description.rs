//! Session descriptions of phones. Each carries a mark, so that both ends can be asked which one they hold.

use std::net::IpAddr;

/// What a description said, as far as two ends must agree on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Phone, leg and version that wrote it.
    pub id: String,
    /// Direction attribute.
    pub direction: &'static str,
}

const DIRECTIONS: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];

impl Mark {
    /// Reads a body; `None` if no phone of ours wrote it.
    pub(super) fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        let mut attributes = text.lines().filter_map(|line| line.strip_prefix("a="));
        let id = attributes.clone().find_map(|attribute| attribute.strip_prefix("x-mark:"))?.to_owned();
        let direction = attributes
            .find_map(|attribute| DIRECTIONS.into_iter().find(|direction| *direction == attribute))
            .unwrap_or("sendrecv");
        Some(Self { id, direction })
    }

    /// Phone and leg that wrote it.
    pub fn author(&self) -> &str {
        self.id.rsplit_once('.').map_or(&self.id, |(author, _)| author)
    }

    /// How many descriptions the leg had written by then.
    pub fn version(&self) -> u32 {
        self.id.rsplit_once('.').and_then(|(_, version)| version.parse().ok()).unwrap_or(0)
    }

    /// The direction that answers this one.
    pub(super) fn mirrored(&self, holds: bool) -> &'static str {
        match (self.direction, holds) {
            ("sendrecv", false) => "sendrecv",
            ("sendrecv" | "recvonly", _) => "sendonly",
            ("sendonly", false) => "recvonly",
            _ => "inactive",
        }
    }
}

/// Writes a description.
pub(super) fn write(mark: &Mark, ip: IpAddr, version: u32, alaw_first: bool) -> String {
    let formats = if alaw_first { "8 0" } else { "0 8" };
    let Mark { id, direction } = mark;
    format!(
        "v=0\r\no=- {} {version} IN IP4 {ip}\r\ns=-\r\nc=IN IP4 {ip}\r\nt=0 0\r\n\
         m=audio {} RTP/AVP {formats}\r\na={direction}\r\na=x-mark:{id}\r\n",
        5067,
        10_000 + 2 * (version % 20_000),
    )
}
