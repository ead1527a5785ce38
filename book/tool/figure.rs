//! Figures: boxes and arrows, from a few lines of TOML.
//!
//! A figure is one or more panels, side by side where there is room and one
//! below the other on a phone. A panel is 34 units wide; a unit is ten pixels.
//!
//! ```toml
//! [[panel]]
//! title = "before"
//! [panel.box.shell]
//! kind = "process"          # process, namespace, mount, device, file, text
//! at = [0, 2, 10, 4]        # left, top, width, height
//! text = "sh\npid 7"
//! [[panel.arrow]]
//! from = "shell"
//! to = "tree:3"             # a box, or a line of its text
//! text = "root"
//! kind = "leak"             # or nothing
//! ```

use std::collections::BTreeMap;
use std::fmt::Write;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::curve::Curve;
use crate::kit::Kit;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Figure {
    panel: Vec<Panel>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Panel {
    title: String,
    #[serde(rename = "box")]
    boxes: BTreeMap<String, Shape>,
    #[serde(default)]
    arrow: Vec<Arrow>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Shape {
    kind: Kind,
    at: [f32; 4],
    text: String,
}

/// In the order in which they are painted.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Namespace,
    Mount,
    Device,
    File,
    Process,
    Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arrow {
    from: String,
    to: String,
    #[serde(default)]
    text: String,
    #[serde(default)]
    kind: String,
}

const UNIT: f32 = 10.0;
const WIDTH: f32 = 34.0 * UNIT;
const LINE: f32 = 18.0;
const HEAD: f32 = 30.0;

/// `{{#figure NAME.toml "alternative text"}}`
pub(crate) fn directive(kit: &Kit, rest: &str) -> Result<String> {
    let (name, alt) = rest.split_once(' ').unwrap_or((rest, ""));
    let quoted = alt.trim().strip_prefix('"').and_then(|a| a.strip_suffix('"'));
    let alt = quoted.unwrap_or("").trim();
    ensure!(!alt.is_empty(), "{name} has no \"alternative text\"");
    let text = kit.read(format!("book/figures/{name}"))?;
    let figure: Figure =
        toml::from_str(&text).with_context(|| name.to_owned())?;
    let mut out = format!(
        "<figure class=\"drawing\" role=\"img\" aria-label=\"{}\">",
        escape(alt)
    );
    for panel in &figure.panel {
        draw(panel, &mut out).with_context(|| name.to_owned())?;
    }
    // One line: a blank one would end the HTML for Markdown.
    Ok(out + "</figure>\n")
}

fn draw(panel: &Panel, out: &mut String) -> Result<()> {
    let bottom = |shape: &Shape| (shape.at[1] + shape.at[3]) * UNIT;
    let height = panel.boxes.values().map(bottom).fold(0.0, f32::max) + HEAD;
    let title = escape(&panel.title);
    write!(
        out,
        "<svg aria-hidden=\"true\" viewBox=\"-2 -2 {} {}\">\
         <text class=\"title\" x=\"0\" y=\"16\">{title}</text>",
        WIDTH + 4.0,
        height + 4.0
    )?;
    let mut shapes: Vec<_> = panel.boxes.values().collect();
    shapes.sort_by_key(|shape| shape.kind);
    for shape in shapes {
        shape.draw(out)?;
    }
    for arrow in &panel.arrow {
        arrow.draw(panel, out)?;
    }
    out.push_str("</svg>");
    Ok(())
}

impl Shape {
    /// Left, top, width and height in pixels, below the title.
    fn frame(&self) -> [f32; 4] {
        let [x, y, w, h] = self.at.map(|value| value * UNIT);
        [x, y + HEAD, w, h]
    }

    /// The middle of line `number` of the text, counted from 0.
    fn line_y(&self, number: usize) -> f32 {
        let [_, top, _, height] = self.frame();
        let all = self.text.lines().count() as f32 * LINE;
        let first = match self.kind {
            Kind::Namespace => top + 6.0,
            _ => top + (height - all) / 2.0,
        };
        first + LINE * (number as f32 + 0.5)
    }

    fn draw(&self, out: &mut String) -> Result<()> {
        let [x, y, w, h] = self.frame();
        let class = format!("{:?}", self.kind).to_lowercase();
        write!(
            out,
            "<g class=\"{class}\"><rect x=\"{x}\" y=\"{y}\" width=\"{w}\" \
             height=\"{h}\" rx=\"6\"/>"
        )?;
        let centred = matches!(self.kind, Kind::Process | Kind::Device);
        for (number, line) in self.text.lines().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let left = x + 10.0 + indent as f32 * 8.0;
            let x = if centred { x + w / 2.0 } else { left };
            let y = self.line_y(number);
            write!(
                out,
                "<text x=\"{x}\" y=\"{y}\">{}</text>",
                escape(line.trim())
            )?;
        }
        out.push_str("</g>");
        Ok(())
    }
}

impl Arrow {
    fn draw(&self, panel: &Panel, out: &mut String) -> Result<()> {
        let (from, y1) = end(panel, &self.from)?;
        let (to, y2) = end(panel, &self.to)?;
        let ([ax, ay, aw, ah], [bx, by, bw, bh]) = (from.frame(), to.frame());
        let curve = if ax + aw <= bx {
            Curve::across(ax + aw, y1, bx, y2)
        } else if bx + bw <= ax {
            Curve::across(ax, y1, bx + bw, y2)
        } else if ay < by {
            Curve::down(ax + aw / 2.0, ay + ah, bx + bw / 2.0, by)
        } else {
            Curve::down(ax + aw / 2.0, ay, bx + bw / 2.0, by + bh)
        };
        let Curve { line, tip, label: (x, y) } = curve;
        let (kind, text) = (escape(&self.kind), escape(&self.text));
        write!(
            out,
            "<g class=\"arrow {kind}\"><path d=\"{line}\"/>\
             <path class=\"tip\" d=\"{tip}\"/>\
             <text x=\"{x}\" y=\"{y}\">{text}</text></g>"
        )?;
        Ok(())
    }
}

/// The box `name`, or line `n` of the box in `name:n`, and its height.
fn end<'a>(panel: &'a Panel, name: &str) -> Result<(&'a Shape, f32)> {
    let (id, line) = name.split_once(':').unwrap_or((name, ""));
    let shape = panel.boxes.get(id);
    let shape = shape.with_context(|| format!("there is no box {id:?}"))?;
    let [_, top, _, height] = shape.frame();
    if line.is_empty() {
        return Ok((shape, top + height / 2.0));
    }
    let lines = 1..=shape.text.lines().count();
    let line = line.parse().ok().filter(|line| lines.contains(line));
    let line = line.with_context(|| format!("there is no line {name:?}"))?;
    Ok((shape, shape.line_y(line - 1)))
}

pub(crate) fn escape(text: &str) -> String {
    let text =
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::kit;

    const TOML: &str = r#"
[[panel]]
title = "a < b"
box.a = { kind = "process", at = [0, 0, 8, 4], text = "sh" }
box.b = { kind = "text", at = [20, 0, 8, 4], text = "/\n  etc" }
arrow = [{ from = "a", to = "b:2" }]
"#;

    #[test]
    fn a_figure_is_one_image_with_a_text() {
        let kit = kit(&[("book/figures/a.toml", TOML)]);
        let svg = directive(&kit, "a.toml \"A \"fine\" one\"").unwrap();
        assert!(svg.contains("aria-label=\"A &quot;fine&quot; one\""), "{svg}");
        assert!(svg.contains("a &lt; b") && svg.contains("M200 "), "{svg}");
        assert_eq!(svg.lines().count(), 1);
    }

    #[test]
    fn the_alternative_text_is_not_optional() {
        let kit = kit(&[("book/figures/a.toml", TOML)]);
        for rest in ["a.toml", "a.toml \"\"", "a.toml A text"] {
            let error = directive(&kit, rest).unwrap_err().to_string();
            assert!(error.contains("alternative text"), "{error}");
        }
    }

    #[test]
    fn an_arrow_to_nowhere_is_an_error() {
        for (end, error) in [("c", "no box \"c\""), ("b:3", "no line")] {
            let toml = TOML.replace("b:2", end);
            let kit = kit(&[("book/figures/a.toml", toml.as_str())]);
            let found = directive(&kit, "a.toml \"A\"").unwrap_err();
            assert!(format!("{found:#}").contains(error), "{found:#}");
        }
        let kit = kit(&[]);
        assert!(directive(&kit, "b.toml \"B\"").is_err());
    }
}
