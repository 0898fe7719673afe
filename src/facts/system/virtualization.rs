//! Whether the host is a guest (virtual machine, container) or has guests: from DMI, cgroups and the
//! marks that container engines leave.
use super::{Parts, object};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

pub(super) const FACTS: &[&str] = &[
    "virtualization_type",
    "virtualization_role",
    "virtualization_tech_guest",
    "virtualization_tech_host",
];

/// Part, how its text begins, what that means. The first that fits names the type.
const MACHINES: &[(&str, &str, &str)] = &[
    ("product_name", "KVM", "kvm"),
    ("product_name", "Bochs", "kvm"),
    ("product_name", "AHV", "kvm"),
    ("product_family", "RHV", "RHEV"),
    ("product_name", "RHEV Hypervisor", "RHEV"),
    ("product_name", "VMware", "VMware"),
    ("product_name", "OpenStack", "openstack"),
    ("product_name", "HVM domU", "xen"),
    ("product_name", "Google Compute Engine", "kvm"),
    ("bios_vendor", "Xen", "xen"),
    ("bios_vendor", "innotek GmbH", "virtualbox"),
    ("bios_vendor", "Amazon EC2", "kvm"),
    ("bios_vendor", "Hetzner", "kvm"),
    ("sys_vendor", "KubeVirt", "KubeVirt"),
    ("sys_vendor", "Parallels", "parallels"),
    ("sys_vendor", "QEMU", "kvm"),
    ("sys_vendor", "oVirt", "kvm"),
    ("sys_vendor", "Amazon EC2", "kvm"),
    ("sys_vendor", "DigitalOcean", "kvm"),
    ("sys_vendor", "Hetzner", "kvm"),
    ("sys_vendor", "OpenStack Foundation", "openstack"),
    ("cpu", "model name\t: QEMU Virtual CPU", "kvm"),
];

pub(super) fn read(parts: &Parts<'_>) -> Map<String, Value> {
    let mut guest: Vec<&str> = containers(parts);
    let fits = |(part, text, _): &&(&str, &str, &str)| parts.text(part).trim().starts_with(text);
    guest.extend(MACHINES.iter().filter(fits).map(|(.., name)| *name));
    let hyper_v = parts.word("sys_vendor") == Some("Microsoft Corporation")
        && parts.text("product_name").starts_with("Virtual Machine");
    guest.extend(hyper_v.then_some("VirtualPC"));
    let privileged = parts.text("xen").contains("control_d");
    guest.extend((!privileged && parts.text("xen").contains("xen")).then_some("xen"));
    // Firecracker and others say nothing but this.
    guest.extend((guest.is_empty() && parts.word("flags").is_some()).then_some("kvm"));
    let mut host: Vec<&str> = vec![];
    host.extend(privileged.then_some("xen"));
    for module in parts.lines("modules") {
        host.extend(match module {
            "kvm" => Some("kvm"),
            "vboxdrv" => Some("virtualbox"),
            _ => None,
        });
    }
    host.extend(mark(parts, "/dev/kvm").then_some("kvm"));
    let (kind, role) = match (guest.first(), host.first()) {
        (Some(kind), _) => (*kind, "guest"),
        (None, Some(kind)) => (*kind, "host"),
        (None, None) => ("NA", "NA"),
    };
    let set = |names: Vec<&'static str>| names.into_iter().collect::<BTreeSet<_>>();
    object(json!({
        "virtualization_type": kind,
        "virtualization_role": role,
        "virtualization_tech_guest": set(guest),
        "virtualization_tech_host": set(host),
    }))
}

fn mark(parts: &Parts<'_>, path: &str) -> bool {
    parts.lines("marks").any(|mark| mark == path)
}

/// The container engine that we are inside of, and `container`.
fn containers(parts: &Parts<'_>) -> Vec<&'static str> {
    let cgroup = parts.text("cgroup");
    let named = parts.value("container", "container", '=').or(parts.word("systemd_container"));
    let engine = match named {
        Some("podman") => Some("podman"),
        Some("docker") => Some("docker"),
        Some("systemd-nspawn") => Some("systemd-nspawn"),
        Some("lxc" | "lxc-libvirt") => Some("lxc"),
        Some(_) => Some("container"),
        None if mark(parts, "/run/.containerenv") => Some("podman"),
        None if mark(parts, "/.dockerenv") || mark(parts, "/.dockerinit") => Some("docker"),
        None if cgroup.contains("/docker") => Some("docker"),
        None if cgroup.contains("/lxc/") => Some("lxc"),
        None if mark(parts, "/proc/vz") && !mark(parts, "/proc/bc") => Some("openvz"),
        None => None,
    };
    match engine {
        None => vec![],
        Some(engine @ ("container" | "openvz")) => vec![engine],
        Some(engine) => vec![engine, "container"],
    }
}
