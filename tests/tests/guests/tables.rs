//! `csv_stats`: statistics of a table.

use au_host::{FailureKind, Payload};
use au_tests::example::host_of;
use serde_json::{Value, json};

use super::{ask, call, failure};

const TABLE: &str = "name, height,note\nAda,1.60,\nGrace,1.70,early\nAlan,1.80,\n\"Kurt, G\",,late\n";

#[tokio::test]
async fn columns_have_counts_and_numbers_have_statistics() {
    let local = host_of(&["csv_stats"]).await;
    let input = Payload::new("text/csv", TABLE).unwrap();
    let columns: Value = local.host().call(ask("csv_stats", input)).await.unwrap().from_json().unwrap();
    assert_eq!(columns[0], json!({ "name": "name", "count": 4, "empty": 0, "numbers": null }));
    assert_eq!(columns[2], json!({ "name": "note", "count": 2, "empty": 2, "numbers": null }));
    let height = &columns[1]["numbers"];
    assert_eq!((&columns[1]["count"], &columns[1]["empty"]), (&json!(3), &json!(1)));
    assert_eq!((&height["min"], &height["max"]), (&json!(1.6), &json!(1.8)));
    assert!((height["mean"].as_f64().unwrap() - 1.7).abs() < 1e-12, "{height}");
    assert!((height["deviation"].as_f64().unwrap() - 0.1).abs() < 1e-12, "{height}");
}

#[tokio::test]
async fn a_table_as_text_and_as_an_argument_is_the_same() {
    let local = host_of(&["csv_stats"]).await;
    let input = Payload::new("text/csv; header=present", TABLE).unwrap();
    let text: Value = local.host().call(ask("csv_stats", input)).await.unwrap().from_json().unwrap();
    assert_eq!(text, call::<_, Value>(&local, "csv_stats", &[TABLE]).await);
    assert_eq!(text, call::<_, Value>(&local, "csv_stats", &json!({ "table": TABLE })).await);
}

#[tokio::test]
async fn a_ragged_table_is_refused_with_its_line() {
    let local = host_of(&["csv_stats"]).await;
    let input = Payload::new("text/csv", "a,b\n1,2\n3\n").unwrap();
    let refused = failure(local.host().call(ask("csv_stats", input)).await);
    assert_eq!(refused.kind, FailureKind::InvalidInput);
    assert!(refused.message.contains("line: 3"), "{refused}");
}
