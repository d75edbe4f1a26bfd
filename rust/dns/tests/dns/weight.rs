use pbx_dns::{Srv, order};
use proptest::prelude::*;
use rand_chacha::ChaCha12Rng;
use rand_core::SeedableRng;

fn server(priority: u16, weight: u16, port: u16) -> Srv {
    Srv { priority, weight, port, target: None }
}

proptest! {
    #[test]
    fn every_server_comes_once_by_priority_and_the_same_seed_gives_the_same_order(
        servers in proptest::collection::vec((0u16..4, any::<u16>()), 0..64),
        seed in any::<u64>(),
    ) {
        let servers: Vec<Srv> =
            servers.iter().enumerate().map(|(n, &(priority, weight))| server(priority, weight, n as u16)).collect();
        let ordered = order(servers.clone(), &mut ChaCha12Rng::seed_from_u64(seed));
        prop_assert!(ordered.windows(2).all(|pair| pair[0].priority <= pair[1].priority));
        let mut ports: Vec<u16> = ordered.iter().map(|server| server.port).collect();
        ports.sort_unstable();
        prop_assert_eq!(ports, (0..servers.len() as u16).collect::<Vec<_>>());
        prop_assert_eq!(order(servers, &mut ChaCha12Rng::seed_from_u64(seed)), ordered);
    }
}

#[test]
fn shares_follow_the_weights() {
    let mut rng = ChaCha12Rng::seed_from_u64(1);
    let firsts = (0..6000)
        .filter(|_| order(vec![server(1, 100, 1), server(1, 200, 2), server(1, 0, 3)], &mut rng)[0].port == 2)
        .count();
    assert!((3700..4300).contains(&firsts), "two of three: {firsts}");
}

#[test]
fn without_weights_each_comes_first_now_and_then_never_by_mistake() {
    let mut rng = ChaCha12Rng::seed_from_u64(2);
    let zero =
        (0..5000).filter(|_| order(vec![server(1, 9, 1), server(1, 0, 2)], &mut rng)[0].port == 2).count();
    assert!((300..700).contains(&zero), "one of ten: {zero}");
}
