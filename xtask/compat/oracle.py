"""Runs playbooks with ansible-core and writes down what came of them. `cargo xtask compat` starts it with the
Python that has ansible-core and feeds it one JSON job a line: {"id", "folder", "runs": [arguments, …]}. For each it
answers with {"id", "runs": [{"exit", "events", "said"}, …]}. Ansible is loaded once and every job is a fork of this process, which is
what makes hundreds of runs affordable. It must never be used for anything but comparing."""

import json
import os
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
HOME = os.environ["COMPAT_HOME"]
AT_ONCE = int(os.environ.get("COMPAT_AT_ONCE", "3"))

# Read by Ansible when it is loaded, the same for every job.
os.environ.update(
    ANSIBLE_CONFIG=os.path.join(HERE, "ansible.cfg"),
    ANSIBLE_HOME=os.path.join(HOME, "ansible"),
    ANSIBLE_LOCAL_TEMP=os.path.join(HOME, "local"),
    ANSIBLE_REMOTE_TMP=os.path.join(HOME, "remote"),
    ANSIBLE_PYTHON_INTERPRETER=sys.executable,
)

from ansible.cli.playbook import PlaybookCLI  # noqa: E402
import ansible.executor.task_executor  # noqa: E402, F401 (loaded before the forks, not in each of them)
import ansible.plugins.strategy.linear  # noqa: E402, F401
import ansible.plugins.connection.local  # noqa: E402, F401


def play(folder, arguments, events, log):
    """The life of a fork: one ansible-playbook, from its arguments to its exit code."""
    os.setpgid(0, 0)
    os.chdir(folder)
    os.environ["COMPAT_EVENTS"] = events
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    code = 250
    try:
        PlaybookCLI.cli_executor(["ansible-playbook", *arguments])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def read(path):
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def begin(job, scratch):
    """Forks for the next run of a job; which child it is, and where it writes."""
    number = len(job["answers"])
    paths = [os.path.join(scratch, f"{job['id']}.{number}.{kind}") for kind in ("events", "log")]
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        play(job["folder"], job["runs"][number], *paths)
    return child, paths


def main():
    waiting = [{**json.loads(line), "answers": []} for line in sys.stdin if line.strip()]
    at_work = {}
    with tempfile.TemporaryDirectory(dir=HOME) as scratch:
        while waiting or at_work:
            while waiting and len(at_work) < AT_ONCE:
                job = waiting.pop(0)
                child, paths = begin(job, scratch)
                at_work[child] = job, paths
            child, status = os.wait()
            job, (events, log) = at_work.pop(child)
            job["answers"].append({
                "exit": os.waitstatus_to_exitcode(status),
                "events": [json.loads(line) for line in read(events).splitlines()],
                "said": read(log),
            })
            if len(job["answers"]) < len(job["runs"]):
                child, paths = begin(job, scratch)
                at_work[child] = job, paths
            else:
                print(json.dumps({"id": job["id"], "runs": job["answers"]}), flush=True)


main()
