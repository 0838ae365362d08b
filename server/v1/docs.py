"""The description as one page for people: no scripts, nothing from elsewhere."""

import json
import re
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882 }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
h2 { border-bottom: 1px solid var(--line); margin-top: 2.5rem }
details { border: 1px solid var(--line); border-radius: 6px; margin: .5rem 0; padding: .4rem .8rem }
summary { cursor: pointer }
code, pre { font: 13px/1.5 ui-monospace, monospace }
pre { background: var(--soft); border-radius: 6px; overflow: auto; padding: .6rem .8rem; max-height: 30rem }
b.method { display: inline-block; width: 4.2rem; font: 600 13px ui-monospace, monospace }
table { border-collapse: collapse; width: 100% }
td { border-top: 1px solid var(--line); padding: .25rem .8rem .25rem 0; vertical-align: top }
nav a { margin-right: 1rem }
"""


def page(document: dict[str, Any]) -> str:
    info = document["info"]
    tags = [tag["name"] for tag in document["tags"]]
    links = " ".join(f'<a href="#{escape(tag)}">{escape(tag)}</a>' for tag in tags)
    return (
        '<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width">\n'
        f"<title>{escape(info['title'])} API</title>\n<style>{_STYLE}</style>\n"
        f"<h1>{escape(info['title'])} API <small>{escape(info['version'])}</small></h1>\n"
        f"{_paragraphs(info['description'])}"
        '<p>For programs: <a href="openapi.json">openapi.json</a></p>\n'
        f"<nav>{links}</nav>\n"
        + "".join(_section(tag, document) for tag in tags)
        + '<h2 id="schemas">Schemas</h2>\n'
        + "".join(_schemas(document["components"]["schemas"]))
        + "</html>\n"
    )


def _section(tag: str, document: Mapping[str, Any]) -> str:
    rows = [
        _operation(method, path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if tag in operation["tags"]
    ]
    return f'<h2 id="{escape(tag)}">{escape(tag)}</h2>\n' + "".join(rows)


def _operation(method: str, path: str, operation: Mapping[str, Any]) -> str:
    name, summary = escape(operation["operationId"]), _words(operation["summary"])
    parts = [
        f'<details id="{name}"><summary><b class="method">{method.upper()}</b> ',
        f"<code>{escape(path)}</code> {summary}</summary>\n",
        _paragraphs(operation.get("description", "")),
    ]
    if operation["parameters"]:
        rows = [
            (f"{each['name']} ({each['in']})", each.get("description", ""), each["schema"])
            for each in operation["parameters"]
        ]
        parts.append("<h4>Parameters</h4>\n" + _table(rows))
    for media, content in operation.get("requestBody", {}).get("content", {}).items():
        parts.append(f"<h4>Body: <code>{escape(media)}</code></h4>\n" + _schema(content["schema"]))
    answers: list[tuple[str, str, Any]] = [
        (status, answer["description"], _schema_of(answer))
        for status, answer in operation["responses"].items()
    ]
    return "".join([*parts, "<h4>Answers</h4>\n", _table(answers), "</details>\n"])


def _schema_of(answer: Mapping[str, Any]) -> Any:
    content: Mapping[str, Any] = answer.get("content", {})
    return next((each.get("schema") for each in content.values()), None)


def _table(rows: list[tuple[str, str, Any]]) -> str:
    cells = "".join(
        f"<tr><td><code>{escape(name)}</code><td>{_words(text)}<td>{_short(schema)}\n"
        for name, text, schema in rows
    )
    return f"<table>{cells}</table>\n"


def _short(schema: Mapping[str, Any] | None) -> str:
    if not schema:
        return ""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#schema-{name}">{name}</a>'
    return f"<code>{escape(json.dumps(schema))}</code>"


def _schema(schema: Mapping[str, Any]) -> str:
    return f"<p>{_short(schema)}</p>\n" if "$ref" in schema else f"<pre>{_pretty(schema)}</pre>\n"


def _schemas(schemas: Mapping[str, Any]) -> Iterator[str]:
    for name, schema in sorted(schemas.items()):
        yield (
            f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code> '
            f"{escape(schema.get('description', '').partition(chr(10))[0])}</summary>\n"
            f"<pre>{_pretty(schema)}</pre></details>\n"
        )


def _pretty(value: Any) -> str:
    return escape(json.dumps(value, indent=2, ensure_ascii=False))


def _paragraphs(text: str) -> str:
    return "".join(f"<p>{_words(each.strip())}</p>\n" for each in text.split("\n\n") if each.strip())


def _words(text: str) -> str:
    """A text with code in backticks."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))
