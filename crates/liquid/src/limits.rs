//! Templates are written by tenants, so every rendering is bounded in time and memory.

use std::cell::Cell;

use crate::error::Fault;

/// Bounds of one rendering. Reaching one ends the rendering with an error of kind `Limit`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Work units: tags, filters, comparisons, and a share for every string and array read.
    pub max_steps: u64,
    /// Bytes written, captures included.
    pub max_output_bytes: usize,
    /// Bytes of all values made on the way, freed or not.
    pub max_memory_bytes: usize,
    /// Nesting of arrays that the template builds.
    pub max_depth: u32,
    /// Iterations of all loops together; also the largest range.
    pub max_loop_items: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_steps: 5_000_000,
            max_output_bytes: 8 << 20,
            max_memory_bytes: 64 << 20,
            max_depth: 64,
            max_loop_items: 200_000,
        }
    }
}

/// Nesting of block tags a template may have; parsing and rendering recurse once per level.
pub(crate) const MAX_BLOCK_DEPTH: usize = 100;
/// Nesting of brackets and ranges inside one expression.
pub(crate) const MAX_EXPRESSION_DEPTH: usize = 50;

/// Nesting of expressions given to `_exp` filters as text; such an expression can name itself.
pub(crate) const MAX_TEXT_DEPTH: usize = 16;

/// What one rendering has used so far. Counters are cells so that helpers can charge through a shared reference.
#[derive(Debug)]
pub(crate) struct Budget {
    limits: Limits,
    steps: Cell<u64>,
    output: Cell<usize>,
    memory: Cell<usize>,
    loop_items: Cell<u64>,
}

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        Self {
            limits: limits.clone(),
            steps: Cell::new(0),
            output: Cell::new(0),
            memory: Cell::new(0),
            loop_items: Cell::new(0),
        }
    }

    /// What is left of the bounds, for the next rendering that shares them.
    pub(crate) fn left(&self) -> Limits {
        Limits {
            max_steps: self.limits.max_steps.saturating_sub(self.steps.get()),
            max_output_bytes: self.limits.max_output_bytes.saturating_sub(self.output.get()),
            max_memory_bytes: self.limits.max_memory_bytes.saturating_sub(self.memory.get()),
            max_loop_items: self.limits.max_loop_items.saturating_sub(self.loop_items.get()),
            ..self.limits.clone()
        }
    }

    pub(crate) fn steps(&self, count: usize) -> Result<(), Fault> {
        let used = self.steps.get().saturating_add(count as u64);
        self.steps.set(used);
        if used > self.limits.max_steps {
            Err(Fault::limit("render steps"))
        } else {
            Ok(())
        }
    }

    /// Reading `bytes` of text costs time though it allocates nothing.
    pub(crate) fn reading(&self, bytes: usize) -> Result<(), Fault> {
        self.steps(1 + bytes / 32)
    }

    pub(crate) fn memory(&self, bytes: usize) -> Result<(), Fault> {
        let used = self.memory.get().saturating_add(bytes);
        self.memory.set(used);
        if used > self.limits.max_memory_bytes {
            Err(Fault::limit("memory alloc"))
        } else {
            Ok(())
        }
    }

    pub(crate) fn output(&self, bytes: usize) -> Result<(), Fault> {
        let used = self.output.get().saturating_add(bytes);
        self.output.set(used);
        if used > self.limits.max_output_bytes {
            Err(Fault::limit("output size"))
        } else {
            Ok(())
        }
    }

    pub(crate) fn loop_item(&self) -> Result<(), Fault> {
        let used = self.loop_items.get().saturating_add(1);
        self.loop_items.set(used);
        if used > self.limits.max_loop_items {
            Err(Fault::limit("loop items"))
        } else {
            Ok(())
        }
    }

    /// Checks a range before it is made.
    pub(crate) fn range(&self, length: f64) -> Result<(), Fault> {
        #[expect(clippy::cast_precision_loss, reason = "a limit needs no exact comparison")]
        let most = self.limits.max_loop_items as f64;
        if length > most {
            Err(Fault::limit("loop items"))
        } else {
            Ok(())
        }
    }

    pub(crate) fn depth(&self, depth: u32) -> Result<(), Fault> {
        if depth > self.limits.max_depth {
            Err(Fault::limit("nesting"))
        } else {
            Ok(())
        }
    }
}
