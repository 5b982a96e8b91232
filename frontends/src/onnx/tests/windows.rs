//! Convolutions and pools over one, two and three spatial dimensions, against their formulas.

use super::Value::{Float, Int, Ints, Text};
use super::{Attribute, Model, counting, ints, tensor};
use cnnc_ir::Tensor;

/// Every index below these extents, in row-major order.
fn indices(dims: &[usize]) -> Vec<Vec<usize>> {
    dims.iter().fold(vec![Vec::new()], |all, &n| {
        all.into_iter().flat_map(|index| (0..n).map(move |i| [&index[..], &[i]].concat())).collect()
    })
}

/// The element at an index, if there is one.
fn at(x: &Tensor, index: &[i64]) -> Option<f64> {
    let inside = index.iter().zip(x.shape().dims()).all(|(&i, &n)| (0..n as i64).contains(&i));
    let place = index.iter().zip(x.shape().strides()).map(|(&i, stride)| i * stride as i64).sum::<i64>();
    inside.then(|| f64::from(x.slice::<f32>()[place as usize]))
}

/// A window: kernel, strides, dilations, padding in front and behind.
#[derive(Clone, Copy)]
struct Window<'a>(&'a [usize], &'a [usize], &'a [usize], &'a [usize], &'a [usize]);

const WINDOWS: [Window; 5] = [
    Window(&[3], &[2], &[1], &[1], &[0]),
    Window(&[2], &[1], &[3], &[0], &[1]),
    Window(&[3, 2], &[1, 2], &[2, 1], &[1, 0], &[2, 1]),
    Window(&[2, 3, 2], &[2, 1, 1], &[1, 1, 2], &[1, 0, 1], &[0, 2, 1]),
    Window(&[3, 1, 2], &[1, 2, 2], &[2, 1, 1], &[2, 0, 0], &[1, 0, 0]),
];

impl Window<'_> {
    fn attributes(&self) -> [Vec<i64>; 3] {
        let Window(_, strides, dilations, before, after) = *self;
        [strides.to_vec(), dilations.to_vec(), [before, after].concat()]
            .map(|l| l.iter().map(|&n| n as i64).collect())
    }

    /// How many windows there are over these extents.
    fn counts(&self, extents: &[usize]) -> Vec<usize> {
        let Window(kernel, strides, dilations, before, after) = *self;
        let count = |d: usize| {
            (extents[d] + before[d] + after[d] - (kernel[d] - 1) * dilations[d] - 1) / strides[d] + 1
        };
        (0..extents.len()).map(count).collect()
    }

    /// The element that a tap of a window lies on.
    fn element(&self, window: &[usize], tap: &[usize]) -> Vec<i64> {
        let Window(_, strides, dilations, before, _) = *self;
        let along = |d: usize| (window[d] * strides[d] + tap[d] * dilations[d]) as i64 - before[d] as i64;
        (0..tap.len()).map(along).collect()
    }
}

/// Extents of the planes of a test.
const EXTENTS: [usize; 3] = [6, 5, 7];

fn as_i64(list: &[usize]) -> Vec<i64> {
    list.iter().map(|&n| n as i64).collect()
}

/// A tensor of small integers of both signs.
fn small(dims: &[usize]) -> Tensor {
    let count = dims.iter().product();
    tensor(dims, &(0..count).map(|i: usize| (i * 7 % 11) as f32 - 5.0).collect::<Vec<_>>())
}

fn run(op: &str, x: &Tensor, weights: &[Tensor], attributes: &[Attribute]) -> (Vec<usize>, Vec<f64>) {
    let names: Vec<String> = (0..weights.len()).map(|k| format!("w{k}")).collect();
    let inputs: Vec<&str> = ["x"].into_iter().chain(names.iter().map(String::as_str)).collect();
    let dims = as_i64(x.shape().dims());
    let model = Model::new(22).input("x", &dims).node(op, &inputs, &["y"], attributes).output("y");
    let model = names.iter().zip(weights).fold(model, |model, (name, w)| model.weight(name, w.clone()));
    let module = model.import();
    assert!(module.graph.find("y").is_some(), "{op}: the result has its name");
    model.result(std::slice::from_ref(x))
}

#[test]
fn convolutions() {
    let mut compared = 0;
    for window in WINDOWS {
        for (groups, inputs, outputs) in [(1, 3, 2), (2, 2, 3)] {
            let n = window.0.len();
            let x = small(&[&[2, groups * inputs], &EXTENTS[..n]].concat());
            let w = small(&[&[groups * outputs, inputs], window.0].concat());
            let b = counting(&[groups * outputs]);
            let [strides, dilations, pads] = window.attributes();
            let attributes = [
                ("strides", Ints(&strides)),
                ("dilations", Ints(&dilations)),
                ("pads", Ints(&pads)),
                ("group", Int(groups as i64)),
            ];
            let (dims, got) = run("Conv", &x, &[w.clone(), b], &attributes);
            assert_eq!(dims, [&[2, groups * outputs], &window.counts(&EXTENTS[..n])[..]].concat());
            for (index, got) in indices(&dims).iter().zip(&got) {
                let (o, place) = (index[1], &index[2..]);
                let mut sum = o as f64 + 1.0;
                for tap in indices(&[&[inputs], window.0].concat()) {
                    let channel = o / outputs * inputs + tap[0];
                    let from =
                        [&[index[0] as i64, channel as i64], &window.element(place, &tap[1..])[..]].concat();
                    let weight = at(&w, &as_i64(&[&[o], &tap[..]].concat())).unwrap();
                    sum += at(&x, &from).unwrap_or(0.0) * weight;
                }
                assert_eq!(*got, sum, "{index:?}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 2752);
}

#[test]
fn transposed_convolutions() {
    let mut compared = 0;
    for window in WINDOWS {
        for (groups, inputs, outputs) in [(1, 3, 2), (2, 2, 3)] {
            let Window(kernel, strides, dilations, before, after) = window;
            let n = kernel.len();
            let x = small(&[&[1, groups * inputs], &EXTENTS[..n]].concat());
            let w = small(&[&[groups * inputs, outputs], kernel].concat());
            let [s, d, pads] = window.attributes();
            let extra: Vec<i64> = (0..n as i64).map(|d| d % 2).collect();
            let attributes = [
                ("strides", Ints(&s)),
                ("dilations", Ints(&d)),
                ("pads", Ints(&pads)),
                ("output_padding", Ints(&extra)),
                ("group", Int(groups as i64)),
            ];
            let (dims, got) = run("ConvTranspose", &x, std::slice::from_ref(&w), &attributes);
            let size = |d: usize| {
                (EXTENTS[d] - 1) * strides[d] + (kernel[d] - 1) * dilations[d] + 1 + extra[d] as usize
                    - before[d]
                    - after[d]
            };
            assert_eq!(dims, [1, groups * outputs].into_iter().chain((0..n).map(size)).collect::<Vec<_>>());
            for (index, got) in indices(&dims).iter().zip(&got) {
                let (o, place) = (index[1], &index[2..]);
                let mut sum = 0.0;
                for from in indices(&[&[inputs], &EXTENTS[..n], kernel].concat()) {
                    let (element, tap) = (&from[1..=n], &from[n + 1..]);
                    let meets =
                        |d: usize| element[d] * strides[d] + tap[d] * dilations[d] == place[d] + before[d];
                    if (0..n).all(meets) {
                        let channel = o / outputs * inputs + from[0];
                        let weight = at(&w, &as_i64(&[&[channel, o % outputs], tap].concat())).unwrap();
                        sum += at(&x, &as_i64(&[&[0, channel], element].concat())).unwrap() * weight;
                    }
                }
                assert_eq!(*got, sum, "{index:?}");
                compared += 1;
            }
        }
    }
    assert!(compared > 3000, "{compared}");
}

#[test]
fn transposed_convolutions_of_a_size() {
    let sizes = |attributes: &[Attribute]| {
        run("ConvTranspose", &counting(&[1, 1, 3, 4]), &[counting(&[1, 1, 3, 3])], attributes).0[2..].to_vec()
    };
    let strides = ("strides", Ints(&[3, 2]));
    assert_eq!(sizes(&[strides]), [9, 9]);
    assert_eq!(sizes(&[("strides", Ints(&[3, 2])), ("auto_pad", Text("SAME_UPPER"))]), [9, 8]);
    assert_eq!(sizes(&[("strides", Ints(&[3, 2])), ("output_shape", Ints(&[10, 7]))]), [10, 7]);
    // An odd element of padding goes in front, but with SAME_UPPER.
    let row = |attributes: &[Attribute]| {
        run("ConvTranspose", &counting(&[1, 1, 3]), &[counting(&[1, 1, 2])], attributes).1
    };
    assert_eq!(row(&[]), [1.0, 4.0, 7.0, 6.0]);
    assert_eq!(row(&[("output_shape", Ints(&[3]))]), [4.0, 7.0, 6.0]);
    assert_eq!(row(&[("output_shape", Ints(&[3])), ("auto_pad", Text("SAME_UPPER"))]), [1.0, 4.0, 7.0]);
    assert_eq!(row(&[("output_shape", Ints(&[6]))]), [1.0, 4.0, 7.0, 6.0, 0.0, 0.0]);
}

#[test]
fn pools() {
    let mut compared = 0;
    for window in WINDOWS {
        // A pool's padding is smaller than its kernel.
        let Window(kernel, strides, dilations, before, after) = window;
        let less = |pads: &[usize]| pads.iter().zip(kernel).map(|(&p, &k)| p.min(k - 1)).collect::<Vec<_>>();
        let (before, after) = (less(before), less(after));
        let window = Window(kernel, strides, dilations, &before, &after);
        let n = kernel.len();
        let x = small(&[&[2, 3], &EXTENTS[..n]].concat());
        let [s, d, pads] = window.attributes();
        let kernel_shape = as_i64(kernel);
        let common = || {
            vec![
                ("kernel_shape", Ints(&kernel_shape)),
                ("strides", Ints(&s)),
                ("dilations", Ints(&d)),
                ("pads", Ints(&pads)),
            ]
        };
        type Formula = fn(&[f64], usize) -> f64;
        let kinds: [(&str, Option<Attribute>, Formula); 5] = [
            ("MaxPool", None, |x, _| x.iter().copied().fold(f64::NEG_INFINITY, f64::max)),
            ("AveragePool", None, |x, _| x.iter().sum::<f64>() / x.len() as f64),
            ("AveragePool", Some(("count_include_pad", Int(1))), |x, taps| {
                x.iter().sum::<f64>() / taps as f64
            }),
            ("LpPool", None, |x, _| x.iter().map(|x| x * x).sum::<f64>().sqrt()),
            ("LpPool", Some(("p", Int(1))), |x, _| x.iter().map(|x| x.abs()).sum()),
        ];
        for (op, attribute, formula) in kinds {
            let attributes: Vec<Attribute> = common().into_iter().chain(attribute).collect();
            let (dims, got) = run(op, &x, &[], &attributes);
            assert_eq!(dims, [&[2, 3], &window.counts(&EXTENTS[..n])[..]].concat());
            for (index, got) in indices(&dims).iter().zip(&got) {
                let taps = indices(kernel);
                let seen = |tap: &Vec<usize>| {
                    at(&x, &[&as_i64(&index[..2])[..], &window.element(&index[2..], tap)[..]].concat())
                };
                let under: Vec<f64> = taps.iter().filter_map(seen).collect();
                let want = formula(&under, taps.len());
                let equal = got.is_nan() && want.is_nan() || (got - want).abs() <= 1e-5 * want.abs();
                assert!(equal, "{op} {index:?}: {got}, wanted {want}");
                compared += 1;
            }
        }
    }
    assert!(compared > 4000, "{compared}");
}

#[test]
fn pools_of_rounded_counts() {
    let x = counting(&[1, 1, 5]);
    let attributes = [("kernel_shape", Ints(&[2])), ("strides", Ints(&[2])), ("ceil_mode", Int(1))];
    assert_eq!(run("MaxPool", &x, &[], &attributes).1, [2.0, 4.0, 5.0]);
    assert_eq!(run("AveragePool", &x, &[], &attributes).1, [1.5, 3.5, 5.0]);
    let with_p =
        [attributes, [("p", Int(1)), ("pads", Ints(&[0, 0])), ("auto_pad", Text("NOTSET"))]].concat();
    assert_eq!(run("LpPool", &x, &[], &with_p).1, [3.0, 7.0, 5.0]);
    let old = Model::new(1).input("x", &[1, 1, 5]).node("GlobalLpPool", &["x"], &["y"], &[("p", Float(1.0))]);
    assert_eq!(old.output("y").result(&[x]).1, [15.0]);
}

#[test]
fn padding_is_less_than_windows_span() {
    let x = counting(&[1, 1, 6]);
    let same = [("kernel_shape", Ints(&[2])), ("dilations", Ints(&[3])), ("auto_pad", Text("SAME_UPPER"))];
    assert_eq!(run("MaxPool", &x, &[], &same).1, [3.0, 4.0, 5.0, 6.0, 4.0, 5.0]);
    assert_eq!(run("AveragePool", &x, &[], &same).1, [3.0, 2.5, 3.5, 4.5, 4.0, 5.0]);
}

#[test]
fn maxima_and_where_they_were() {
    let attributes = || [("kernel_shape", Ints(&[2, 2])), ("strides", Ints(&[2, 2]))];
    let model = |storage_order| {
        let pool = [&attributes()[..], &[("storage_order", Int(storage_order))]].concat();
        let model = Model::new(12).input("x", &[1, 2, 2, 4]);
        model.node("MaxPool", &["x"], &["m", "i"], &pool)
    };
    let x = tensor(
        &[1, 2, 2, 4],
        &[1.0f32, 5.0, 2.0, 2.0, 4.0, 3.0, 9.0, 0.0, 7.0, 7.0, 1.0, 2.0, 7.0, 7.0, 4.0, 3.0],
    );
    let cast = |model: Model| model.node("Cast", &["i"], &["y"], &[("to", Int(1))]).output("y");
    assert_eq!(cast(model(0)).result(std::slice::from_ref(&x)).1, [1.0, 6.0, 8.0, 14.0]);
    assert_eq!(cast(model(1)).result(std::slice::from_ref(&x)).1, [2.0, 5.0, 8.0, 13.0]);
    let back = model(0).node("MaxUnpool", &["m", "i"], &["y"], &attributes()).output("y");
    let want = [0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 9.0, 0.0, 7.0, 0.0, 0.0, 0.0, 0.0, 0.0, 4.0, 0.0];
    assert_eq!(back.result(std::slice::from_ref(&x)), (vec![1, 2, 2, 4], want.to_vec()));
    let larger = model(0).weight("size", ints(&[1, 2, 2, 5])).node(
        "MaxUnpool",
        &["m", "i", "size"],
        &["y"],
        &attributes(),
    );
    let (dims, got) = larger.output("y").result(&[x]);
    assert_eq!((dims, &got[..6]), (vec![1, 2, 2, 5], &[0.0, 5.0, 0.0, 0.0, 0.0, 0.0][..]));
}
