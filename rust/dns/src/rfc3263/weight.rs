//! The order of SRV records (RFC 2782, "Usage rules").

use rand_core::RngCore;

use crate::answer::Srv;

/// Orders servers by priority and, among equals, at random in proportion to their weights.
pub fn order(mut servers: Vec<Srv>, rng: &mut impl RngCore) -> Vec<Srv> {
    // Within a priority those of weight 0 stand first, so that they have a small chance.
    servers.sort_by_key(|server| (server.priority, server.weight != 0));
    let mut ordered = Vec::with_capacity(servers.len());
    while let Some(priority) = servers.first().map(|server| server.priority) {
        let end = servers.iter().take_while(|server| server.priority == priority).count();
        let total: u64 = servers[..end].iter().map(|server| u64::from(server.weight)).sum();
        let draw = rng.next_u64() % (total + 1);
        let mut sum = 0;
        let chosen = servers[..end].iter().position(|server| {
            sum += u64::from(server.weight);
            sum >= draw
        });
        ordered.push(servers.remove(chosen.unwrap_or(0)));
    }
    ordered
}
