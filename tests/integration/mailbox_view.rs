//! Random sessions of one mailbox with memory, against a model. `fuzz/src/mailbox_view.rs` is the model.

use fastrand::Rng;

/// Number of random mailboxes, each with its own seed: about 100,000 sessions and a million commands.
const CASES: u64 = 50_000;

#[test]
fn sessions_with_memory_agree_with_the_model() {
    for seed in 0..CASES {
        let mut rng = Rng::with_seed(seed);
        let data: Vec<u8> = (0..rng.usize(..400)).map(|_| rng.u8(..)).collect();
        // A panic does not say which mailbox it was.
        let ran = std::panic::catch_unwind(|| crate::fuzz::mailbox_view::run(&data));
        assert!(ran.is_ok(), "seed {seed}: {data:?}");
    }
}
