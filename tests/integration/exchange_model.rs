//! The exchange against a model of RFC 1939, with random sessions. `fuzz/src/exchange_model.rs` is the model.

use fastrand::Rng;

/// Number of random sessions, each with its own seed.
const CASES: u64 = 10_000;

#[test]
fn random_pipelined_sessions_agree_with_the_model() {
    for seed in 0..CASES {
        let mut rng = Rng::with_seed(seed);
        let data: Vec<u8> = (0..rng.usize(..400)).map(|_| rng.u8(..)).collect();
        // A panic does not say which session it was.
        let ran = std::panic::catch_unwind(|| crate::fuzz::exchange_model::run(&data));
        assert!(ran.is_ok(), "seed {seed}: {data:?}");
    }
}
