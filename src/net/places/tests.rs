//! Newcomers, evictions and established connections, in paused time.

use super::*;

const GRACE: Duration = Duration::from_secs(2);

fn bounds(all: usize, pending: usize) -> Bounds {
    Bounds {
        all,
        pending,
        grace: GRACE,
    }
}

fn address(last: u8) -> IpAddr {
    IpAddr::from([192, 0, 2, last])
}

async fn is_evicted(place: &Place) -> bool {
    tokio::time::timeout(Duration::ZERO, place.evicted())
        .await
        .is_ok()
}

#[tokio::test(start_paused = true)]
async fn places_are_bounded_and_free_again() {
    let places = Arc::new(Places::default());
    let enter = || places.enter(address(1), bounds(2, 2));
    let first = enter().unwrap();
    let _second = enter().unwrap();
    assert_eq!(enter().unwrap_err(), Full::All);
    drop(first);
    enter().unwrap();
}

#[tokio::test(start_paused = true)]
async fn pending_connections_have_a_part_of_the_places() {
    let places = Arc::new(Places::default());
    let enter = || places.enter(address(1), bounds(3, 1));
    let mut established = Vec::new();
    for _ in 0..3 {
        let mut place = enter().unwrap();
        assert!(enter().is_err());
        assert!(place.establish());
        established.push(place);
    }
    assert_eq!(enter().unwrap_err(), Full::All);
    tokio::time::advance(10 * GRACE).await;
    assert_eq!(enter().unwrap_err(), Full::All);
    for place in &established {
        assert!(!is_evicted(place).await);
    }
    established.pop();
    let _pending = enter().unwrap();
    established.clear();
    assert_eq!(enter().unwrap_err(), Full::Pending);
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_gets_the_place_of_the_oldest_idle_one_after_the_grace() {
    let places = Arc::new(Places::default());
    let enter = || places.enter(address(1), bounds(10, 3));
    let mut busy = enter().unwrap();
    busy.set_busy(true);
    let (older, younger) = (enter().unwrap(), enter().unwrap());
    assert_eq!(enter().unwrap_err(), Full::Pending);
    tokio::time::advance(GRACE).await;
    let _newcomer = enter().unwrap();
    assert!(is_evicted(&older).await);
    assert!(!is_evicted(&younger).await && !is_evicted(&busy).await);
    assert_eq!(places.pending(), 3);
    // What was evicted gives nothing back.
    drop(older);
    assert_eq!(places.pending(), 3);
    let _another = enter().unwrap();
    assert!(is_evicted(&younger).await && !is_evicted(&busy).await);
    // Busy ones are the last resort.
    let _more = enter().unwrap();
    assert!(is_evicted(&busy).await);
    assert!(!busy.establish());
    assert_eq!(enter().unwrap_err(), Full::Pending);
}

#[tokio::test(start_paused = true)]
async fn the_address_with_the_most_pending_connections_loses_one() {
    let places = Arc::new(Places::default());
    let enter = |last| places.enter(address(last), bounds(10, 4));
    let alone = enter(1).unwrap();
    let flood: Vec<_> = (0..3).map(|_| enter(2).unwrap()).collect();
    tokio::time::advance(GRACE).await;
    let _newcomer = enter(3).unwrap();
    assert!(is_evicted(&flood[0]).await);
    assert!(!is_evicted(&alone).await);
    // A PROXY header tells another address than the connection has.
    flood[1].is_of(address(4));
    flood[2].is_of(address(5));
    let _newcomer = enter(3).unwrap();
    assert!(is_evicted(&alone).await);
    assert!(!is_evicted(&flood[1]).await);
}
