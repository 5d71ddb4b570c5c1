"""The JSON Schemas of the documents, made from the structs that read them.

A schema says what an agent accepts: unknown fields are allowed. Rules that a schema cannot express are listed
on the reference page.
"""

import ast
import inspect
import json
import textwrap
from itertools import pairwise
from typing import Any

import msgspec

from metadata.documents import Brake, Enrollment, Order, Policy
from metadata.evidence import WaveEvidence
from metadata.fields import EXACT
from metadata.release import Release
from metadata.report import Report
from metadata.token import Token

KINDS: dict[str, type[msgspec.Struct]] = {
    "release": Release,
    "order": Order,
    "policy": Policy,
    "brake": Brake,
    "enrollment": Enrollment,
    "report": Report,
    "token": Token,
    "evidence": WaveEvidence,
}


def schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a document, with what its fields mean."""
    family, _, number = str(kind.__struct_config__.tag).partition("/")
    found = json.loads(json.dumps(msgspec.json.schema(kind)).replace(json.dumps(EXACT)[1:-1], "$"))
    for part in parts(kind):
        properties = found["$defs"][part.__name__]["properties"]
        for name, note in notes(part).items():
            properties[name]["description"] = note
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{family.replace('.', ':')}:{number}",
    }
    return {**head, **found}


def text(kind: type[msgspec.Struct]) -> str:
    """Return a schema as it is shipped."""
    return json.dumps(schema(kind), indent=1, ensure_ascii=False) + "\n"


def parts(kind: type[msgspec.Struct]) -> list[type[msgspec.Struct]]:
    """Return a document's struct and those inside it, each once, the outermost first."""
    found = [kind]
    for part in found:
        for field in msgspec.structs.fields(part):
            found += [inner for inner in _structs(field.type) if inner not in found]
    return found


def _structs(annotation: Any) -> list[type[msgspec.Struct]]:
    if inspect.isclass(annotation) and issubclass(annotation, msgspec.Struct):
        return [annotation]
    return [one for inner in getattr(annotation, "__args__", ()) for one in _structs(inner)]


def notes(part: type[msgspec.Struct]) -> dict[str, str]:
    """Return what a struct's source says below each of its fields, by the name in the document."""
    names = {field.name: field.encode_name for field in msgspec.structs.fields(part)}
    tree = ast.parse(textwrap.dedent(inspect.getsource(part)))
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found = {}
    for field, note in pairwise(body):
        if not (isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)):
            continue
        if isinstance(note, ast.Expr) and isinstance(note.value, ast.Constant) and field.target.id in names:
            found[names[field.target.id]] = " ".join(str(note.value.value).split()).replace("``", "`")
    return found
