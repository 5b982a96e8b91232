//! `cnnc run`: a model on a picture or on tensors.

use std::path::PathBuf;

use cnnc::{E_OPTION, Error, Model, Options};
use cnnc_frontends::file;
use cnnc_ir::Tensor;
use cnnc_runtime::TensorInfo;
use serde_json::{Value, json};

use super::args::{Compilation, Input};
use super::picture::{self, Preprocessing};
use super::session::Session;
use super::{open, output, values};

/// How many elements of an output are shown.
const SHOWN: usize = 8;

/// Bytes that the names of classes may have.
const LARGEST_LABELS: u64 = 64 << 20;

/// Run a model on a picture or on tensors
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The model: a compiled .so, or .onnx, .cnn or a built-in name to be compiled now
    #[arg(value_hint = clap::ValueHint::FilePath)]
    model: PathBuf,
    /// A value: [NAME=]x.npy, x.pb, x.rgb or random:SEED; repeatable, without a name in the model's order. Or what an
    /// input takes: NAME=u8,nhwc,.., as of compile
    #[arg(long = "input", value_name = "VALUE", value_parser = Input::parse)]
    inputs: Vec<Input>,
    /// A picture: .png, .jpg, or raw .rgb
    #[arg(long, value_name = "FILE")]
    image: Option<PathBuf>,
    /// Names of the classes, one a line
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// How many classes to print [default with --labels: 5]
    #[arg(long, value_name = "K")]
    top: Option<usize>,
    /// Where to write an output, .npy or .pb; repeatable, in the model's order
    #[arg(short, long = "output", value_name = "FILE")]
    outputs: Vec<PathBuf>,
    /// Threads; 0: as many as there are
    #[arg(long, default_value_t = 1)]
    threads: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    preprocessing: Preprocessing,
    #[command(flatten)]
    compilation: Compilation,
}

pub(crate) fn main(args: &Args) -> Result<(), Error> {
    let (given, pictures) = Input::sorted(&args.inputs)?;
    let model = open::model(&args.model, &Options { pictures, ..args.compilation.options()? })?;
    if args.outputs.len() > model.outputs().len() {
        let (given, has) = (args.outputs.len(), model.outputs().len());
        return Err(Error::new(E_OPTION, format!("{given} files for outputs, the model has {has}")));
    }
    let labels = args.labels.as_ref().map(|path| labels(path)).transpose()?;
    let inputs = match (&args.image, &given[..]) {
        (None, _) => inputs(&model, &given, &args.preprocessing)?,
        (Some(path), []) => {
            let (info, pictures) = (only_input(&model)?, open::pictures(&model)?);
            vec![args.preprocessing.read(path, &open::ty(info)?, pictures.get(&info.name))?]
        }
        (Some(_), [value, ..]) => {
            let message = format!("--image and the value {value:?}: a picture is the only input");
            return Err(Error::new(E_OPTION, message).with_help("give one of them"));
        }
    };
    let mut session = Session::new(&model, &inputs, args.threads)?;
    session.run()?;
    let results = session.results()?;
    for (path, (info, tensor)) in args.outputs.iter().zip(model.outputs().iter().zip(&results)) {
        values::write(path, &info.name, tensor)?;
    }
    let top = args.top.or(labels.as_ref().map(|_| 5)).unwrap_or(0);
    let best = best(&results[0], top);
    let label = |class: usize| labels.as_ref().and_then(|l| l.get(class)).map(String::as_str);
    if args.json {
        output::json(&json!({
            "model": model.name(),
            "outputs": outputs_json(&model, &results),
            "top": best.iter().map(|&(class, score)| json!({
                "class": class, "score": score, "label": label(class),
            })).collect::<Vec<Value>>(),
        }));
        return Ok(());
    }
    for &(class, score) in &best {
        output::line(
            format_args!("{score:12.6}  {class:5}  {}", label(class).unwrap_or("")).to_string().trim_end(),
        );
    }
    if top == 0 {
        for (info, tensor) in model.outputs().iter().zip(&results) {
            let elements = tensor.data().to_f64();
            let shown: Vec<String> = elements.iter().take(SHOWN).map(|x| format!("{x:.6}")).collect();
            let more = if elements.len() > SHOWN { ", .." } else { "" };
            output::line(format_args!(
                "{}: {} = [{}{more}]",
                output::name(&info.name),
                tensor.ty(),
                shown.join(", ")
            ));
        }
    }
    Ok(())
}

/// The values of the inputs, in order: those that are named, and the others in the order in which they are given.
fn inputs(model: &Model, given: &[String], preprocessing: &Preprocessing) -> Result<Vec<Tensor>, Error> {
    let mut values: Vec<Option<&str>> = vec![None; model.inputs().len()];
    let mut unnamed = Vec::new();
    for text in given {
        let named =
            model.inputs().iter().zip(&mut values).find_map(|(info, value)| {
                Some((info, value, text.strip_prefix(&info.name)?.strip_prefix('=')?))
            });
        match named {
            Some((info, Some(_), _)) => {
                let error = Error::new(E_OPTION, format!("--input gives {:?} two values", info.name));
                return Err(error.with_help("give one"));
            }
            Some((_, value, text)) => *value = Some(text),
            None => unnamed.push(text),
        }
    }
    for text in unnamed {
        let has = values.len();
        let free = values.iter_mut().find(|value| value.is_none()).ok_or_else(|| {
            Error::new(E_OPTION, format!("no input is left for {text:?}, the model has {has}"))
        })?;
        *free = Some(text);
    }
    let pictures = open::pictures(model)?;
    let missing = |info: &TensorInfo| {
        let ty = output::typed(info.dtype, &info.shape);
        Error::new(E_OPTION, format!("the input {:?} of type {ty} has no value", info.name))
            .with_help("give --input FILE, --input random:SEED or --image FILE")
    };
    let read = |(value, info): (Option<&str>, &TensorInfo)| {
        let (text, ty) = (value.ok_or_else(|| missing(info))?, open::ty(info)?);
        match picture::is_raw(text.as_ref()) {
            true => preprocessing.read(text.as_ref(), &ty, pictures.get(&info.name)),
            false => values::read(text, &ty),
        }
    };
    values.into_iter().zip(model.inputs()).map(read).collect()
}

fn only_input(model: &Model) -> Result<&TensorInfo, Error> {
    match model.inputs() {
        [info] => Ok(info),
        inputs => {
            let message = format!("the model takes {} inputs, a picture is one", inputs.len());
            Err(Error::new(E_OPTION, message).with_help("name them with --input NAME=FILE"))
        }
    }
}

/// The `count` largest elements, the largest first, with their places.
fn best(tensor: &Tensor, count: usize) -> Vec<(usize, f64)> {
    let mut scores: Vec<(usize, f64)> = tensor.data().to_f64().into_iter().enumerate().collect();
    scores.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scores.truncate(count);
    scores
}

fn outputs_json(model: &Model, results: &[Tensor]) -> Vec<Value> {
    let one = |(info, tensor): (&TensorInfo, &Tensor)| {
        let values: Vec<f64> = tensor.data().to_f64().into_iter().take(SHOWN).collect();
        json!({ "name": info.name, "dtype": info.dtype.name(), "shape": info.shape, "first": values })
    };
    model.outputs().iter().zip(results).map(one).collect()
}

fn labels(path: &std::path::Path) -> Result<Vec<String>, Error> {
    let text = file::read_text(path, LARGEST_LABELS)?;
    Ok(text.lines().map(|line| line.trim().to_string()).collect())
}
