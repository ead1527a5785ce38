//! Runs the sessions of every chapter, and compares or rewrites them.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::compare::{Rules, Same};
use super::difference::{Difference, replace};
use super::host::Host;
use super::terminal::Terminal;
use super::{Block, blocks};
use crate::kit::Kit;
use crate::render::Chapter;
use crate::teach;

/// What is run.
#[derive(clap::Args, Debug)]
pub(crate) struct Sessions {
    /// Write what was printed into the chapters, where it differs
    #[arg(long)]
    update: bool,
    /// Chapters to run, by the start of their names; all without one
    chapters: Vec<String>,
}

impl Sessions {
    fn wants(&self, chapter: &Chapter) -> bool {
        let name = chapter.path.to_string_lossy();
        let mut starts = self.chapters.iter();
        self.chapters.is_empty() || starts.any(|s| name.starts_with(s.as_str()))
    }
}

/// Runs the sessions; an error if one differs and is not to be updated.
pub(crate) fn run(
    kit: &Kit,
    chapters: &[Chapter],
    options: &Sessions,
) -> Result<()> {
    ensure!(kit.has("bin"), "there is no bin/: `cargo workshop setup` first");
    let mut failed = 0;
    for chapter in chapters.iter().filter(|each| options.wants(each)) {
        let name = chapter.path.display();
        let blocks = blocks(&chapter.text)
            .map_err(|(line, e)| e.context(format!("{name}:{line}")))?;
        let live: Vec<_> =
            blocks.iter().filter(|b| b.marks.no_run.is_none()).collect();
        if live.is_empty() {
            continue;
        }
        let (differences, error) = run_chapter(kit, chapter, &live);
        let commands: usize = live.iter().map(|b| b.commands.len()).sum();
        println!("{name}: {commands} commands, {} differ", differences.len());
        if options.update {
            rewrite(kit, chapter, &differences)?;
        } else {
            failed += differences.len();
            differences.iter().for_each(|each| each.print(&chapter.path));
        }
        if let Some(error) = error {
            failed += 1;
            println!("{name}: {error:#}");
        }
    }
    match failed {
        0 => Ok(()),
        _ => bail!("{failed} commands do not do what the book shows"),
    }
}

/// The differences up to the end, or to a command that never ended.
fn run_chapter(
    kit: &Kit,
    chapter: &Chapter,
    blocks: &[&Block],
) -> (Vec<Difference>, Option<anyhow::Error>) {
    let mut differences = Vec::new();
    let result = play(kit, chapter, blocks, &mut differences);
    (differences, result.err())
}

fn play(
    kit: &Kit,
    chapter: &Chapter,
    blocks: &[&Block],
    differences: &mut Vec<Difference>,
) -> Result<()> {
    let data = teach::Data::of(&chapter.text)?.unwrap_or_default();
    let rules = Rules::new(&data.vary)?;
    let host = Host::start(kit)?;
    let mut terminals = BTreeMap::new();
    for block in blocks {
        let number = block.marks.terminal.unwrap_or(1);
        let terminal = match terminals.entry(number) {
            Entry::Occupied(open) => open.into_mut(),
            Entry::Vacant(new) => new.insert(Terminal::open(&host, START)?),
        };
        let mut same = Same::default();
        for command in &block.commands {
            let outcome = terminal
                .run(command, block.marks.timeout)
                .with_context(|| format!("line {}", command.line))?;
            let found = Difference::of(command, outcome, &rules, &mut same);
            differences.extend(found);
        }
    }
    Ok(())
}

/// How long a shell may take to start.
const START: Duration = Duration::from_secs(20);

/// Puts what was printed in the place of what is shown. What the comparison
/// accepts stays as it is, so an update changes no more than it must.
fn rewrite(
    kit: &Kit,
    chapter: &Chapter,
    differences: &[Difference],
) -> Result<()> {
    let path = kit.path("book/src").join(&chapter.path);
    fs::write(path, replace(&chapter.text, differences))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{TestKit, kit};

    /// Runs one chapter on a real host of its own; needs root, or a kernel
    /// that lets everybody make user namespaces.
    fn play(text: &str) -> (TestKit, Chapter, Vec<Difference>, String) {
        let kit = kit(&[("book/src/x.md", text), ("file", "")]);
        let text = text.to_owned();
        let chapter = Chapter { path: "x.md".into(), text };
        let blocks = blocks(&chapter.text).unwrap();
        let blocks: Vec<_> = blocks.iter().collect();
        let (differences, error) = run_chapter(&kit, &chapter, &blocks);
        let error = error.map_or(String::new(), |e| format!("{e:#}"));
        (kit, chapter, differences, error)
    }

    fn session(text: &str) -> String {
        format!("```console\n{text}\n```\n")
    }

    #[test]
    fn a_session_that_holds_is_accepted() {
        let text = session(
            "# hostname; pwd; ls\nworkshop\n/root/workshop\nbook  file\n\n\
             # readlink /proc/self/ns/uts\nuts:[4026531838]\n\
             # for word in a b\n> do echo $word; done\na\nb\n\
             # (exit 125)\n[exit 125]\n\
             # sh\n# [ -t 0 ]\n# exit 3\n[exit 3]\n\
             # sleep 100\n^C\n[exit 130]",
        );
        let (_, _, differences, error) = play(&text);
        let printed = differences.iter().map(|d| d.printed.as_str());
        assert_eq!(printed.collect::<String>(), "");
        assert_eq!(error, "");
    }

    #[test]
    fn a_changed_output_is_caught_and_updated() {
        let text = session("# echo a\nb\n# true\n[exit 1]\n# echo c\nc");
        let (kit, chapter, differences, _) = play(&text);
        let lines: Vec<_> = differences.iter().map(|d| d.lines.start).collect();
        assert_eq!(lines, [1, 3]);
        rewrite(&kit, &chapter, &differences).unwrap();
        let expected = session("# echo a\na\n# true\n# echo c\nc");
        assert_eq!(kit.read("book/src/x.md").unwrap(), expected);
    }

    #[test]
    fn terminals_share_a_host_and_leave_the_repository_alone() {
        let other = session("# ls\nbook  file  new\n# tty\n/dev/pts/1");
        let other = other.replace("console", "console,terminal=2");
        let (kit, _, differences, error) =
            play(&(session("# echo > new") + &other));
        let printed = differences.iter().map(|d| d.printed.as_str());
        assert_eq!(printed.collect::<String>(), "");
        assert_eq!(error, "");
        assert!(!kit.has("new"));
    }

    #[test]
    fn a_command_that_hangs_is_reported() {
        let text = session("# echo a; sleep 1000\na");
        let text = text.replace("console", "console,timeout=1");
        let (_, _, _, error) = play(&text);
        assert!(error.starts_with("line 2: no prompt within 1s"), "{error}");
        assert!(error.ends_with("sleep 1000\na\n"), "{error}");
    }
}
