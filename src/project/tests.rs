//! Folders on the disk, and what is read of them.
use super::*;
use serde_json::json;

struct Folder(tempfile::TempDir);

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(tempfile::tempdir().unwrap());
        for (name, text) in files {
            let path = folder.path(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }
    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
    fn arg(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }
}

#[test]
fn roles_are_looked_for_beside_the_playbook_and_beside_its_folder() {
    let paths = |playbook: &str| {
        let disk = Disk::new(Path::new(playbook), &Vault::default());
        disk.role_paths().iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
    };
    assert_eq!(paths("playbooks/site.yml"), ["playbooks/roles", "roles"]);
    assert_eq!(paths("/a/b/site.yml"), ["/a/b/roles", "/a/roles", "roles"]);
    assert_eq!(paths("site.yml")[0], "./roles");
}

#[test]
fn text_that_is_not_utf_8_is_told_with_its_line() {
    let folder = Folder::new(&[]);
    std::fs::write(folder.path("f.yml"), b"a: 1\nb: \xff\n").unwrap();
    let found = text(&folder.path("f.yml"), &Vault::default()).unwrap_err();
    assert!(found.message.ends_with("f.yml: line 2 is not UTF-8"), "{}", found.message);
    assert_eq!(text(&folder.path("none.yml"), &Vault::default()), Ok(None));
    assert_eq!(text(folder.0.path(), &Vault::default()), Ok(None), "a folder is no file");
}

#[test]
fn variables_stand_beside_an_inventory_in_files_and_folders() {
    let folder = Folder::new(&[
        ("group_vars/all.yml", "a: 1"),
        ("group_vars/web/one.yml", "b: 1"),
        ("group_vars/web/two.json", "{}"),
        ("group_vars/web/notes.txt", "no"),
        ("group_vars/web/.hidden.yml", "no"),
        ("group_vars/db", "c: 1"),
        ("host_vars/mx1.example.org", "d: 1"),
        ("host_vars/mx2.example.org.yaml", "d: 1"),
        ("host_vars/mx3~", "no"),
    ]);
    let vars = vars_beside(folder.0.path(), &Vault::default()).unwrap();
    let count = |map: &BTreeMap<String, Vec<Text>>| {
        map.iter().map(|(name, files)| (name.clone(), files.len())).collect::<Vec<_>>()
    };
    let pair = |name: &str, count| (name.to_owned(), count);
    assert_eq!(count(&vars.groups), [pair("all", 1), pair("db", 1), pair("web", 2)]);
    assert_eq!(count(&vars.hosts), [pair("mx1.example.org", 1), pair("mx2.example.org", 1)]);
}

#[test]
fn an_inventory_is_a_file_a_folder_a_program_or_a_list() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new(&[
        ("hosts", "a"),
        ("d/one.ini", "b"),
        ("d/two.yml", "all:"),
        ("d/old.bak", "no"),
        ("d/group_vars/all.yml", "x: 1"),
        ("run", "#!/bin/sh\necho '{\"_meta\": {}}'\n"),
        ("fails", "#!/bin/sh\necho why >&2\nexit 3\n"),
    ]);
    for program in ["run", "fails"] {
        let mode = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(folder.path(program), mode).unwrap();
    }
    let kinds = |args: &[String]| {
        let (inputs, beside) = inventory(args, &Vault::default()).unwrap();
        let kind = |input: &Input| match input {
            Input::File(path, _) => path.file_name().unwrap().to_string_lossy().into_owned(),
            Input::Script(_, text) => text.trim().to_owned(),
            Input::List(list) => list.clone(),
        };
        (inputs.iter().map(kind).collect::<Vec<_>>(), beside.len())
    };
    assert_eq!(
        kinds(&[folder.arg("hosts"), "x,y,".into()]),
        (vec!["hosts".into(), "x,y,".into()], 1)
    );
    assert_eq!(kinds(&[folder.arg("d")]), (vec!["one.ini".into(), "two.yml".into()], 1));
    assert_eq!(kinds(&[folder.arg("run")]).0, ["{\"_meta\": {}}"]);
    let failed = inventory(&[folder.arg("fails")], &Vault::default()).unwrap_err().message;
    assert!(failed.ends_with("--list ended with exit status: 3: why"), "{failed}");
    let missing = inventory(&[folder.arg("hots")], &Vault::default()).unwrap_err();
    assert!(missing.help.unwrap().ends_with("/hosts`?"));
}

#[test]
fn extra_variables_are_pairs_mappings_or_files_and_the_last_one_wins() {
    let folder = Folder::new(&[("v.yml", "a: file\nn: 3\n")]);
    let read = |args: &[&str]| {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let vars = extra_vars(&args, &mut SourceMap::default()).map_err(|found| found.message)?;
        let pairs = vars.into_iter().map(|(name, value)| (name.value, value.value));
        Ok::<_, String>(Value::Object(pairs.collect()))
    };
    let file = format!("@{}", folder.arg("v.yml"));
    assert_eq!(read(&["a=1 b='x y'"]), Ok(json!({"a": "1", "b": "x y"})));
    assert_eq!(read(&["t={{ a b }}"]), Ok(json!({"t": "{{ a b }}"})));
    assert_eq!(read(&["{\"a\": true, b: [1]}"]), Ok(json!({"a": true, "b": [1]})));
    assert_eq!(read(&[&file, "a=late"]), Ok(json!({"n": 3, "a": "late"})));
    assert_eq!(read(&["word"]), Err("`word` sets no variable".into()));
    assert!(read(&["@none.yml"]).is_err());
}

#[test]
fn files_and_templates_of_roles_and_of_the_playbook_are_read_once() {
    let folder = Folder::new(&[
        ("roles/r/files/a/b", "1"),
        ("roles/r/templates/t.j2", "2"),
        ("roles/r/tasks/main.yml", "no"),
        ("files/c", "3"),
    ]);
    let read = assets(&[folder.path("roles/r")], folder.0.path(), &Vault::default()).unwrap();
    let names: Vec<_> =
        read.keys().map(|path| path.strip_prefix(folder.0.path()).unwrap()).collect();
    assert_eq!(names, ["files/c", "roles/r/files/a/b", "roles/r/templates/t.j2"].map(Path::new));
}
