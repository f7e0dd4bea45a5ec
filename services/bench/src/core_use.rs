//! Where the processor's time went while images were read, as tables for people and an object for programs.

use hilum_terminal::Output;
use serde_json::{Value, json};

use super::processes::{Machine, ProcessUse, Ticks, Use, seconds};

/// Threads that used less of all cores are not listed by themselves.
const LEAST_SHARE: f64 = 0.002;

/// What was used, and for how many images.
pub(super) struct CoreUse<'a> {
    pub(super) used: &'a Use,
    pub(super) images: usize,
}

impl CoreUse<'_> {
    /// Cores that this program may use, and so the stack.
    fn cores(&self) -> f64 {
        std::thread::available_parallelism().map_or(1, usize::from) as f64
    }

    /// Of all that the cores could have done.
    fn share(&self, ticks: u64) -> f64 {
        seconds(ticks) / (self.used.wall.as_secs_f64() * self.cores())
    }

    /// The share of the cores that the stack and this program used, 0 to 1.
    pub(super) fn in_use(&self) -> f64 {
        self.share(self.used.ticks())
    }

    fn ms_per_image(&self, ticks: u64) -> f64 {
        seconds(ticks) * 1000.0 / self.images.max(1) as f64
    }

    fn columns(&self, ticks: Ticks) -> [String; 3] {
        let kernel = ticks.system as f64 / ticks.all().max(1) as f64;
        [format!("{:.2}", self.ms_per_image(ticks.all())), percent(self.share(ticks.all())), percent(kernel)]
    }

    pub(super) fn show(&self, output: Output) {
        let header = [
            "part",
            "process",
            "number",
            "ms of a core per image",
            "of the cores",
            "in the kernel",
            "peak MiB",
        ];
        let row = |process: &ProcessUse| {
            let mut row = vec![process.part.clone(), process.name.clone(), process.count.to_string()];
            row.extend(self.columns(process.ticks));
            row.push((process.peak_kib / 1024).to_string());
            row
        };
        output.table(&header, self.used.processes.iter().map(row));
        let header =
            ["part", "process", "threads named", "ms of a core per image", "of the cores", "in the kernel"];
        let rows = self.used.processes.iter().flat_map(|process| {
            let listed = process.threads.iter().filter(|(_, ticks)| self.share(ticks.all()) >= LEAST_SHARE);
            listed.map(|(thread, ticks)| {
                let mut row = vec![process.part.clone(), process.name.clone(), thread.clone()];
                row.extend(self.columns(*ticks));
                row
            })
        });
        output.table(&header, rows);
        let rest = self.rest();
        output.say(format_args!(
            "{} of {} cores in use by the stack and this program; the rest: {} other programs, {} idle, {} waiting for \
             a disk, {} stolen by other machines",
            percent(self.in_use()),
            self.cores(),
            percent(rest.other),
            percent(rest.idle),
            percent(rest.iowait),
            percent(rest.stolen)
        ));
    }

    fn rest(&self) -> Rest {
        let Machine { busy, idle, iowait, stolen } = self.used.machine;
        // The machine may have more cores than this program may use.
        let all = (busy + idle + iowait + stolen).max(1) as f64;
        let of_machine = |ticks: u64| ticks as f64 / all;
        Rest {
            other: of_machine(busy.saturating_sub(self.used.ticks())),
            idle: of_machine(idle),
            iowait: of_machine(iowait),
            stolen: of_machine(stolen),
        }
    }

    pub(super) fn object(&self) -> Value {
        let processes = self.used.processes.iter().map(|process| {
            let threads = process.threads.iter().map(|(thread, ticks)| {
                json!({ "threads": thread, "ms_per_image": self.ms_per_image(ticks.all()) })
            });
            json!({
                "part": process.part,
                "process": process.name,
                "number": process.count,
                "ms_per_image": self.ms_per_image(process.ticks.all()),
                "kernel_ms_per_image": self.ms_per_image(process.ticks.system),
                "peak_mib": process.peak_kib / 1024,
                "threads": threads.collect::<Vec<_>>(),
            })
        });
        let rest = self.rest();
        json!({
            "cores": self.cores(),
            "in_use": self.in_use(),
            "other_programs": rest.other,
            "idle": rest.idle,
            "iowait": rest.iowait,
            "stolen": rest.stolen,
            "processes": processes.collect::<Vec<_>>(),
        })
    }
}

/// Where the cores were when they were not the stack's, as shares of the machine.
struct Rest {
    other: f64,
    idle: f64,
    iowait: f64,
    stolen: f64,
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}
