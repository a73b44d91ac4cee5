//! A file of a cache: entries one behind the other, each with its key, its length, and
//! a digest of all of that, so that damage is noticed wherever it is.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::fs;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::Key;

/// Bytes of the digest before an entry: enough against accidents. Those who do damage
/// on purpose can as well make a digest.
const CHECK: usize = 16;
/// Digest, key and length.
const HEAD: usize = CHECK + 32 + 4;

/// What is in a file.
#[derive(Default)]
pub(super) struct Pack {
    bytes: Vec<u8>,
    entries: HashMap<Key, Range<usize>>,
}

impl Pack {
    /// Reads a file; nothing is in one that there is not.
    pub(super) fn read(file: &Path) -> Pack {
        let bytes = fs::read(file).unwrap_or_default();
        let mut entries = HashMap::new();
        let mut rest = &bytes[..];
        while let Some((head, behind)) = rest.split_at_checked(HEAD) {
            let start = bytes.len() - behind.len();
            let key = head[CHECK..CHECK + 32].try_into().expect("32 bytes");
            let length = head[CHECK + 32..].try_into().expect("4 bytes");
            let length = u32::from_le_bytes(length) as usize;
            let Some(behind) = behind.get(length..) else {
                break;
            };
            entries.insert(Key(key), start..start + length);
            rest = behind;
        }
        Pack { bytes, entries }
    }

    /// The entry with a key, unless it is damaged.
    pub(super) fn get(&self, key: Key) -> Option<&[u8]> {
        let range = self.entries.get(&key)?.clone();
        let start = range.start - HEAD;
        let entry = &self.bytes[range];
        (self.bytes[start..start + CHECK] == check(key, entry)).then_some(entry)
    }

    /// Whether these are the keys that there are entries for.
    pub(super) fn has_exactly(&self, keys: impl Iterator<Item = Key>) -> bool {
        let keys: HashSet<Key> = keys.collect();
        keys.len() == self.entries.len() && keys.iter().all(|key| self.entries.contains_key(key))
    }
}

/// Writes entries.
pub(super) fn write<'a>(
    entries: impl Iterator<Item = (Key, Cow<'a, [u8]>)>,
    out: &mut impl Write,
) -> io::Result<()> {
    for (key, entry) in entries {
        let length = u32::try_from(entry.len()).map_err(io::Error::other)?;
        out.write_all(&check(key, &entry))?;
        out.write_all(&key.0)?;
        out.write_all(&length.to_le_bytes())?;
        out.write_all(&entry)?;
    }
    Ok(())
}

fn check(key: Key, entry: &[u8]) -> [u8; CHECK] {
    let digest = Sha256::new().chain_update(key.0).chain_update(entry);
    let digest: [u8; 32] = digest.finalize().into();
    *digest.first_chunk().expect("a longer digest")
}
