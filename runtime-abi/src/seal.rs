//! What a shared object is checked with before anything of it is mapped.

use core::ops::Range;

use crate::wire::records;

/// The name of the section with the [`Seal`]'s note. Loaders find the note by
/// `PT_NOTE`, not by this.
pub const SEAL_SECTION: &str = ".note.wasm_aot";

/// The owner of the [`Seal`]'s note, with the NUL that its length counts.
pub const SEAL_NOTE_NAME: [u8; 8] = *b"WasmAOT\0";

/// The type of the [`Seal`]'s note.
pub const SEAL_NOTE_TYPE: u32 = 0x5741_4f54;

/// [`Seal::digest_algorithm`]: SHA-256 (FIPS 180-4).
pub const DIGEST_SHA256: u32 = 1;

/// [`Seal::signature_algorithm`]: there is none.
pub const SIGNATURE_NONE: u32 = 0;

/// [`Seal::signature_algorithm`]: Ed25519 (RFC 8032, neither `ctx` nor `ph`).
pub const SIGNATURE_ED25519: u32 = 1;

/// What every signed message starts with, so that no signature over an artefact
/// means anything elsewhere, nor the other way round.
pub const SIGNATURE_CONTEXT: [u8; 32] = *b"wasm-aot artefact signature, v1\0";

/// The length of a signed message in bytes.
pub const SIGNED_MESSAGE_LEN: usize = SIGNATURE_CONTEXT.len() + 4 + 32;

records! {
    /// The digest of a file, and perhaps a signature; the description of a note.
    pub struct Seal {
        /// How the digest is computed: [`DIGEST_SHA256`].
        pub digest_algorithm: u32,
        /// What kind of signature there is: [`SIGNATURE_NONE`] or
        /// [`SIGNATURE_ED25519`].
        pub signature_algorithm: u32,
        /// Of the whole file, with [`Seal::CLEARED`] taken as zeros.
        pub digest: [u8; 32],
        /// The public key of who has signed; zeros without a signature.
        pub signer: [u8; 32],
        /// Over [`Seal::signed_message`]; zeros without a signature.
        pub signature: [u8; 64],
    }
}

impl Seal {
    /// The bytes of the note's description that the digest does not cover: all but
    /// its own algorithm. So a file can be signed without a change of its digest.
    pub const CLEARED: Range<usize> = 4..136;

    /// What a signature is over: [`SIGNATURE_CONTEXT`], the algorithm of the digest,
    /// 32 bits little-endian, and the digest.
    pub fn signed_message(&self) -> [u8; SIGNED_MESSAGE_LEN] {
        let mut message = [0; SIGNED_MESSAGE_LEN];
        let (context, rest) = message.split_at_mut(SIGNATURE_CONTEXT.len());
        let (algorithm, digest) = rest.split_at_mut(4);
        context.copy_from_slice(&SIGNATURE_CONTEXT);
        algorithm.copy_from_slice(&self.digest_algorithm.to_le_bytes());
        digest.copy_from_slice(&self.digest);
        message
    }
}

const _: () = assert!(Seal::CLEARED.end == size_of::<Seal>());
