//! The descriptor itself: is it one, is it for this host, where are its parts.

use wasm_aot_abi::{
    ABI_MAJOR, ABI_MINOR, ALIGNMENT, Convention, CpuFeatures, Descriptor, IMAGE_ALIGNMENT, MAGIC,
    Required, Target, Wire,
};

use super::super::arch::{HOST, cpu_features};
use super::super::elf::Elf;
use super::{damaged, ensure};
use crate::OpenError;

const WHAT: &str = "the descriptor";

/// Address space that one memory may ask for: enough for 4 GiB with as much
/// again as guard, and a small part of what there is.
const ADDRESS_SPACE: u64 = 1 << 40;

/// The largest vmctx: about four million imported functions.
const VMCTX_LIMIT: u32 = 1 << 26;

/// Reads the descriptor as far as its writer knew it.
pub(super) fn read(bytes: &[u8]) -> Result<Descriptor, OpenError> {
    /// Magic, versions and size, which never change.
    const PREFIX: usize = 16;
    let prefix = bytes.get(..PREFIX);
    let prefix = prefix.ok_or_else(|| damaged(WHAT, "it ends behind its segment"))?;
    ensure(
        prefix.starts_with(&MAGIC),
        WHAT,
        "it has another magic number",
    )?;
    let found = (u16::decode(&prefix[8..]), u16::decode(&prefix[10..]));
    let host = (ABI_MAJOR, ABI_MINOR);
    if !compatible(found, host) {
        return Err(OpenError::AbiVersion { found, host });
    }
    let size = u32::decode(&prefix[12..]) as usize;
    let known = bytes.get(..size).filter(|_| size >= PREFIX);
    let known = known.ok_or_else(|| damaged(WHAT, "its size is impossible"))?;
    let mut whole = [0; Descriptor::SIZE];
    let copied = known.len().min(whole.len());
    whole[..copied].copy_from_slice(&known[..copied]);
    let descriptor = Descriptor::decode(&whole);
    let metadata_size = descriptor.metadata_size as usize;
    ensure(
        metadata_size >= size && metadata_size <= bytes.len(),
        WHAT,
        "the metadata ends behind its segment",
    )?;
    Ok(descriptor)
}

/// Minor versions add to those before them.
fn compatible(found: (u16, u16), host: (u16, u16)) -> bool {
    found.0 == host.0 && found.1 <= host.1
}

/// Whether it is for the machine that the file is for.
pub(super) fn check_target(descriptor: &Descriptor, elf: &Elf) -> Result<(), OpenError> {
    let target = Target::from_number(descriptor.target);
    let target = target.map_err(|number| OpenError::ForeignTarget {
        found: format!("target {number}"),
        host: HOST.triple(),
    })?;
    ensure(
        target == elf.target,
        WHAT,
        "it is for another machine than the file",
    )
}

/// Whether this loader knows what it must to read the rest.
pub(super) fn check_required(descriptor: &Descriptor) -> Result<(), OpenError> {
    let unknown = Required(descriptor.required).unknown();
    match unknown.is_empty() {
        true => Ok(()),
        false => Err(OpenError::UnknownRequirement(unknown)),
    }
}

/// Whether this loader, on this machine, can run it, which is for its target.
pub(in super::super) fn check_host(descriptor: &Descriptor) -> Result<(), OpenError> {
    let missing = CpuFeatures(descriptor.cpu_features).without(cpu_features());
    // Miri executes none of the code.
    if !missing.is_empty() && !cfg!(miri) {
        return Err(OpenError::MissingCpuFeatures(missing));
    }
    if descriptor.convention != Convention::CraneliftTail as u32 {
        return Err(OpenError::UnknownConvention(descriptor.convention));
    }
    Ok(())
}

/// Where text and image are, and how much room things need.
pub(super) fn check_layout(descriptor: &Descriptor, elf: &Elf) -> Result<(), OpenError> {
    let at = elf.descriptor;
    ensure(
        at.is_multiple_of(ALIGNMENT as u64),
        WHAT,
        "it is not aligned",
    )?;
    let address = |distance: i32| at.checked_add_signed(distance.into());

    // An empty text need not be anywhere.
    let text = address(descriptor.text).and_then(|text| elf.segment(text, descriptor.text_size));
    ensure(
        descriptor.text_size == 0 || text.is_some_and(|segment| segment.executable),
        WHAT,
        "the text is in no executable segment",
    )?;
    let text_size = u32::try_from(descriptor.text_size);
    ensure(text_size.is_ok(), WHAT, "the text is larger than 4 GiB")?;

    if descriptor.image_size > 0 {
        let aligned = |value: u64| value.is_multiple_of(4096);
        let image = address(descriptor.image).and_then(|image| {
            let segment = elf.segment(image, descriptor.image_size)?;
            Some(segment.offset + (image - segment.address))
        });
        ensure(
            image.is_some_and(aligned),
            WHAT,
            "the memory image is in no segment",
        )?;
        ensure(
            aligned(descriptor.image_size)
                && descriptor.image_offset.is_multiple_of(IMAGE_ALIGNMENT),
            WHAT,
            "the memory image is not aligned",
        )?;
    }

    let tunables = &descriptor.tunables;
    ensure(
        tunables.memory_reservation < ADDRESS_SPACE && tunables.memory_guard < ADDRESS_SPACE,
        WHAT,
        "memories need more address space than there is",
    )?;
    let aligned = (tunables.memory_reservation | tunables.memory_guard).is_multiple_of(0x1_0000);
    ensure(
        aligned,
        WHAT,
        "the address space of memories is not aligned",
    )?;
    ensure(
        descriptor.vmctx.size <= VMCTX_LIMIT,
        WHAT,
        "the vmctx is larger than 64 MiB",
    )
}

#[cfg(test)]
mod tests {
    use super::compatible;

    #[test]
    fn an_older_minor_version_will_do() {
        assert!(compatible((1, 2), (1, 3)));
        assert!(!compatible((1, 4), (1, 3)));
        assert!(!compatible((2, 0), (1, 3)));
        assert!(!compatible((0, 3), (1, 3)));
    }
}
