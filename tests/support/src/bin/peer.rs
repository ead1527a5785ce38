//! `peer serve tcp|udp PORT` and `peer ask tcp|udp HOST PORT`: two who talk by
//! a network, to see whether one is there.
//!
//! Who serves says who asked. No program that every machine has does both, for
//! both protocols and both families.

use std::error::Error;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(2);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let words: Vec<_> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["serve", "tcp", port] => serve_tcp(port.parse()?),
        ["serve", "udp", port] => serve_udp(port.parse()?),
        ["ask", "tcp", host, port] => ask_tcp(host, port.parse()?),
        ["ask", "udp", host, port] => ask_udp(host, port.parse()?),
        _ => Err("peer serve|ask tcp|udp [HOST] PORT".into()),
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
