//! The C compiler, with which rustc links.

use std::io::Write;
use std::process::{Command, Stdio};

/// Links a program as all of the kit's are linked: statically. Otherwise
/// gives the linker's own words.
pub fn links_statically() -> Result<(), String> {
    // What cc(1) writes, it first removes: the null device must not be it.
    let program = crate::repository::top()
        .join(format!("target/linker-{}", std::process::id()));
    let result = compile(&program);
    // It is not there if the linker failed.
    let _ = std::fs::remove_file(&program);
    result
}

fn compile(program: &std::path::Path) -> Result<(), String> {
    let mut compiler = Command::new("cc")
        .args(["-static", "-x", "c", "-", "-o"])
        .arg(program)
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("cc: {error}"))?;
    if let Some(mut source) = compiler.stdin.take() {
        // A compiler that does not read it fails, and says why.
        let _ = source.write_all(b"int main(void) { return 0; }\n");
    }
    let output =
        compiler.wait_with_output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(()),
        false => Err(first_line(&output.stderr)),
    }
}

/// The first complaint is the cause of the others.
fn first_line(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let line = text.lines().find(|line| !line.trim().is_empty());
    line.unwrap_or("cc failed and said nothing").to_owned()
}
