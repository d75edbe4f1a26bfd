//! Edits of whole-session lines and of `m=` lines.

use std::net::IpAddr;

use super::connection::{Connection, family_and_address};
use super::description::Sdp;
use super::media::Media;
use super::section::Text;

impl Sdp {
    /// The `c=` line of the session part.
    pub(crate) fn session_connection(&self) -> Option<Connection<'_>> {
        Connection::parse(self.session.line(b'c')?)
    }

    /// Makes `address` the connection address of the session part.
    pub(crate) fn set_connection(&mut self, address: IpAddr) {
        self.session.set_line(b'c', format!("IN {}", family_and_address(address)));
    }

    /// Gives a media line a connection address of its own.
    pub(crate) fn set_media_connection(&mut self, line: usize, address: IpAddr) {
        if let Some(media) = self.media.get_mut(line) {
            media.section.set_line(b'c', format!("IN {}", family_and_address(address)));
        }
    }

    /// Writes the `o=` line with session identifier and version.
    pub(crate) fn set_origin(&mut self, username: &str, [session_id, version]: [u64; 2], address: IpAddr) {
        let place = family_and_address(address);
        self.session.set_line(b'o', format!("{username} {session_id} {version} IN {place}"));
    }

    /// Writes the `s=` line.
    pub(crate) fn set_name(&mut self, name: &str) {
        self.session.set_line(b's', name.to_owned());
    }
}

impl Media {
    pub(crate) fn set_formats(&mut self, formats: &str) {
        self.formats = Text::ours(formats);
    }

    pub(crate) fn set_proto(&mut self, proto: &str) {
        if self.proto() != proto {
            self.proto = Text::ours(proto);
        }
    }
}
