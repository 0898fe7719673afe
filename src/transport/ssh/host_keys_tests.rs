//! Cases of `known_hosts`: what is taken, what is refused, and what is only unknown.
use super::*;
use std::fmt::Write as _;

const A: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFrUPH/kihOK5/Oi6T91lrNI1+2YwnRTo978IPdqdAJT";
const B: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICThO98UC1nwKnwBhNJGt91vRDD/yCqFrZQfxwXLmzVB";
const EC: &str = "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBB7S5jTQfcNRtFL8RWKbbnmCIkNANGE9YPfmcMGaHu1th0GfnIamGJzF19De8Aa5gHAPqtIaiFcqruZtHiRPYgw=";
const RSA: &str = "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQCx9PMHMiqrHqzkBszaiYmzC8/6FPXkIKlhGVvsXTSde0h36gD9ZNZYthrPU+gDo5RLdAM8HCqaHYi+WIlc2HlXrzNFrpzEX8CUSzMb/xVmTozImhMAslvkDxj6yd1Wt7+PrPy45GJeQ5XcsUt5cXbTBP/FTcZzYA9pngkiTNWSwD53SrszkcOMtRtOG+IsUOFn8+4tNdqCWBcPXNR0mMVYYW0oddq8si6qQO6RhGIRfVXxRP9Wd9wTct3OhEiMSF97jMn8pylsk9IdyXQMFck022xIyZEYphsa//siymasvHD7/DSdpf9Yq8PJNBhxADXeEInkY9L9BIxPWwHouNY3";
/// What `ssh-keygen -H` made of `[mail.example.org]:2222` and of `mail.example.org`.
const HASHED_2222: &str = "|1|dxbX7/N5c3rg0AOMkfBTdZ2Pce0=|+fAK56XZqO9/sbim8G8g1VdGiPQ=";
const HASHED_22: &str = "|1|79co/dF9YbacaRBZjo3UN5G0Ovs=|7DbACoIlkCwl12EuSi+6xU68mHM=";

fn known(text: &str) -> KnownHosts {
    let mut known = KnownHosts::default();
    known.add(Path::new("kh"), text);
    known
}

fn key(text: &str) -> PublicKey {
    public_key(text).unwrap()
}

fn told(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Known => "known".into(),
        Verdict::Unknown(useless) => {
            useless.iter().fold("unknown".into(), |text, (place, _)| format!("{text} {place}"))
        }
        Verdict::Changed(keys) => {
            keys.iter().fold("changed".into(), |text, (place, _)| format!("{text} {place}"))
        }
        Verdict::Revoked(place) => format!("revoked {place}"),
    }
}

/// `{A}` … in a case's lines stand for the keys above; the key shown is always A.
#[test]
fn every_rule_of_known_hosts_holds() {
    let cases: &[(&str, u16, &str, &str)] = &[
        // host, port, lines, verdict on key A
        ("h", 22, "", "unknown"),
        ("h", 22, "h {A}", "known"),
        ("h", 22, "h {A} a comment with spaces", "known"),
        ("h", 22, "  \t h\t\t{A}  ", "known"),
        ("h", 22, "h {A}\r", "known"),
        ("H.Example", 22, "h.eXample {A}", "known"),
        ("h", 22, "#h {A}\n\n", "unknown"),
        ("h", 22, "h {B}", "changed kh:1"),
        ("h", 22, "# one\nh {B}\nx {A}\nh {RSA}", "changed kh:2 kh:4"),
        ("h", 22, "h {B}\nh {A}", "known"),
        ("h", 22, "h {EC}", "changed kh:1"),
        ("h", 22, "other {B}", "unknown"),
        ("h", 22, "other,h,192.0.2.1 {A}", "known"),
        ("192.0.2.1", 22, "other,h,192.0.2.1 {A}", "known"),
        ("::1", 22, "::1 {A}", "known"),
        ("::1", 2222, "[::1]:2222 {A}", "known"),
        ("h.example.org", 22, "*.example.org {A}", "known"),
        ("example.org", 22, "*.example.org {A}", "unknown"),
        ("mx1.example.org", 22, "mx?.example.org {A}", "known"),
        ("mx10.example.org", 22, "mx?.example.org {A}", "unknown"),
        ("bad.example.org", 22, "*.example.org,!bad.example.org {A}", "unknown"),
        ("bad.example.org", 22, "!bad.*,*.example.org {B}", "unknown"),
        ("good.example.org", 22, "*.example.org,!bad.example.org {A}", "known"),
        ("good.example.org", 22, "!bad.example.org {A}", "unknown"),
        ("h", 2222, "[h]:2222 {A}", "known"),
        ("h", 2223, "[h]:2222 {A}", "unknown"),
        ("h", 22, "[h]:2222 {A}", "unknown"),
        ("h", 2222, "[*]:2222 {A}", "known"),
        // The bare name speaks for other ports, but only for the better.
        ("h", 2222, "h {A}", "known"),
        ("h", 2222, "h {B}", "unknown"),
        ("h", 2222, "h {A}\n[h]:2222 {B}", "changed kh:2"),
        ("mail.example.org", 22, "{H22} {A}", "known"),
        ("mail.example.org", 22, "{H22} {B}", "changed kh:1"),
        ("mail.example.org", 2222, "{H2222} {A}", "known"),
        ("mail.example.org", 2223, "{H2222} {A}", "unknown"),
        ("mail.example.com", 22, "{H22} {A}", "unknown"),
        ("h", 22, "|1|no|base64 {A}\n|1|{A}\n|2|x|y {A}\nh {A}", "known"),
        // Revoked wins, wherever it stands and under whatever name.
        ("h", 22, "h {A}\n@revoked h {A}", "revoked kh:2"),
        ("h", 22, "@revoked * {A}\nh {A}", "revoked kh:1"),
        ("h", 2222, "h {A}\n@revoked h {A}", "revoked kh:2"),
        ("h", 2222, "[h]:2222 {A}\n@revoked h {A}", "known"),
        ("h", 22, "@revoked * {B}\nh {A}", "known"),
        ("h", 22, "@revoked other {A}\nh {A}", "known"),
        ("h", 22, "@revoked * {B}", "unknown"),
        // An authority's key is not a host's key.
        ("h", 22, "@cert-authority * {A}", "unknown"),
        ("h", 22, "@cert-authority * {B}\nh {A}", "known"),
        ("h", 22, "@unheard-of h {A}", "unknown kh:1"),
        ("h", 22, "h ssh-ed25519 AAAAnonsense\nh", "unknown kh:1 kh:2"),
        (
            "h",
            22,
            "h ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIFrUPH/kihOK5/Oi6T91lrNI1+2YwnRTo978IPdqdAJT",
            "unknown kh:1",
        ),
        ("h", 22, "h unheard-of AAAA\nh {A}", "known"),
    ];
    let mut wrong = String::new();
    for (host, port, lines, expected) in cases {
        let lines = lines
            .replace("{A}", A)
            .replace("{B}", B)
            .replace("{EC}", EC)
            .replace("{RSA}", RSA)
            .replace("{H22}", HASHED_22)
            .replace("{H2222}", HASHED_2222);
        let verdict = told(&known(&lines).judge(&HostName::new(host, *port), &key(A)));
        if verdict != *expected {
            writeln!(wrong, "{host}:{port} in {lines:?}: {verdict}, not {expected}").unwrap();
        }
    }
    assert_eq!(wrong, "");
}

#[test]
fn an_alias_is_looked_up_without_a_port() {
    let known = known(&format!("farm {A}\n[h]:2222 {B}"));
    assert_eq!(known.judge(&HostName::alias("Farm"), &key(A)), Verdict::Known);
}

#[test]
fn all_files_count_and_lines_are_numbered_in_each() {
    let mut known = known(&format!("h {A}"));
    known.add(Path::new("second"), &format!("# \n@revoked h {B}"));
    let host = HostName::new("h", 22);
    assert_eq!(told(&known.judge(&host, &key(A))), "known");
    assert_eq!(told(&known.judge(&host, &key(B))), "revoked second:2");
}

#[test]
fn known_types_are_asked_for_first_and_none_is_lost() {
    let ours = russh::Preferred::DEFAULT.key;
    let host = HostName::new("h", 2222);
    let first = |text: String| {
        let order = known(&text).order(&host, &ours);
        assert_eq!(order.len(), ours.len());
        order[0].clone()
    };
    assert_eq!(first(String::new()), Algorithm::Ed25519);
    assert_eq!(first(format!("[h]:2222 {RSA}")), Algorithm::Rsa { hash: Some(HashAlg::Sha512) });
    assert!(matches!(first(format!("h {EC}")), Algorithm::Ecdsa { .. }));
    assert_eq!(first(format!("[h]:2222 {A}\nh {EC}")), Algorithm::Ed25519);
    assert_eq!(first(format!("@revoked h {EC}")), Algorithm::Ed25519);
}

#[test]
fn the_line_to_add_makes_the_host_known() {
    let host = HostName::new("Mail.example.org", 2222);
    let line = line(&host, &key(&format!("{A} a comment")));
    assert_eq!(line, format!("[mail.example.org]:2222 {A}"));
    assert_eq!(known(&line).judge(&host, &key(A)), Verdict::Known);
}

#[test]
fn fingerprints_look_as_ssh_shows_them() {
    assert_eq!(fingerprint(&key(A)), "ED25519 SHA256:a1Rw84jM3TihPzNKCcTWw7e89VgE5bSulm0XGjFz6H4");
}
