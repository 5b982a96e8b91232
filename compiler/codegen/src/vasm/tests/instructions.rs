//! Each vector instruction on all pairs of special values.

use super::host::is_able;
use super::{PAIR_BYTES, PAIRS, SPECIAL, WIDTHS, compare, over_pairs, pairs};
use crate::vasm::{Bin, LANES, Operand, Un};

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
    for (op, lanes) in BINARY.into_iter().flat_map(|op| WIDTHS.map(|lanes| (op, lanes))) {
        let registers = over_pairs(lanes, "registers", |k, x, y| {
            let (a, b) = (k.load(x.at(0)), k.load(x.at(PAIR_BYTES)));
            let r = k.bin(op, a, b);
            k.store(r, y.at(0));
        });
        let memory = over_pairs(lanes, "memory", |k, x, y| {
            let a = k.load(x.at(0));
            let r = k.bin(op, a, x.at(PAIR_BYTES));
            k.store(r, y.at(0));
        });
        let least = if matches!(op, Bin::Add | Bin::Sub | Bin::Mul | Bin::Div) { PAIRS - 12 } else { PAIRS };
        assert!(compare(lanes, &registers, &input, PAIRS) >= least, "{op}");
        assert!(compare(lanes, &memory, &input, PAIRS) >= least, "{op}");
        for bits in SPECIAL {
            let constant = over_pairs(lanes, "constant", |k, x, y| {
                let a = k.load(x.at(PAIR_BYTES));
                let r = k.bin(op, a, Operand::Const(bits));
                k.store(r, y.at(0));
            });
            assert!(compare(lanes, &constant, &input, PAIRS) >= PAIRS / 2, "{op}");
        }
    }
}

#[test]
fn unary_instructions_on_special_values() {
    if !is_able() {
        return;
    }
    let input = pairs();
    for (op, lanes) in UNARY.into_iter().flat_map(|op| WIDTHS.map(|lanes| (op, lanes))) {
        if op == Un::SwapHalves && lanes > LANES {
            continue;
        }
        let kernel = over_pairs(lanes, "unary", |k, x, y| {
            let a = k.load(x.at(PAIR_BYTES));
            let r = k.un(op, a);
            k.store(r, y.at(0));
        });
        // One special value in four is an integer that fits.
        let least = if op == Un::ToInt { PAIRS / 4 } else { PAIRS };
        assert!(compare(lanes, &kernel, &input, PAIRS) >= least, "{op}");
    }
}

#[test]
fn instructions_of_three_operands_on_special_values() {
    if !is_able() {
        return;
    }
    let input = pairs();
    for (bits, lanes) in SPECIAL.into_iter().flat_map(|bits| WIDTHS.map(|lanes| (bits, lanes))) {
        let kernel = over_pairs(lanes, "fma", |k, x, y| {
            let (a, b) = (k.load(x.at(0)), k.load(x.at(PAIR_BYTES)));
            let c = k.splat_bits(bits);
            let accs = [k.mov(a), k.mov(c), k.mov(b), k.mov(a), k.mov(b)];
            k.fma(accs[0], b, c);
            k.fma(accs[1], a, x.at(PAIR_BYTES));
            k.fma(accs[2], a, Operand::Const(bits));
            k.mul_add(accs[3], b, c);
            k.mul_add(accs[4], c, x.at(0));
            for (i, acc) in accs.into_iter().enumerate() {
                k.store(acc, y.at(i as i64 * PAIR_BYTES));
            }
            let mask = k.bin(Bin::Lt, a, b);
            let r = k.select(mask, c, a);
            k.store(r, y.at(5 * PAIR_BYTES));
        });
        assert!(2 * compare(lanes, &kernel, &input, 6 * PAIRS) >= 9 * PAIRS);
    }
}

#[test]
fn shuffles_of_two_vectors() {
    if !is_able() {
        return;
    }
    let input = pairs();
    for (imm, lanes) in (0..=u8::MAX).flat_map(|imm| WIDTHS.map(|lanes| (imm, lanes))) {
        let kernel = over_pairs(lanes, "shuffle", |k, x, y| {
            let (a, b) = (k.load(x.at(0)), k.load(x.at(PAIR_BYTES)));
            let r = k.shuffle(a, b, imm);
            k.store(r, y.at(0));
            let lower =
                |k: &mut super::Builder, v: super::super::V| if lanes > LANES { k.lower(v) } else { v };
            let (a, b) = (lower(k, a), lower(k, b));
            let r = k.groups(a, b, imm & 0x33);
            k.store(r, y.at(PAIR_BYTES));
            let r = k.un(Un::SwapHalves, b);
            k.store(r, y.at(PAIR_BYTES + 4 * (lanes - LANES) as i64));
        });
        assert_eq!(compare(lanes, &kernel, &input, 2 * PAIRS), 2 * PAIRS);
    }
}
