//! The complexity picture: operations against time, or against parameters where nothing was measured. The area of a
//! bubble is the count of parameters; a colour is a family of networks.
//!
//! Both axes are logarithmic. A name stands beside its bubble; where that is crowded it stands off, and a line leads to
//! the middle of the bubble.

use plotters::coord::combinators::{BindKeyPoints, IntoLogRange};
use plotters::prelude::{ChartBuilder, Circle, Color, PathElement, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::{Area, Drawn, Theme, decades, picture, tick};
use crate::cli::report::Report;
use cnnc::Error;

const SIZE: (u32, u32) = (960, 600);
/// Radius of the largest bubble.
const LARGEST: f64 = 52.0;
const NAME: i32 = 13;

/// Left, top, right, bottom in pixels.
type Frame = [i32; 4];

/// Where names may stand: right of the one axis, above the other.
const INSIDE: Frame = [84, 4, SIZE.0 as i32 - 4, SIZE.1 as i32 - 68];
/// Where the legend stands.
const LEGEND: Frame = [SIZE.0 as i32 - 152, SIZE.1 as i32 - 200, SIZE.0 as i32, SIZE.1 as i32];

/// A bubble: where it is, in units of the axes and in pixels.
struct Bubble<'a> {
    name: &'a str,
    family: usize,
    at: (f64, f64),
    pixel: (i32, i32),
    radius: i32,
}

/// Draws the networks of a report.
pub(in crate::cli::report) fn complexity(reports: &[Report], theme: &Theme) -> Result<String, Error> {
    picture(SIZE, |area| draw(area, reports, theme))
}

fn draw(area: &Area, reports: &[Report], theme: &Theme) -> Drawn {
    let measured = reports.iter().all(|r| r.time.is_some());
    let height = |r: &Report| match (&r.time, measured) {
        (Some(time), true) => time.least_ms,
        _ => r.parameters as f64 / 1e6,
    };
    // A network without products still has a place.
    let place = |r: &Report| ((r.cost.macs as f64 / 1e9).max(1e-6), height(r).max(1e-6));
    let (x, y) = (range(reports.iter().map(|r| place(r).0)), range(reports.iter().map(|r| place(r).1)));
    let mut chart =
        ChartBuilder::on(area).margin(16).x_label_area_size(48).y_label_area_size(64).build_cartesian_2d(
            (x.0..x.1).log_scale().with_key_points(decades(x.0, x.1)),
            (y.0..y.1).log_scale().with_key_points(decades(y.0, y.1)),
        )?;
    let title = if measured { "milliseconds of a run" } else { "millions of parameters" };
    chart
        .configure_mesh()
        .bold_line_style(theme.grid)
        .light_line_style(theme.grid.mix(0.0))
        .axis_style(theme.quiet)
        .label_style(theme.text(12, theme.quiet))
        .axis_desc_style(theme.text(13, theme.ink))
        .x_desc("operations, billions of multiply-adds")
        .y_desc(title)
        .x_label_formatter(&tick)
        .y_label_formatter(&tick)
        .draw()?;

    let most = reports.iter().map(|r| r.parameters).max().unwrap_or(1).max(1) as f64;
    let radius = |parameters: f64| (LARGEST * (parameters / most).sqrt()).max(3.0) as i32;
    let families = families(reports);
    let mut bubbles: Vec<Bubble> = reports
        .iter()
        .zip(families)
        .map(|(r, family)| {
            let (at, radius) = (place(r), radius(r.parameters as f64));
            Bubble { name: &r.name, family, at, pixel: chart.backend_coord(&at), radius }
        })
        .collect();
    // Small bubbles lie on large ones.
    bubbles.sort_by_key(|b| std::cmp::Reverse(b.radius));
    for bubble in &bubbles {
        let color = theme.palette[bubble.family % theme.palette.len()];
        let disc = |style| Circle::new(bubble.at, bubble.radius, style);
        chart.draw_series([disc(color.mix(0.35).filled()), disc(color.stroke_width(1))])?;
    }
    let ink = theme.text(NAME, theme.ink);
    for (bubble, label) in bubbles.iter().zip(labels(&bubbles)) {
        if label.gap > 6 {
            let line = [bubble.pixel, label.nearest(bubble.pixel)];
            area.draw(&PathElement::new(line, theme.quiet.stroke_width(1)))?;
            area.draw(&Circle::new(bubble.pixel, 2, theme.ink.filled()))?;
        }
        area.draw(&Text::new(bubble.name.to_string(), label.start(), ink.clone()))?;
    }
    legend(area, theme, most, radius)
}

/// The range of an axis, with room for half a bubble on either side.
fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (least, most) = values.fold((f64::INFINITY, 0.0f64), |(l, m), v| (l.min(v), m.max(v)));
    let room = (most / least).powf(0.14).max(1.6);
    (least / room, most * room)
}

/// The family of each network: the letters in front of its name.
fn families(reports: &[Report]) -> Vec<usize> {
    let mut known: Vec<String> = Vec::new();
    let mut number = |name: &str| {
        let family: String = name.chars().take_while(char::is_ascii_alphabetic).collect();
        known.iter().position(|k| *k == family).unwrap_or_else(|| {
            known.push(family);
            known.len() - 1
        })
    };
    reports.iter().map(|r| number(&r.name)).collect()
}

/// Where a name stands, and how far its bubble is.
struct Label {
    frame: Frame,
    gap: i32,
    /// What the direction alone costs: names stand beside their bubbles rather than above or below, and to the right
    /// rather than to the left.
    turn: f64,
}

impl Label {
    /// Left and middle: where text is drawn.
    fn start(&self) -> (i32, i32) {
        (self.frame[0], (self.frame[1] + self.frame[3]) / 2)
    }

    /// The point of its frame that is nearest to a pixel.
    fn nearest(&self, (x, y): (i32, i32)) -> (i32, i32) {
        let [left, top, right, bottom] = self.frame;
        (x.clamp(left, right), y.clamp(top, bottom))
    }
}

/// The places of the names: each at the cheapest of many around its bubble. A name never covers another, nor the
/// legend, nor the middle of a bubble; what it costs is its distance and how much of other bubbles it covers.
fn labels(bubbles: &[Bubble]) -> Vec<Label> {
    let mut taken: Vec<Frame> = vec![LEGEND];
    let mut labels = Vec::new();
    for (k, bubble) in bubbles.iter().enumerate() {
        let others = || bubbles.iter().enumerate().filter(|(other, _)| *other != k).map(|(_, b)| b);
        let cost = |label: &Label| {
            let frame = &label.frame;
            let [left, top, right, bottom] = INSIDE;
            let is_free = left <= frame[0]
                && top <= frame[1]
                && frame[2] <= right
                && frame[3] <= bottom
                && !taken.iter().any(|t| meet(frame, t))
                && others().all(|b| distance(label, b.pixel) > 6.0);
            let covered: f64 =
                others().map(|b| (f64::from(b.radius) - distance(label, b.pixel)).max(0.0)).sum();
            is_free.then(|| f64::from(label.gap) + label.turn + 4.0 * covered)
        };
        let best = around(bubble)
            .filter_map(|label| Some((cost(&label)?, label)))
            .min_by(|a, b| a.0.total_cmp(&b.0))
            .map(|(_, label)| label);
        // Where all is taken, to the right.
        let label =
            best.or_else(|| around(bubble).next()).unwrap_or(Label { frame: [0; 4], gap: 0, turn: 0.0 });
        taken.push(label.frame);
        labels.push(label);
    }
    labels
}

/// The places around a bubble, the nearest first.
fn around(bubble: &Bubble) -> impl Iterator<Item = Label> {
    const DIRECTIONS: i32 = 16;
    let ((x, y), radius) = (bubble.pixel, bubble.radius);
    let (width, half) = (bubble.name.len() as i32 * NAME * 56 / 100, NAME * 2 / 3);
    let place = move |gap: i32, direction: i32| {
        let angle = std::f64::consts::TAU * f64::from(direction) / f64::from(DIRECTIONS);
        let reach = f64::from(radius + gap);
        let (cos, sin) = (angle.cos(), angle.sin());
        // The frame stands outside of the circle on the side that it is on.
        let left = x + (reach * cos + f64::from(width) * (cos - 1.0) / 2.0).round() as i32;
        let middle = y + ((reach + f64::from(half) / 2.0) * sin).round() as i32;
        let turn = 4.0 * sin.abs() + (1.0 - cos);
        Label { frame: [left, middle - half, left + width, middle + half], gap, turn }
    };
    [6, 16, 30, 48, 70, 100].into_iter().flat_map(move |gap| (0..DIRECTIONS).map(move |d| place(gap, d)))
}

fn meet(a: &Frame, b: &Frame) -> bool {
    a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3]
}

/// From a name to a pixel.
fn distance(label: &Label, (x, y): (i32, i32)) -> f64 {
    let (nearest_x, nearest_y) = label.nearest((x, y));
    f64::from(nearest_x - x).hypot(f64::from(nearest_y - y))
}

/// What the sizes mean, in the lower right corner.
fn legend(area: &Area, theme: &Theme, most: f64, radius: impl Fn(f64) -> i32) -> Drawn {
    let (right, bottom) = (SIZE.0 as i32 - 96, SIZE.1 as i32 - 84);
    let quiet = theme.text(11, theme.quiet);
    for share in [1.0, 0.25, 0.04] {
        // A round number near to that share of the largest network.
        let wish = most * share;
        let power = 10f64.powf(wish.log10().floor());
        let round =
            [5.0, 2.0, 1.0].map(|step| step * power).into_iter().find(|&r| r <= wish).unwrap_or(power);
        let r = radius(round);
        area.draw(&Circle::new((right, bottom - r), r, theme.quiet.stroke_width(1)))?;
        let top = bottom - 2 * r;
        area.draw(&PathElement::new([(right, top), (right + 44, top)], theme.quiet.mix(0.6)))?;
        area.draw(&Text::new(count(round), (right + 48, top), quiet.clone()))?;
    }
    let under = quiet.pos(Pos::new(HPos::Center, VPos::Center));
    Ok(area.draw(&Text::new("parameters", (right, bottom + 12), under))?)
}

/// A count for people: 5 M, 200 k.
fn count(n: f64) -> String {
    match n {
        1e6.. => format!("{} M", n / 1e6),
        1e3.. => format!("{} k", n / 1e3),
        _ => format!("{n}"),
    }
}
