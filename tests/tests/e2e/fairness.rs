//! What one site sends stands before no other's next image; the benchmarks of it measure what they say.

use hilum_events::{Event, Priority};
use hilum_servers::wait_until;
use hilum_tests::{LIMIT, Stack, StackOptions, Upload, program, workspace};
use serde_json::Value;
use tokio::process::Command;

const FLOOD: u8 = 20;
const CALM: u8 = 3;
/// The one that is read when an image of the calm site comes, and the next, which was begun before that was decoded.
const BEFORE_IT: usize = 2;
/// Twice what one engine and one decoder work on: as many as are in hand.
const IN_HAND: u64 = 4;
/// Many times what passes between the request and the decoder.
const MS_PER_IMAGE: u64 = 400;

/// Each is another picture, so that none takes over the reading of another: its last byte is a pixel.
fn picture(number: u8) -> Vec<u8> {
    let mut picture = std::fs::read(hilum_tests::sample("chest_mhh_19073f37.dcm")).unwrap();
    *picture.last_mut().unwrap() = number;
    picture
}

#[tokio::test]
async fn an_image_of_one_site_waits_for_no_backlog_of_another() {
    let one =
        ["HILUM_MAX_BATCH", "HILUM_IMAGE_DECODERS", "HILUM_REPLICAS"].map(|name| (name, "1".to_owned()));
    let paced = [("HILUM_ENGINE", "simulated".to_owned()), ("HILUM_SIMULATED_MS", MS_PER_IMAGE.to_string())];
    let environment = one.into_iter().chain(paced).collect();
    let stack = Stack::start(StackOptions { environment, ..StackOptions::default() }).await;
    for number in 0..FLOOD {
        stack.submit(Upload::bytes(&picture(number)).with("site", "flood")).await;
    }
    let hands_are_full = || async {
        let depths = stack.log.queue_depths().await.unwrap();
        let routine = depths.iter().filter(|depth| depth.consumer == "infer-routine");
        routine.map(|depth| depth.in_hand).sum::<u64>() >= IN_HAND
    };
    assert!(wait_until(LIMIT, hands_are_full).await);
    // A site that was never heard of before, one image after the other.
    for number in 0..CALM {
        let upload = Upload::bytes(&picture(100 + number)).with("site", "calm");
        let job = stack.submit(upload).await;
        stack.result(&job).await;
    }

    let (mut asked, mut before, mut waiting) = (false, 0, 0);
    let mut calm = 0;
    for envelope in stack.events().await {
        let is_calm = envelope.site.to_string() == "calm";
        match envelope.event {
            Event::InferenceRequested(request) => {
                assert_eq!(request.priority, Priority::Routine);
                (asked, before) = if is_calm { (true, 0) } else { (asked, before) };
                waiting += usize::from(!is_calm);
            }
            Event::InferenceCompleted(_) if is_calm => {
                assert!(asked && before <= BEFORE_IT, "{before} of the flood were read before it");
                assert!(waiting > 0, "the flood was over");
                (asked, calm) = (false, calm + 1);
            }
            Event::InferenceCompleted(_) => (before, waiting) = (before + 1, waiting - 1),
            _ => {}
        }
    }
    assert_eq!(calm, CALM);
    assert!(wait_until(LIMIT, || stack.is_idle()).await, "nothing of the flood is forgotten");
    assert_eq!(stack.count("inference-completed").await, usize::from(FLOOD + CALM));
    stack.assert_settled().await;
}

/// The object that a benchmark gives. What it measures in a debug build beside other tests is not looked at.
async fn measured(benchmark: &str, arguments: &[&str]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program("hilum"));
    command.args(["bench", benchmark, "--reading-ms", "50", "--json"]).args(arguments);
    command.arg("--images").arg(workspace().join("tests/data/demo.toml"));
    command.arg("--folder").arg(folder.path().join("stack"));
    let output = tokio::time::timeout(LIMIT, command.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let object: Value = serde_json::from_str(text.lines().last().unwrap_or_default())
        .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    assert_eq!(output.status.success(), object["holds"] == true, "the exit code is the verdict: {object}");
    assert!(std::fs::read_dir(folder.path()).unwrap().next().is_none(), "its folders are removed");
    object
}

#[tokio::test]
async fn a_study_is_measured_with_as_many_workers_as_images_and_with_one() {
    let object = measured("study", &["--views", "5", "--rounds", "2"]).await;
    let runs = object["runs"].as_array().unwrap();
    let workers: Vec<_> = runs.iter().map(|run| run["workers"].as_u64().unwrap()).collect();
    assert_eq!(workers, [5, 1], "{object}");
    for (run, alone_ms) in runs.iter().zip([50.0, 250.0]) {
        assert_eq!((run["images"].as_u64(), run["forward_passes"].as_u64()), (Some(5), Some(10)), "{run}");
        assert_eq!(run["readings_alone_ms"], alone_ms);
        for round in run["rounds"].as_array().unwrap() {
            let [last, first] = ["from_last_ms", "from_first_ms"].map(|name| round[name].as_f64().unwrap());
            assert!(first >= last && first >= alone_ms, "{round}");
        }
        assert_eq!(run["rounds"].as_array().unwrap().len(), 2);
    }
}

#[tokio::test]
async fn what_waits_beside_a_flood_is_measured_while_the_flood_lasts() {
    let object = measured("fairness", &["--flood", "120", "--singles", "3"]).await;
    let promises = object["promises"].as_array().unwrap();
    assert_eq!(promises.len(), 2, "{object}");
    for promise in promises {
        for part in ["idle", "beside_flood"] {
            assert_eq!(promise[part]["count"], 3, "{promise}");
            assert!(promise[part]["p50_ms"].as_f64().unwrap() >= 50.0, "{promise}");
        }
    }
    assert_eq!(object["proven"], object["left_of_flood"].as_u64() > Some(0), "{object}");
    // All of the flood and all beside it were asked for.
    assert_eq!(object["stored_to_asked_for"]["count"], 120 + 2 * 3, "{object}");
}
