//! The table: each figure, its limit, what it was measured against, and whether it holds.

use serde::Serialize;

/// What a figure may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
    /// Reported only.
    None,
}

/// What came of measuring it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Found {
    Value(f64),
    /// Why it was not measured.
    Skipped(String),
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) figure: &'static str,
    pub(crate) found: Found,
    pub(crate) unit: &'static str,
    pub(crate) limit: Limit,
    /// Absolute values, ours and the base's: of this machine, for the reader.
    pub(crate) beside: String,
}

#[derive(Serialize)]
struct Line<'a> {
    group: &'static str,
    #[serde(flatten)]
    row: &'a Row,
    verdict: &'static str,
}

impl Row {
    /// How often ours is what the base is.
    pub(crate) fn ratio(figure: &'static str, value: f64, limit: Limit, beside: String) -> Self {
        Self { figure, found: Found::Value(value), unit: "×", limit, beside }
    }

    fn verdict(&self) -> &'static str {
        match (&self.found, self.limit) {
            (Found::Skipped(_), _) => "skipped",
            (_, Limit::None) => "-",
            (Found::Value(value), Limit::AtMost(most)) if *value <= most => "ok",
            (Found::Value(value), Limit::AtLeast(least)) if *value >= least => "ok",
            _ => "OVER",
        }
    }

    fn cells(&self) -> [String; 5] {
        let limit = match self.limit {
            Limit::AtMost(most) => format!("≤ {most} {}", self.unit),
            Limit::AtLeast(least) => format!("≥ {least} {}", self.unit),
            Limit::None => "-".into(),
        };
        let (value, beside) = match &self.found {
            Found::Value(value) => (format!("{value:.2} {}", self.unit), self.beside.clone()),
            Found::Skipped(why) => ("-".into(), format!("skipped: {why}")),
        };
        [self.verdict().into(), self.figure.into(), value, limit, beside]
    }
}

/// All figures so far.
#[derive(Debug, Default)]
pub(crate) struct Table {
    group: &'static str,
    rows: Vec<(&'static str, Row)>,
}

impl Table {
    pub(crate) fn begin(&mut self, group: &'static str) {
        self.group = group;
    }

    /// Adds a figure, and says so at once: the whole takes minutes.
    pub(crate) fn add(&mut self, row: Row) {
        eprintln!("  {}", row.cells().join("  "));
        self.rows.push((self.group, row));
    }

    pub(crate) fn any_over(&self) -> bool {
        self.rows.iter().any(|(_, row)| row.verdict() == "OVER")
    }

    pub(crate) fn json(&self) -> String {
        let lines: Vec<_> = self.rows.iter().map(|(group, row)| Line { group, row, verdict: row.verdict() }).collect();
        serde_json::to_string_pretty(&lines).expect("names and numbers are JSON")
    }

    /// A Markdown table whose columns line up in a terminal, too.
    pub(crate) fn text(&self) -> String {
        let head = ["", "figure", "measured", "limit", "absolute, on this machine"].map(str::to_owned);
        let cells: Vec<_> = std::iter::once(head).chain(self.rows.iter().map(|(_, row)| row.cells())).collect();
        let width = |column: usize| cells.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 5] = std::array::from_fn(width);
        let mut lines: Vec<_> = cells.iter().map(|row| line(row, &widths)).collect();
        lines.insert(1, line(&widths.map(|width| "-".repeat(width)), &widths));
        lines.join("\n")
    }
}

fn line(cells: &[String; 5], widths: &[usize; 5]) -> String {
    let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}"));
    format!("| {} |", padded.collect::<Vec<_>>().join(" | "))
}
