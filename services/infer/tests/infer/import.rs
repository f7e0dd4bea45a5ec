//! The import of pickled weights. It needs a Python with torch and torchxrayvision, so it only runs with

//! HILUM_TEST_IMPORT=1; HILUM_IMPORT_PYTHON names the interpreter, else the packages are downloaded to the cache.

use serde_json::Value;
use std::path::Path;
use std::process::Command;

use crate::support::demo;

/// A whole torchxrayvision module, pickled as upstream does it, with the weights of a safetensors file.
const PICKLE: &str = "
import sys, warnings; warnings.filterwarnings('ignore')
import torch, torchxrayvision as xrv
from safetensors.torch import load_file
model = xrv.models.DenseNet(weights=None, num_classes=18, in_channels=1)
missing, unexpected = model.load_state_dict(load_file(sys.argv[1]), strict=False)
assert not unexpected and all('num_batches_tracked' in name for name in missing)
torch.save(model.eval(), sys.argv[2])
";

fn python() -> Command {
    let program =
        std::env::var_os("HILUM_IMPORT_PYTHON").expect("HILUM_IMPORT_PYTHON must name a Python with torch");
    Command::new(program)
}

fn import(weights: &Path, dir: &Path, more: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hilum-model"));
    command.args(["import", "--json"]).args(more).arg(weights).arg(dir).output().unwrap()
}

#[test]
fn imported_weights_give_what_the_reference_gives() {
    if std::env::var_os("HILUM_TEST_IMPORT").is_none_or(|value| value != "1") {
        eprintln!("skipped: set HILUM_TEST_IMPORT=1 and HILUM_IMPORT_PYTHON to test the import");
        return;
    }
    let (demo, keep) = (demo(), tempfile::tempdir().unwrap());
    let (pickled, dir) = (keep.path().join("whole.pt"), keep.path().join("imported"));
    let source = demo.folder.path().join("weights.safetensors");
    let done = python().args(["-c", PICKLE]).arg(source).arg(&pickled).status().unwrap();
    assert!(done.success());

    let refused = import(&pickled, &dir, &[]);
    assert!(!refused.status.success() && !dir.exists(), "another hash than the published one needs --sha256");

    let sha256 = hilum_models::sha256_hex(&std::fs::read(&pickled).unwrap());
    let output = import(&pickled, &dir, &["--untrained", "--name", "imported-demo", "--sha256", &sha256]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let line: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&line["passed"], &line["cases"]), (&Value::from(true), &Value::from(2)));
    assert_eq!((&line["model"]["trained"], &line["model"]["name"]), (&false.into(), &"imported-demo".into()));

    // The demo's golden outputs were made long ago; the import computes its own from the same numbers.
    let imported = hilum_models::ModelFolder::open(&dir).unwrap();
    assert_eq!(imported.manifest().op_threshs, demo.folder.manifest().op_threshs);
    assert_eq!(imported.manifest().labels, demo.folder.manifest().labels);
    for (ours, stored) in imported.golden_cases().unwrap().iter().zip(demo.folder.golden_cases().unwrap()) {
        assert_eq!((&ours.name, &ours.input), (&stored.name, &stored.input));
        assert!(crate::support::largest_difference(&ours.logits, &stored.logits) < 1e-5);
        assert!(crate::support::largest_difference(&ours.maps[0].values, &stored.maps[0].values) < 1e-5);
    }
}
