//! Wide vectors: their halves at two addresses, and the choice between a kernel and its wide twin.

use super::host::{Compiled, Guarded, emitters, is_able};
use crate::vasm::{Builder, LANES, WIDE};

#[test]
fn wide_vectors_touch_nothing_else() {
    if !is_able() {
        return;
    }
    const FILL: u32 = 0x5555_5555;
    let mut k = Builder::new("copy");
    let args: Vec<_> = (0..6).map(|i| k.arg(i)).collect();
    let whole = k.with_lanes(WIDE, |k| k.load(args[0].at(0)));
    k.store(whole, args[1].at(0));
    let halves = k.load_halves([Some(args[0].at(32)), Some(args[2].at(0))]);
    k.store_halves(halves, [args[1].at(64), args[3].at(0)]);
    let low = k.lower(halves);
    k.store_lanes(low, args[4].at(0), 3);
    let few = k.load_lanes(args[5].at(0), 7);
    k.store(few, args[4].at(12));
    let kernel = k.finish();
    for emitter in emitters(WIDE) {
        let compiled = Compiled::new(&kernel, emitter).expect("a small kernel");
        // Bytes that the kernel reads or writes at each argument.
        let bytes = [64, 96, 32, 32, 44, 28];
        let mut pages: Vec<Guarded> = bytes.iter().map(|_| Guarded::new()).collect();
        let number = |page: usize, word: usize| ((page << 8) + word) as u32;
        for at_end in [false, true] {
            for (p, page) in pages.iter_mut().enumerate() {
                let is_read = [0, 2, 5].contains(&p);
                let words = page.words().iter_mut().enumerate();
                words.for_each(|(i, word)| *word = if is_read { number(p, i) } else { FILL });
            }
            let first = |words: usize, bytes: u64| if at_end { words - bytes as usize / 4 } else { 0 };
            let place =
                |(page, bytes): (&Guarded, u64)| if at_end { page.end() - bytes } else { page.start() };
            let args: Vec<u64> = pages.iter().zip(bytes).map(place).collect();
            // SAFETY: the kernel stays within the pages, or the test dies here.
            unsafe { compiled.run(&args) };
            let words = pages[0].words().len();
            let read: Vec<usize> = bytes.iter().map(|&bytes| first(words, bytes)).collect();
            let range = |page: usize, from: usize, count: usize| {
                (0..count).map(move |i| number(page, from + i)).collect::<Vec<u32>>()
            };
            let want = [
                (1, [range(0, read[0], 16), range(0, read[0] + 8, 8)].concat()),
                (3, range(2, read[2], 8)),
                (4, [range(0, read[0] + 8, 3), range(5, read[5], 7), vec![0]].concat()),
            ];
            for (p, want) in want {
                let mut expected = vec![FILL; words];
                expected[read[p]..read[p] + want.len()].copy_from_slice(&want);
                assert!(pages[p].words() == expected, "{emitter:?}, argument {p}, at the end: {at_end}");
            }
        }
    }
}

#[test]
fn a_choice_runs_the_one_or_the_other() {
    if !is_able() || emitters(WIDE).len() < 2 {
        return;
    }
    let store = |lanes: usize| {
        let mut k = Builder::new("choice");
        let y = k.arg(0);
        k.with_lanes(lanes, |k| {
            let v = k.splat(lanes as f32);
            k.store(v, y.at(0));
        });
        k.finish()
    };
    let compiled = Compiled::choice(&store(LANES), &store(WIDE)).expect("small kernels");
    for (wide, lanes) in [(0, LANES), (1, WIDE)] {
        let mut got = [0.0_f32; WIDE];
        // SAFETY: the kernels write one vector.
        unsafe { compiled.run_as(&[got.as_mut_ptr() as u64], wide) };
        let want: [f32; WIDE] = std::array::from_fn(|i| if i < lanes { lanes as f32 } else { 0.0 });
        assert_eq!(got, want);
    }
}
