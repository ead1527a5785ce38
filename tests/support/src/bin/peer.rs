//! `peer serve tcp|udp PORT` and `peer ask tcp|udp HOST PORT`: two who talk by
//! a network, to see whether one is there.
//!
//! Who serves says who asked. No program that every machine has does both, for
//! both protocols and both families.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", "tcp", port] => serve_tcp(port.parse()?),
        ["serve", "udp", port] => serve_udp(port.parse()?),
        ["ask", "tcp", host, port] => ask_tcp(host, port.parse()?),
        ["ask", "udp", host, port] => ask_udp(host, port.parse()?),
        ["take", port] => take(port.parse()?),
        ["give", host, port, bytes] => {
            give(host, port.parse()?, bytes.parse()?)
        }
        _ => Err("peer serve|ask tcp|udp [HOST] PORT, peer take PORT, \
                  peer give HOST PORT BYTES"
            .into()),
    }
}

fn serve_tcp(port: u16) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("::", port))?;
    println!("ready");
    loop {
        let (mut stream, from) = listener.accept()?;
        // Who asked may have gone.
        let _ = writeln!(stream, "{}", from.ip().to_canonical());
    }
}

fn serve_udp(port: u16) -> Result<(), Box<dyn Error>> {
    let socket = UdpSocket::bind(("::", port))?;
    println!("ready");
    loop {
        let (_, from) = socket.recv_from(&mut [0; 16])?;
        let text = format!("{}\n", from.ip().to_canonical());
        let _ = socket.send_to(text.as_bytes(), from);
    }
}

/// Takes all that one connection brings, and says how many bytes a second
/// came.
fn take(port: u16) -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind(("::", port))?;
    println!("ready");
    let (mut stream, _) = listener.accept()?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut buffer = vec![0; 1 << 16];
    // From the first bytes on: they come at once, from a full bucket.
    stream.read_exact(&mut buffer[..1])?;
    let (start, mut sum) = (Instant::now(), 0);
    loop {
        match stream.read(&mut buffer)? {
            0 => break,
            more => sum += more,
        }
    }
    println!("{:.0}", sum as f64 / start.elapsed().as_secs_f64());
    Ok(())
}

fn give(host: &str, port: u16, bytes: usize) -> Result<(), Box<dyn Error>> {
    let address = (host, port).to_socket_addrs()?.next().ok_or("no address")?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.write_all(&vec![0; bytes])?;
    // What is still on the way goes with the network of this process.
    stream.shutdown(Shutdown::Write)?;
    stream.read_to_end(&mut Vec::new())?;
    Ok(())
}

fn ask_tcp(host: &str, port: u16) -> Result<(), Box<dyn Error>> {
    let address = (host, port).to_socket_addrs()?.next().ok_or("no address")?;
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    print!("{text}");
    Ok(())
}

fn ask_udp(host: &str, port: u16) -> Result<(), Box<dyn Error>> {
    let any = if host.contains(':') { "::" } else { "0.0.0.0" };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.connect((host, port))?;
    socket.send(b"?")?;
    let mut bytes = [0; 64];
    let length = socket.recv(&mut bytes)?;
    print!("{}", String::from_utf8_lossy(&bytes[..length]));
    Ok(())
}
