//! Convolution against its formula, term by term, over many geometries.

use super::value_of;
use cnnc_ir::eval::Precision;

#[test]
fn by_hand() {
    let y = |nodes: &str| value_of(nodes, Precision::F32).slice::<f32>().to_vec();
    // Depthwise: each channel has a filter of its own, and a bias.
    assert_eq!(
        y("%x: f32[1,2,1,3] = const [1,2,3,4,5,6]\n%w: f32[2,1,1,2] = const [1,10,100,1000]\n\
           %b: f32[2] = const [0.5,-1]\n%y: f32[1,2,1,2] = conv %x, %w, %b, groups=2"),
        [21.5, 32.5, 5399.0, 6499.0]
    );
    // Dilation and padding on the left alone.
    assert_eq!(
        y("%x: f32[1,1,1,4] = const [1,2,3,4]\n%w: f32[1,1,1,2] = const [1,10]\n\
           %y: f32[1,1,1,3] = conv %x, %w, dilation=1x2, pad=[0,1,0,0]"),
        [20.0, 31.0, 42.0]
    );
    // An infinite weight meets elements, not padding.
    let met = y("%x: f32[1,1,1,3] = const [1,0,-1]\n%w: f32[1,1,1,2] = const [inf,2]\n\
                 %y: f32[1,1,1,4] = conv %x, %w, pad=[0,1,0,1]");
    assert!(met[0] == 2.0 && met[1] == f32::INFINITY && met[2].is_nan() && met[3] == f32::NEG_INFINITY);
}

/// What the text's `rand(seed)` gives a tensor of that shape.
fn rand(shape: &str, seed: usize) -> Vec<f64> {
    value_of(&format!("%x: f32{shape} = const rand({seed})"), Precision::F64).data().to_f64()
}

#[test]
fn by_formula() {
    let mut compared = 0;
    for (round, &(n, groups, c, o)) in
        [(1, 1, 3, 5), (2, 1, 1, 1), (1, 2, 2, 3), (1, 6, 1, 1), (1, 3, 1, 2), (1, 1, 40, 2)]
            .iter()
            .enumerate()
    {
        for (kh, kw, sh, sw, dh, dw, pads) in [
            (1, 1, 1, 1, 1, 1, [0, 0, 0, 0]),
            (3, 3, 1, 1, 1, 1, [1, 1, 1, 1]),
            (3, 3, 2, 2, 1, 1, [0, 0, 1, 1]),
            (3, 2, 1, 2, 2, 3, [2, 0, 1, 3]),
            (7, 5, 3, 1, 1, 1, [3, 2, 3, 2]),
            (2, 2, 2, 3, 1, 1, [5, 4, 0, 6]),
        ] {
            let (h, w) = (9usize, 11usize);
            let [top, left, bottom, right] = pads;
            let oh = (h + top + bottom - (kh - 1) * dh - 1) / sh + 1;
            let ow = (w + left + right - (kw - 1) * dw - 1) / sw + 1;
            let xs = format!("[{n},{},{h},{w}]", groups * c);
            let ws = format!("[{},{c},{kh},{kw}]", groups * o);
            let nodes = format!(
                "%x: f32{xs} = const rand({round})\n%w: f32{ws} = const rand(8)\n\
                 %b: f32[{}] = const rand(9)\n\
                 %y: f32[{n},{},{oh},{ow}] = conv %x, %w, %b, stride={sh}x{sw}, \
                 pad=[{top},{left},{bottom},{right}], dilation={dh}x{dw}, groups={groups}",
                groups * o,
                groups * o
            );
            let (x, wt, b) = (rand(&xs, round), rand(&ws, 8), rand(&format!("[{}]", groups * o), 9));
            let got = [Precision::F32, Precision::F64].map(|p| value_of(&nodes, p).data().to_f64());
            for (at, (single, double)) in got[0].iter().zip(&got[1]).enumerate() {
                let (j, i, oc, image) =
                    (at % ow, at / ow % oh, at / ow / oh % (groups * o), at / ow / oh / (groups * o));
                let mut sum = b[oc];
                for (ic, u, v) in (0..c * kh * kw).map(|t| (t / kw / kh, t / kw % kh, t % kw)) {
                    let row = (i * sh + u * dh).checked_sub(top).filter(|&r| r < h);
                    let column = (j * sw + v * dw).checked_sub(left).filter(|&c| c < w);
                    if let (Some(row), Some(column)) = (row, column) {
                        let channel = image * groups * c + oc / o * c + ic;
                        sum += wt[((oc * c + ic) * kh + u) * kw + v] * x[(channel * h + row) * w + column];
                    }
                }
                assert!((single - sum).abs() < 2e-5, "{nodes}\n{at}: {single} {sum}");
                assert!((double - sum).abs() < 1e-12, "{nodes}\n{at}: {double} {sum}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 9396);
}

#[test]
fn transposed_by_hand() {
    let y = |nodes: &str| value_of(nodes, Precision::F32).slice::<f32>().to_vec();
    // Each element spreads the kernel, two columns apart; where they meet they add up.
    assert_eq!(
        y("%x: f32[1,1,1,2] = const [1,10]\n%w: f32[1,1,1,3] = const [1,2,3]\n%b: f32[1] = const [100]\n\
           %y: f32[1,1,1,5] = conv_transpose %x, %w, %b, stride=1x2"),
        [101.0, 102.0, 113.0, 120.0, 130.0]
    );
    // One column is cut off in front, and two are added behind, which nothing reaches.
    assert_eq!(
        y("%x: f32[1,1,1,2] = const [1,10]\n%w: f32[1,2,1,2] = const [1,2,3,4]\n\
           %y: f32[1,2,1,4] = conv_transpose %x, %w, pad=[0,1,0,0], extra=0x2"),
        [12.0, 20.0, 0.0, 0.0, 34.0, 40.0, 0.0, 0.0]
    );
}

#[test]
fn transposed_by_formula() {
    let mut compared = 0;
    for (round, &(n, groups, c, o)) in
        [(1, 1, 3, 5), (2, 1, 1, 1), (1, 2, 2, 3), (1, 6, 1, 1), (1, 3, 1, 2)].iter().enumerate()
    {
        for (kh, kw, sh, sw, dh, dw, pads, eh, ew) in [
            (1, 1, 1, 1, 1, 1, [0, 0, 0, 0], 0, 0),
            (3, 3, 1, 1, 1, 1, [1, 1, 1, 1], 0, 0),
            (3, 3, 2, 2, 1, 1, [1, 1, 1, 1], 1, 1),
            (4, 2, 2, 3, 1, 1, [1, 0, 1, 2], 0, 2),
            (2, 3, 3, 2, 2, 3, [0, 5, 4, 0], 1, 0),
            (1, 2, 2, 4, 1, 2, [1, 0, 0, 0], 3, 0),
        ] {
            let (h, w) = (4usize, 5usize);
            let [top, left, bottom, right] = pads;
            let oh = (h - 1) * sh + (kh - 1) * dh + 1 - top - bottom + eh;
            let ow = (w - 1) * sw + (kw - 1) * dw + 1 - left - right + ew;
            let xs = format!("[{n},{},{h},{w}]", groups * c);
            let ws = format!("[{},{o},{kh},{kw}]", groups * c);
            let outputs = groups * o;
            let nodes = format!(
                "%x: f32{xs} = const rand({round})\n%w: f32{ws} = const rand(8)\n\
                 %b: f32[{outputs}] = const rand(9)\n\
                 %y: f32[{n},{outputs},{oh},{ow}] = conv_transpose %x, %w, %b, stride={sh}x{sw}, \
                 pad=[{top},{left},{bottom},{right}], dilation={dh}x{dw}, extra={eh}x{ew}, groups={groups}"
            );
            let (x, wt, b) = (rand(&xs, round), rand(&ws, 8), rand(&format!("[{outputs}]"), 9));
            let got = [Precision::F32, Precision::F64].map(|p| value_of(&nodes, p).data().to_f64());
            for (at, (single, double)) in got[0].iter().zip(&got[1]).enumerate() {
                let (j, i, oc, image) =
                    (at % ow, at / ow % oh, at / ow / oh % outputs, at / ow / oh / outputs);
                let mut sum = b[oc];
                for (ic, u, v) in (0..c * kh * kw).map(|t| (t / kw / kh, t / kw % kh, t % kw)) {
                    let whole = |at: usize, stride: usize, extent: usize| {
                        at.is_multiple_of(stride).then_some(at / stride).filter(|&at| at < extent)
                    };
                    let row = (i + top).checked_sub(u * dh).and_then(|at| whole(at, sh, h));
                    let column = (j + left).checked_sub(v * dw).and_then(|at| whole(at, sw, w));
                    if let (Some(row), Some(column)) = (row, column) {
                        let channel = oc / o * c + ic;
                        let weight = wt[((channel * o + oc % o) * kh + u) * kw + v];
                        sum += weight * x[((image * groups * c + channel) * h + row) * w + column];
                    }
                }
                assert!((single - sum).abs() < 2e-5, "{nodes}\n{at}: {single} {sum}");
                assert!((double - sum).abs() < 1e-12, "{nodes}\n{at}: {double} {sum}");
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 12325);
}
