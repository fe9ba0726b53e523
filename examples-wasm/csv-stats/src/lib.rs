//! Statistics of the columns of a table.

use au_guest::{Failure, async_compute};
use schemars::JsonSchema;
use serde::Serialize;

/// What is known of one column.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Column {
    /// Its heading.
    pub name: String,
    /// Fields that are not empty.
    pub count: u64,
    /// Fields that are empty.
    pub empty: u64,
    /// Of the fields, if all of them are numbers.
    pub numbers: Option<Numbers>,
}

/// What is known of numbers.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub struct Numbers {
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation; 0 of a single one.
    pub deviation: f64,
}

/// Counts, ranges, means and deviations of the columns of a CSV table with headings.
#[async_compute]
pub fn csv_stats(table: String) -> Result<Vec<Column>, Failure> {
    let invalid = |error: csv::Error| Failure::invalid_input(error.to_string());
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let mut columns: Vec<_> = reader.headers().map_err(invalid)?.iter().map(Running::new).collect();
    for record in reader.records() {
        for (column, field) in columns.iter_mut().zip(record.map_err(invalid)?.iter()) {
            column.add(field.trim());
        }
    }
    Ok(columns.into_iter().map(Running::column).collect())
}

/// Welford's method (Technometrics 4, 1962): one pass, and no large squares that cancel out.
struct Running {
    name: String,
    count: u64,
    empty: u64,
    text: bool,
    numbers: Numbers,
    squares: f64,
}

impl Running {
    fn new(name: &str) -> Self {
        let numbers = Numbers { min: f64::INFINITY, max: f64::NEG_INFINITY, mean: 0.0, deviation: 0.0 };
        Self { name: name.into(), count: 0, empty: 0, text: false, numbers, squares: 0.0 }
    }

    fn add(&mut self, field: &str) {
        if field.is_empty() {
            self.empty += 1;
            return;
        }
        self.count += 1;
        match field.parse::<f64>() {
            Ok(number) if number.is_finite() => self.add_number(number),
            _ => self.text = true,
        }
    }

    fn add_number(&mut self, number: f64) {
        let numbers = &mut self.numbers;
        numbers.min = numbers.min.min(number);
        numbers.max = numbers.max.max(number);
        let off = number - numbers.mean;
        numbers.mean += off / self.count as f64;
        self.squares += off * (number - numbers.mean);
    }

    fn column(self) -> Column {
        let Self { name, count, empty, text, mut numbers, squares } = self;
        if count > 1 {
            numbers.deviation = (squares / (count - 1) as f64).sqrt();
        }
        Column { name, count, empty, numbers: (!text && count > 0).then_some(numbers) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_statistics_and_text_does_not() {
        let columns = csv_stats("name,age\nAda,36\nAlan,41\nGrace,\n".into()).unwrap();
        assert_eq!((columns[0].count, &columns[0].numbers), (3, &None));
        let age = columns[1].numbers.as_ref().unwrap();
        assert_eq!((columns[1].count, columns[1].empty), (2, 1));
        assert_eq!((age.min, age.max, age.mean), (36.0, 41.0, 38.5));
        assert!((age.deviation - 12.5f64.sqrt()).abs() < 1e-9);
    }

    #[test]
    fn a_ragged_table_is_refused_with_its_line() {
        let Err(Failure::InvalidInput(message)) = csv_stats("a,b\n1\n".into()) else { panic!("it was not refused") };
        assert!(message.contains("line"), "{message}");
    }
}
