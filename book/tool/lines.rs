//! The lines of a chapter, each with the place it stands in.

/// What a line of Markdown belongs to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place<'a> {
    Prose,
    /// From `<!--` to `-->`.
    Comment,
    /// The opening line of a code block; what follows the backticks.
    Open(&'a str),
    Code,
    Close,
}

/// A line, its number counted from 1, and its place.
pub(crate) type Line<'a> = (usize, Place<'a>, &'a str);

/// Tells prose from comments and code blocks. Both begin and end on lines of
/// their own, which is all that the chapters need of CommonMark.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut fence = 0;
    let mut comment = false;
    text.lines().enumerate().map(move |(index, line)| {
        let place = if fence > 0 {
            inside(line, &mut fence)
        } else if comment || line.trim_start().starts_with("<!--") {
            comment = !line.contains("-->");
            Place::Comment
        } else {
            outside(line, &mut fence)
        };
        (index + 1, place, line)
    })
}

fn outside<'a>(line: &'a str, fence: &mut usize) -> Place<'a> {
    match ticks(line) {
        0..=2 => Place::Prose,
        count => {
            *fence = count;
            Place::Open(line.trim()[count..].trim())
        }
    }
}

fn inside<'a>(line: &str, fence: &mut usize) -> Place<'a> {
    let count = ticks(line);
    if count < *fence || line.trim().len() > count {
        return Place::Code;
    }
    *fence = 0;
    Place::Close
}

fn ticks(line: &str) -> usize {
    line.trim_start().bytes().take_while(|byte| *byte == b'`').count()
}

/// A code block that no backticks within `body` can end.
pub(crate) fn fenced(language: &str, body: &str) -> String {
    let longest = body.lines().map(ticks).max().unwrap_or(0);
    let fence = "`".repeat((longest + 1).max(3));
    let body = body.trim_end();
    format!("{fence}{language}\n{body}\n{fence}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_comments_are_told_from_prose() {
        let text = "a\n````x\n```\n````\n<!-- b\nc -->\nd";
        let places: Vec<_> = lines(text).map(|(_, place, _)| place).collect();
        use Place::*;
        let expected = [Prose, Open("x"), Code, Close, Comment, Comment, Prose];
        assert_eq!(places, expected);
    }

    #[test]
    fn a_fence_outlasts_the_fences_within() {
        assert_eq!(fenced("rust", "```\n"), "````rust\n```\n````");
    }
}
