//! Names that TLS peers must prove, as small numbers that fit into a flow.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use pbx_sip::Flow;

/// The table of names. A name keeps its place for ever: were a place given to another name, a flow kept by a
/// dialog would be checked against the wrong one. Past [`Flow::MAX_NAMES`] names there is no place.
#[derive(Debug, Default)]
pub(crate) struct PeerNames {
    known: RefCell<Known>,
}

#[derive(Debug, Default)]
struct Known {
    places: HashMap<Arc<str>, u32>,
    names: Vec<Arc<str>>,
}

impl PeerNames {
    /// The place of a name; letter case and a final dot do not matter. `None`: no place is left.
    pub(crate) fn place(&self, name: &str) -> Option<u32> {
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        let mut known = self.known.borrow_mut();
        if let Some(&place) = known.places.get(name.as_str()) {
            return Some(place);
        }
        let place = u32::try_from(known.names.len()).ok().filter(|&place| place < Flow::MAX_NAMES)?;
        let name: Arc<str> = name.into();
        known.places.insert(Arc::clone(&name), place);
        known.names.push(name);
        Some(place)
    }

    pub(crate) fn name(&self, place: u32) -> Option<Arc<str>> {
        self.known.borrow().names.get(place as usize).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_has_one_place() {
        let names = PeerNames::default();
        let place = names.place("sip.Example.com.").unwrap();
        assert_eq!(names.place("SIP.example.com"), Some(place));
        assert_ne!(names.place("other.example.com"), Some(place));
        assert_eq!(names.name(place).as_deref(), Some("sip.example.com"));
    }

    #[test]
    fn table_of_names_is_bounded() {
        let names = PeerNames::default();
        for n in 0..Flow::MAX_NAMES {
            assert_eq!(names.place(&format!("n{n}.test")), Some(n));
        }
        assert_eq!(names.place("one-more.test"), None);
        assert_eq!(names.place("n7.test"), Some(7));
    }
}
