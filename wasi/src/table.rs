//! The descriptor table: which number stands for what.

use crate::Errno;
use crate::descriptor::{Descriptor, OpenDir, OpenFile};

/// Descriptors by number. A new one gets the lowest free number, as in POSIX.
pub(crate) struct Table {
    slots: Vec<Option<Descriptor>>,
    /// No slot below this one is free.
    lowest_free: usize,
    limit: usize,
}

impl Table {
    /// A table that holds `limit` descriptors at most, beginning with these,
    /// which count but are never refused.
    pub(crate) fn new(first: Vec<Descriptor>, limit: usize) -> Self {
        let lowest_free = first.len();
        Self {
            slots: first.into_iter().map(Some).collect(),
            lowest_free,
            limit,
        }
    }

    /// # Errors
    /// [`Errno::Mfile`] if the table is full.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> Result<u32, Errno> {
        let slot = self.free_slot()?;
        if slot == self.slots.len() {
            self.slots.push(Some(descriptor));
        } else {
            self.slots[slot] = Some(descriptor);
        }
        self.lowest_free = slot + 1;
        u32::try_from(slot).map_err(|_| Errno::Mfile)
    }

    /// Fails as [`Table::insert`] would, for calls that must not open
    /// something they cannot keep.
    pub(crate) fn check_room(&self) -> Result<(), Errno> {
        self.free_slot().map(|_| ())
    }

    fn free_slot(&self) -> Result<usize, Errno> {
        let above = self.slots.get(self.lowest_free..).unwrap_or(&[]);
        let slot = match above.iter().position(Option::is_none) {
            Some(offset) => self.lowest_free + offset,
            None => self.slots.len(),
        };
        if slot < self.limit {
            Ok(slot)
        } else {
            Err(Errno::Mfile)
        }
    }

    /// # Errors
    /// [`Errno::Badf`] if `fd` is not open; so for all methods below.
    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor, Errno> {
        self.slots
            .get(fd as usize)
            .and_then(Option::as_ref)
            .ok_or(Errno::Badf)
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor, Errno> {
        self.slots
            .get_mut(fd as usize)
            .and_then(Option::as_mut)
            .ok_or(Errno::Badf)
    }

    pub(crate) fn remove(&mut self, fd: u32) -> Result<Descriptor, Errno> {
        let slot = self.slots.get_mut(fd as usize).ok_or(Errno::Badf)?;
        let descriptor = slot.take().ok_or(Errno::Badf)?;
        self.lowest_free = self.lowest_free.min(fd as usize);
        Ok(descriptor)
    }

    /// Moves `from` to the number `to`, closing what was there.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<(), Errno> {
        self.get(to)?;
        self.get(from)?;
        if from != to {
            let moved = self.remove(from)?;
            *self.get_mut(to)? = moved;
        }
        Ok(())
    }

    /// A directory, for the path functions.
    ///
    /// # Errors
    /// [`Errno::Notdir`] if `fd` is something else.
    pub(crate) fn dir(&self, fd: u32) -> Result<&OpenDir, Errno> {
        match self.get(fd)? {
            Descriptor::Dir(dir) => Ok(dir),
            _ => Err(Errno::Notdir),
        }
    }

    pub(crate) fn dir_mut(&mut self, fd: u32) -> Result<&mut OpenDir, Errno> {
        match self.get_mut(fd)? {
            Descriptor::Dir(dir) => Ok(dir),
            _ => Err(Errno::Notdir),
        }
    }

    /// A file of the host.
    ///
    /// # Errors
    /// [`Errno::Isdir`] for a directory, `not_a_file` for a stream that the
    /// host supplies.
    pub(crate) fn file(&self, fd: u32, not_a_file: Errno) -> Result<&OpenFile, Errno> {
        match self.get(fd)? {
            Descriptor::File(file) => Ok(file),
            Descriptor::Dir(_) => Err(Errno::Isdir),
            Descriptor::Input(_) | Descriptor::Output(_) => Err(not_a_file),
        }
    }

    /// A socket.
    ///
    /// # Errors
    /// [`Errno::Notsock`] if `fd` is something else.
    pub(crate) fn socket(&self, fd: u32) -> Result<&OpenFile, Errno> {
        match self.get(fd)? {
            Descriptor::File(file) if file.is_socket() => Ok(file),
            _ => Err(Errno::Notsock),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::Reader;
    use std::io::empty;

    fn table(limit: usize) -> Table {
        let first = (0..3)
            .map(|_| Descriptor::Input(Reader::instant(empty())))
            .collect();
        Table::new(first, limit)
    }

    fn any() -> Descriptor {
        Descriptor::Input(Reader::instant(empty()))
    }

    #[test]
    fn the_lowest_free_number_is_used_first() {
        let mut table = table(100);
        assert_eq!(
            (0..4)
                .map(|_| table.insert(any()))
                .collect::<Result<Vec<_>, _>>(),
            Ok(vec![3, 4, 5, 6])
        );
        for closed in [5, 1, 4] {
            assert!(table.remove(closed).is_ok());
        }
        assert_eq!(
            (0..4)
                .map(|_| table.insert(any()))
                .collect::<Result<Vec<_>, _>>(),
            Ok(vec![1, 4, 5, 7])
        );
    }

    #[test]
    fn a_full_table_refuses_until_something_is_closed() {
        let mut table = table(5);
        assert_eq!((table.insert(any()), table.insert(any())), (Ok(3), Ok(4)));
        assert_eq!(table.check_room(), Err(Errno::Mfile));
        assert_eq!(table.insert(any()), Err(Errno::Mfile));
        assert!(table.remove(0).is_ok());
        assert_eq!(table.check_room(), Ok(()));
        assert_eq!(table.insert(any()), Ok(0));
    }

    #[test]
    fn a_closed_number_is_bad_for_everything() {
        let mut table = table(100);
        assert!(table.remove(1).is_ok());
        for fd in [1, 3, 1000, u32::MAX] {
            assert_eq!(table.get(fd).err(), Some(Errno::Badf));
            assert_eq!(table.remove(fd).err(), Some(Errno::Badf));
            assert_eq!(table.renumber(fd, 0), Err(Errno::Badf));
            assert_eq!(table.renumber(0, fd), Err(Errno::Badf));
            assert_eq!(table.dir(fd).err(), Some(Errno::Badf));
            assert_eq!(table.socket(fd).err(), Some(Errno::Badf));
        }
    }

    #[test]
    fn renumbering_frees_the_old_number() {
        let mut table = table(100);
        assert_eq!(table.renumber(0, 2), Ok(()));
        assert_eq!(table.get(0).err(), Some(Errno::Badf));
        assert_eq!(table.renumber(2, 2), Ok(()), "onto itself");
        assert!(table.get(2).is_ok());
        assert_eq!(table.insert(any()), Ok(0));
    }
}
