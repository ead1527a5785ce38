//! The two ends of a connection, of which each is put where a path begins or
//! ends. They ask for round trips first, and then send what goes through.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use process::{Call, Error, Result};

/// Where the one end listens.
pub(super) const PORT: u16 = 7777;

const ROUND_TRIPS: usize = 1000;
const LONG: Duration = Duration::from_millis(500);
const BLOCK: usize = 128 * 1024;

/// `serve`, or `ask ADDRESS`.
pub(super) fn run(words: &str) -> Result<ExitCode> {
    match words.split_once(' ') {
        None => serve()?,
        Some((_, address)) => ask(address)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn serve() -> Result<()> {
    let listener = TcpListener::bind(("0.0.0.0", PORT)).call("bind()")?;
    println!("ready");
    let (mut stream, _) = listener.accept().call("accept()")?;
    stream.set_nodelay(true).call("setsockopt(TCP_NODELAY)")?;
    let mut byte = [0];
    for _ in 0..ROUND_TRIPS {
        stream.read_exact(&mut byte).call("recv()")?;
        stream.write_all(&byte).call("send()")?;
    }
    let mut block = vec![0; BLOCK];
    let mut bytes: u64 = 0;
    loop {
        match stream.read(&mut block).call("recv()")? {
            0 => break,
            length => bytes += length as u64,
        }
    }
    stream.write_all(&bytes.to_be_bytes()).call("send()")
}

/// Prints how many megabits there were in a second, and how many nanoseconds
/// each round trip took.
fn ask(address: &str) -> Result<()> {
    let call = format_args!("connect({address}:{PORT})");
    let mut stream = connect(address).call(call)?;
    stream.set_nodelay(true).call("setsockopt(TCP_NODELAY)")?;
    let mut times = Vec::with_capacity(ROUND_TRIPS);
    let mut byte = [1];
    for _ in 0..ROUND_TRIPS {
        let start = Instant::now();
        stream.write_all(&byte).call("send()")?;
        stream.read_exact(&mut byte).call("recv()")?;
        times.push(start.elapsed().as_nanos().to_string());
    }
    let block = vec![0; BLOCK];
    let start = Instant::now();
    while start.elapsed() < LONG {
        stream.write_all(&block).call("send()")?;
    }
    stream.shutdown(std::net::Shutdown::Write).call("shutdown()")?;
    let mut bytes = [0; 8];
    stream.read_exact(&mut bytes).call("recv()")?;
    let seconds = start.elapsed().as_secs_f64();
    let megabits = u64::from_be_bytes(bytes) as f64 * 8e-6 / seconds;
    if megabits == 0.0 {
        return Err(Error::new("nothing arrived"));
    }
    println!("{megabits:.0} {}", times.join(" "));
    Ok(())
}

/// The other end says that it is ready a moment before its network is.
fn connect(address: &str) -> std::io::Result<TcpStream> {
    let mut tries = 0;
    loop {
        match TcpStream::connect((address, PORT)) {
            Err(_) if tries < 20 => tries += 1,
            answer => return answer,
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
