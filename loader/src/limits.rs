//! How much a store may have.

use std::error::Error;
use std::{fmt, io};

use crate::{MemoryType, ResourceError, TableType};

/// What a [limiter](crate::Store::set_limiter) is asked about: a memory or table that
/// is to be made, or to grow.
///
/// Sizes are bytes of a memory and elements of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Growth {
    /// What grows.
    pub what: Growable,
    /// Its size; 0 if it is being made.
    pub current: u64,
    /// The size that it would have; never less than `current`.
    pub desired: u64,
    /// The maximum of its type, if it has one. That is not exceeded by `desired`, if
    /// the type is a possible one.
    pub maximum: Option<u64>,
}

/// What can grow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Growable {
    /// A linear memory.
    Memory,
    /// A table.
    Table,
}

impl Growth {
    /// The growth of a memory, whose lengths are in bytes.
    pub(crate) fn of_memory(ty: MemoryType, current: u64, desired: u64) -> Growth {
        let bytes = |pages: u64| pages.saturating_mul(ty.page_size());
        Growth {
            what: Growable::Memory,
            current,
            desired,
            maximum: ty.max().map(bytes),
        }
    }

    pub(crate) fn of_table(ty: TableType, current: u64, desired: u64) -> Growth {
        Growth {
            what: Growable::Table,
            current,
            desired,
            maximum: ty.max(),
        }
    }

    /// A memory that is to be made.
    pub(crate) fn new_memory(ty: MemoryType) -> Growth {
        Growth::of_memory(ty, 0, ty.min().saturating_mul(ty.page_size()))
    }

    /// A table that is to be made.
    pub(crate) fn new_table(ty: TableType) -> Growth {
        Growth::of_table(ty, 0, ty.min())
    }
}

/// What a [`Config`](crate::Config) says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) memory_bytes: u64,
    pub(crate) table_elements: u64,
    pub(crate) instances: usize,
    pub(crate) memories: usize,
    pub(crate) tables: usize,
}

impl Bounds {
    /// There are none.
    pub(crate) const NONE: Bounds = Bounds {
        memory_bytes: u64::MAX,
        table_elements: u64::MAX,
        instances: usize::MAX,
        memories: usize::MAX,
        tables: usize::MAX,
    };

    /// The largest size of what grows.
    fn size(&self, what: Growable) -> u64 {
        match what {
            Growable::Memory => self.memory_bytes,
            Growable::Table => self.table_elements,
        }
    }
}

pub(crate) type Limiter = Box<dyn FnMut(Growth) -> bool + Send>;

/// The limits of a store, and what counts for them.
pub(crate) struct Limits {
    bounds: Bounds,
    present: Count,
    pub(crate) limiter: Option<Limiter>,
}

/// How many there are of each kind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Count {
    pub(crate) instances: usize,
    pub(crate) memories: usize,
    pub(crate) tables: usize,
}

impl Limits {
    pub(crate) fn new(bounds: Bounds) -> Limits {
        Limits {
            bounds,
            present: Count::default(),
            limiter: None,
        }
    }

    /// The largest size of what grows.
    pub(crate) fn size(&self, what: Growable) -> u64 {
        self.bounds.size(what)
    }

    /// Whether that may be. Asks the limiter only about what the bounds allow.
    pub(crate) fn allow(&mut self, growth: Growth) -> Result<(), Refusal> {
        let limit = self.bounds.size(growth.what);
        if growth.desired > limit {
            return Err(Refusal::Size { growth, limit });
        }
        let limiter = self.limiter.as_mut();
        if limiter.is_none_or(|limiter| limiter(growth)) {
            Ok(())
        } else {
            Err(Refusal::Denied)
        }
    }

    /// Whether so many more may be made.
    pub(crate) fn admit(&self, more: Count) -> Result<(), Refusal> {
        let check = |what, present: usize, more: usize, limit| match present.checked_add(more) {
            Some(sum) if sum <= limit => Ok(()),
            _ => Err(Refusal::Count { what, limit }),
        };
        let (present, limits) = (&self.present, &self.bounds);
        let instances = (present.instances, more.instances, limits.instances);
        let memories = (present.memories, more.memories, limits.memories);
        let tables = (present.tables, more.tables, limits.tables);
        check("instances", instances.0, instances.1, instances.2)?;
        check("memories", memories.0, memories.1, memories.2)?;
        check("tables", tables.0, tables.1, tables.2)
    }

    /// Counts what was made.
    pub(crate) fn count(&mut self, more: Count) {
        self.present.instances += more.instances;
        self.present.memories += more.memories;
        self.present.tables += more.tables;
    }
}

/// Why something may not be made or grow.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// It would be too large.
    Size { growth: Growth, limit: u64 },
    /// There would be too many.
    Count { what: &'static str, limit: usize },
    /// The limiter says so.
    Denied,
}

impl Error for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Size { growth, limit } => {
                let unit = match growth.what {
                    Growable::Memory => "bytes",
                    Growable::Table => "elements",
                };
                let size = growth.desired;
                write!(
                    f,
                    "{size} {unit} are more than the store's limit of {limit}"
                )
            }
            Refusal::Count { what, limit } => write!(f, "the store's limit is {limit} {what}"),
            Refusal::Denied => f.write_str("the store's limiter has denied it"),
        }
    }
}

impl Refusal {
    /// The error of making something, in words.
    pub(crate) fn making(self, what: &'static str) -> ResourceError {
        ResourceError::new(what, io::Error::new(io::ErrorKind::QuotaExceeded, self))
    }
}
