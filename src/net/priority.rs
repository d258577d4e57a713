//! The scheduling priority of a thread among the threads of this process.
//!
//! Linux has one per thread (sched(7), nice(2)); elsewhere all threads have the same, and only the number of threads
//! bounds what they take.

use std::io;

/// How urgent the work of a thread is when there are more busy threads than cores.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// As the process was started.
    Normal,
    /// A core gives a thread of this priority a quarter of its time while one of normal priority is busy, else all of it.
    Low,
}

impl Priority {
    /// Applies to the calling thread, and to the threads that it starts afterwards.
    ///
    /// # Errors
    /// The system's, as where a service manager forbids the system call.
    pub fn apply(self) -> io::Result<()> {
        match self {
            Self::Normal => Ok(()),
            Self::Low => lower(),
        }
    }
}

/// Five steps of niceness are a third of the weight. More would starve logins on a machine that is busy otherwise.
#[cfg(target_os = "linux")]
fn lower() -> io::Result<()> {
    const STEPS: i32 = 5;
    const MOST: i32 = 19;
    // Without a process id these are about the calling thread.
    let now = rustix::process::getpriority_process(None)?;
    rustix::process::setpriority_process(None, (now + STEPS).min(MOST))?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn lower() -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_low_priority_is_that_of_one_thread() {
        let own = || rustix::process::getpriority_process(None).unwrap();
        let before = own();
        let lowered = std::thread::spawn(move || {
            Priority::Low.apply().unwrap();
            own()
        });
        assert_eq!(lowered.join().unwrap(), (before + 5).min(19));
        assert_eq!(own(), before);
    }
}
