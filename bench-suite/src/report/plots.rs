//! Pictures: a line for each contender over the parameters of a workload, and
//! one picture of all ratios.

use std::error::Error;
use std::path::Path;

use plotters::prelude::*;

use super::markdown::{parameters, section};
use super::{Row, summary};
use crate::contenders::Role;

/// The picture of all ratios.
pub(super) const RATIOS: &str = "bench-ratios.svg";

/// The picture of a section.
pub(super) fn file(kind: &str, section: &str) -> String {
    format!("{kind}-{}.svg", section.replace('/', "-"))
}

/// Draws what can be drawn into a directory, and says which files.
pub(crate) fn draw(
    rows: &[Row],
    kind: &str,
    directory: &Path,
) -> Result<Vec<String>, Box<dyn Error>> {
    let mut files = Vec::new();
    for rows in rows.chunk_by(|a, b| section(a) == section(b)) {
        // Sizes other than the usual one are in the tables.
        let rows: Vec<&Row> = rows.iter().filter(|row| row.case.bytes == 8).collect();
        if rows.len() >= 3 {
            let name = file(kind, section(rows[0]));
            lines(&rows, &directory.join(&name))?;
            files.push(name);
        }
    }
    if kind == "bench" && !summary::ratios(rows).is_empty() {
        ratios(rows, &directory.join(RATIOS))?;
        files.push(RATIOS.to_owned());
    }
    Ok(files)
}

/// Lowest and highest of some figures, with room around; none if none is
/// above zero, as a logarithm needs.
fn range(values: impl Iterator<Item = f64>) -> Option<(f64, f64)> {
    let positive = values.filter(|value| *value > 0.0);
    positive
        .map(|value| (value, value))
        .reduce(|(low, high), (value, _)| (low.min(value), high.max(value)))
}

/// A workload: its parameters from left to right, a line for each contender.
fn lines(rows: &[&Row], file: &Path) -> Result<(), Box<dyn Error>> {
    let cells = rows.iter().flat_map(|row| &row.cells);
    let Some((low, high)) = range(cells.filter_map(|cell| cell.median())) else {
        return Ok(());
    };
    let title = format!("{} ({})", section(rows[0]), rows[0].case.unit());
    let labels: Vec<&str> = rows.iter().map(|row| parameters(row)).collect();
    let root = SVGBackend::new(file, (900, 520)).into_drawing_area();
    root.fill(&WHITE)?;
    let (left, legend) = root.split_horizontally(750);
    let last = (rows.len() - 1) as f64;
    let mut chart = ChartBuilder::on(&left)
        .caption(title, ("sans-serif", 20))
        .margin(12)
        .x_label_area_size(32)
        .y_label_area_size(64)
        .build_cartesian_2d(0.0..last, (low / 1.5..high * 1.5).log_scale())?;
    chart
        .configure_mesh()
        .x_labels(rows.len())
        .x_label_formatter(&|x| {
            let place = x.round();
            let whole = (x - place).abs() < 1e-6;
            labels
                .get(place as usize)
                .filter(|_| whole)
                .map_or(String::new(), |label| (*label).to_owned())
        })
        .light_line_style(TRANSPARENT)
        .draw()?;
    let names: Vec<&str> = rows[0].cells.iter().map(|cell| cell.name).collect();
    let mut y = 50;
    for (place, name) in names.iter().enumerate() {
        let points: Vec<(f64, f64)> = rows
            .iter()
            .enumerate()
            .filter_map(|(x, row)| {
                let cell = row.cells.iter().find(|cell| cell.name == *name)?;
                cell.median()
                    .filter(|value| *value > 0.0)
                    .map(|value| (x as f64, value))
            })
            .collect();
        if points.is_empty() {
            continue;
        }
        let ours = rows[0].cells[place].role == Role::Ours;
        let colour = if ours {
            RGBColor(208, 32, 32)
        } else {
            shade(place)
        };
        let style = colour.stroke_width(if ours { 4 } else { 1 });
        chart.draw_series(LineSeries::new(points.iter().copied(), style))?;
        chart.draw_series(
            points
                .iter()
                .map(|point| Circle::new(*point, 3, colour.filled())),
        )?;
        legend.draw(&PathElement::new([(0, y + 7), (20, y + 7)], style))?;
        legend.draw(&Text::new(*name, (26, y), ("sans-serif", 14)))?;
        y += 18;
    }
    root.present()?;
    Ok(())
}

/// Colours of peers that differ from each other and are not red.
fn shade(place: usize) -> RGBColor {
    let hue = 0.12 + 0.76 * (place as f64 * 0.618_034).fract();
    let (r, g, b) = HSLColor(hue, 0.6, 0.42).rgb();
    RGBColor(r, g, b)
}

/// All rows: how far ours is ahead of the best peer, or behind.
fn ratios(rows: &[Row], file: &Path) -> Result<(), Box<dyn Error>> {
    let mut ratios: Vec<(&str, f64)> = summary::ratios(rows)
        .into_iter()
        .map(|(row, ratio)| (row.case.row, ratio))
        .collect();
    ratios.retain(|(_, ratio)| *ratio > 0.0);
    ratios.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    let (low, high) = range(ratios.iter().map(|(_, ratio)| *ratio)).unwrap_or((1.0, 1.0));
    let (low, high) = (low.min(0.5) / 1.2, high.max(2.0) * 1.2);
    let count = ratios.len();
    let root = SVGBackend::new(file, (900, 60 + 14 * count as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .caption(
            "ours by the best peer (right of 1 is better)",
            ("sans-serif", 18),
        )
        .margin(8)
        .x_label_area_size(24)
        .y_label_area_size(210)
        .build_cartesian_2d((low..high).log_scale(), (0..count as i32).into_segmented())?;
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(count)
        .y_label_style(("sans-serif", 11))
        .y_label_formatter(&|y| match y {
            SegmentValue::CenterOf(place) => ratios
                .get(*place as usize)
                .map_or(String::new(), |(name, _)| (*name).to_owned()),
            _ => String::new(),
        })
        .draw()?;
    chart.draw_series(ratios.iter().enumerate().map(|(place, (_, ratio))| {
        let colour = if *ratio >= 1.0 {
            RGBColor(40, 140, 60)
        } else {
            RGBColor(200, 60, 40)
        };
        let place = place as i32;
        let corners = [
            (1.0, SegmentValue::Exact(place)),
            (*ratio, SegmentValue::Exact(place + 1)),
        ];
        Rectangle::new(corners, colour.mix(0.8).filled())
    }))?;
    root.present()?;
    Ok(())
}
