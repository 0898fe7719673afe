//! In which order and in which batches the hosts of a play are worked on (`order`, `serial`).
use serde_json::Value;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// Hosts in the order that `order:` asks for; they come in inventory order. `chance` decides a shuffle.
pub fn order(
    mut hosts: Vec<String>,
    order: Option<&str>,
    chance: u64,
) -> Result<Vec<String>, String> {
    match order {
        None | Some("inventory" | "default") => {}
        Some("reverse_inventory") => hosts.reverse(),
        Some("sorted") => hosts.sort(),
        Some("reverse_sorted") => {
            hosts.sort();
            hosts.reverse();
        }
        Some("shuffle") => hosts.sort_by_cached_key(|host| {
            let mut hasher = DefaultHasher::new();
            (chance, host).hash(&mut hasher);
            hasher.finish()
        }),
        Some(other) => {
            return Err(format!(
                "`order: {other}` is not known; there are inventory, reverse_inventory, sorted, \
                 reverse_sorted and shuffle"
            ));
        }
    }
    Ok(hosts)
}

/// Batches as `serial:` asks for: numbers or percentages, the last one repeated; none: one batch.
///
/// # Errors
/// What is neither, or not positive.
pub fn batches(hosts: &[String], serial: &[Value]) -> Result<Vec<Vec<String>>, String> {
    let mut sizes = vec![];
    for value in serial {
        sizes.push(size(value, hosts.len())?);
    }
    let mut out = vec![];
    let mut rest = hosts;
    let mut sizes = sizes.into_iter().peekable();
    let mut take = rest.len();
    while !rest.is_empty() {
        take = sizes.next().unwrap_or(take).min(rest.len());
        let (batch, left) = rest.split_at(take.max(1).min(rest.len()));
        out.push(batch.to_vec());
        rest = left;
    }
    Ok(out)
}

fn size(value: &Value, hosts: usize) -> Result<usize, String> {
    let wrong = || format!("`serial` takes numbers above 0 and percentages, not {value}");
    let text = match value {
        Value::Number(n) => n.to_string(),
        Value::String(text) => text.trim().to_owned(),
        _ => return Err(wrong()),
    };
    let size = match text.strip_suffix('%') {
        Some(percent) => {
            let percent: usize = percent.trim().parse().map_err(|_| wrong())?;
            (hosts * percent / 100).max(1)
        }
        // Ansible: 0 and less mean all.
        None => match text.parse::<i64>().map_err(|_| wrong())? {
            n if n <= 0 => hosts,
            n => usize::try_from(n).unwrap_or(hosts),
        },
    };
    Ok(size)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sizes(hosts: usize, serial: &[Value]) -> Vec<usize> {
        let hosts: Vec<_> = (0..hosts).map(|n| format!("h{n}")).collect();
        batches(&hosts, serial).unwrap().iter().map(Vec::len).collect()
    }

    #[test]
    fn serial_takes_numbers_and_percentages_and_repeats_the_last() {
        for (hosts, serial, expected) in [
            (5, vec![], vec![5]),
            (0, vec![json!(3)], vec![]),
            (5, vec![json!(2)], vec![2, 2, 1]),
            (10, vec![json!(1), json!("30%")], vec![1, 3, 3, 3]),
            (3, vec![json!("10%")], vec![1, 1, 1]),
            (4, vec![json!(0)], vec![4]),
            (4, vec![json!("3")], vec![3, 1]),
        ] {
            assert_eq!(sizes(hosts, &serial), expected, "{hosts} {serial:?}");
        }
        assert!(batches(&["a".into()], &[json!("many")]).is_err());
    }

    #[test]
    fn hosts_come_in_the_order_asked_for() {
        let hosts = || vec!["b".to_owned(), "c".into(), "a".into()];
        assert_eq!(order(hosts(), None, 0).unwrap(), ["b", "c", "a"]);
        assert_eq!(order(hosts(), Some("reverse_inventory"), 0).unwrap(), ["a", "c", "b"]);
        assert_eq!(order(hosts(), Some("sorted"), 0).unwrap(), ["a", "b", "c"]);
        assert!(order(hosts(), Some("shuffled"), 0).is_err());
        let shuffled = |chance| order(hosts(), Some("shuffle"), chance).unwrap();
        assert!((0..99).any(|chance| shuffled(chance) != shuffled(99)));
        assert_eq!(order(shuffled(1), Some("sorted"), 0).unwrap(), ["a", "b", "c"]);
    }
}
