//! A large project, always the same: what a fleet of many teams might look like after some years. It must
//! never be smaller than it says.
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

const HOSTS: usize = 5000;
const GROUPS: usize = 50;
const ROLES: usize = 10;
/// Tasks of each role.
const TASKS: usize = 50;

/// Writes it anew; says how large it is.
pub(super) fn write(folder: &Path) -> io::Result<String> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let put = |path: String, text: String| {
        let path = folder.join(path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, text)
    };
    put("site.yml".into(), playbook())?;
    put("inventory/hosts.yml".into(), inventory())?;
    put("inventory/group_vars/all.yml".into(), variables("all"))?;
    for group in 0..GROUPS {
        put(format!("inventory/group_vars/team{group}.yml"), variables(&format!("team{group}")))?;
    }
    for host in (0..HOSTS).step_by(50) {
        put(format!("inventory/host_vars/{}.yml", name(host)), format!("rack: r{host}\n"))?;
    }
    for role in 0..ROLES {
        put(format!("roles/part{role}/tasks/main.yml"), tasks(role))?;
        put(format!("roles/part{role}/defaults/main.yml"), defaults(role))?;
        put(format!("roles/part{role}/handlers/main.yml"), handlers(role))?;
        put(format!("roles/part{role}/meta/argument_specs.yml"), arguments(role))?;
        put(format!("roles/part{role}/templates/part.conf.j2"), template(role))?;
    }
    Ok(format!("{} tasks and {HOSTS} hosts", ROLES * TASKS))
}

fn name(host: usize) -> String {
    format!("mx{host}.example.org")
}

fn playbook() -> String {
    let mut text = "- name: Everything\n  hosts: all\n  become: true\n  roles:\n".to_owned();
    for role in 0..ROLES {
        let _ = writeln!(text, "    - {{role: part{role}, tags: [part{role}]}}");
    }
    text
}

/// Every host with its address and a variable of its own, below two levels of groups.
fn inventory() -> String {
    let mut text = "all:\n  children:\n".to_owned();
    for region in 0..5 {
        let _ = writeln!(text, "    region{region}:\n      children:");
        for group in (region..GROUPS).step_by(5) {
            let _ = writeln!(text, "        team{group}:\n          hosts:");
            for host in (group..HOSTS).step_by(GROUPS) {
                let (high, low) = (host / 250, host % 250);
                let _ = writeln!(
                    text,
                    "            {}:\n              ansible_host: 192.0.{high}.{low}\n              number: {host}",
                    name(host)
                );
            }
        }
    }
    text
}

fn variables(group: &str) -> String {
    let mut text = format!("ansible_user: deploy\nowner: \"{group}\"\n");
    for at in 0..10 {
        let _ = writeln!(
            text,
            "{group}_setting{at}: \"{{{{ owner }}}} of {{{{ inventory_hostname }}}} {at}\""
        );
    }
    text.push_str("part1_level: 3\npart2_names:\n  - one\n  - two\n");
    text
}

fn defaults(role: usize) -> String {
    let mut text = format!(
        "part{role}_folder: /opt/part{role}\npart{role}_level: 1\npart{role}_names: [a, b]\n\
         part{role}_title: \"{{{{ inventory_hostname }}}} in {{{{ part{role}_folder }}}}\"\n"
    );
    for at in 0..10 {
        let _ = writeln!(
            text,
            "part{role}_option{at}: {{name: n{at}, value: \"{{{{ part{role}_level }}}}\"}}"
        );
    }
    text
}

fn arguments(role: usize) -> String {
    let mut text =
        "argument_specs:\n  main:\n    short_description: A part\n    options:\n".to_owned();
    let _ = writeln!(
        text,
        "      part{role}_folder: {{type: path}}\n      part{role}_level: {{type: int, choices: [1, 2, 3]}}\n\
        \x20     part{role}_names: {{type: list, elements: str}}\n      part{role}_title: {{type: str}}"
    );
    for at in 0..10 {
        let _ = writeln!(
            text,
            "      part{role}_option{at}:\n        type: dict\n        options:\n          name: {{type: str, required: true}}\n\
            \x20         value: {{type: int}}"
        );
    }
    text
}

fn handlers(role: usize) -> String {
    format!(
        "- name: Restart part {role}\n  listen: parts\n  systemd_service: {{name: \"part{role}\", state: restarted}}\n"
    )
}

fn template(role: usize) -> String {
    format!(
        "# {{{{ ansible_managed | default('managed') }}}}\ntitle = {{{{ part{role}_title }}}}\n\
         {{% for name in part{role}_names %}}\n{{{{ name | upper }}}} = {{{{ part{role}_level | int + loop.index }}}}\n\
         {{% endfor %}}\n{{% if part{role}_level | int > 1 %}}\nmore = {{{{ part{role}_option0.name }}}}\n{{% endif %}}\n"
    )
}

/// What roles are made of: files, templates, lines, commands, conditions, loops, blocks.
fn tasks(role: usize) -> String {
    let mut text = String::new();
    for at in 0..TASKS / 5 {
        let option = format!("part{role}_option{at}");
        let _ = write!(
            text,
            r#"- name: "Folder {at} of {{{{ part{role}_title }}}}"
  file:
    path: "{{{{ part{role}_folder }}}}/{at}"
    state: directory
    mode: "0755"
- name: Configuration {at}
  template:
    src: part.conf.j2
    dest: "{{{{ part{role}_folder }}}}/{at}/part.conf"
    mode: "0644"
  when: part{role}_level | int >= 1 and ansible_facts.os_family == "Debian"
  notify: parts
- block:
    - name: Ask {at}
      command: "printf %s {{{{ {option}.name }}}}"
      register: part{role}_said{at}
      changed_when: false
      check_mode: false
    - name: Line {at}
      lineinfile:
        path: "{{{{ part{role}_folder }}}}/{at}/part.conf"
        line: "{{{{ item }}}} = {{{{ {option}.value }}}} {{{{ part{role}_said{at}.stdout }}}}"
        regexp: "^{{{{ item | regex_escape }}}} ="
      loop: "{{{{ part{role}_names }}}}"
      notify: Restart part {role}
  tags: lines
- name: Copy {at}
  copy:
    content: "{{{{ {option} | to_nice_json }}}}\n{{{{ groups['team{at}'] | default([]) | length }}}}\n"
    dest: "{{{{ part{role}_folder }}}}/{at}/option.json"
    mode: "0600"
  when:
    - part{role}_names is defined
    - "'a' in part{role}_names or {option}.name != ''"
"#
        );
    }
    text
}
