//! Addresses of clients, and of attackers who pretend to be others.

use super::ForwardingHeader::Forwarded;
use super::ForwardingHeader::XForwardedFor;
use super::*;

const PEER: &str = "10.0.0.1";

fn headers(lines: &[(ForwardingHeader, &[u8])]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (header, line) in lines {
        headers.append(header.name(), HeaderValue::from_bytes(line).unwrap());
    }
    headers
}

fn client(header: ForwardingHeader, hops: u8, lines: &[impl AsRef<[u8]>]) -> String {
    let lines: Vec<_> = lines.iter().map(|line| (header, line.as_ref())).collect();
    client_address(&headers(&lines), header, hops, PEER.parse().unwrap()).to_string()
}

/// The address in a single element, or that of the peer.
fn only(header: ForwardingHeader, element: &str) -> String {
    client(header, 1, &[element])
}

#[test]
fn the_client_is_as_many_elements_from_the_right_as_there_are_trusted_hops() {
    let table: [(&str, u8, &[&str], &str); 11] = [
        ("no header", 1, &[], PEER),
        ("no trusted hop", 0, &["1.1.1.1"], PEER),
        ("one hop", 1, &["1.1.1.1, 2.2.2.2, 3.3.3.3"], "3.3.3.3"),
        ("two hops", 2, &["1.1.1.1, 2.2.2.2, 3.3.3.3"], "2.2.2.2"),
        ("all of them", 3, &["1.1.1.1, 2.2.2.2, 3.3.3.3"], "1.1.1.1"),
        ("fewer elements than hops", 4, &["1.1.1.1, 2.2.2.2, 3.3.3.3"], "1.1.1.1"),
        ("as many hops as there can be", 255, &["1.1.1.1,2.2.2.2"], "1.1.1.1"),
        ("lines are one list, first hop", 1, &["1.1.1.1", "2.2.2.2, 3.3.3.3"], "3.3.3.3"),
        ("lines are one list, third hop", 3, &["1.1.1.1", "2.2.2.2, 3.3.3.3"], "1.1.1.1"),
        ("an empty line is an element", 2, &["1.1.1.1", "", "3.3.3.3"], "3.3.3.3"),
        ("white space", 2, &["1.1.1.1 \t,\t 2.2.2.2\t ,3.3.3.3 "], "2.2.2.2"),
    ];
    for (name, hops, lines, expected) in table {
        assert_eq!(client(XForwardedFor, hops, lines), expected, "{name}");
        let lines: Vec<String> = lines.iter().map(|line| as_forwarded(line)).collect();
        assert_eq!(client(Forwarded, hops, &lines), expected, "{name}, Forwarded");
    }
}

/// The elements of `X-Forwarded-For` as those of `Forwarded`.
fn as_forwarded(line: &str) -> String {
    let pair = |element: &str| match element.trim() {
        "" => String::new(),
        address => element.replace(address, &format!("for={address};proto=https")),
    };
    line.split(',').map(pair).collect::<Vec<_>>().join(",")
}

#[test]
fn an_element_without_an_address_is_replaced_by_the_next_one_to_its_right() {
    for bad in ["unknown", "_hidden", "", "1.2.3", "x", "fe80::1%eth0", "\u{e9}"] {
        for (hops, elements, expected) in [
            (1, ["9.9.9.9", "8.8.8.8", bad], PEER),
            (2, ["9.9.9.9", bad, "3.3.3.3"], "3.3.3.3"),
            (3, ["9.9.9.9", bad, "unknown"], "9.9.9.9"),
            (2, ["9.9.9.9", bad, "unknown"], PEER),
            (3, [bad, "2.2.2.2", "unknown"], "2.2.2.2"),
            (4, [bad, "2.2.2.2", "3.3.3.3"], "2.2.2.2"),
        ] {
            let line = elements.join(", ");
            assert_eq!(client(XForwardedFor, hops, &[&line]), expected, "{hops} of {line}");
            let line = as_forwarded(&line);
            assert_eq!(client(Forwarded, hops, &[&line]), expected, "{hops} of {line}");
        }
    }
}

#[test]
fn an_attacker_moves_nothing_that_a_trusted_proxy_has_appended() {
    let table: [(&str, ForwardingHeader, &[&str]); 14] = [
        ("spoofed addresses", XForwardedFor, &["9.9.9.9, 8.8.8.8, 1.1.1.1"]),
        ("a line of the client", XForwardedFor, &["9.9.9.9", "1.1.1.1"]),
        ("many lines of the client", XForwardedFor, &["9.9.9.9", "8.8.8.8", "", ",,", "1.1.1.1"]),
        ("an open quote", XForwardedFor, &["\"9.9.9.9, 1.1.1.1"]),
        ("spoofed addresses", Forwarded, &["for=9.9.9.9, for=8.8.8.8, for=1.1.1.1"]),
        ("a line of the client", Forwarded, &["for=9.9.9.9", "for=1.1.1.1"]),
        ("an open quote", Forwarded, &["for=\"9.9.9.9, for=1.1.1.1"]),
        ("an open quote, and one appended", Forwarded, &["for=\"9.9.9.9, for=\"1.1.1.1:80\""]),
        ("an open quote in a line", Forwarded, &["for=9.9.9.9;host=\"", "for=\"1.1.1.1\""]),
        ("a backslash at the end", Forwarded, &["for=\"9.9.9.9\\, for=\"1.1.1.1\""]),
        ("an escaped quote at the end", Forwarded, &["for=\"9.9.9.9\\\", for=\"1.1.1.1\""]),
        ("semicolons", Forwarded, &["for=9.9.9.9;;;, for=1.1.1.1"]),
        (
            "an element in the host that the proxy has quoted",
            Forwarded,
            &["for=1.1.1.1;host=\"a\\\", for=9.9.9.9\\\\\""],
        ),
        (
            "a parameter in the host that the proxy has quoted",
            Forwarded,
            &["host=\"a\\\\\\\";for=9.9.9.9;\";for=1.1.1.1"],
        ),
    ];
    for (name, header, lines) in table {
        assert_eq!(client(header, 1, lines), "1.1.1.1", "{name}, {header:?}");
    }
    // A proxy that does not quote the host: rather no address than that of the client's choice.
    assert_eq!(only(Forwarded, "for=1.1.1.1;host=a;for=9.9.9.9"), PEER);
}

#[test]
fn only_the_configured_header_counts() {
    let both = headers(&[(XForwardedFor, b"1.1.1.1"), (Forwarded, b"for=9.9.9.9")]);
    let peer = PEER.parse().unwrap();
    assert_eq!(client_address(&both, XForwardedFor, 1, peer).to_string(), "1.1.1.1");
    assert_eq!(client_address(&both, Forwarded, 1, peer).to_string(), "9.9.9.9");
    let other = headers(&[(Forwarded, b"for=9.9.9.9")]);
    assert_eq!(client_address(&other, XForwardedFor, 1, peer).to_string(), PEER);
    let unusable = headers(&[(XForwardedFor, b"unknown"), (Forwarded, b"for=9.9.9.9")]);
    assert_eq!(client_address(&unusable, XForwardedFor, 1, peer).to_string(), PEER);
}

#[test]
fn a_header_of_a_proxy_is_noticed_whatever_is_in_it() {
    assert!(!has_forwarding_header(&HeaderMap::new()));
    assert!(has_forwarding_header(&headers(&[(XForwardedFor, b"")])));
    assert!(has_forwarding_header(&headers(&[(Forwarded, b"for=1.1.1.1")])));
}

#[test]
fn addresses_may_have_ports_and_ipv6_may_have_brackets() {
    for (element, expected) in [
        ("1.2.3.4:5678", "1.2.3.4"),
        ("1.2.3.4:_port", "1.2.3.4"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:DB8::1]", "2001:db8::1"),
        ("[::1]:80", "::1"),
        ("[::1]:_a.b_c-d", "::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("[::ffff:102:304]:80", "1.2.3.4"),
    ] {
        assert_eq!(only(XForwardedFor, element), expected, "{element}");
        assert_eq!(only(Forwarded, &format!("for=\"{element}\"")), expected, "{element}");
        assert_eq!(only(Forwarded, &format!("for={element}")), expected, "{element}");
    }
    let mapped = "::ffff:10.0.0.1".parse().unwrap();
    assert_eq!(client_address(&HeaderMap::new(), Forwarded, 1, mapped).to_string(), PEER);
}

#[test]
fn what_is_almost_an_address_is_none() {
    let long = format!("[::1]:_{}", "x".repeat(MAX_NODE));
    for element in [
        "1.2.3.4:",
        "1.2.3.4:x",
        "1.2.3.4:123456",
        "1.2.3.4:+80",
        "1.2.3.4:_",
        "1.2.3.4 5",
        "01.2.3.4",
        "1.2.3.256",
        "0x1.2.3.4",
        "16909060",
        "1.2.3.4/32",
        "[1.2.3.4]",
        "[::1",
        "::1]",
        "[::1]80",
        "[::1]:",
        "[::1]x:80",
        "[::1%1]",
        "[fe80::1%eth0]:80",
        "fe80::1%1",
        "1:2:3:4:5:6:7:8:80",
        "[]",
        "[",
        "]",
        ":",
        "::1:",
        ":80",
        "1.2.3.4\u{a0}",
        "1.2.3.4;",
        "unknown:80",
        "\"1.2.3.4\"",
        &long,
    ] {
        assert_eq!(only(XForwardedFor, element), PEER, "{element}");
        let quoted = element.replace('"', "\\\"");
        assert_eq!(only(Forwarded, &format!("for=\"{quoted}\"")), PEER, "{element}");
    }
}

#[test]
fn the_parameter_for_of_an_element_is_found_in_every_form() {
    for element in [
        "for=1.2.3.4",
        "FOR=1.2.3.4",
        "For=\"1.2.3.4\"",
        "for=\"\\1\\.2.3.4\"",
        "for=1.2.3.4;proto=http;by=203.0.113.43",
        "by=_proxy;proto=http;for=1.2.3.4",
        "by=\"x;for=9.9.9.9\";for=1.2.3.4",
        "by=\"x, for=9.9.9.9\";for=1.2.3.4",
        "for=1.2.3.4;secret=\"a\\\"b;c,d\\\\\"",
        "forwarded=9.9.9.9;for=1.2.3.4;xfor=9.9.9.9",
        ";; for=1.2.3.4 ;",
    ] {
        assert_eq!(only(Forwarded, element), "1.2.3.4", "{element}");
    }
    for element in [
        "1.2.3.4",
        "for",
        "for=",
        "for=\"\"",
        "for=\"",
        "for=\"1.2.3.4",
        "for=1.2.3.4\"",
        "for=\"1.2.3.4\"x",
        "for=\"1.2.3.4\\\"",
        "for=\"1.2.\"3.4\"",
        "for=\"1.2.3.4:_a\"\"b\"",
        "for =1.2.3.4",
        "for= 1.2.3.4",
        "for=1.2.3.4;for=1.2.3.4",
        "for=1.2.3.4;FOR=unknown",
        "for=1.2.3.4;x",
        "for=1.2.3.4;by=\"x",
        "by=1.2.3.4",
        "xfor=1.2.3.4",
        "for=unknown",
        "for=_gazonk",
        "for=\"_SEVKISEK\"",
        "for=\"unknown:47011\"",
    ] {
        assert_eq!(only(Forwarded, element), PEER, "{element}");
    }
}

#[test]
fn the_examples_of_rfc_7239_are_read() {
    // Sections 4 and 7.1.
    for (line, hops, expected) in [
        ("for=\"_gazonk\"", 1, PEER),
        ("For=\"[2001:db8:cafe::17]:4711\"", 1, "2001:db8:cafe::17"),
        ("for=192.0.2.60;proto=http;by=203.0.113.43", 1, "192.0.2.60"),
        ("for=192.0.2.43, for=198.51.100.17", 2, "192.0.2.43"),
        ("for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown", 1, PEER),
        ("for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown", 2, "2001:db8:cafe::17"),
        ("for=192.0.2.43,for=\"[2001:db8:cafe::17]\",for=unknown", 3, "192.0.2.43"),
    ] {
        assert_eq!(client(Forwarded, hops, &[line]), expected, "{line}");
    }
}

#[test]
fn work_is_bounded_by_elements_and_bytes() {
    // 10 000 elements, and as many lines: the hundredth from the right is the last one that is read.
    let elements: Vec<String> =
        (0..10_000).map(|n| format!("9.9.{}.{}", n / 250, n % 250)).collect();
    let hundredth = &elements[9_900];
    assert_eq!(client(XForwardedFor, 255, &[elements.join(",")]), *hundredth);
    assert_eq!(client(XForwardedFor, 255, &elements), *hundredth);
    assert_eq!(client(XForwardedFor, 1, &elements), elements[9_999]);

    let spaces = |count: usize| " ".repeat(count);
    // Two elements and their comma, exactly within the limit and one byte beyond it.
    for (padding, expected) in [(MAX_BYTES - 15, "1.1.1.1"), (MAX_BYTES - 14, "2.2.2.2")] {
        let line = format!("1.1.1.1{},2.2.2.2", spaces(padding));
        assert_eq!(client(XForwardedFor, 2, &[&line]), expected, "{padding}");
    }
    // What the limit leaves of `11.1.1.1` is no address, nor is anything to its left one.
    let cut = format!("9.9.9.9,11.1.1.1{}", spaces(MAX_BYTES - 7));
    assert_eq!(client(XForwardedFor, 3, &[&cut]), PEER);
    let line_by_line = ["9.9.9.9".to_owned(), spaces(MAX_BYTES), "2.2.2.2".to_owned()];
    assert_eq!(client(XForwardedFor, 3, &line_by_line), "2.2.2.2");

    let backslashes = format!("for=1.1.1.1;host=\"{}\"", "\\\"".repeat(30_000));
    assert_eq!(client(Forwarded, 255, &[backslashes]), PEER);
}

#[test]
fn random_bytes_of_a_client_change_nothing_and_never_panic() {
    let mut random = fastrand::Rng::with_seed(7239);
    let pieces: &[&[u8]] = &[
        b"\"", b"\\", b",", b";", b"=", b" ", b"\t", b"for=", b"9.9.9.9", b"[", b"]", b":", b"::1",
        b"%1", b"_x", b"\xff", b"unknown",
    ];
    for _ in 0..20_000 {
        let mut junk = Vec::new();
        for _ in 0..random.usize(..40) {
            match random.u8(..4) {
                0 => junk.push(random.u8(b' '..=b'~')),
                1 => junk.push(random.u8(0x80..)),
                _ => junk.extend_from_slice(random.choice(pieces).unwrap()),
            }
        }
        for (header, appended) in [
            (XForwardedFor, &b"1.1.1.1:80"[..]),
            (Forwarded, b"for=1.1.1.1"),
            (Forwarded, b"by=_p;for=\"1.1.1.1:80\";host=\"a\\\",for=9.9.9.9;\\\\\""),
        ] {
            let joined = [&junk, &b", "[..], appended].concat();
            assert_eq!(client(header, 1, &[joined]), "1.1.1.1", "{}", junk.escape_ascii());
            assert_eq!(client(header, 1, &[&junk, appended]), "1.1.1.1", "{}", junk.escape_ascii());
            // With more hops than proxies, any address of the junk will do.
            client(header, 3, &[&junk, &junk]);
        }
    }
}

#[test]
fn x_forwarded_for_is_read_like_one_list_that_is_split_at_commas() {
    let mut random = fastrand::Rng::with_seed(20_139);
    let pieces = ["1.1.1.1", "2.2.2.2:80", "::1", "[::2]:80", "unknown", "", " ", ",", ",", ","];
    for _ in 0..20_000 {
        let lines: Vec<String> = (0..random.usize(..4))
            .map(|_| (0..random.usize(..8)).map(|_| *random.choice(&pieces).unwrap()).collect())
            .collect();
        let hops = random.u8(..8);
        let whole = lines.join(",");
        let elements = whole.rsplit(',').take(if lines.is_empty() { 0 } else { hops.into() });
        let expected = elements.filter_map(|element| node(element.trim().as_bytes())).last();
        let expected = expected.map_or_else(|| PEER.to_owned(), |address| address.to_string());
        assert_eq!(client(XForwardedFor, hops, &lines), expected, "{hops} of {lines:?}");
    }
}
