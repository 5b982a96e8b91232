//! Each vector instruction on all pairs of special values.

use super::host::is_able;
use super::{PAIR_BYTES, PAIRS, SPECIAL, compare, over_pairs, pairs};
use crate::vasm::{Bin, Operand, Un};

pub(super) const BINARY: [Bin; 18] = [
    Bin::Add,
    Bin::Sub,
    Bin::Mul,
    Bin::Div,
    Bin::Min,
    Bin::Max,
    Bin::And,
    Bin::AndNot,
    Bin::Or,
    Bin::Xor,
    Bin::AddI,
    Bin::SubI,
    Bin::Lt,
    Bin::Le,
    Bin::Eq,
    Bin::Unordered,
    Bin::UnpackLo,
    Bin::UnpackHi,
];

const UNARY: [Un; 14] = [
    Un::Sqrt,
    Un::Round,
    Un::Floor,
    Un::ToInt,
    Un::ToFloat,
    Un::Shl(0),
    Un::Shl(23),
    Un::Shl(31),
    Un::Sar(1),
    Un::Sar(31),
    Un::Permute(0b00_01_10_11),
    Un::Permute(0b11_00_00_10),
    Un::Permute(0b11_10_01_00),
    Un::SwapHalves,
];

#[test]
fn binary_instructions_on_special_values() {
    if !is_able() {
        return;
    }
    let input = pairs();
    for op in BINARY {
        let registers = over_pairs("registers", |k, x, y| {
            let (a, b) = (k.load(x.at(0)), k.load(x.at(PAIR_BYTES)));
            let r = k.bin(op, a, b);
            k.store(r, y.at(0));
        });
        let memory = over_pairs("memory", |k, x, y| {
            let a = k.load(x.at(0));
            let r = k.bin(op, a, x.at(PAIR_BYTES));
            k.store(r, y.at(0));
        });
        let least =
            if matches!(op, Bin::Add | Bin::Sub | Bin::Mul | Bin::Div) { 2 * PAIRS - 24 } else { 2 * PAIRS };
        assert!(compare(&registers, &input, PAIRS) >= least, "{op}");
        assert!(compare(&memory, &input, PAIRS) >= least, "{op}");
        for bits in SPECIAL {
            let constant = over_pairs("constant", |k, x, y| {
                let a = k.load(x.at(PAIR_BYTES));
                let r = k.bin(op, a, Operand::Const(bits));
                k.store(r, y.at(0));
            });
            assert!(compare(&constant, &input, PAIRS) >= PAIRS, "{op}");
        }
    }
}

#[test]
fn unary_instructions_on_special_values() {
    if !is_able() {
        return;
    }
    let input = pairs();
    for op in UNARY {
        let kernel = over_pairs("unary", |k, x, y| {
            let a = k.load(x.at(PAIR_BYTES));
            let r = k.un(op, a);
            k.store(r, y.at(0));
        });
        // One special value in four is an integer that fits.
        let least = if op == Un::ToInt { PAIRS / 2 } else { 2 * PAIRS };
        assert!(compare(&kernel, &input, PAIRS) >= least, "{op}");
    }
}

#[test]
fn instructions_of_three_operands_on_special_values() {
    if !is_able() {
        return;
    }
    let input = pairs();
    for bits in SPECIAL {
        let kernel = over_pairs("fma", |k, x, y| {
            let (a, b) = (k.load(x.at(0)), k.load(x.at(PAIR_BYTES)));
            let c = k.splat_bits(bits);
            let accs = [k.mov(a), k.mov(c), k.mov(b), k.mov(a), k.mov(b)];
            k.fma(accs[0], b, c);
            k.fma(accs[1], a, x.at(PAIR_BYTES));
            k.fma(accs[2], a, Operand::Const(bits));
            k.mul_add(accs[3], b, c);
            k.mul_add(accs[4], c, x.at(0));
            for (i, acc) in accs.into_iter().enumerate() {
                k.store(acc, y.at(i as i32 * PAIR_BYTES));
            }
            let mask = k.bin(Bin::Lt, a, b);
            let r = k.select(mask, c, a);
            k.store(r, y.at(5 * PAIR_BYTES));
        });
        assert!(compare(&kernel, &input, 6 * PAIRS) >= 9 * PAIRS);
    }
}

#[test]
fn shuffles_of_two_vectors() {
    if !is_able() {
        return;
    }
    let input = pairs();
    for imm in 0..=u8::MAX {
        let kernel = over_pairs("shuffle", |k, x, y| {
            let (a, b) = (k.load(x.at(0)), k.load(x.at(PAIR_BYTES)));
            let r = k.shuffle(a, b, imm);
            k.store(r, y.at(0));
            let r = k.groups(a, b, imm & 0x33);
            k.store(r, y.at(PAIR_BYTES));
        });
        assert_eq!(compare(&kernel, &input, 2 * PAIRS), 4 * PAIRS);
    }
}
