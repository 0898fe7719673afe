//! Facts of this machine through every shell that it has: each tells the same, whatever its tools.
use super::look;
use super::real::labs;
use cowhand::facts::{FACT_PATH, Fact, GATHER_TIMEOUT, Observed, Topic};
use cowhand::transport::Connect as _;
use serde_json::{Map, Value, json};
use std::os::unix::fs::PermissionsExt as _;

fn facts(seen: &Observed, topic: Topic) -> Map<String, Value> {
    match seen.get(&topic.probe(FACT_PATH, GATHER_TIMEOUT)) {
        Ok(Fact::System(facts)) => facts.clone(),
        other => panic!("{topic:?}: {other:?}"),
    }
}

#[tokio::test]
async fn every_shell_tells_the_same_of_its_server() {
    // What changes from moment to moment or from shell to shell is not compared.
    let steady = [
        Topic::Platform,
        Topic::Distribution,
        Topic::User,
        Topic::Kernel,
        Topic::Services,
        Topic::Dns,
        Topic::Keys,
        Topic::Virtual,
    ];
    let mut first: Option<Vec<Map<String, Value>>> = None;
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let probes: Vec<_> = Topic::all().map(|t| t.probe(FACT_PATH, GATHER_TIMEOUT)).collect();
        let seen = look(&shell, &probes).await;
        let mut told: Vec<_> = steady.iter().map(|topic| facts(&seen, *topic)).collect();
        // busybox has no `getconf` and its `hostname -f` asks DNS in another way.
        for key in ["userspace_bits", "userspace_architecture", "fqdn", "domain"] {
            told[0].remove(key);
        }
        assert_eq!(*first.get_or_insert_with(|| told.clone()), told, "{}", lab.name);
        let hardware = facts(&seen, Topic::Hardware);
        assert!(hardware["memtotal_mb"].as_u64().unwrap() > 0, "{}", lab.name);
        assert!(hardware["processor_nproc"].as_u64().unwrap() > 0, "{}", lab.name);
        let network = facts(&seen, Topic::Network);
        let interfaces = network["interfaces"].as_array().unwrap();
        assert!(interfaces.contains(&json!("lo")), "{}: {interfaces:?}", lab.name);
        let clock = &facts(&seen, Topic::Clock)["date_time"];
        assert!(clock["iso8601"].as_str().unwrap().starts_with("20"), "{}: {clock}", lab.name);
        let env = &facts(&seen, Topic::Env)["env"];
        assert!(env["COWHAND_STATE"].as_str().unwrap().ends_with("cowhand"), "{}", lab.name);
        for mount in facts(&seen, Topic::Mounts)["mounts"].as_array().unwrap() {
            assert!(mount["size_total"].as_u64() >= mount["size_available"].as_u64(), "{mount}");
        }
    }
}

#[tokio::test]
async fn local_facts_are_read_or_run() {
    for lab in labs() {
        let shell = lab.door.shell(None).await.unwrap();
        let folder = lab.path("facts with space");
        std::fs::create_dir_all(&folder).unwrap();
        let put = |name: &str, text: &str, mode: u32| {
            let path = format!("{folder}/{name}");
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        };
        put("ini.fact", "[a]\nb=c\n", 0o644);
        put("run.fact", "#!/bin/sh\necho '{\"x\": 1}'\n", 0o755);
        put("fails.fact", "#!/bin/sh\necho why >&2; exit 3\n", 0o755);
        put("other.txt", "[a]\nb=c\n", 0o644);
        let probe = Topic::Local.probe(&folder, GATHER_TIMEOUT);
        let seen = look(&shell, std::slice::from_ref(&probe)).await;
        let Ok(Fact::System(facts)) = seen.get(&probe) else { panic!("{seen:?}") };
        let local = &facts["ansible_local"];
        assert_eq!(local["ini"], json!({"a": {"b": "c"}}), "{}", lab.name);
        assert_eq!(local["run"], json!({"x": 1}), "{}", lab.name);
        let failed = local["fails"].as_str().unwrap();
        assert!(failed.contains("rc: 3, err: why"), "{}: {failed}", lab.name);
        assert_eq!(local.as_object().unwrap().len(), 3);
    }
}
