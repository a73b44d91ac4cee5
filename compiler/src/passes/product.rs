//! Functions that multiply numbers of 128 bits.
//!
//! WebAssembly has no such product, so compilers call a function of their runtime
//! libraries: `__multi3(result, a, a_high, b, b_high)`, which makes it of products
//! of 32-bit halves and stores it at `result`. A processor does it in one
//! instruction. A function is known by what it computes, whatever its name: its
//! body is evaluated with unknowns for the parameters, and what it stores is
//! compared with formulas of which we know that they are the product.
//!
//! A value is a polynomial modulo 2^64, as addition and multiplication are. The
//! unknowns are the parameters, upper halves of polynomials, and carries of sums of
//! two. So the order of operations, and who masks or shifts what in which way, make
//! no difference; equal polynomials are equal numbers.

use std::collections::BTreeMap;

use wasmparser::{FuncType, FunctionBody, MemArg, Operator, ValType};

/// The order in which the halves of the product are stored, the low one at the
/// address and the high one 8 bytes behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Product {
    LowFirst = 1,
    HighFirst = 2,
}

impl Product {
    /// Whether a function of type `ty` may be one.
    pub(crate) fn may_have(ty: &FuncType) -> bool {
        use ValType::I64;
        matches!(ty.params(), [_, I64, I64, I64, I64]) && ty.results().is_empty()
    }

    /// What the function of type `ty` with a valid body stores, if it does nothing
    /// else than to multiply two numbers of 128 bits into memory 0.
    pub(crate) fn of(ty: &FuncType, body: &FunctionBody<'_>) -> Option<Product> {
        // The known ones have some 110 bytes.
        if !Product::may_have(ty) || body.as_bytes().len() > 512 {
            return None;
        }
        let mut evaluation = Evaluation::new();
        for local in body.get_locals_reader().ok()? {
            let (count, _) = local.ok()?;
            // A zero of the wrong type is used by no valid body as one.
            let zeros = (0..count.min(512)).map(|_| Value::number(Sum::default()));
            evaluation.locals.extend(zeros);
        }
        for operator in body.get_operators_reader().ok()? {
            evaluation.operator(&operator.ok()?)?;
        }
        let (order, low, high) = match &evaluation.stores[..] {
            [(0, low), (8, high)] => (Product::LowFirst, low, high),
            [(8, high), (0, low)] => (Product::HighFirst, low, high),
            _ => return None,
        };
        let (low, high) = (low.clone(), high.clone());
        (evaluation.is_product(&low, &high)?).then_some(order)
    }
}

/// Number of an unknown in [`Evaluation::unknowns`].
type Unknown = usize;

/// The number 1, as an unknown.
const ONE: Unknown = 0;

/// A polynomial of degree two: the factors of each product of unknowns, in order.
/// None of them is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Sum(BTreeMap<(Unknown, Unknown), u64>);

/// Polynomials with more terms are given up.
const MAX_TERMS: usize = 32;

/// What an unknown is.
#[derive(PartialEq, Eq)]
enum Definition {
    One,
    Param,
    /// The upper 32 bits of a sum.
    High(Sum),
    /// Whether adding the two exceeds 64 bits. The lesser is first.
    Carry(Sum, Sum),
}

/// A value on the stack or in a local.
#[derive(Clone)]
enum Value {
    /// The first parameter.
    Address,
    /// An `i64`, or an `i32` that extended without sign is the number. A small one
    /// has 32 bits.
    Number { sum: Sum, small: bool },
}

impl Value {
    fn number(sum: Sum) -> Value {
        Value::Number { sum, small: false }
    }

    fn small(sum: Sum) -> Value {
        Value::Number { sum, small: true }
    }
}

impl Sum {
    fn constant(value: u64) -> Sum {
        Sum::term((ONE, ONE), value)
    }

    fn term(factors: (Unknown, Unknown), coefficient: u64) -> Sum {
        let mut sum = Sum::default();
        sum.add_term(factors, coefficient);
        sum
    }

    fn unknown(unknown: Unknown) -> Sum {
        Sum::term((ONE, unknown), 1)
    }

    fn as_constant(&self) -> Option<u64> {
        match self.0.len() {
            0 => Some(0),
            1 => self.0.get(&(ONE, ONE)).copied(),
            _ => None,
        }
    }

    fn add_term(&mut self, factors: (Unknown, Unknown), coefficient: u64) {
        let all = self.0.entry(factors).or_insert(0);
        *all = all.wrapping_add(coefficient);
        if *all == 0 {
            self.0.remove(&factors);
        }
    }

    fn scale(&self, factor: u64) -> Sum {
        let mut product = Sum::default();
        for (&factors, &coefficient) in &self.0 {
            product.add_term(factors, coefficient.wrapping_mul(factor));
        }
        product
    }

    fn add(&self, other: &Sum) -> Sum {
        let mut sum = self.clone();
        for (&factors, &coefficient) in &other.0 {
            sum.add_term(factors, coefficient);
        }
        sum
    }

    fn subtract(&self, other: &Sum) -> Sum {
        self.add(&other.scale(u64::MAX))
    }

    /// `None` if the degree would be greater than two.
    fn multiply(&self, other: &Sum) -> Option<Sum> {
        let mut product = Sum::default();
        for (&(a, b), &left) in &self.0 {
            for (&(c, d), &right) in &other.0 {
                let mut factors = [a, b, c, d];
                factors.sort_unstable();
                let [ONE, ONE, low, high] = factors else {
                    return None;
                };
                product.add_term((low, high), left.wrapping_mul(right));
            }
        }
        Some(product)
    }

    /// Whether the lower 32 bits are surely zero.
    fn is_shifted(&self) -> bool {
        self.0.values().all(|coefficient| coefficient << 32 == 0)
    }
}

/// A body that is being evaluated.
struct Evaluation {
    unknowns: Vec<Definition>,
    locals: Vec<Value>,
    stack: Vec<Value>,
    /// Offsets from the address, and what is stored there.
    stores: Vec<(u64, Sum)>,
}

impl Evaluation {
    fn new() -> Evaluation {
        use Definition::{One, Param};
        Evaluation {
            unknowns: vec![One, Param, Param, Param, Param],
            locals: std::iter::once(Value::Address)
                .chain((1..=4).map(|param| Value::number(Sum::unknown(param))))
                .collect(),
            stack: Vec::new(),
            stores: Vec::new(),
        }
    }

    /// `None` if it is not known what the operator does.
    fn operator(&mut self, operator: &Operator<'_>) -> Option<()> {
        match *operator {
            Operator::Nop | Operator::End => return Some(()),
            Operator::LocalGet { local_index } => {
                let value = self.locals.get(local_index as usize)?.clone();
                self.stack.push(value);
            }
            Operator::LocalSet { local_index } => {
                *self.locals.get_mut(local_index as usize)? = self.stack.pop()?;
            }
            Operator::LocalTee { local_index } => {
                *self.locals.get_mut(local_index as usize)? = self.stack.last()?.clone();
            }
            Operator::I64Const { value } => {
                let value = value as u64;
                self.stack.push(Value::Number {
                    sum: Sum::constant(value),
                    small: value >> 32 == 0,
                });
            }
            Operator::I64Store { memarg } => {
                let (value, _) = self.pop()?;
                let (Value::Address, true) = (self.stack.pop()?, in_memory_0(&memarg)) else {
                    return None;
                };
                self.stores.push((memarg.offset, value));
            }
            Operator::I64ExtendI32U => {
                let (value, _) = self.pop()?;
                self.stack.push(Value::small(value));
            }
            Operator::I32WrapI64 => {
                let (value, _) = self.pop()?;
                let low = self.low(&value)?;
                self.stack.push(Value::small(low));
            }
            _ => {
                let (right, right_small) = self.pop()?;
                let (left, left_small) = self.pop()?;
                let value = match operator {
                    Operator::I64Add => Value::number(left.add(&right)),
                    Operator::I64Sub => Value::number(left.subtract(&right)),
                    Operator::I64Mul => Value::number(left.multiply(&right)?),
                    Operator::I64And => match (left.as_constant(), right.as_constant()) {
                        (_, Some(MASK)) => Value::small(self.low(&left)?),
                        (Some(MASK), _) => Value::small(self.low(&right)?),
                        _ => return None,
                    },
                    // Of two that have no bit in common.
                    Operator::I64Or | Operator::I64Xor
                        if left.is_shifted() && right_small || right.is_shifted() && left_small =>
                    {
                        Value::number(left.add(&right))
                    }
                    Operator::I64Shl => {
                        let count = right.as_constant()? % 64;
                        Value::number(left.scale(1 << count))
                    }
                    Operator::I64ShrU if right.as_constant()? == 32 => {
                        Value::small(self.high(&left)?)
                    }
                    Operator::I64LtU => Value::small(self.below(&left, &right)?),
                    Operator::I64GtU => Value::small(self.below(&right, &left)?),
                    _ => return None,
                };
                self.stack.push(value);
            }
        }
        Some(())
    }

    /// A number, and whether it is small.
    fn pop(&mut self) -> Option<(Sum, bool)> {
        match self.stack.pop()? {
            Value::Number { sum, small } if sum.0.len() <= MAX_TERMS => Some((sum, small)),
            _ => None,
        }
    }

    /// The upper 32 bits of a number.
    fn high(&mut self, sum: &Sum) -> Option<Sum> {
        match sum.as_constant() {
            Some(constant) => Some(Sum::constant(constant >> 32)),
            None => self.unknown(Definition::High(sum.clone())),
        }
    }

    /// The lower 32 bits of a number.
    fn low(&mut self, sum: &Sum) -> Option<Sum> {
        Some(sum.subtract(&self.high(sum)?.scale(1 << 32)))
    }

    /// Whether `left` is less than `right`: just if adding `left - right` to `right`
    /// exceeds 64 bits.
    fn below(&mut self, left: &Sum, right: &Sum) -> Option<Sum> {
        self.carry(&left.subtract(right), right)
    }

    fn carry(&mut self, a: &Sum, b: &Sum) -> Option<Sum> {
        let (lesser, greater) = if a <= b { (a, b) } else { (b, a) };
        self.unknown(Definition::Carry(lesser.clone(), greater.clone()))
    }

    fn unknown(&mut self, definition: Definition) -> Option<Sum> {
        let found = self.unknowns.iter().position(|known| *known == definition);
        let unknown = found.unwrap_or_else(|| {
            self.unknowns.push(definition);
            self.unknowns.len() - 1
        });
        // More than that, nothing of interest has.
        (unknown < 64).then(|| Sum::unknown(unknown))
    }

    /// Whether two numbers are the halves of the product of the parameters.
    ///
    /// With `p, q, r, s` for the products of halves `a0 b0, a1 b0, a0 b1, a1 b1`, the
    /// product of the lower numbers is `p + (q + r) 2^32 + s 2^64`.
    fn is_product(&mut self, low: &Sum, high: &Sum) -> Option<bool> {
        let [a, a_high, b, b_high] = [1, 2, 3, 4].map(Sum::unknown);
        let (a0, a1) = (self.low(&a)?, self.high(&a)?);
        let (b0, b1) = (self.low(&b)?, self.high(&b)?);
        let p = a0.multiply(&b0)?;
        let q = a1.multiply(&b0)?;
        let r = a0.multiply(&b1)?;
        let s = a1.multiply(&b1)?;
        let upper = a.multiply(&b_high)?.add(&a_high.multiply(&b)?).add(&s);
        // By 32 bits at a time. Neither sum exceeds 64 bits: a product of halves is
        // at most (2^32 - 1)^2, which leaves room for 32 bits.
        let mut in_steps = |q: &Sum, r: &Sum| {
            let first = q.add(&self.high(&p)?);
            let second = r.add(&self.low(&first)?);
            Some(upper.add(&self.high(&first)?).add(&self.high(&second)?))
        };
        let (one, other) = (in_steps(&q, &r)?, in_steps(&r, &q)?);
        // With q + r at once, whose carry is worth 2^96, and another one where its
        // lower half is added to p.
        let middle = q.add(&r);
        let at_once = upper
            .add(&self.carry(&q, &r)?.scale(1 << 32))
            .add(&self.high(&middle)?)
            .add(&self.carry(&p, &middle.scale(1 << 32))?);
        Some(*low == a.multiply(&b)? && [one, other, at_once].contains(high))
    }
}

/// Of the lower 32 bits.
const MASK: u64 = u32::MAX as u64;

fn in_memory_0(memarg: &MemArg) -> bool {
    matches!(memarg.target, wasmparser::MemArgTarget::Memory(0))
}
