//! Pictures as inputs: bytes go in as a decoder or a camera gives them, and the model normalises them.
//!
//! ```text
//! %x: f32[N,C,H,W]   =>   %x: u8[N,H,W,C]
//!                         %x.planes = transpose %x, perm=[0,3,1,2]      (not of nchw)
//!                         %x.turned = slice %x.planes, steps=[1,-1,1,1] (of bgr)
//!                         %x.real = cast %x.turned
//!                         %x.scaled = mul %x.real, k
//!                         %x.shifted = add %x.scaled, b                 (not of a mean of 0)
//!
//! k[c] = 1 / (255 std[c])                                               (of raw 1 / std[c])
//! b[c] = -mean[c] / std[c]
//! ```
//!
//! The network behind it is as it was: what pads pads with what it called zero. Refuses inputs that are no
//! `f32[N,C,H,W]`, as many means as are neither one nor the channels, and an order of channels where there are not 3.

use std::fmt;
use std::str::FromStr;

use cnnc_ir::ops::{Add, Cast, Const, Init, Mul, Slice, Transpose};
use cnnc_ir::{DType, Expr, Graph, Mismatch, Module, NodeId, Op, Type};

use crate::{E_OPTION, Error};

/// What an input takes, as `--input NAME=u8,nhwc,rgb,mean=0.485,0.456,0.406,std=0.229,0.224,0.225` says it.
#[derive(Clone, Debug, PartialEq)]
pub struct Picture {
    /// Whether the channels of a pixel lie side by side, `nhwc`; else plane by plane, `nchw`.
    pub interleaved: bool,
    /// Whether the channels come in the other order than the network's, `bgr`; else in its own, `rgb`.
    pub reversed: bool,
    /// Whether bytes are numbers in 0..255; else they are divided by 255.
    pub raw: bool,
    /// Subtracted from each channel of the network, or from all; nothing if there are none.
    pub mean: Vec<f64>,
    /// What each channel of the network, or all, is divided by then; nothing if there are none.
    pub std: Vec<f64>,
}

impl FromStr for Picture {
    type Err = String;

    /// Reads `u8`, then in any order `nhwc` (the default) or `nchw`, `rgb` (the default) or `bgr`, `raw`, `mean=..` and
    /// `std=..`, all separated by commas, nothing of it twice.
    fn from_str(text: &str) -> Result<Picture, String> {
        let mut picture =
            Picture { interleaved: true, reversed: false, raw: false, mean: Vec::new(), std: Vec::new() };
        let mut words = text.split(',').map(str::trim);
        if words.next() != Some("u8") {
            return Err("expected u8,nhwc,rgb,mean=..,std=..: pictures are bytes, u8".into());
        }
        let mut numbers = None;
        let mut said = Vec::new();
        for word in words {
            let (key, number) = word.split_once('=').unwrap_or(("", word));
            if let Some(about) = subject(word, key) {
                if let Some((_, other)) = said.iter().find(|(other, _)| *other == about) {
                    return Err(format!("{other:?} and {word:?}: say one of them, once"));
                }
                said.push((about, word));
            }
            match key {
                "mean" => numbers = Some(&mut picture.mean),
                "std" => numbers = Some(&mut picture.std),
                "" => {}
                _ => numbers = None,
            }
            match (word, number.parse::<f64>(), &mut numbers) {
                ("nhwc" | "nchw", ..) => picture.interleaved = word == "nhwc",
                ("rgb" | "bgr", ..) => picture.reversed = word == "bgr",
                ("raw", ..) => picture.raw = true,
                (_, Ok(x), Some(list)) if x.is_finite() => list.push(x),
                (_, Ok(x), Some(_)) => return Err(format!("{word:?}: {x} is no finite number")),
                _ => return Err(format!("{word:?} is none of nhwc, nchw, rgb, bgr, raw, mean=.., std=..")),
            }
        }
        if let Some(x) = picture.std.iter().find(|&&x| x <= 0.0) {
            return Err(format!("std={x}: a standard deviation is above 0; leave std out to divide by none"));
        }
        let (scale, shift) = picture.scale_and_shift();
        match scale.iter().chain(&shift).all(|&x| (x as f32).is_finite()) {
            true => Ok(picture),
            false => Err("with these, mean / std or 1 / std is beyond the numbers of f32".into()),
        }
    }
}

/// What a word decides, if it begins to.
fn subject(word: &str, key: &str) -> Option<&'static str> {
    match (word, key) {
        ("nhwc" | "nchw", _) => Some("layout"),
        ("rgb" | "bgr", _) => Some("channels"),
        ("raw", _) => Some("raw"),
        (_, "mean") => Some("mean"),
        (_, "std") => Some("std"),
        _ => None,
    }
}

impl fmt::Display for Picture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let layout = if self.interleaved { "nhwc" } else { "nchw" };
        write!(f, "u8,{layout},{}", if self.reversed { "bgr" } else { "rgb" })?;
        if self.raw {
            write!(f, ",raw")?;
        }
        for (key, numbers) in [("mean", &self.mean), ("std", &self.std)] {
            let mut separator = format!(",{key}=");
            for x in numbers {
                write!(f, "{separator}{x}")?;
                separator = ",".into();
            }
        }
        Ok(())
    }
}

impl Picture {
    /// Changes the input of that name: from now on it takes such pictures.
    ///
    /// # Errors
    /// A network without such an input, one of another type than `f32[N,C,H,W]`, and channels that do not fit.
    pub fn enter(&self, module: &mut Module, name: &str) -> Result<(), Error> {
        let graph = &mut module.graph;
        let Some(index) = module.input_names.iter().position(|known| known == name) else {
            let known: Vec<String> = module.input_names.iter().map(|name| format!("{name:?}")).collect();
            return Err(Error::new(E_OPTION, format!("no input is called {name:?}"))
                .with_help(format!("the network takes {}", known.join(", "))));
        };
        let id = graph.inputs()[index];
        let ty = graph.ty(id).clone();
        let refuse = |why: String, help: &str| {
            Err(Error::new(E_OPTION, format!("the input {name:?} of type {ty} {why}")).with_help(help))
        };
        let (DType::F32, &[n, channels, height, width]) = (ty.dtype, ty.dims()) else {
            return refuse("is no picture, f32[N,C,H,W]".into(), "leave out --input and feed it as it is");
        };
        if self.reversed && channels != 3 {
            return refuse(format!("has {channels} channels, bgr orders 3"), "leave out bgr");
        }
        for (key, numbers) in [("mean", &self.mean), ("std", &self.std)] {
            if ![0, 1, channels].contains(&numbers.len()) {
                let why = format!("has {channels} channels, {key} has {} values", numbers.len());
                return refuse(why, "give one for each channel, or one for all");
            }
        }
        let dims = match self.interleaved {
            true => [n, height, width, channels],
            false => [n, channels, height, width],
        };
        let bytes = Type::new(DType::U8, dims)?;
        Ok(graph.retype_input(id, bytes, |graph, bytes| self.normalized(graph, bytes))?)
    }

    /// `k` and `b` of each channel, or of all.
    fn scale_and_shift(&self) -> (Vec<f64>, Vec<f64>) {
        // (byte / unit - mean) / std = byte * (1 / (unit * std)) - mean / std, rounded less often.
        let unit = if self.raw { 1.0 } else { 255.0 };
        let of =
            |numbers: &[f64], c: usize, none| numbers.get(c % numbers.len().max(1)).copied().unwrap_or(none);
        let channels = 0..self.mean.len().max(self.std.len()).max(1);
        let (mean, std) = (|c| of(&self.mean, c, 0.0), |c| of(&self.std, c, 1.0));
        let scale = channels.clone().map(|c| 1.0 / (unit * std(c))).collect();
        (scale, channels.map(|c| -mean(c) / std(c)).collect())
    }

    /// What the network takes, computed from bytes.
    fn normalized(&self, graph: &mut Graph, bytes: NodeId) -> Result<NodeId, Mismatch> {
        let name = graph[bytes].name().clone();
        let add = |graph: &mut Graph, suffix: &str, op: Op, operands: Vec<NodeId>| {
            let name = graph.fresh_name(&format!("{name}.{suffix}"));
            graph.add(name.as_str(), Expr::new(op, operands))
        };
        let mut x = bytes;
        if self.interleaved {
            x = add(graph, "planes", Transpose { perm: vec![0, 3, 1, 2] }.into(), vec![x])?;
        }
        if self.reversed {
            let [n, c, h, w] = [0, 1, 2, 3].map(|d| graph.ty(x).dims()[d] as i64);
            let turned =
                Slice { starts: vec![0, c - 1, 0, 0], ends: vec![n, -1, h, w], steps: vec![1, -1, 1, 1] };
            x = add(graph, "turned", turned.into(), vec![x])?;
        }
        x = add(graph, "real", Cast { to: DType::F32 }.into(), vec![x])?;
        let (scale, shift) = self.scale_and_shift();
        for (suffix, op, numbers, nothing) in
            [("scaled", Op::from(Mul), scale, 1.0), ("shifted", Add.into(), shift, 0.0)]
        {
            if numbers.iter().all(|&x| x == nothing) {
                continue;
            }
            let ty = Type::new(DType::F32, [1, numbers.len(), 1, 1])?;
            let by = Const { ty, init: Init::List(numbers) };
            let by = add(graph, &format!("{suffix}.by"), by.into(), vec![])?;
            x = add(graph, suffix, op, vec![x, by])?;
        }
        Ok(x)
    }
}
