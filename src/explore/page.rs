//! The page: its data as JSON, in a template that has everything else.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

const TEMPLATE: &str = include_str!("page.html");

#[derive(Serialize)]
pub(super) struct Page {
    pub(super) name: String,
    pub(super) target: &'static str,
    pub(super) level: &'static str,
    pub(super) sections: Vec<Section>,
    pub(super) functions: Vec<Function>,
}

#[derive(Serialize)]
pub(super) struct Section {
    pub(super) name: String,
    pub(super) size: u64,
}

#[derive(Serialize)]
pub(super) struct Function {
    pub(super) index: u32,
    pub(super) name: String,
    /// Bytes of machine code.
    pub(super) size: usize,
    /// None if it is not in the page.
    pub(super) code: Option<Code>,
}

/// A function in all of its forms.
#[derive(Serialize)]
pub(super) struct Code {
    pub(super) source: Vec<Row>,
    pub(super) wasm: Vec<Row>,
    pub(super) clif: Vec<Row>,
    pub(super) machine: Vec<Row>,
    /// By the offset of an operator: what has the same number has the same colour.
    pub(super) colours: BTreeMap<u32, u32>,
}

/// A line, and the offsets in the module of the operators that it belongs to.
pub(super) struct Row {
    pub(super) offsets: Vec<u32>,
    pub(super) label: String,
    pub(super) text: String,
}

impl Row {
    pub(super) fn at(offset: Option<u32>, text: &str) -> Row {
        Row {
            offsets: Vec::from_iter(offset),
            label: offset.map_or_else(String::new, |offset| format!("{offset:#x}")),
            text: text.to_owned(),
        }
    }
}

/// As `[offsets, label, text]`: there are many.
impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.offsets, &self.label, &self.text).serialize(serializer)
    }
}

impl Page {
    pub(super) fn html(&self) -> anyhow::Result<String> {
        // Names in a module can be anything, and must not end the element.
        let data = serde_json::to_string(self)?.replace('<', "\\u003c");
        let title = escape(&self.name);
        let (head, rest) = TEMPLATE.split_once("{{TITLE}}").expect("in the template");
        let (middle, tail) = rest.split_once("{{DATA}}").expect("in the template");
        Ok([head, &title, middle, &data, tail].concat())
    }
}

/// As text in HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
