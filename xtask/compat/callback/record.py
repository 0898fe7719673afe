"""A callback of ansible-core that writes what each task came to on each host, and the final counts, as JSON lines
to the file that COMPAT_EVENTS names. It must never print: what it leaves out, nobody compares."""

DOCUMENTATION = """
name: record
type: stdout
short_description: writes outcomes as JSON lines
description: [Writes outcomes as JSON lines to the file that COMPAT_EVENTS names.]
"""

import json
import os

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "record"

    def _write(self, **event):
        with open(os.environ["COMPAT_EVENTS"], "a", encoding="utf-8") as file:
            file.write(json.dumps(event, default=str) + "\n")

    def _ended(self, outcome, result, ignored=False):
        task = result.task
        self._write(
            host=result.host.get_name(),
            task=task.get_name(),
            action=task.action,
            outcome=outcome,
            ignored=bool(ignored),
            result=result.result,
        )

    def v2_runner_on_ok(self, result):
        self._ended("changed" if result.result.get("changed") else "ok", result)

    def v2_runner_on_failed(self, result, ignore_errors=False):
        self._ended("failed", result, ignore_errors)

    def v2_runner_on_skipped(self, result):
        self._ended("skipped", result)

    def v2_runner_on_unreachable(self, result):
        self._ended("unreachable", result, result.task.ignore_unreachable)

    def v2_playbook_on_stats(self, stats):
        hosts = sorted(stats.processed)
        self._write(stats={host: stats.summarize(host) for host in hosts})
