//! Ansible's modules that are not there, each with what to do instead: a name that users know gets a
//! better answer than one that nobody has heard of.

/// Name in its collection, and what to write instead.
const TABLE: &[(&str, &str)] = &[
    ("apt", "write `shell: apt-get install -y NAME` with `creates:`"),
    ("apt_key", "put the key below /etc/apt/keyrings with `copy` or `get_url`"),
    ("apt_repository", "put a file into /etc/apt/sources.list.d with `copy`"),
    ("archive", "write `command: tar -caf ARCHIVE FOLDER` with `creates:`"),
    ("assemble", "write one template, or `shell: cat DIR/* > FILE`"),
    ("async_status", "tasks are not run in the background"),
    ("debconf", "write `command: debconf-set-selections` with `stdin:`"),
    ("deb822_repository", "put a file into /etc/apt/sources.list.d with `copy`"),
    ("dnf", "write `command: dnf install -y NAME` with `creates:`"),
    ("dnf5", "write `command: dnf install -y NAME` with `creates:`"),
    ("docker_container", "containers are described in a compose file: `docker_compose_v2`"),
    ("dpkg_selections", "write `command: apt-mark hold NAME`"),
    ("expect", "write `shell:` with `stdin:`"),
    ("git", "write `command: git clone URL FOLDER` with `creates:`"),
    ("iptables", "write `command: iptables …` behind an `iptables -C …` that is registered"),
    ("mount_facts", "write `command: findmnt --json` and `register:`"),
    ("package", "write `command:` with the server's package manager and `creates:`"),
    ("package_facts", "write `command: dpkg-query -W` and `register:`"),
    ("pip", "write `command: pip install NAME` with `creates:`"),
    ("reboot", "write `command: systemctl reboot`, then `wait_for_connection`"),
    ("rpm_key", "write `command: rpm --import FILE`"),
    ("subversion", "write `command: svn checkout URL FOLDER` with `creates:`"),
    ("synchronize", "write `copy` with a folder of the project"),
    ("sysvinit", "write `service`"),
    ("unarchive", "write `command: tar -xf ARCHIVE -C FOLDER` with `creates:`"),
    ("yum", "write `command: dnf install -y NAME` with `creates:`"),
    ("yum_repository", "put a file into /etc/yum.repos.d with `copy`"),
];

/// What to do instead of a module that Ansible has and we have not.
pub fn refused(name: &str) -> Option<&'static str> {
    let short = ["ansible.builtin.", "ansible.legacy.", "ansible.posix.", "community.general."]
        .iter()
        .find_map(|collection| name.strip_prefix(collection))
        .unwrap_or(name);
    TABLE.iter().find(|(refused, _)| *refused == short).map(|(_, instead)| *instead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_module_that_is_there_is_refused() {
        for (name, _) in TABLE {
            assert!(crate::modules::find(name).is_none(), "{name}");
        }
        assert!(refused("ansible.builtin.git").is_some() && refused("lineinfile").is_none());
    }
}
