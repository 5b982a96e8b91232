//! Both emitters against the interpreter. Here: partial lanes at page ends, integers, loops, registers at their
//! limit, refusals and text; beside: each instruction on special values, random kernels, the functions, and what wide
//! vectors have of their own.

mod footprint;
mod fuzz;
mod host;
mod instructions;
mod interp;
mod math;
#[allow(dead_code, unreachable_pub, reason = "the tests of whole networks use more of it")]
#[path = "../../../../../tests/src/random.rs"]
mod random;
#[allow(unreachable_pub, reason = "the tests of whole networks use it too")]
#[path = "../../../../../tests/src/ulps.rs"]
mod ulps;
mod wide;

use super::{Bin, Builder, EmitError, Emitter, Inst, Kernel, LANES, Un, VECTOR, WIDE, verify, x64};
use host::{Compiled, Guarded, emitters, is_able};
use interp::Interp;
use random::Random;

/// Lanes of vectors.
const WIDTHS: [usize; 2] = [LANES, WIDE];

/// Zeros, ones, halves, integers, denormals, extremes, infinities and NaNs.
const SPECIAL: [u32; 24] = [
    0x0000_0000, // 0
    0x8000_0000, // -0
    0x3f80_0000, // 1
    0xbf80_0000, // -1
    0x3f00_0000, // 0.5
    0xbfc0_0000, // -1.5
    0x4020_0000, // 2.5
    0x4b7f_ffff, // 2^24 - 1
    0x4f00_0000, // 2^31
    0xcf00_0000, // -2^31
    0x0000_0001, // smallest denormal
    0x8000_0001,
    0x007f_ffff, // largest denormal
    0x0080_0000, // smallest normal
    0x7f7f_ffff, // largest
    0xff7f_ffff,
    0x7f80_0000, // inf
    0xff80_0000, // -inf
    0x7fc0_0000, // NaN
    0xffc0_0000, // the NaN of x86
    0x7fa0_1234, // signaling NaN
    0xffff_ffff, // NaN of all ones
    0x0000_1234,
    0xc2f6_e979, // -123.456
];

impl Random {
    /// A word that is a float of any kind, mostly a tame one.
    fn word(&mut self) -> u32 {
        match self.below(8) {
            0 => self.pick(&SPECIAL),
            1 => self.bits() as u32,
            2 | 3 => (self.below(64) as f32 - 32.0).to_bits(),
            _ => (self.below(1 << 24) as f32 / (1 << 20) as f32 - 8.0).to_bits(),
        }
    }
}

/// Runs a kernel of arguments (input, output) by the interpreter and by the emitters for its `lanes` on `input`, and
/// compares the `outputs` words it writes. Gives how many words were compared for each emitter.
fn compare(lanes: usize, kernel: &Kernel, input: &[u32], outputs: usize) -> usize {
    let mut want = vec![0xdead_beef_u32; outputs];
    let mut interp = Interp::default();
    // SAFETY: kernels of these tests stay within input and output.
    unsafe { interp.run(kernel, &[input.as_ptr() as u64, want.as_mut_ptr() as u64]) };
    let address = want.as_ptr() as u64;
    let mut compared = 0;
    let emitters = emitters(lanes);
    for &emitter in &emitters {
        let mut got = vec![0xdead_beef_u32; outputs];
        let compiled = Compiled::new(kernel, emitter).expect("a kernel both emitters take");
        // SAFETY: as above.
        unsafe { compiled.run(&[input.as_ptr() as u64, got.as_mut_ptr() as u64]) };
        for i in 0..outputs {
            if !interp.unsure.contains(&(address + 4 * i as u64)) {
                assert_eq!(
                    got[i], want[i],
                    "{emitter:?}, word {i}: {:08x} {:08x}\n{kernel}",
                    got[i], want[i]
                );
                compared += 1;
            }
        }
    }
    compared / emitters.len()
}

/// All pairs of special values: 72 vectors of first operands, then 72 of second ones.
fn pairs() -> Vec<u32> {
    let first = SPECIAL.iter().flat_map(|a| SPECIAL.map(|_| *a));
    let second = SPECIAL.iter().flat_map(|_| SPECIAL);
    first.chain(second).collect()
}

const PAIRS: usize = SPECIAL.len() * SPECIAL.len();
const PAIR_BYTES: i64 = 4 * PAIRS as i64;

/// A kernel that loops over all pairs, in vectors of so many lanes.
fn over_pairs(lanes: usize, name: &str, body: impl FnOnce(&mut Builder, super::P, super::P)) -> Kernel {
    let mut k = Builder::new(name);
    let (x, y) = (k.arg(0), k.arg(1));
    k.repeat((PAIRS / lanes) as u64, |k| {
        k.with_lanes(lanes, |k| body(k, x, y));
        k.advance(x, 4 * lanes as i64);
        k.advance(y, 4 * lanes as i64);
    });
    k.finish()
}

#[test]
fn partial_lanes_touch_nothing_else() {
    if !is_able() {
        return;
    }
    const FILL: u32 = 0x5555_5555;
    for lanes in 1..=LANES {
        let mut k = Builder::new("copy");
        let (x, y) = (k.arg(0), k.arg(1));
        let v = k.load_lanes(x.at(0), lanes);
        k.store_lanes(v, y.at(0), lanes);
        let w = k.arg(2);
        k.store(v, w.at(0));
        let kernel = k.finish();
        for emitter in emitters(LANES) {
            let compiled = Compiled::new(&kernel, emitter).expect("a small kernel");
            for at_end in [false, true] {
                let (mut from, mut to, mut whole) = (Guarded::new(), Guarded::new(), [FILL; LANES]);
                from.words().iter_mut().enumerate().for_each(|(i, word)| *word = 0x100 + i as u32);
                to.words().fill(FILL);
                let back = 4 * lanes as u64;
                let place = |page: &Guarded| if at_end { page.end() - back } else { page.start() };
                // SAFETY: the kernel stays within the pages, or the test dies here.
                unsafe { compiled.run(&[place(&from), place(&to), whole.as_mut_ptr() as u64]) };
                let words = to.words().len();
                let first = if at_end { words - lanes } else { 0 };
                for i in 0..words {
                    let copied = (first..first + lanes).contains(&i);
                    let want = if copied { 0x100 + i as u32 } else { FILL };
                    assert_eq!(to.words()[i], want, "{emitter:?}, {lanes} lanes, word {i}");
                }
                for (i, got) in whole.into_iter().enumerate() {
                    let want = if i < lanes { 0x100 + (first + i) as u32 } else { 0 };
                    assert_eq!(got, want, "{emitter:?}, {lanes} lanes, lane {i} of the register");
                }
            }
        }
    }
}

#[test]
fn integers_of_every_width() {
    if !is_able() {
        return;
    }
    let values =
        [0, 1, -1, 127, 128, -129, 1 << 30, i64::from(i32::MIN), 1 << 31, 1 << 32, -(1 << 40), i64::MIN];
    // The output of store i is at i vectors: every way to reach that address must agree.
    let mut k = Builder::new("integers");
    let (x, y) = (k.arg(0), k.arg(1));
    let v = k.load(x.at(0));
    let mut count = 0;
    let mut put = |k: &mut Builder, to: super::P| {
        let one = k.splat(1.0);
        k.bin_to(Bin::Add, v, v, one);
        k.store(v, to.at(32 * count));
        count += 1;
    };
    for value in values {
        let set = k.set(value);
        let there = k.sum(y, set);
        let back = k.difference(there, set);
        put(&mut k, back);
        let there = k.offset(y, value);
        let back = k.offset(there, value.wrapping_neg());
        put(&mut k, back);
        k.advance(back, value);
        k.advance(back, value.wrapping_neg());
        put(&mut k, back);
        let product = k.scaled(set, 3);
        let wide = k.scaled(set, (1 << 33) + 3);
        let wider = k.set(value.wrapping_mul(1 << 33));
        let difference = k.difference(wide, product);
        let zero = k.difference(difference, wider);
        put(&mut k, y);
        let indexed = k.copy(zero);
        k.advance_by(indexed, y);
        put(&mut k, indexed);
    }
    let word = k.load_word(x.at(32));
    let to = k.sum(y, word);
    put(&mut k, to);
    let word = k.load_i32(x.at(40));
    let to = k.sum(y, word);
    put(&mut k, to);
    for scale in [1, 2, 4, 8] {
        let index = k.set(16 / i64::from(scale));
        k.store(v, y.indexed(index, scale, 32 * count - 16));
        count += 1;
    }
    k.prefetch(x.at(0));
    let kernel = k.finish();
    let mut input = vec![0x3f80_0000; 12];
    input[8..12].copy_from_slice(&[-64_i32 as u32, u32::MAX, -32_i32 as u32, 0x7fff_ffff]);
    let outputs = 8 * count as usize;
    assert_eq!(compare(LANES, &kernel, &input, outputs), outputs);
}

/// Offsets beyond 32 bits, and those whose last lanes are: the address is the same from a base that is as far away.
#[test]
fn offsets_may_have_more_than_32_bits() {
    if !is_able() {
        return;
    }
    let edge = 1_i64 << 31;
    let offsets = [edge - 32, edge - 4, edge, -edge - 4, 5 * edge + 8, -(edge << 10)];
    for (lanes, offset) in WIDTHS.into_iter().flat_map(|lanes| offsets.map(|offset| (lanes, offset))) {
        let mut k = Builder::new("far");
        let (input, output) = (k.arg(0), k.arg(1));
        let (x, y, next) = (k.offset(input, -offset), k.offset(output, -offset), 4 * lanes as i64);
        k.with_lanes(lanes, |k| {
            let v = k.load(x.at(offset));
            k.bin_to(Bin::Add, v, v, x.at(offset + next));
            k.fma(v, v, x.at(offset + 2 * next));
            k.mul_add(v, v, x.at(offset));
            let w = k.broadcast(x.at(offset + 4));
            k.bin_to(Bin::Mul, v, v, w);
            let (four, zero) = (k.set(4), k.load_word(x.at(offset + 4 * next)));
            let none = k.load_i32(x.at(offset + 4 * next));
            k.advance_by(four, zero);
            k.advance_by(four, none);
            k.prefetch(x.at(offset));
            k.store(v, y.at(offset));
            k.store(v, y.indexed(four, 8, offset + next - 32));
            if lanes == WIDE {
                let halves = k.load_halves([Some(x.at(offset + 8)), Some(x.at(offset + 48))]);
                k.store_halves(halves, [y.at(offset + 2 * next), y.at(offset + 3 * next)]);
            }
        });
        let kernel = k.finish();
        let input: Vec<u32> = (0..4 * lanes).map(|i| (i as f32 - 7.5).to_bits()).chain([0; 2]).collect();
        let outputs = if lanes == WIDE { 3 * lanes + LANES } else { 2 * lanes };
        assert_eq!(compare(lanes, &kernel, &input, outputs), outputs, "{kernel}");
    }
}

#[test]
fn loops_of_no_trips_are_skipped() {
    if !is_able() {
        return;
    }
    let mut k = Builder::new("loops");
    let (x, y) = (k.arg(0), k.arg(1));
    let v = k.splat(0.0);
    for trips in [0, 1, 2, 5] {
        let n = k.set(trips);
        k.repeat(n, |k| {
            k.bin_to(Bin::Add, v, v, x.at(0));
            k.repeat(n, |k| k.bin_to(Bin::Add, v, v, 0.25));
            // The count was taken on entry.
            k.advance(n, 0);
            k.repeat(3, |k| k.bin_to(Bin::Mul, v, v, 0.5));
        });
        k.store(v, y.at(0));
        k.advance(y, VECTOR);
    }
    // The argument pointer outlives what is computed between two trips.
    k.repeat(2, |k| {
        let (x, y) = (k.arg(0), k.arg(1));
        let far = k.offset(x, 64);
        let w = k.load(far.at(0));
        k.store(w, y.at(4 * 32));
        let nothing = k.set(0);
        k.repeat(nothing, |_| {});
    });
    assert_eq!(compare(LANES, &k.finish(), &pairs(), 40), 40);
}

/// A kernel that wants `5 * rows + 1` vectors at once, in which every other store is of five lanes where vectors are
/// not wide; it writes `4 * rows` vectors.
fn tile(lanes: usize, rows: usize) -> Kernel {
    let mut k = Builder::new("tile");
    let (x, y) = (k.arg(0), k.arg(1));
    let bytes = 4 * lanes as i64;
    k.with_lanes(lanes, |k| {
        let accs: Vec<_> = (0..4 * rows).map(|_| k.splat(0.0)).collect();
        k.repeat(4, |k| {
            let columns: Vec<_> = (0..rows).map(|i| k.load(x.at(bytes * i as i64))).collect();
            for row in 0..4 {
                let a = k.broadcast(x.at(512 + 4 * row));
                for (i, column) in columns.iter().enumerate() {
                    k.fma(accs[4 * i + row as usize], a, *column);
                }
            }
            k.advance(x, VECTOR);
        });
        for (i, acc) in accs.into_iter().enumerate() {
            k.store_lanes(acc, y.at(bytes * i as i64), if i % 2 == 1 && lanes == LANES { 5 } else { lanes });
        }
    });
    k.finish()
}

#[test]
fn registers_fit_up_to_their_number() {
    if !is_able() {
        return;
    }
    let input: Vec<u32> = (0..256).map(|i| (i as f32 * 0.37 - 20.0).to_bits()).collect();
    for (lanes, rows, have) in [(LANES, 3, 16), (WIDE, 6, 32)] {
        let outputs = 4 * rows * lanes;
        assert_eq!(compare(lanes, &tile(lanes, rows), &input, outputs), outputs);
        let more = tile(lanes, rows + 1);
        let needed = 5 * (rows + 1) + 1;
        let want = EmitError::TooManyRegisters { kernel: "tile".into(), kind: "vector", needed, have };
        assert_eq!(Compiled::new(&more, Emitter::X64).err(), Some(want));
        assert!(Compiled::new(&more, Emitter::Clif).expect("spills").stack > 0);
    }
}

#[test]
fn callee_saved_registers_come_back() {
    if !is_able() {
        return;
    }
    let mut k = Builder::new("pointers");
    let (x, y) = (k.arg(0), k.arg(1));
    let all: Vec<_> = (0..13).map(|i| k.offset(x, 4 * i)).collect();
    k.repeat(2, |k| {
        for p in &all {
            let v = k.load(p.at(0));
            k.store(v, y.at(0));
            k.advance(y, VECTOR);
        }
    });
    let kernel = k.finish();
    let code = x64::assemble(&kernel).expect("15 pointers");
    let assembly = x64::disassemble(&code.bytes);
    let saved =
        |name: &str| -> Vec<&str> { assembly.lines().filter_map(|line| line.split(name).nth(1)).collect() };
    let (pushed, mut popped) = (saved(" push "), saved(" pop "));
    popped.reverse();
    assert_eq!(pushed, ["rbx", "rbp", "r12", "r13", "r14", "r15"]);
    assert_eq!(pushed, popped);
    assert_eq!(code.stack, 48);
    assert_eq!(compare(LANES, &kernel, &pairs(), 8 * 26), 8 * 26);
}

#[test]
fn broken_kernels_are_refused() {
    let refused = |build: fn(&mut Builder)| {
        let mut k = Builder::new("broken");
        build(&mut k);
        verify(&k.finish()).expect_err("a broken kernel").to_string()
    };
    let unwritten = refused(|k| {
        let v = k.vector();
        k.un(Un::Sqrt, v);
    });
    assert_eq!(unwritten, "kernel broken: (K2): a register is read before it is written: v1 = sqrt v0");
    let skipped = refused(|k| {
        let (n, p) = (k.arg(0), k.pointer());
        k.repeat(n, |k| k.set_to(p, 1));
        k.copy(p);
    });
    assert!(skipped.contains("(K2)"), "{skipped}");
    let lanes = refused(|k| {
        let p = k.arg(0);
        k.load_lanes(p.at(0), 9);
    });
    assert!(lanes.contains("(K3)"), "{lanes}");
    let scale = refused(|k| {
        let p = k.arg(0);
        k.load(p.indexed(p, 3, 0));
    });
    assert!(scale.contains("(K4)"), "{scale}");
    assert!(refused(|k| k.repeat(0, |_| {})).contains("(K5)"));
    let shift = refused(|k| {
        let v = k.splat(0.0);
        k.un(Un::Sar(32), v);
    });
    assert!(shift.contains("(K6)"), "{shift}");
    let groups = refused(|k| {
        let v = k.splat(0.0);
        k.groups(v, v, 0x80);
    });
    assert!(groups.contains("(K7)"), "{groups}");
    let p = super::P(0);
    let far = vec![Inst::Arg(p, 0), Inst::Prefetch(p.at(i64::from(i32::MAX) - 4 * WIDE as i64 + 1))];
    let far = verify(&Kernel { name: "far".into(), body: far, vectors: 0, pointers: 1 });
    assert!(far.is_err_and(|e| e.to_string().contains("(K9)")));
    let widths: [fn(&mut Builder); 7] = [
        |k| {
            let (v, w) = (k.splat(0.0), k.with_lanes(WIDE, |k| k.splat(0.0)));
            k.fma(w, w, v);
        },
        |k| {
            let (v, w) = (k.splat(0.0), k.with_lanes(WIDE, |k| k.splat(0.0)));
            k.mov_to(v, w);
        },
        |k| {
            let w = k.with_lanes(WIDE, |k| k.splat(0.0));
            k.un(Un::SwapHalves, w);
        },
        |k| {
            let w = k.with_lanes(WIDE, |k| k.splat(0.0));
            k.groups(w, w, 0);
        },
        |k| {
            let v = k.splat(0.0);
            k.lower(v);
        },
        |k| {
            let (v, p) = (k.splat(0.0), k.arg(0));
            k.store_halves(v, [p.at(0), p.at(64)]);
        },
        |k| {
            let (w, p) = (k.with_lanes(WIDE, |k| k.splat(0.0)), k.arg(0));
            k.store_lanes(w, p.at(0), LANES);
        },
    ];
    for (i, build) in widths.into_iter().enumerate() {
        let message = refused(build);
        assert!(message.contains(if i == 6 { "(K3)" } else { "(K8)" }), "{i}: {message}");
    }
}

#[test]
fn text_and_assembly_of_the_module_example() {
    let mut k = Builder::new("axpy");
    let (x, y) = (k.arg(0), k.arg(1));
    let a = k.splat(2.0);
    k.repeat(128, |k| {
        let v = k.load(y.at(0));
        k.fma(v, a, x.at(0));
        k.store(v, y.at(0));
        k.advance(x, VECTOR);
        k.advance(y, VECTOR);
    });
    let kernel = k.finish();
    let text = "kernel axpy(args) {
  p0 = arg 0
  p1 = arg 1
  v0 = splat 2.0
  loop 128 {
    v1 = load [p1]
    v1 = fma v1, v0, [p0]
    store [p1], v1
    p0 = add p0, 32
    p1 = add p1, 32
  }
}
";
    assert_eq!(kernel.to_string(), text);
    let code = x64::assemble(&kernel).expect("a small kernel");
    let assembly = x64::disassemble(&code.bytes);
    assert!(assembly.contains("    20  vmovups ymm1,[rdi]\n"), "the loop head is aligned:\n{assembly}");
    assert!(assembly.contains("vfmadd231ps ymm1,ymm0,[rsi]"), "{assembly}");
    assert!(assembly.ends_with("    38  jne short 0x20\n    3a  vzeroupper\n    3d  ret\n"), "{assembly}");
    assert_eq!(code.stack, 0);
}
