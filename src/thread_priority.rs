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
    /// The same with a tenth of its time.
    Background,
}

impl Priority {
    /// Applies to the calling thread, and to the threads that it starts afterwards.
    ///
    /// # Errors
    /// The system's, as where a service manager forbids the system call.
    pub fn apply(self) -> io::Result<()> {
        match self {
            Self::Normal => Ok(()),
            // Five steps of niceness are a third of the weight, ten about a ninth. More for logins would starve them
            // on a machine that is busy otherwise.
            Self::Low => lower_to(5),
            Self::Background => lower_to(10),
        }
    }
}

/// So many steps of niceness below the process's first thread: the calling thread may have inherited a low priority from
/// the one that started it.
#[cfg(target_os = "linux")]
fn lower_to(steps: i32) -> io::Result<()> {
    use rustix::process::{getpid, getpriority_process, setpriority_process};
    const MOST: i32 = 19;
    let first = getpriority_process(Some(getpid()))?;
    // Without a process id it is the calling thread.
    let own = getpriority_process(None)?;
    // A lower niceness than its own needs a privilege.
    setpriority_process(None, (first + steps).min(MOST).max(own))?;
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn lower_to(_: i32) -> io::Result<()> {
    Ok(())
}

#[cfg(target_os = "linux")]
#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn own() -> i32 {
        rustix::process::getpriority_process(None).unwrap()
    }

    #[test]
    fn a_low_priority_is_that_of_one_thread() {
        let before = own();
        for (priority, steps) in [(Priority::Low, 5), (Priority::Background, 10)] {
            let lowered = thread::spawn(move || {
                priority.apply().unwrap();
                own()
            });
            assert_eq!(lowered.join().unwrap(), (before + steps).min(19));
        }
        assert_eq!(own(), before);
    }

    /// A thread of a pool may be started by one of low priority.
    #[test]
    fn steps_do_not_add_up_in_threads_that_inherit_them() {
        let before = own();
        let lowered = thread::spawn(|| {
            Priority::Low.apply().unwrap();
            let inherits = thread::spawn(|| {
                Priority::Background.apply().unwrap();
                own()
            });
            inherits.join().unwrap()
        });
        assert_eq!(lowered.join().unwrap(), (before + 10).min(19));
    }
}
