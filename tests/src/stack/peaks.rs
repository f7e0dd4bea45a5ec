//! How much memory the services of a stack and their decoder processes have had at their peaks. Linux only.

use std::path::Path;

use super::Stack;

/// The peak of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peak {
    /// The service.
    pub service: String,
    /// Whether it is a process that the service started, and not the service itself.
    pub is_child: bool,
    /// Most memory that it had resident, KiB.
    pub kib: u64,
}

impl Stack {
    /// The peaks of all processes that run now, services first.
    pub fn peaks(&self) -> Vec<Peak> {
        let processes: Vec<_> = std::fs::read_dir("/proc").unwrap().flatten().collect();
        let mut peaks = Vec::new();
        for (name, service) in &self.services {
            let Some(pid) = service.process.as_ref().and_then(|process| process.pid()) else { continue };
            for process in &processes {
                let Some(status) = Status::read(&process.path()) else { continue };
                if status.pid == pid || status.parent == pid {
                    let is_child = status.parent == pid;
                    peaks.push(Peak { service: name.clone(), is_child, kib: status.peak_kib });
                }
            }
        }
        peaks.sort_by_key(|peak| peak.is_child);
        peaks
    }
}

struct Status {
    pid: u32,
    parent: u32,
    peak_kib: u64,
}

impl Status {
    /// Of a folder of `/proc`; none when it is no process, or its process has ended.
    fn read(folder: &Path) -> Option<Self> {
        let text = std::fs::read_to_string(folder.join("status")).ok()?;
        let field = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
            line.split_whitespace().next()?.parse::<u64>().ok()
        };
        let pid = |name: &str| u32::try_from(field(name)?).ok();
        Some(Self { pid: pid("Pid")?, parent: pid("PPid")?, peak_kib: field("VmHWM")? })
    }
}
