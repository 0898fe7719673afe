//! Commands that try a candidate file in its service's own container, beside what runs there and
//! without touching it. `%s` is the candidate.
use crate::facts::{Era, Mailcow};
use crate::shell::{join, quote};

/// Tries a candidate of the nginx file in a container of its own. When it fails, the file that is live
/// goes the same way: if that fails too, the fault is elsewhere (nginx looks up its neighbours' names).
pub(in crate::modules) fn nginx(mailcow: &Mailcow) -> Vec<String> {
    let (inside, program) = match mailcow.era {
        Era::A => ("/etc/nginx/conf.d/includes/site-defaults.conf", "nginx nginx-mailcow -t"),
        Era::B => (
            "/etc/nginx/conf.d/templates/sites-default.conf.j2",
            "sh nginx-mailcow -c 'cd / && python3 /bootstrap.py && nginx -t'",
        ),
    };
    let compose = join(&mailcow.compose);
    let script = format!(
        r#"cd {dir} || exit
try() {{ {compose} run --rm --no-deps -T -v "$1:{inside}:ro" --entrypoint {program} 2>&1; }}
said=$(try "$1") && exit
echo "$said" | tail -n 8 >&2
try {live} >/dev/null ||
  echo "the file that is live fails the same test: is a neighbour of nginx stopped?" >&2
exit 1"#,
        dir = quote(&mailcow.dir),
        live = quote(&mailcow.nginx_file),
    );
    shell(script)
}

/// Tries a candidate of `extra.cf` in the running Postfix container, appended to a copy of its
/// configuration. Finds wrong syntax alone: values are checked before. `postconf` sleeps over a
/// `main.cf` that is younger than a few seconds, so it is made to look older.
pub(in crate::modules) fn postfix(mailcow: &Mailcow) -> Vec<String> {
    let inside = r#"T=$(mktemp -d) && trap 'rm -rf "$T"' EXIT && cp -a /opt/postfix/conf/. "$T" &&
{ echo; cat; } >>"$T/main.cf" && touch -d '5 seconds ago' "$T/main.cf" && /usr/sbin/postconf -c "$T" >/dev/null"#;
    let script = format!(
        r#"cd {dir} && {compose} exec -T postfix-mailcow sh -c {inside} <"$1""#,
        dir = quote(&mailcow.dir),
        compose = join(&mailcow.compose),
        inside = quote(inside),
    );
    shell(script)
}

fn shell(script: String) -> Vec<String> {
    vec!["sh".into(), "-c".into(), script, "sh".into(), "%s".into()]
}
