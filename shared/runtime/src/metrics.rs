//! What the metrics of all programs mean, for the page that a program shows of them. The table is `metrics.toml`; `make lint`
//! holds it against what is counted, and makes docs/metrics.md of it.

use std::collections::BTreeMap;

use serde::Deserialize;

const TABLE: &str = include_str!("metrics.toml");

#[derive(Deserialize)]
struct Metric {
    kind: Kind,
    meaning: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// Tells the recorder of this process what each metric means: one that is counted is shown with it.
pub(crate) fn describe_all() {
    for (name, Metric { kind, meaning }) in table() {
        match kind {
            Kind::Counter => metrics::describe_counter!(name, meaning),
            Kind::Gauge => metrics::describe_gauge!(name, meaning),
            Kind::Histogram => metrics::describe_histogram!(name, meaning),
        }
    }
}

fn table() -> BTreeMap<String, Metric> {
    toml::from_str(TABLE).expect("a test reads the table")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_metric_says_what_it_means_in_one_line() {
        let table = table();
        assert!(table.len() > 40);
        for (name, metric) in table {
            assert!(name.starts_with("hilum_") && metric.meaning.ends_with('.'), "{name}");
            assert!(!metric.meaning.contains('\n'), "{name}");
        }
    }
}
