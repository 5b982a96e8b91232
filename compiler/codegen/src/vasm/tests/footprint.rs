//! Footprints of kernels that are written down, and of random ones, beside what those touch when they run.

use super::fuzz::{Generator, SEEDS, WORDS};
use super::interp::Interp;
use super::random::Random;
use crate::scalar::Interval;
use crate::vasm::footprint::{Outline, Touch, Words};
use crate::vasm::{Bin, Builder, Kernel};
use std::ops::Range;

/// Arguments by their numbers, `None` an address, and the words of all tables.
struct Told<'t> {
    numbers: &'t [Option<Interval>],
    words: Option<Interval>,
}

impl Words for Told<'_> {
    fn number(&self, arg: u32) -> Option<Interval> {
        self.numbers[arg as usize]
    }

    fn table(&self, _arg: u32, _at: Interval) -> Option<Interval> {
        self.words
    }
}

fn touches(kernel: &Kernel, numbers: &[Option<Interval>]) -> Result<Vec<Touch>, String> {
    Outline::of(kernel).touches(&Told { numbers, words: None })
}

fn reads(arg: u32, bytes: Range<i64>) -> Touch {
    Touch { arg, is_written: false, bytes }
}

fn writes(arg: u32, bytes: Range<i64>) -> Touch {
    Touch { arg, is_written: true, bytes }
}

#[test]
fn a_loop_of_constant_trips() {
    let mut k = Builder::new("sum");
    let (to, from, at) = (k.arg(0), k.arg(1), k.set(64));
    k.repeat(10, |k| {
        let x = k.load(from.at(32));
        let y = k.bin(Bin::Add, x, from.indexed(at, 2, -8));
        k.store_lanes(y, to.at(0), 3);
        k.advance(from, 100);
        k.advance(at, 4);
        k.advance(to, -12);
    });
    // Of the index: 128 - 8 to 128 - 8 + 9 * 108 + 32.
    let wanted = [writes(0, -108..12), reads(1, 32..1124)];
    assert_eq!(touches(&k.finish(), &[None, None]).unwrap(), wanted);
}

#[test]
fn loops_in_loops_of_arguments() {
    let mut k = Builder::new("window");
    let (from, rows, skip) = (k.arg(0), k.arg(1), k.arg(2));
    k.repeat(5, |k| {
        let line = k.copy(from);
        k.repeat(rows, |k| {
            let _ = k.broadcast(line.at(4));
            k.advance(line, 1000);
        });
        k.advance_by(from, skip);
    });
    let kernel = k.finish();
    let of = |rows: Interval, skip: i64| touches(&kernel, &[None, Some(rows), Some(Interval::only(skip))]);
    assert_eq!(of(Interval::only(3), 10), Ok(vec![reads(0, 4..2048)]));
    assert_eq!(of(Interval::only(1), -10), Ok(vec![reads(0, -36..8)]));
    assert_eq!(of(Interval::new(0, 2), 0), Ok(vec![reads(0, 4..1008)]));
    assert_eq!(of(Interval::only(0), 10), Ok(vec![]));
}

#[test]
fn words_of_tables() {
    let mut k = Builder::new("gather");
    let (to, from, table) = (k.arg(0), k.arg(1), k.arg(2));
    k.repeat(6, |k| {
        let column = k.load_i32(table.at(8));
        let halves = [Some(from.indexed(column, 1, 0)), Some(from.indexed(column, 1, 64))];
        let x = k.load_halves(halves);
        k.store_halves(x, [to.at(0), to.at(96)]);
        k.advance(table, 4);
    });
    let outline = Outline::of(&k.finish());
    let of = |words| outline.touches(&Told { numbers: &[None; 3], words }).unwrap();
    let others = [writes(0, 0..128), reads(2, 8..32)];
    let with = |bytes| vec![others[0].clone(), reads(1, bytes), others[1].clone()];
    assert_eq!(of(Some(Interval::new(-4, 400))), with(-4..496));
    // Distances lead where the address may be.
    assert_eq!(of(None), with(0..96));
}

#[test]
fn what_is_written_anew_is_known_after_it() {
    let mut k = Builder::new("anew");
    let (from, other) = (k.arg(0), k.arg(1));
    let (p, q) = (k.copy(from), k.copy(other));
    k.repeat(3, |k| {
        k.copy_to(p, q);
        let _ = k.load(p.at(0));
        k.advance(q, 32);
    });
    let _ = k.load(p.at(0));
    let known = touches(&k.finish(), &[None, None]).unwrap();
    assert_eq!(known, [reads(1, 0..96)]);
}

#[test]
fn what_is_not_known_is_refused() {
    let refused = |write: &dyn Fn(&mut Builder)| {
        let mut k = Builder::new("lost");
        write(&mut k);
        assert!(touches(&k.finish(), &[None, None]).unwrap_err().starts_with("(K10)"));
    };
    // The address of one iteration is that of another register in the one before.
    refused(&|k| {
        let (p, q) = (k.arg(0), k.arg(1));
        k.repeat(3, |k| {
            let _ = k.load(p.at(0));
            k.copy_to(p, q);
            k.advance(q, 4);
        });
    });
    // The sum of two addresses.
    refused(&|k| {
        let (p, q) = (k.arg(0), k.arg(1));
        let sum = k.sum(p, q);
        let _ = k.load(sum.at(0));
    });
    // A number.
    refused(&|k| {
        let p = k.set(4096);
        let _ = k.load(p.at(0));
    });
    // As many steps as nobody knows.
    refused(&|k| {
        let (p, trips) = (k.arg(0), k.arg(1));
        k.repeat(trips, |k| k.advance(p, 64));
        let _ = k.load(p.at(0));
    });
}

#[test]
fn random_kernels_touch_no_more() {
    let (mut known, mut exact) = (0, 0);
    for seed in 0..SEEDS {
        let kernel = Generator::kernel(seed);
        let numbers = [seed % 4, seed / 4 % 4];
        let [a, b] = numbers.map(|number| Some(Interval::only(number as i64)));
        let Ok(touches) = touches(&kernel, &[None, a, b]) else { continue };
        known += 1;
        let mut random = Random(!seed);
        let mut memory: Vec<u32> = (0..WORDS).map(|_| random.word()).collect();
        let middle = memory.as_mut_ptr() as u64 + 2 * WORDS as u64;
        let mut interp = Interp::default();
        // SAFETY: pointers stay within the buffer, as the test of the same kernels asserts.
        unsafe { interp.run(&kernel, &[middle, numbers[0], numbers[1]]) };
        let run = [(false, interp.read.get()), (true, interp.written.get())];
        let run = run.into_iter().filter_map(|(is_written, bytes)| {
            let [from, to] = bytes?.map(|at| at.wrapping_sub(middle) as i64);
            Some(Touch { arg: 0, is_written, bytes: from..to })
        });
        let run: Vec<Touch> = run.collect();
        for touch in &run {
            let all = touches.iter().find(|other| other.is_written == touch.is_written);
            let Touch { bytes, .. } = all.unwrap_or_else(|| panic!("seed {seed}: {touch:?}\n{kernel}"));
            let lies = bytes.start <= touch.bytes.start && touch.bytes.end <= bytes.end;
            assert!(lies, "seed {seed}: {touch:?} is not in {bytes:?}\n{kernel}");
        }
        exact += u64::from(run == touches);
    }
    eprintln!("of {SEEDS} random kernels {known} are known, {exact} to the byte");
    assert!(known * 20 > SEEDS * 19 && exact * 20 > known * 19, "{known} known, {exact} to the byte");
}
