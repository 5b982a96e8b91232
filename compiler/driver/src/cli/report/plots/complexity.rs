//! The complexity picture: operations against time, or against parameters where nothing was measured. The area of a
//! bubble is the count of parameters; a colour is a family of networks.
//!
//! Both axes are logarithmic. A name stands beside its bubble, at the first of some places where it covers no other
//! name and no centre of another bubble.

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
    for (bubble, at) in bubbles.iter().zip(names(&bubbles)) {
        area.draw(&Text::new(bubble.name.to_string(), at, ink.clone()))?;
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

/// Where the names start, in pixels.
fn names(bubbles: &[Bubble]) -> Vec<(i32, i32)> {
    /// Left, top, right, bottom.
    type Frame = [i32; 4];
    let meet = |a: &Frame, b: &Frame| a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];
    let mut taken: Vec<Frame> = Vec::new();
    let mut starts = Vec::new();
    for (k, bubble) in bubbles.iter().enumerate() {
        let (x, y) = bubble.pixel;
        let (width, half) = (bubble.name.len() as i32 * NAME * 56 / 100, NAME * 2 / 3);
        let frame = |(left, middle): (i32, i32)| [left, middle - half, left + width, middle + half];
        let beside = bubble.radius + 6;
        let above = bubble.radius + half + 3;
        let places = [
            (x + beside, y),
            (x - beside - width, y),
            (x - width / 2, y - above),
            (x - width / 2, y + above),
            (x + beside * 3 / 4, y - above),
            (x + beside * 3 / 4, y + above),
            (x - beside * 3 / 4 - width, y - above),
            (x - beside * 3 / 4 - width, y + above),
            (x + beside, y - 2 * above),
            (x + beside, y + 2 * above),
        ];
        // Beside all bubbles if that can be, else beside the middles of all.
        let free = |place: &(i32, i32), most: i32| {
            let frame = frame(*place);
            let inside =
                frame[0] >= 0 && frame[2] <= SIZE.0 as i32 && frame[1] >= 0 && frame[3] <= SIZE.1 as i32;
            let covers = |other: &Bubble| {
                let (x, y) = other.pixel;
                let reach = other.radius.min(most);
                meet(&frame, &[x - reach, y - reach, x + reach, y + reach])
            };
            let others = bubbles.iter().enumerate().filter(|(other, _)| *other != k);
            inside && !taken.iter().any(|t| meet(&frame, t)) && !others.into_iter().any(|(_, b)| covers(b))
        };
        let find = |most: i32| places.iter().find(|place| free(place, most));
        let start = *find(LARGEST as i32).or_else(|| find(8)).unwrap_or(&places[0]);
        taken.push(frame(start));
        starts.push(start);
    }
    starts
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
