//! What was encrypted is used and never told: no output of any kind, at any verbosity, holds it or what
//! was made of it. The fixtures were written by ansible-vault of ansible-core 2.19.
#![expect(clippy::disallowed_methods, reason = "the program and its project are what is tested")]
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/vault");
/// The password of the fixtures.
const PASSWORD: &str = "pw one";
/// What is encrypted in the fixtures, and what the playbook makes of it.
const SECRETS: [&str; 17] = [
    "S3cr3t-Valu3!",
    "s3cr3t-valu3!",
    "S3CR3T-VALU3!",
    "!3ulaV-t3rc3S",
    "S3cr3t",
    "cr3t-V",
    "UzNjcjN0LVZhbHUzIQ",
    "S3cr3t-Valu3%21",
    "52fb9f3f",
    "F1le-Passw0rd",
    "RjFsZS1QYXNzdzByZA",
    "one-Sekret",
    "4815162",
    "key line one",
    "key line two",
    "a2V5IGxpbmUgb25l",
    PASSWORD,
];

const PLAYBOOK: &str = r#"
- name: "deploy {{ sealed_password }}"
  hosts: box
  gather_facts: false
  vars_files: [vars.yml]
  vars:
    joined: "user:{{ sealed_password }}@host"
  tasks:
    - name: "show {{ file_password }}"
      debug: {msg: "{{ joined }} {{ file_list }} {{ sealed_password | urlencode }}"}
    - debug: {var: sealed_password}
    - debug: {msg: "{{ sealed_password | lower }} {{ sealed_password | upper }}"}
    - debug: {msg: "{{ sealed_password | reverse }} {{ sealed_password | hash('sha256') }}"}
    - debug: {msg: "{{ sealed_password.split('-') }} {{ sealed_password[2:8] }}"}
    - debug: {msg: "{{ sealed_password | b64encode }} {{ joined | b64encode }}"}
    - debug: {msg: "{{ sealed_password | regex_replace('-.*', '') }} {{ 'x' ~ sealed_password }}"}
    - debug: {msg: "{{ {'a': sealed_password} | to_json }}", verbosity: 0}
    - command: echo "{{ sealed_password }}" "{{ file_password }}"
      register: echoed
    - debug: {var: echoed}
    - copy: {content: "password = {{ sealed_password }}\nother\n", dest: "{{ out }}/conf"}
    - template: {src: conf.j2, dest: "{{ out }}/templated"}
    - copy: {src: key.pem, dest: "{{ out }}/key.pem", mode: "0600"}
    - slurp: {src: "{{ out }}/key.pem"}
    - lineinfile: {path: "{{ out }}/conf", line: "token {{ file_password }}"}
    - set_fact: {again: "{{ sealed_password }}"}
    - debug: {var: again}
    - debug: {msg: "{{ item }}"}
      loop: "{{ file_list }}"
    - assert: {that: "sealed_password == 'x'", fail_msg: "no: {{ sealed_password }}"}
      ignore_errors: true
    - command: sh -c 'echo {{ sealed_password | quote }} >&2; exit 3'
      ignore_errors: true
    - fail: {msg: "it ends with {{ sealed_password }}"}
      ignore_errors: true
"#;

struct Project(tempfile::TempDir);

impl Project {
    fn new() -> Self {
        let project = Self(tempfile::tempdir().unwrap());
        let fixture = |name: &str| std::fs::read_to_string(Path::new(CASES).join(name)).unwrap();
        project.write("site.yml", PLAYBOOK);
        project.write("hosts.ini", "box ansible_connection=local\n");
        project.write("group_vars/all.yml", &fixture("value.yml"));
        project.write("vars.yml", &fixture("vars.yml"));
        project.write("files/key.pem", &fixture("key.pem"));
        project.write("templates/conf.j2", "a\npassword = {{ file_password }}\n");
        project.write("password", &format!("{PASSWORD}\n"));
        std::fs::create_dir(project.path("out")).unwrap();
        project
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }
    /// Exit code, and everything that is told.
    fn run(&self, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_cowhand"))
            .current_dir(self.0.path())
            .args(arguments)
            .env("HOME", self.0.path())
            // Root's own journal is no test's, and its lock would make tests wait for each other.
            .env("COWHAND_STATE", self.0.path().join("state"))
            .env_remove("ANSIBLE_VAULT_PASSWORD_FILE")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let ended = child.wait_with_output().unwrap();
        let [out, err] = [ended.stdout, ended.stderr].map(|text| String::from_utf8(text).unwrap());
        (ended.status.code(), out, err)
    }
    fn play(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let out = format!("out={}", self.path("out").display());
        let fixed = ["-i", "hosts.ini", "--vault-password-file", "password", "-e", &out];
        let all: Vec<&str> = arguments.iter().copied().chain(fixed).collect();
        let (code, stdout, stderr) = self.run(&all, "");
        (code, stdout + &stderr)
    }
}

#[track_caller]
fn tells_no_secret(told: &str) {
    for secret in SECRETS {
        assert!(!told.contains(secret), "`{secret}` is told:\n{told}");
    }
    assert!(told.contains("‹secret›"), "nothing was taken out:\n{told}");
}

#[test]
fn no_output_tells_what_was_encrypted_or_made_of_it() {
    for arguments in [
        ["apply", "site.yml", "--no-rollback", "--diff", "-vvv"].as_slice(),
        &["apply", "site.yml", "--no-rollback", "--diff", "--format", "json"],
        &["apply", "site.yml", "--no-rollback", "-v"],
        &["check", "site.yml", "--diff", "-vvv"],
        &["check", "site.yml", "--diff", "--format", "json"],
    ] {
        let project = Project::new();
        project.write("out/conf", "password = 0ld-Passw0rd\n");
        let (code, told) = project.play(arguments);
        assert_eq!(code, Some(if arguments[0] == "apply" { 0 } else { 3 }), "{told}");
        tells_no_secret(&told);
        assert!(!told.contains("0ld-Passw0rd"), "the last password is told:\n{told}");
        if arguments[0] == "apply" {
            assert_eq!(
                project.read("out/conf"),
                "password = S3cr3t-Valu3!\nother\ntoken F1le-Passw0rd\n"
            );
            assert_eq!(project.read("out/key.pem"), "key line one\nkey line two\n");
            assert_eq!(project.read("out/templated"), "a\npassword = F1le-Passw0rd\n");
        }
    }
}

#[test]
fn a_saved_plan_holds_no_secret() {
    let project = Project::new();
    let (code, told) = project.play(&["check", "site.yml", "--out", "plan.json"]);
    assert_eq!(code, Some(3), "{told}");
    tells_no_secret(&(told + &project.read("plan.json")));
}

#[test]
fn findings_show_no_line_of_an_encrypted_file() {
    let project = Project::new();
    let (_, sealed, _) = project.run(
        &["vault", "encrypt", "--vault-password-file", "password"],
        "a: one-Sekret\na: [broken\n",
    );
    project.write("vars.yml", &sealed);
    let (code, told) = project.play(&["check", "site.yml"]);
    assert_eq!(code, Some(5), "{told}");
    assert!(told.contains("vars.yml:"), "{told}");
    tells_no_secret(&told);
}

#[test]
fn inventories_are_listed_without_what_is_encrypted_in_them() {
    let project = Project::new();
    let fixed = ["-i", "hosts.ini"];
    for show in [["list"].as_slice(), &["list", "--yaml"], &["host", "box"]] {
        let all: Vec<&str> = ["inventory"].iter().chain(show).chain(&fixed).copied().collect();
        let (code, told, _) = project.run(&all, "");
        assert_eq!(code, Some(0));
        assert!(told.contains("__ansible_vault"), "{told}");
        assert!(told.contains("$ANSIBLE_VAULT;1.2;AES256;prod"), "{told}");
    }
}

#[test]
fn a_password_that_is_missing_or_wrong_is_told_before_anything_is_done() {
    let project = Project::new();
    project.write("vars.yml", "file_password: x\nfile_list: []\n");
    project.write("files/key.pem", "plain\n");
    let fixed = ["apply", "site.yml", "-i", "hosts.ini", "-e", "out=out"];
    let (code, _, told) = project.run(&fixed, "");
    assert_eq!(code, Some(5), "{told}");
    assert!(told.contains("group_vars/all.yml:1:18"), "{told}");
    assert!(told.contains("no vault password is given"), "{told}");
    assert!(told.contains("--vault-password-file"), "{told}");
    project.write("wrong", "pw two\n");
    let wrong: Vec<&str> = fixed.iter().copied().chain(["--vault-id", "prod@wrong"]).collect();
    let (code, _, told) = project.run(&wrong, "");
    assert_eq!(code, Some(5), "{told}");
    assert!(told.contains("none of the vault passwords (prod) opens it"), "{told}");
    assert!(std::fs::read_dir(project.path("out")).unwrap().next().is_none());
}

#[test]
fn programs_give_passwords_and_are_told_which() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::new();
    project
        .write("keys-client.sh", "#!/bin/sh\n[ \"$1 $2\" = '--vault-id prod' ] && echo 'pw one'\n");
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(project.path("keys-client.sh"), mode).unwrap();
    let id = ["--vault-id", "prod@keys-client.sh"];
    let (code, out, err) = project.run(&[["vault", "view"], id].concat(), "");
    assert_eq!((code, out.as_str()), (Some(0), ""), "{err}");
    let view = ["vault", "view", "files/key.pem", id[0], id[1]];
    assert_eq!(project.run(&view, "").1, "key line one\nkey line two\n");
    let other = ["vault", "view", "files/key.pem", "--vault-id", "dev@keys-client.sh"];
    assert_eq!(project.run(&other, "").0, Some(5));
}

#[test]
fn files_are_encrypted_edited_rekeyed_and_decrypted_in_place() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::new();
    project.write("plain.yml", "a: 1\n");
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(project.path("plain.yml"), mode).unwrap();
    let vault = |work: &[&str]| {
        let (code, out, err) = project.run(&[&["vault"], work].concat(), "");
        assert_eq!(code, Some(0), "{work:?}: {err}");
        out
    };
    vault(&["encrypt", "plain.yml", "--vault-id", "prod@password"]);
    assert!(project.read("plain.yml").starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"));
    let mode = std::fs::metadata(project.path("plain.yml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
    let twice = ["vault", "encrypt", "plain.yml", "--vault-id", "password"];
    assert!(project.run(&twice, "").2.contains("encrypted already"));

    project.write("editor", "#!/bin/sh\necho 'b: 2' >>\"$1\"\n");
    let mode = std::fs::Permissions::from_mode(0o700);
    std::fs::set_permissions(project.path("editor"), mode).unwrap();
    let edited = Command::new(env!("CARGO_BIN_EXE_cowhand"))
        .current_dir(project.0.path())
        .args(["vault", "edit", "plain.yml", "--vault-password-file", "password"])
        .env("EDITOR", project.path("editor"))
        .env_remove("VISUAL")
        .status()
        .unwrap();
    assert!(edited.success());
    assert!(project.read("plain.yml").starts_with("$ANSIBLE_VAULT;1.2;AES256;prod\n"));

    project.write("new", "pw new\n");
    vault(&["rekey", "plain.yml", "--vault-id", "password", "--new-vault-id", "new"]);
    assert!(project.read("plain.yml").starts_with("$ANSIBLE_VAULT;1.1;AES256\n"));
    assert_eq!(vault(&["view", "plain.yml", "--vault-id", "new"]), "a: 1\nb: 2\n");
    vault(&["decrypt", "plain.yml", "--vault-id", "new"]);
    assert_eq!(project.read("plain.yml"), "a: 1\nb: 2\n");
}

#[test]
fn texts_are_encrypted_as_yaml_that_a_playbook_reads() {
    let project = Project::new();
    let arguments =
        ["vault", "encrypt_string", "--vault-id", "password", "--stdin-name", "file_password"];
    let (code, yaml, _) = project.run(&arguments, "it's: {{ no template }}");
    assert_eq!(code, Some(0));
    assert!(yaml.starts_with("file_password: !vault |\n          $ANSIBLE_VAULT;1.1;AES256\n"));
    project.write("vars.yml", &yaml);
    project.write(
        "site.yml",
        "- hosts: box\n  gather_facts: false\n  vars_files: [vars.yml]\n  tasks:\n    - copy: {content: \
         '{{ file_password }}', dest: '{{ out }}/text'}\n    - copy: {content: !unsafe '{{ raw }}', \
         dest: '{{ out }}/unsafe'}\n",
    );
    let (code, told) = project.play(&["apply", "site.yml"]);
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(project.read("out/text"), "it's: {{ no template }}");
    assert_eq!(project.read("out/unsafe"), "{{ raw }}");
}
