//! Host certificates: which authority, whose name, when, and what is revoked.
use super::*;

/// Who signs, with which words for `ssh-keygen`; then lines of `known_hosts` and verdicts.
type Variant<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, &'a str)]);

#[tokio::test]
#[ignore = "needs OpenSSH's sshd: cargo xtask test"]
async fn host_certificates_are_judged_as_ssh_does() {
    let keys = Keys::new();
    let names = "mail.example.org,localhost";
    let authority = "@cert-authority *.example.org {ca}";
    let variants: &[Variant] = &[
        (
            "ca",
            &["-h", "-n", names, "-z", "7"],
            &[
                (authority, "accept"),
                ("@cert-authority mail.example.org,[x]:1 {ca}", "accept"),
                ("@cert-authority {hashed} {ca}", "accept"),
                ("@cert-authority *.example.com {ca}", "unknown"),
                ("@cert-authority *.example.org,!mail.example.org {ca}", "unknown"),
                ("@cert-authority * {ca2}", "unknown"),
                ("@cert-authority * {ca2}\n@cert-authority * {ca}", "accept"),
                ("mail.example.org {ca}", "changed"),
                ("mail.example.org {host}", "accept"),
                ("@cert-authority * {ca}\nmail.example.org {other}", "accept"),
                ("@cert-authority * {ca2}\nmail.example.org {other}", "changed"),
                ("@cert-authority * {ca}\n@revoked * {ca}", "revoked"),
                ("@cert-authority * {ca}\n@revoked * {host}", "revoked"),
                ("mail.example.org {host}\n@revoked * {ca}", "revoked"),
                ("@cert-authority * {ca}\n@revoked * {ca2}", "accept"),
            ],
        ),
        ("ca", &["-h", "-n", "*.example.org"], &[(authority, "unknown")]),
        ("ca", &["-h"], &[(authority, "accept")]),
        (
            "ca",
            &["-h", "-n", "www.example.org"],
            &[
                (authority, "unknown"),
                ("@cert-authority * {ca}\nmail.example.org {host}", "accept"),
                ("@cert-authority * {ca}\nmail.example.org {other}", "changed"),
            ],
        ),
        ("ca", &["-h", "-n", names, "-V", "20200101:20200102"], &[(authority, "unknown")]),
        ("ca", &["-h", "-n", names, "-V", "20900101:20910102"], &[(authority, "unknown")]),
        ("ca", &["-h", "-n", names, "-V", "20200101:20910102"], &[(authority, "accept")]),
        ("ca", &["-n", names], &[(authority, "unknown")]),
        ("ca", &["-h", "-n", names, "-O", "critical:odd"], &[(authority, "unknown")]),
        ("ca", &["-h", "-n", names, "-O", "extension:odd"], &[(authority, "accept")]),
        ("ca2", &["-h", "-n", names], &[("@cert-authority * {ca2}", "accept")]),
        ("ca_rsa", &["-h", "-n", names], &[("@cert-authority * {ca_rsa}", "accept")]),
        (
            "ca_rsa",
            &["-h", "-n", names, "-t", "ssh-rsa"],
            &[("@cert-authority * {ca_rsa}", "unknown")],
        ),
    ];
    let mut cases = 0;
    for (ca, words, views) in variants {
        let certificate = keys.sign(ca, words);
        let extra = "HostKeyAlgorithms ssh-ed25519-cert-v01@openssh.com,ssh-ed25519";
        let mut table = Table::new(&keys, &format!("HostCertificate {certificate}\n{extra}")).await;
        for (text, expected) in *views {
            let view = table.view(By::Alias(NAME), &[text]);
            table.case(&format!("{words:?} {text}"), &view, expected).await;
        }
        if words.contains(&"7") {
            by_address_and_revoked_by_serial(&mut table).await;
        }
        cases += table.end();
    }
    assert_eq!(cases, 38);
}

/// What concerns one good certificate with serial number 7.
async fn by_address_and_revoked_by_serial(table: &mut Table<'_>) {
    for (text, expected) in [
        ("@cert-authority [localhost]:{port} {ca}", "accept"),
        ("@cert-authority localhost {ca}", "accept"),
        ("@cert-authority [localhost]:1 {ca}", "unknown"),
    ] {
        let view = table.view(By::Address("localhost"), &[text]);
        table.case(text, &view, expected).await;
    }
    let ca = table.keys.path("ca.pub").display().to_string();
    let lists = [
        ("serial: 7\n", "revoked"),
        ("serial: 5-9\n", "revoked"),
        ("serial: 8\nserial: 3\n", "accept"),
        ("id: host-id\n", "revoked"),
        ("id: another\n", "accept"),
    ];
    let mut files: Vec<(String, PathBuf, &str)> = vec![];
    for (index, (list, expected)) in lists.into_iter().enumerate() {
        let (spec, krl) = (table.sshd.path("spec"), table.sshd.path(&format!("krl{index}")));
        fs::write(&spec, list).unwrap();
        let mut keygen = Command::new("ssh-keygen");
        let made = keygen.args(["-q", "-k", "-s", &ca, "-f"]).arg(&krl).arg(&spec).status();
        assert!(made.unwrap().success(), "{list}");
        files.push((format!("KRL {list:?}"), krl, expected));
    }
    files.push(("the authority in a list".into(), table.keys.path("ca.pub"), "revoked"));
    for (what, file, expected) in files {
        let mut view = table.view(By::Alias(NAME), &["@cert-authority * {ca}"]);
        view.revoked = Some(file);
        table.case(&what, &view, expected).await;
    }
}
