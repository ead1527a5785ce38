//! The book in a browser, made again when its sources have changed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Result, anyhow};
use tiny_http::{Header, Request, Response, Server};
use walkdir::WalkDir;

use crate::chapter::Edition;
use crate::kit::Kit;
use crate::render::{build, page};

/// Serves until it is interrupted. No watcher, no script in the page: to load
/// a page again is to make it again, if it has to be.
pub(crate) fn serve(kit: &Kit, listen: &str, edition: Edition) -> Result<()> {
    let server = Server::http(listen).map_err(|error| anyhow!("{error}"))?;
    println!("http://{listen}/");
    let mut made = SystemTime::UNIX_EPOCH;
    let mut dir = Ok(PathBuf::new());
    for request in server.incoming_requests() {
        let changed = newest(kit);
        if changed > made {
            dir = build(kit, edition);
            made = changed;
        }
        // A browser that goes away in the middle is no error.
        let _ = match &dir {
            Ok(dir) => answer(request, dir),
            Err(error) => {
                println!("{error:?}");
                let page = format!("{error:?}");
                request
                    .respond(Response::from_string(page).with_status_code(500))
            }
        };
    }
    Ok(())
}

/// When anything that the book is made of was last changed.
fn newest(kit: &Kit) -> SystemTime {
    ["book", "steps", "tests"]
        .iter()
        .flat_map(|dir| WalkDir::new(kit.path(dir)))
        .filter_map(|entry| entry.ok()?.metadata().ok()?.modified().ok())
        .max()
        .unwrap_or(SystemTime::now())
}

fn answer(request: Request, dir: &Path) -> std::io::Result<()> {
    let path = page(dir, request.url());
    let Ok(file) = File::open(&path) else {
        let page = fs::read(dir.join("404.html")).unwrap_or_default();
        let page = Response::from_data(page).with_status_code(404);
        let html = content_type("html");
        return request
            .respond(html.into_iter().fold(page, Response::with_header));
    };
    let extension = path.extension().and_then(|e| e.to_str()).unwrap_or("");
    let file = Response::from_file(file);
    let kind = content_type(extension);
    request.respond(kind.into_iter().fold(file, Response::with_header))
}

fn content_type(extension: &str) -> Option<Header> {
    let kind = match extension {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css",
        "js" => "text/javascript",
        "svg" => "image/svg+xml",
        // The browser finds out what the others are.
        _ => return None,
    };
    Header::from_bytes("Content-Type", kind).ok()
}
