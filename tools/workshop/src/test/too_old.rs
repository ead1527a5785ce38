//! On a kernel that is older than all that the steps need, nothing is to be
//! shown but that everybody says so.

use std::ffi::OsStr;
use std::fmt::Write;
use std::ops::ControlFlow::Continue;

use process::{Error, FAILED, Result};

use crate::ladder::LADDER;
use crate::repository;
use crate::vm::kernels::Kernel;
use crate::vm::{Guest, Job, lines};

/// What the doctor finds.
const FINDING: &str = "is older than 5.15";

/// Asks the doctor and every step.
pub(super) fn run(kernel: &Kernel) -> Result<Vec<String>> {
    let job = Job::new(kernel.version, &script()?)?;
    let mut guest = Guest::boot(&kernel.ensure()?, &job, false, &[])?;
    let mut said = Vec::new();
    let silence = guest.output().and_then(|output| {
        lines(output, |line| {
            println!("{:12} {line}", kernel.version);
            said.push(line.to_owned());
            Continue(())
        })
    });
    if silence.is_some() || guest.status()? != Some(0) {
        return Err(Error::new("the guest did not come to its end")
            .with_hint(format_args!("see {:?}", job.directory)));
    }
    Ok(problems(&said))
}

/// A line `@end NAME STATUS` follows what each of them says.
fn script() -> Result<String> {
    let programs = repository::programs()?;
    let rootfs = repository::rootfs().join("busybox");
    let mut script = String::from(
        "#!/bin/sh\n\
         ask() { name=$1; shift; \"$@\"; echo \"@end $name $?\"; }\n",
    );
    let program = programs.join("workshop");
    let mut ask = |line: std::fmt::Arguments<'_>| {
        // A String takes whatever is written to it.
        let _ = writeln!(script, "ask {line}");
    };
    ask(format_args!("doctor {program:?} doctor"));
    for step in LADDER {
        let options = step.required_options();
        let words = step.arguments(&options, &rootfs, &["true"]);
        let words = words.join(OsStr::new(" "));
        let program = programs.join(step.name);
        ask(format_args!("{} {program:?} {}", step.name, words.display()));
    }
    script += "exit 0\n";
    Ok(script)
}

/// Who did not say it. A step that works on such a kernel has nothing to say;
/// one that fails must name the kernel that it takes.
fn problems(said: &[String]) -> Vec<String> {
    let mut answers = Vec::new();
    let mut text = String::new();
    for line in said {
        match line.strip_prefix("@end ").and_then(|l| l.split_once(' ')) {
            Some((name, status)) => {
                answers.push((name, status, std::mem::take(&mut text)));
            }
            None => text += &format!("{line}\n"),
        }
    }
    let mut problems: Vec<String> =
        answers.iter().filter_map(|(n, s, t)| problem(n, s, t)).collect();
    if answers.len() != LADDER.len() + 1 {
        problems.push(format!("{} answers came", answers.len()));
    }
    problems
}

fn problem(name: &str, status: &str, text: &str) -> Option<String> {
    let failed = FAILED.to_string();
    let is_clear = match name {
        "doctor" => status == "1" && text.contains(FINDING),
        _ if status == "0" => true,
        _ => status == failed && text.contains("hint: it takes Linux"),
    };
    (!is_clear).then(|| {
        format!("{name} does not say that the kernel is too old: {status}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_fails_must_name_the_kernel_that_it_takes() {
        let old = "5.10.0 is older than 5.15";
        assert_eq!(problem("doctor", "1", old), None);
        assert!(problem("doctor", "0", old).is_some());
        assert!(problem("doctor", "1", "fine").is_some());
        assert_eq!(problem("00-process", "0", ""), None);
        let hint = "hint: it takes Linux 5.11";
        assert_eq!(problem("06-mount", "125", hint), None);
        assert!(problem("06-mount", "125", "ENOSYS").is_some());
        assert!(problem("06-mount", "139", hint).is_some());
    }

    #[test]
    fn all_of_them_must_answer() {
        assert_eq!(problems(&[]), ["0 answers came"]);
    }
}
