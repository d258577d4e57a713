//! Any octets as the beginning of a connection: a PROXY header is read to its end and no further, and the addresses
//! that it gave can be written and read again.

use std::pin::pin;
use std::task::{Context, Poll, Waker};

use popgate::net::proxy_protocol::{Addressed, HeaderError, read, v1, v2};

/// Reads a header; all octets are there, so nothing waits.
fn header(mut data: &[u8]) -> (Result<Option<Addressed>, HeaderError>, usize) {
    let length = data.len();
    let result = {
        let mut reading = pin!(read(&mut data));
        match reading
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            Poll::Ready(result) => result,
            Poll::Pending => panic!("it waits for more than there is"),
        }
    };
    (result, length - data.len())
}

pub fn run(data: &[u8]) {
    let (result, used) = header(data);
    // The longest of version 2: 16 octets, and 4096 of addresses and more.
    assert!(used <= 16 + 4096);
    let Ok(addressed) = result else {
        return;
    };
    // What follows belongs to the session.
    let (again, same) = header(&data[..used]);
    assert!(again.is_ok_and(|again| again == addressed) && same == used);
    let Some(of) = addressed else {
        return;
    };
    let mut written = vec![v1(of)];
    written.extend(v2(of));
    for bytes in written {
        let (read, used) = header(&bytes);
        assert_eq!(used, bytes.len());
        // A pair of both families is written as one of IPv6.
        if of.client.is_ipv4() == of.original_dst.is_ipv4() {
            assert_eq!(read.unwrap(), Some(of));
        }
    }
}
