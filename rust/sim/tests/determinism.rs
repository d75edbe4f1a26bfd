//! Equal seeds give equal runs.

use pbx_sim::run_seed;

#[test]
fn one_seed_gives_one_ladder_byte_for_byte() {
    for seed in 0..40 {
        let (first, second) = (run_seed(seed, 0.3, true), run_seed(seed, 0.3, true));
        assert!(!first.ladder.is_empty());
        assert_eq!(first.ladder, second.ladder, "seed {seed}");
        assert_eq!(first.violations, second.violations);
    }
}

#[test]
fn other_seeds_give_other_runs() {
    assert_ne!(run_seed(1, 0.3, true).ladder, run_seed(2, 0.3, true).ladder);
}
