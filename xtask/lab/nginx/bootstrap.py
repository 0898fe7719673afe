"""Renders the nginx configuration of the newer eras, once, when the container starts."""

import os
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

TEMPLATES = Path("/etc/nginx/conf.d/templates")
TARGETS = {
    "nginx.conf.j2": Path("/etc/nginx/nginx.conf"),
    "sites-default.conf.j2": Path("/etc/nginx/includes/sites-default.conf"),
}


def settings(environ):
    """The container's environment; y and n are booleans."""
    switches = {"y": True, "yes": True, "n": False, "no": False, "": False}
    return {name: switches.get(value.lower(), value) for name, value in environ.items()}


def main():
    environment = Environment(loader=FileSystemLoader(TEMPLATES))
    values = settings(os.environ)
    # All are rendered before any is written.
    texts = {target: environment.get_template(name).render(values) for name, target in TARGETS.items()}
    for target, text in texts.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text + "\n")


if __name__ == "__main__":
    main()
