//! Request methods.

use std::fmt;

macro_rules! methods {
    ($($(#[$doc:meta])* $variant:ident $text:literal),+ $(,)?) => {
        /// Method of a request. Names are compared with regard to letter case (RFC 3261 §7.1).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Method {
            $($(#[$doc])* $variant,)+
            /// A method this crate has no name for.
            Other,
        }

        impl Method {
            /// The token on the wire; empty for [`Method::Other`].
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)+
                    Self::Other => "",
                }
            }

            /// Reads a method token; anything unknown is [`Method::Other`].
            pub fn parse(token: &[u8]) -> Self {
                $(if token == $text.as_bytes() {
                    return Self::$variant;
                })+
                Self::Other
            }
        }
    };
}

methods! {
    /// RFC 3261 §13.
    Invite "INVITE",
    /// RFC 3261 §13.2.2.4.
    Ack "ACK",
    /// RFC 3261 §15.
    Bye "BYE",
    /// RFC 3261 §9.
    Cancel "CANCEL",
    /// RFC 3261 §11.
    Options "OPTIONS",
    /// RFC 3261 §10.
    Register "REGISTER",
    /// RFC 3262.
    Prack "PRACK",
    /// RFC 3311.
    Update "UPDATE",
    /// RFC 6086.
    Info "INFO",
    /// RFC 3428.
    Message "MESSAGE",
    /// RFC 6665.
    Notify "NOTIFY",
    /// RFC 3515.
    Refer "REFER",
    /// RFC 6665.
    Subscribe "SUBSCRIBE",
    /// RFC 3903.
    Publish "PUBLISH",
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
