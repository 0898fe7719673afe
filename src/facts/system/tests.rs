//! Readers on answers as servers of several distributions give them.
use super::*;
use crate::facts::Answer;
use serde_json::json;

fn facts(topic: Topic, parts: &[(&str, &str)]) -> Map<String, Value> {
    let text: String = parts.iter().flat_map(|(name, text)| ["\0", name, "\n", text]).collect();
    read(topic, &Answer { rc: 0, stdout: text.into(), ..Answer::default() })
}

#[test]
fn every_topic_has_its_row_and_every_fact_one_topic() {
    let topics: std::collections::BTreeSet<_> = Topic::all().collect();
    assert_eq!(topics.len(), ROWS.len());
    for row in ROWS {
        for fact in row.facts.iter().filter(|fact| **fact != "ansible_local") {
            assert_eq!(Topic::of(fact), Some(row.topic), "{fact}");
        }
    }
    for name in ["eth0", "enp3s0", "br_09e94a4cfe75", "wlan0", "lo", "docker0", "eth0_100"] {
        assert_eq!(Topic::of(name), Some(Topic::Network), "{name}");
    }
    for name in ["distributon", "env_file", "host", "user", "loop_var", "become_user", "port"] {
        assert_eq!(Topic::of(name), None, "{name}");
    }
}

#[test]
fn an_empty_answer_is_no_fact_and_no_error() {
    for topic in Topic::all() {
        let known = facts(topic, &[]);
        assert!(known.values().all(|value| !value.is_null()), "{topic:?}: {known:?}");
        let garbled =
            Answer { rc: 1, stdout: "\0x\0\0uname\n\u{1b}[31m\0".into(), ..Answer::default() };
        read(topic, &garbled);
    }
}

#[test]
fn distributions_have_the_names_that_ansible_knows_them_by() {
    let of = |parts: &[(&str, &str)]| {
        let facts = facts(Topic::Distribution, parts);
        [
            "distribution",
            "distribution_version",
            "distribution_major_version",
            "distribution_release",
            "os_family",
        ]
        .map(|name| facts[name].as_str().unwrap().to_owned())
        .join("|")
    };
    let debian = "ID=debian\nVERSION_ID=\"12\"\nVERSION_CODENAME=bookworm\n";
    assert_eq!(
        of(&[("os_release", debian), ("debian_version", "12.11\n")]),
        "Debian|12.11|12|bookworm|Debian"
    );
    let ubuntu = "ID=ubuntu\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\n";
    assert_eq!(
        of(&[("os_release", ubuntu), ("debian_version", "trixie/sid")]),
        "Ubuntu|24.04|24|noble|Debian"
    );
    let rocky = "ID=\"rocky\"\nVERSION_ID=\"9.3\"\nVERSION=\"9.3 (Blue Onyx)\"\n";
    assert_eq!(of(&[("os_release", rocky)]), "Rocky|9.3|9|Blue Onyx|RedHat");
    let centos = "ID=\"centos\"\nVERSION_ID=\"7\"\nVERSION=\"7 (Core)\"\n";
    let release = ("redhat_release", "CentOS Linux release 7.9.2009 (Core)\n");
    assert_eq!(of(&[("os_release", centos), release]), "CentOS|7.9|7|Core|RedHat");
    let alpine = "ID=alpine\nVERSION_ID=3.19.1\n";
    assert_eq!(of(&[("os_release", alpine)]), "Alpine|3.19.1|3|NA|Alpine");
    let other = "NAME=\"Own OS\"\nID=own\nID_LIKE=\"x debian\"\nVERSION_ID=1\n";
    assert_eq!(of(&[("os_release", other)]), "Own OS|1|1|NA|Debian");
}

#[test]
fn addresses_belong_to_interfaces_and_the_default_route_names_one() {
    let facts = facts(
        Topic::Network,
        &[
            (
                "links",
                "link eth0\naddress 02:fc:00:00:00:01\nmtu 1400\noperstate up\ntype 1\nflags 0x1103\nlink br-1\ntype 1\nbridge 8000.02 0\nport veth1\nlink lo\naddress 00:00:00:00:00:00\ntype 772\n",
            ),
            (
                "addresses",
                "1: lo    inet 127.0.0.1/8 scope host lo\\  valid_lft forever\n4: eth0    inet 192.0.2.130/25 brd 192.0.2.255 scope global eth0\\ x\n4: eth0    inet 192.0.2.131/25 scope global secondary eth0\\ x\n4: eth0    inet6 fd00::2/64 scope global \\ x\n",
            ),
            ("route4", "8.8.8.8 via 192.0.2.129 dev eth0 src 192.0.2.130 uid 0\n    cache\n"),
        ],
    );
    assert_eq!(facts["all_ipv4_addresses"], json!(["192.0.2.130", "192.0.2.131"]));
    assert_eq!(facts["default_ipv4"]["network"], "192.0.2.128");
    assert_eq!(facts["default_ipv4"]["netmask"], "255.255.255.128");
    assert_eq!(facts["default_ipv4"]["gateway"], "192.0.2.129");
    assert_eq!(facts["default_ipv6"], json!({}));
    assert_eq!(facts["eth0"]["promisc"], true);
    assert_eq!(facts["eth0"]["ipv4_secondaries"][0]["address"], "192.0.2.131");
    assert_eq!(facts["br_1"]["interfaces"], json!(["veth1"]));
    assert!(facts["lo"].get("macaddress").is_none());
}

#[test]
fn local_facts_are_json_or_ini_and_what_fails_says_so() {
    let facts = facts(
        Topic::Local,
        &[
            ("prefs", "file 0 /p\n[general]\nasdf=1\nFoo : bar\n"),
            ("j", "ran 0 /j\n{\"a\": [1]}\n"),
            ("bad", "file 0 /bad\ngarbage {"),
            ("failing", "ran 3 /failing\n"),
        ],
    );
    let local = &facts["ansible_local"];
    assert_eq!(local["prefs"], json!({"general": {"asdf": "1", "foo": "bar"}}));
    assert_eq!(local["j"], json!({"a": [1]}));
    assert_eq!(local["bad"], "error loading facts as JSON or ini - please check content: /bad");
    assert_eq!(local["failing"], "Failure executing fact script (/failing), rc: 3, err: ");
}

#[test]
fn a_clock_without_nanoseconds_is_a_clock() {
    let facts = facts(
        Topic::Clock,
        &[("clock", "1795602391  2026-11-25 10:26:31 UTC +0000 Wednesday 3 47\n")],
    );
    let time = &facts["date_time"];
    assert_eq!(time["iso8601_micro"], "2026-11-25T10:26:31.000000Z");
    assert_eq!((&time["weekday"], &time["month"]), (&json!("Wednesday"), &json!("11")));
}

#[test]
fn the_environment_keeps_line_feeds() {
    let answer = Answer { stdout: "\0env\nA=1\n2\0B=x=y\0".into(), ..Answer::default() };
    assert_eq!(read(Topic::Env, &answer)["env"], json!({"A": "1\n2", "B": "x=y"}));
}

#[test]
fn processors_are_counted_by_socket_core_and_thread() {
    let one = |n: u8, socket: u8| {
        format!(
            "processor\t: {n}\nvendor_id\t: V\nmodel name\t: M\nphysical id\t: {socket}\nsiblings\t: 4\ncpu cores\t: 2\n\n"
        )
    };
    let all: String = (0..8).map(|n| one(n, n / 4)).collect();
    let facts = facts(Topic::Hardware, &[("cpuinfo", &all), ("nproc", "8\n")]);
    let of = |name: &str| facts[&format!("processor_{name}")].as_u64().unwrap();
    assert_eq!((of("count"), of("cores"), of("threads_per_core"), of("vcpus")), (2, 2, 2, 8));
    assert_eq!(facts["processor"].as_array().unwrap().len(), 24);
}
