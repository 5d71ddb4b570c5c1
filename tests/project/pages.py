"""The generated reference pages: documents, from their schemas; commands, from their help."""

from typing import Any

import click
import msgspec

from agent.machine import TABLE
from agent.settings import Settings
from metadata.fields import MAX_INTEGER
from tests.project.schemas import KINDS, parts, schema

FORMATS_HEAD = """# Documents

Generated from the structs in `metadata/`; the JSON Schemas are shipped in `metadata/schemas/`.

All documents are UTF-8 JSON of at most 64 KiB: no key twice, no floats, integers below 2⁵³. A field without
a default must be there. Hosts pass over fields that they do not know, unless the document's `critical` list
names them (inner fields with dots, such as `base.colour`); release managers' tools refuse each one.

What a schema cannot say: times are in UTC; versions are PEP 440 in normal form, where 1.1 and 1.1.0 are one,
and ranges are PEP 440 specifiers in which pre-releases count; a recall's `from` has an upper bound; a health
entry is exactly one of `http`, `tcp` and `exec`, and a brake's entry one of `rollout` and `version`; a
release's `probe` is an `exec`; paths are relative, plain and printable; a `tree` has an archive's suffix, and
a `file` has a `name`.
"""

COMMANDS_HEAD = """# Commands

Generated from `--help`.
"""


def formats() -> str:
    """Return the page about documents."""
    return "\n".join([FORMATS_HEAD, *(_document(name, kind) for name, kind in KINDS.items())])


def _document(name: str, kind: type[msgspec.Struct]) -> str:
    definitions = schema(kind)["$defs"]
    inner = [f"### {part.__name__}\n\n{_table(definitions[part.__name__])}" for part in parts(kind)[1:]]
    return "\n".join([f"## {name}\n\n{_table(definitions[kind.__name__])}", *inner])


def _table(definition: dict[str, Any]) -> str:
    required = set(definition.get("required", []))
    rows = [
        f"| `{name}` | {_type(one)} | {_default(one, name in required)} | {one.get('description', '')} |"
        for name, one in definition["properties"].items()
    ]
    head = f"{definition['description']}\n\n| field | type | default | meaning |\n|---|---|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _default(one: dict[str, Any], required: bool) -> str:
    return "" if required else f"`{msgspec.json.encode(one.get('default')).decode()}`"


def _type(one: dict[str, Any]) -> str:
    match one:
        case {"$ref": ref}:
            return str(ref).rpartition("/")[2]
        case {"anyOf": choices}:
            return " or ".join(_type(choice) for choice in choices)
        case {"enum": values}:
            return ", ".join(f"`{value}`" for value in values)
        case {"type": "array"}:
            return f"list of {_type(one['items'])}"
        case {"pattern": pattern}:
            return f"string `{pattern}`"
        case {"format": form}:
            return str(form)
        case {"type": "object", "additionalProperties": dict() as values}:
            return f"object of {_type(values)}"
        case {"type": kind, **rest}:
            limits = [
                f"{word} {rest[key]:,}"
                for key, word in LIMITS.items()
                if rest.get(key) not in (None, MAX_INTEGER)
            ]
            return " ".join([str(kind), *limits])
    return "any"


LIMITS = {"minimum": "from", "maximum": "to", "minLength": "from", "maxLength": "to"}


def commands(programs: dict[str, click.Command]) -> str:
    """Return the page about commands."""
    sections = [_command(name, command, None) for name, command in programs.items()]
    return "\n".join([COMMANDS_HEAD, *sections])


def _command(name: str, command: click.Command, parent: click.Context | None) -> str:
    context = click.Context(
        command,
        info_name=name,
        parent=parent,
        terminal_width=100,
        max_content_width=100,
        help_option_names=command.context_settings.get("help_option_names"),
    )
    help_text = "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    depth = context.command_path.count(" ") + 2
    sections = [f"{'#' * min(depth, 4)} {context.command_path}\n\n```text\n{help_text}\n```\n"]
    if isinstance(command, click.Group):
        for inner in command.list_commands(context):
            found = command.get_command(context, inner)
            sections += [_command(inner, found, context)] if found and not found.hidden else []
    return "\n".join(sections)


SETTINGS_HEAD = """# Settings of a host

Generated from `agent/settings.py`. The file is TOML, `/etc/tidegate/agent.toml` unless `--config` names
another. A key that nobody knows is an error in `enroll`, `check`, `update` and `doctor`, and a warning in
`run` and `tick`: an updater that went back to an older version must still start.

```toml
{example}```
"""

STATES_HEAD = """# States of an update

Generated from the table in `agent/machine.py`, which is the whole life of an update. The journal is written
before each step, and each step can be repeated: after a crash the next tick does the step again.

| state | work | ok | failed |
|---|---|---|---|
"""


def settings(example: str) -> str:
    """Return the page about a host's settings."""
    definitions = schema(Settings)["$defs"]
    tables = [f"## {part.__name__}\n\n{_table(definitions[part.__name__])}" for part in parts(Settings)]
    return "\n".join([SETTINGS_HEAD.format(example=example), *tables])


def states() -> str:
    """Return the page about the states of an update."""
    rows = []
    for state, step in TABLE.items():
        work = (step.work.__doc__ or "").splitlines()[0]
        rows.append(f"| {state} | {work} (`{step.stage}`) | {step.ok} | {step.failed} |")
    return STATES_HEAD + "\n".join(rows) + "\n"
