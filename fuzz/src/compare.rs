//! Whether both sides did the same.

use wasm_aot_loader::TrapCode;

use crate::Verdict;
use crate::observe::{Failure, Observed, Value};

type Side = Result<Observed, Failure>;
type Outcome = Result<Vec<Value>, Failure>;

pub(crate) fn compare(ours: &Side, peer: &Side) -> Verdict {
    let (ours, peer) = match (ours, peer) {
        (Ok(ours), Ok(peer)) => (ours, peer),
        (Err(Failure::Refused(_)), Err(Failure::Refused(_)))
        | (Err(Failure::StackOverflow), _)
        | (_, Err(Failure::StackOverflow)) => return Verdict::Skipped,
        (Err(ours), Err(peer)) if ours == peer => {
            return Verdict::Same {
                calls: 1,
                failed: 1,
                interpreted: false,
            };
        }
        (ours, peer) => {
            let show = |side: &Side| match side {
                Ok(_) => "an instance".to_owned(),
                Err(failure) => failure.to_string(),
            };
            return Verdict::Different(format!("{}; the peer: {}", show(ours), show(peer)));
        }
    };
    let overflow = |result: &&Result<_, Failure>| **result == Err(Failure::StackOverflow);
    let mut failed = 0;
    for (index, (ours, peer)) in ours.calls.iter().zip(&peer.calls).enumerate() {
        if [ours, peer].iter().any(overflow) {
            return Verdict::Same {
                calls: index as u64,
                failed,
                interpreted: false,
            };
        }
        if ours != peer && !both_apply(ours, peer) {
            return Verdict::Different(format!("call {index}: {ours:?}; the peer: {peer:?}"));
        }
        failed += u64::from(ours.is_err());
    }
    let different = (ours.state.iter().zip(&peer.state)).find(|(ours, peer)| ours != peer);
    match different {
        Some((ours, peer)) => Verdict::Different(format!("left: {ours:?}; the peer: {peer:?}")),
        None if ours.state.len() != peer.state.len() || ours.calls.len() != peer.calls.len() => {
            Verdict::Different("not the same number of calls or exports".to_owned())
        }
        None => Verdict::Same {
            calls: ours.calls.len() as u64,
            failed,
            interpreted: false,
        },
    }
}

/// An address that is neither aligned nor in memory may be either trap. The peer
/// checks the bounds first for waiting and notifying where it exceeds 32 bits.
fn both_apply(ours: &Outcome, peer: &Outcome) -> bool {
    let trap = |outcome: &Outcome, code: TrapCode| matches!(outcome, Err(Failure::Trap(text)) if text == code.message());
    trap(ours, TrapCode::UnalignedAtomic) && trap(peer, TrapCode::MemoryOutOfBounds)
}
