//! `cnnc run`: a model on a picture or on tensors.

use std::path::PathBuf;

use cnnc::{E_OPTION, Error, Model, Options};
use cnnc_ir::{Data, Tensor};
use cnnc_runtime::TensorInfo;
use serde_json::{Value, json};

use super::args::{Compilation, Input};
use super::classes::{self, Best};
use super::element::Element;
use super::picture::{self, Preprocessing};
use super::session::Session;
use super::{inputs, open, output, values};

/// How many elements of an output are shown.
const SHOWN: usize = 8;

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
    /// How many classes of each picture to print, by the first output [default with --labels: 5]
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
    if let Some(path) =
        (1..args.outputs.len()).find_map(|k| args.outputs[..k].iter().find(|p| **p == args.outputs[k]))
    {
        let error = Error::new(E_OPTION, format!("--output names {} twice", path.display()));
        return Err(error.with_help("give each output a file of its own"));
    }
    args.outputs.iter().try_for_each(|path| values::can_write(path))?;
    let labels = args.labels.as_deref().map(classes::labels).transpose()?;
    let inputs = match (&args.image, &given[..]) {
        (None, _) => values_of(&model, &given, &args.preprocessing)?,
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
    let best = Best::of(&results[0], top, labels.as_deref());
    if args.json {
        output::json(&json!({
            "model": model.name(),
            "outputs": outputs_json(&model, &results),
            "top": best.json(),
        }));
        return Ok(());
    }
    if top > 0 {
        best.print();
    }
    // The first output is shown by its best classes where those are asked for.
    for (info, tensor) in model.outputs().iter().zip(&results).skip(usize::from(top > 0)) {
        let shown: Vec<String> = first(tensor.data()).map(|x| x.to_string()).collect();
        let more = if tensor.data().len() > SHOWN { ", .." } else { "" };
        output::line(format_args!(
            "{}: {} = [{}{more}]",
            output::name(&info.name),
            tensor.ty(),
            shown.join(", ")
        ));
    }
    Ok(())
}

/// The values of the inputs, in order.
fn values_of(model: &Model, given: &[String], preprocessing: &Preprocessing) -> Result<Vec<Tensor>, Error> {
    let names: Vec<&str> = model.inputs().iter().map(|info| info.name.as_str()).collect();
    let values = inputs::placed(&names, given)?;
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

/// The elements that are shown.
fn first(data: &Data) -> impl Iterator<Item = Element> {
    (0..data.len().min(SHOWN)).map(|at| Element::of(data, at))
}

fn outputs_json(model: &Model, results: &[Tensor]) -> Vec<Value> {
    let one = |(info, tensor): (&TensorInfo, &Tensor)| {
        let values: Vec<Value> = first(tensor.data()).map(Element::json).collect();
        json!({ "name": info.name, "dtype": info.dtype.name(), "shape": info.shape, "first": values })
    };
    model.outputs().iter().zip(results).map(one).collect()
}
