//! What the system says of this process.

use std::time::Duration;

use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, get_current_pid};

use crate::model::figure::{Figure, Value};

/// The figures that are usual for a process, by their usual names; none where
/// the system does not tell.
#[must_use]
pub fn figures() -> Vec<Figure> {
    let (Ok(pid), Ok(mut system)) = (get_current_pid(), System::new()) else {
        return Vec::new();
    };
    system.refresh_processes_specifics(
        ProcessesToUpdate::Some(&[pid]),
        false,
        ProcessRefreshKind::nothing()
            .with_memory()
            .with_cpu()
            .without_tasks(),
    );
    let Some(process) = system.process(pid) else {
        return Vec::new();
    };
    let mut figures = vec![
        Figure::one(
            "process_cpu_seconds",
            "Time of processors that this process has used",
            Value::Time(Duration::from_millis(process.accumulated_cpu_time())),
        ),
        Figure::gauge(
            "process_resident_memory_bytes",
            "Memory that this process takes up",
            process.memory(),
        ),
        Figure::one(
            "process_start_time_seconds",
            "When this process began, since 1970",
            Value::Seconds(Duration::from_secs(process.start_time())),
        ),
    ];
    let files = [
        (
            "process_open_fds",
            "Files and connections that are open",
            process.open_files(),
        ),
        (
            "process_max_fds",
            "How many of them may be",
            process.open_files_limit(),
        ),
    ];
    let told = files
        .into_iter()
        .filter_map(|(name, help, count)| Some(Figure::gauge(name, help, count?)));
    figures.extend(told);
    figures
}
