//! Plots as SVG: lines of dots over a logarithmic axis.
//!
//! Colours come from a style sheet that follows the reader's theme; sides differ in
//! shape as well. The background is the page's.

mod charts;

pub(crate) use charts::{costs, groups, programs};

use std::fmt::Write;

/// The order of colours and shapes; sides that are not here are drawn as the last.
const SIDES: [&str; 6] = [
    "wasm-aot",
    "wasmtime",
    "wasm2c",
    "v8",
    "wasmtime, pooling",
    "clang",
];

const WIDTH: f64 = 760.0;
const RIGHT: f64 = 730.0;
const LINE: f64 = 18.0;
const STYLE: &str = "\
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 14px } .heading { font-weight: 600 } .tick { fill: #57606a }
.grid { stroke: #d0d7de } .one { stroke: #57606a } .span { stroke: #d0d7de; stroke-width: 2 }
.s0 { fill: #d4380d } .s1 { fill: #1f6feb } .s2 { fill: #2b8a3e } .s3 { fill: #8250df } .s4 { fill: #0a8f9c } .s5 { fill: #24292f } .s6 { fill: #8c959f }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3 } .tick { fill: #9198a1 }
.grid { stroke: #30363d } .one { stroke: #9198a1 } .span { stroke: #3d444d }
.s0 { fill: #ff7a45 } .s1 { fill: #58a6ff } .s2 { fill: #56d364 } .s3 { fill: #bc8cff } .s4 { fill: #39c5cf } .s5 { fill: #e6edf3 } .s6 { fill: #6e7681 }
}";

/// A plot to be drawn.
struct Chart {
    title: String,
    /// Where labels end and the axis begins, in pixels.
    left: f64,
    /// Values with their labels; the first and the last are the ends of the axis.
    ticks: Vec<(f64, String)>,
    lines: Vec<Line>,
}

enum Line {
    Heading(String),
    Dots {
        label: String,
        dots: Vec<(String, f64)>,
    },
}

impl Chart {
    fn draw(&self) -> String {
        let top = 66.0;
        let bottom = top + LINE * self.lines.len() as f64;
        let height = bottom + 26.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
             width=\"{WIDTH}\" height=\"{height}\" role=\"img\">\n\
             <title>{title}</title>\n<style>\n{STYLE}\n</style>\n\
             <text class=\"title\" x=\"8\" y=\"20\">{title}</text>\n",
            title = escape(&self.title)
        );
        self.legend(&mut svg);
        for (value, label) in &self.ticks {
            let x = self.x(*value);
            let class = if label == "1" { "one" } else { "grid" };
            let _ = writeln!(
                svg,
                "<path class=\"{class}\" d=\"M{x:.1} {:.0}V{bottom:.0}\"/>\
                 <text class=\"tick\" x=\"{x:.1}\" y=\"{:.0}\" text-anchor=\"middle\">{label}</text>",
                top - 6.0,
                bottom + 16.0
            );
        }
        for (index, line) in self.lines.iter().enumerate() {
            self.line(&mut svg, line, top + LINE * (index as f64 + 0.5));
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn line(&self, svg: &mut String, line: &Line, y: f64) {
        match line {
            Line::Heading(text) => {
                let text = escape(text);
                let _ = writeln!(
                    svg,
                    "<text class=\"heading\" x=\"8\" y=\"{:.1}\">{text}</text>",
                    y + 4.0
                );
            }
            Line::Dots { label, dots } => {
                let _ = writeln!(
                    svg,
                    "<text x=\"{:.0}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                    self.left - 12.0,
                    y + 4.0,
                    escape(label)
                );
                let xs: Vec<f64> = dots.iter().map(|(_, value)| self.x(*value)).collect();
                if let (Some(first), Some(last)) = (
                    xs.iter().copied().reduce(f64::min),
                    xs.iter().copied().reduce(f64::max),
                ) {
                    let _ = writeln!(
                        svg,
                        "<path class=\"span\" d=\"M{first:.1} {y:.1}H{last:.1}\"/>"
                    );
                }
                // Ours is drawn last, on top.
                for (name, value) in dots.iter().rev() {
                    dot(svg, name, self.x(*value), y, &format!("{name}: {value:.2}"));
                }
            }
        }
    }

    fn legend(&self, svg: &mut String) {
        let mut names: Vec<&str> = Vec::new();
        for line in &self.lines {
            if let Line::Dots { dots, .. } = line {
                let new = dots.iter().map(|(name, _)| name.as_str());
                new.for_each(|name| {
                    if !names.contains(&name) {
                        names.push(name);
                    }
                });
            }
        }
        names.sort_by_key(|name| style(name));
        let mut x = 16.0;
        for name in names {
            dot(svg, name, x, 40.0, name);
            let _ = writeln!(
                svg,
                "<text x=\"{:.0}\" y=\"44\">{}</text>",
                x + 10.0,
                escape(name)
            );
            x += 34.0 + 7.0 * name.len() as f64;
        }
    }

    /// Where a value is; values beyond the axis are at its ends.
    fn x(&self, value: f64) -> f64 {
        let ends = (self.ticks.first(), self.ticks.last());
        let (Some((least, _)), Some((most, _))) = ends else {
            return self.left;
        };
        let part = (value / least).ln() / (most / least).ln();
        self.left + (RIGHT - self.left) * part.clamp(0.0, 1.0)
    }
}

/// Which colour and shape a side has.
fn style(name: &str) -> usize {
    let known = SIDES.iter().position(|side| *side == name);
    known.unwrap_or(SIDES.len())
}

/// A dot in the side's shape; a pointer resting on it shows `tip`.
fn dot(svg: &mut String, name: &str, x: f64, y: f64, tip: &str) {
    let class = style(name);
    let shape = match class {
        0 => format!("<circle class=\"s{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\">"),
        1 => polygon(
            class,
            x,
            y,
            &[(-4.5, -4.5), (4.5, -4.5), (4.5, 4.5), (-4.5, 4.5)],
        ),
        2 => polygon(class, x, y, &[(0.0, -5.5), (5.5, 4.5), (-5.5, 4.5)]),
        3 => polygon(
            class,
            x,
            y,
            &[(0.0, -6.0), (6.0, 0.0), (0.0, 6.0), (-6.0, 0.0)],
        ),
        _ => polygon(class, x, y, &[(0.0, 5.5), (5.5, -4.5), (-5.5, -4.5)]),
    };
    let element = if class == 0 { "circle" } else { "polygon" };
    let _ = writeln!(svg, "{shape}<title>{}</title></{element}>", escape(tip));
}

fn polygon(class: usize, x: f64, y: f64, corners: &[(f64, f64)]) -> String {
    let corners: Vec<String> = corners
        .iter()
        .map(|(dx, dy)| format!("{:.1},{:.1}", x + dx, y + dy))
        .collect();
    format!(
        "<polygon class=\"s{class}\" points=\"{}\">",
        corners.join(" ")
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
