//! Single numbers from the metrics of a stack's services: whether a measurement measured what it says.

use std::time::Duration;

use hilum_stack::StackState;

/// Each reading that was made had a forward pass.
const FORWARD_PASSES: &str = "hilum_stage_seconds_count{stage=\"forward\"}";
const LIMIT: Duration = Duration::from_secs(5);

/// How many pictures went through the model so far, of all workers together; `None` when one does not tell.
pub(super) async fn forward_passes(state: &StackState) -> Option<u64> {
    let workers = state.parts.iter().map(|part| part.name.as_str());
    let mut sum = 0;
    for worker in workers.filter(|name| *name == "infer" || name.starts_with("infer-")) {
        sum += metric_of(state, worker, FORWARD_PASSES).await?;
    }
    Some(sum)
}

/// A counter of one part, over all its labels, 0 while it was never counted; `None` when the part does not tell.
pub(super) async fn metric_of(state: &StackState, part: &str, metric: &str) -> Option<u64> {
    let port = state.parts.iter().find(|found| found.name == part)?.port;
    let url = format!("http://127.0.0.1:{port}/metrics");
    let client = hilum_runtime::http_client().build().ok()?;
    let page = client.get(url).timeout(LIMIT).send().await.ok()?.text().await.ok()?;
    Some(counted(&page, metric))
}

fn counted(page: &str, metric: &str) -> u64 {
    let values = page.lines().filter_map(|line| {
        let rest = line.strip_prefix(metric)?;
        let value = if rest.starts_with('{') { rest.rsplit_once("} ")?.1 } else { rest.strip_prefix(' ')? };
        value.parse::<u64>().ok()
    });
    values.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_on_the_page_by_its_whole_name() {
        let page = "a_total_more 3\nhilum_stage_seconds_count{stage=\"forward\"} 7\na_total 5\nc{x=\"1\"} 2\n\
                    c{x=\"2\"} 3\n";
        assert_eq!(counted(page, FORWARD_PASSES), 7);
        assert_eq!((counted(page, "a_total"), counted(page, "b_total"), counted(page, "c")), (5, 0, 5));
    }
}
