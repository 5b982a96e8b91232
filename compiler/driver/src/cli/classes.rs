//! The best classes of pictures: the places of the largest scores, with their names.
//!
//! ```text
//! scores[N, classes..]   =>   for each of the N pictures its K largest, the largest first
//! ```

use std::path::Path;

use cnnc::Error;
use cnnc_frontends::file;
use cnnc_ir::Tensor;
use serde_json::{Value, json};

use super::element::Element;
use super::output;

/// Bytes that the names of classes may have.
const LARGEST_LABELS: u64 = 64 << 20;

/// The names of the classes, one a line.
pub(crate) fn labels(path: &Path) -> Result<Vec<String>, Error> {
    let text = file::read_text(path, LARGEST_LABELS)?;
    Ok(text.lines().map(|line| line.trim().to_string()).collect())
}

/// A class of a picture.
struct Class<'l> {
    number: usize,
    score: Element,
    label: Option<&'l str>,
}

/// The best classes of each picture.
pub(crate) struct Best<'l>(Vec<Vec<Class<'l>>>);

impl<'l> Best<'l> {
    /// The `count` largest scores of each picture. Scores of one dimension are those of one.
    pub(crate) fn of(scores: &Tensor, count: usize, labels: Option<&'l [String]>) -> Best<'l> {
        let data = scores.data();
        let pictures = if scores.shape().rank() > 1 { scores.shape()[0] } else { 1 };
        let classes = data.len().checked_div(pictures).unwrap_or(0);
        let best = |picture: usize| {
            // Nobody asks for an order: scores may be many.
            if count == 0 {
                return Vec::new();
            }
            let score = |class: usize| Element::of(data, picture * classes + class);
            let mut order: Vec<usize> = (0..classes).collect();
            order.sort_by(|&a, &b| score(b).order(score(a)));
            let label = |class: usize| labels.and_then(|labels| labels.get(class)).map(String::as_str);
            let class = |number| Class { number, score: score(number), label: label(number) };
            order.into_iter().take(count).map(class).collect()
        };
        Best((0..pictures).map(best).collect())
    }

    /// Prints a class a line, and which picture's they are where there are several.
    pub(crate) fn print(&self) {
        for (picture, classes) in self.0.iter().enumerate() {
            if self.0.len() > 1 {
                output::line(format_args!("picture {picture}"));
            }
            for Class { number, score, label } in classes {
                let line = format!("{score:>12}  {number:5}  {}", label.unwrap_or(""));
                output::line(format_args!("{}", line.trim_end()));
            }
        }
    }

    /// One list of all classes.
    pub(crate) fn json(&self) -> Vec<Value> {
        let of_picture = |(picture, classes): (usize, &Vec<Class>)| {
            let class = |class: &Class| {
                let Class { number, score, label } = class;
                json!({ "picture": picture, "class": number, "score": score.json(), "label": label })
            };
            classes.iter().map(class).collect::<Vec<Value>>()
        };
        self.0.iter().enumerate().flat_map(of_picture).collect()
    }
}
