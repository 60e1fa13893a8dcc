#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds messages against the JSON Schemas in schemas/ (needs jsonschema: scripts/make-venv.sh prints a python with it).

usage: validate-messages.py [--golden] [--mutate] [--mutants-out FILE] [--quiet] [FILE.jsonl | -]...

A line of a file is a message (an object, with or without oslo.messaging's envelope), or a record of one:
{"body": "its text", "routing_key": ..., "headers": {...}}, or of what a method returned: {"body": "the result's JSON",
"result_of": METHOD}. What a message is, is read off its keys, as receivers do.
  --golden       the recorded messages in Tests/Golden as well
  --mutate       each message again with every required key removed, and every typed value replaced by one of another
                 type, one at a time: all of these must be refused
  --mutants-out  writes those as lines {"schema", "path", "change", "body"}, for decoders that must refuse them too
Exit status 1 if a message is refused, or a mutant is not.
"""
import argparse
import copy
import glob
import json
import os
import sys
from collections import Counter
from urllib.parse import urljoin

from jsonschema import Draft202012Validator
from referencing import Registry, Resource

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
SCHEMAS = os.path.join(ROOT, "schemas")
GOLDEN = os.path.join(ROOT, "Tests", "Golden")

# Notifications that a plain oslo.messaging Notifier sent with a payload made up for the recording.
MADE_UP_PAYLOADS = {"m10-notify-v2-info-error.json", "m11-notify-v1-info.json"}

TEXT = object()  # a step of a path: the value is a text of JSON, and what follows is inside it
OTHER_VALUES = (["x"], {"x": 1}, 7.5, True, "\u0001 no such value", None)


class Schemas:
    """All schemas by file name, each compiled once."""

    def __init__(self):
        self.documents = {}
        for path in sorted(glob.glob(os.path.join(SCHEMAS, "**", "*.json"), recursive=True)):
            with open(path, encoding="utf-8") as f:
                document = json.load(f)
            Draft202012Validator.check_schema(document)
            self.documents[os.path.relpath(path, SCHEMAS)] = document
        self.registry = Registry().with_resources(
            (d["$id"], Resource.from_contents(d)) for d in self.documents.values())
        self.validators = {}

    def __contains__(self, name):
        return name in self.documents

    def validator(self, name):
        """A validator for a file, or for a definition in one (file#/$defs/name)."""
        if name not in self.validators:
            file, _, fragment = name.partition("#")
            target = self.documents[file]["$id"] + (f"#{fragment}" if fragment else "")
            self.validators[name] = Draft202012Validator({"$ref": target}, registry=self.registry)
        return self.validators[name]

    def expand(self, schema, base):
        """The schema and everything that it takes in unconditionally, each with the address it is relative to."""
        if not isinstance(schema, dict):
            return
        base = schema.get("$id", base)
        yield schema, base
        if "$ref" in schema:
            found = self.registry.resolver(base).lookup(schema["$ref"])
            address = found.resolver._base_uri or base
            yield from self.expand(found.contents, address)
        for part in schema.get("allOf", []):
            yield from self.expand(part, base)


def get(value, path):
    for step in path:
        value = json.loads(value) if step is TEXT else value[step]
    return value


def put(value, path, new):
    """A copy of the value in which what stands at the path is another."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if step is TEXT:
        return json.dumps(put(json.loads(value), rest, new))
    changed = copy.copy(value)
    changed[step] = put(value[step], rest, new)
    return changed


def path_words(path):
    return ".".join("<text>" if s is TEXT else str(s) for s in path) or "."


def parts(record, schemas, check_payload=True):
    """What must hold for a message: (path into the record, schema name) each."""
    body = ("body", TEXT)
    if "result_of" in record:
        return [(body, f"results/{record['result_of']}.json")]
    if str(record.get("routing_key", "")).endswith(".dead"):
        return [((), "dead-letter.json")]
    message = get(record, body)
    found = []
    enveloped = isinstance(message, dict) and ("oslo.version" in message or "oslo.message" in message)
    if enveloped:
        found.append((body, "envelope.json"))
        body += ("oslo.message", TEXT)
        message = get(record, body)
    form = "oslo" if enveloped else "folsom"
    if "event_type" in message or "publisher_id" in message:
        found.append((body, f"notification-{form}.json"))
        if check_payload:
            found.append((body + ("payload",), payload_schema(message, schemas)))
    elif "result" in message or "failure" in message:
        found.append((body, f"reply-{form}.json"))
        if isinstance(message.get("failure"), str):
            found.append((body + ("failure", TEXT), "failure.json"))
    else:
        found.append((body, f"request-{form}.json"))
        name = argument_schema(message, schemas, record)
        if name:
            found.append((body + ("args",), name))
    return found


def payload_schema(message, schemas):
    event = str(message.get("event_type"))
    if not event.startswith("compute.instance."):
        return "payloads/error.json"
    name = f"payloads/{event.removesuffix('.start').removesuffix('.end')}.json"
    if name not in schemas:
        raise ValueError(f"no schema for the event {event}")
    return name


def argument_schema(message, schemas, record):
    arguments, method = message.get("args"), message.get("method")
    if not isinstance(arguments, dict):
        return None
    if method == "run_instance" and (record.get("routing_key") == "scheduler" or "instance" not in arguments):
        return "scheduler-run-instance.json"
    if str(record.get("routing_key", "")).startswith("network"):
        return None  # some of its methods are named as ours
    name = f"arguments/{method}.json"
    if name in schemas:
        return name
    return "common.json#/$defs/instanceArguments" if "instance" in arguments else None


def problems(record, expected, schemas):
    """Why a record does not hold, under the schemas that its unchanged form is held against."""
    for path, name in expected:
        try:
            value = get(record, path)
        except (KeyError, TypeError, ValueError, IndexError) as error:
            yield f"{path_words(path)}: cannot be read ({type(error).__name__})"
            return
        for error in schemas.validator(name).iter_errors(value):
            where = path_words(path + tuple(error.absolute_path))
            yield f"{name}: {where}: {error.message[:200]}"


def mutants(value, schema, base, schemas, path=()):
    """(path, change, changed value or nothing) for everything the schema asks of this very value."""
    if not isinstance(value, dict):
        return
    required, properties = set(), {}
    for part, address in schemas.expand(schema, base):
        required.update(part.get("required", []))
        for key, sub in part.get("properties", {}).items():
            properties.setdefault(key, []).append((sub, address))
    for key in sorted(required & set(value)):
        without = {k: v for k, v in value.items() if k != key}
        yield path + (key,), "removed", without
    for key, subs in sorted(properties.items()):
        subs = [(s, a) for s, a in subs if isinstance(s, dict)]
        if key not in value or not subs:
            continue
        yield path + (key,), "retyped", {**value, key: other_value(subs, schemas)}
        for sub, address in subs:
            for inner_path, change, changed in mutants(value[key], sub, address, schemas, path + (key,)):
                yield inner_path, change, {**value, key: changed}


class AcceptsAnything(Exception):
    """A property has a schema that refuses nothing."""


def absolute(schema, base):
    """The schema with every reference spelled out."""
    if isinstance(schema, dict):
        return {k: urljoin(base, v) if k == "$ref" else absolute(v, base) for k, v in schema.items() if k != "$id"}
    if isinstance(schema, list):
        return [absolute(s, base) for s in schema]
    return schema


def other_value(subs, schemas):
    for candidate in OTHER_VALUES:
        for sub, address in subs:
            if not Draft202012Validator(absolute(sub, address), registry=schemas.registry).is_valid(candidate):
                return candidate
    raise AcceptsAnything(str(subs))


def golden_records():
    for path in sorted(glob.glob(os.path.join(GOLDEN, "*.json"))):
        with open(path, encoding="utf-8") as f:
            frames = json.load(f)["frames"]
        name = os.path.basename(path)
        for index, frame in enumerate(f for f in frames if "body_raw" in f):
            record = {"body": frame["body_raw"], "routing_key": frame.get("routing_key", ""), "headers": {}}
            yield f"{name}[{index}]", record, name not in MADE_UP_PAYLOADS


def file_records(path):
    with (sys.stdin if path == "-" else open(path, encoding="utf-8")) as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            message = json.loads(line)
            if isinstance(message, dict) and isinstance(message.get("body"), str):
                record = {"routing_key": "", "headers": {}, **message}
            elif isinstance(message, dict) and isinstance(message.get("body_raw"), str):
                record = {"routing_key": message.get("routing_key", ""), "headers": {}, "body": message["body_raw"]}
            else:
                record = {"body": line, "routing_key": "", "headers": {}}
            yield f"{os.path.basename(path)}:{number}", record, True


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--golden", action="store_true")
    parser.add_argument("--mutate", action="store_true")
    parser.add_argument("--mutants-out")
    parser.add_argument("--quiet", action="store_true")
    options = parser.parse_args()
    if not options.files and not options.golden:
        parser.error("nothing to check: name a file, or --golden")

    schemas = Schemas()
    records = list(golden_records()) if options.golden else []
    for path in options.files:
        records.extend(file_records(path))
    used, messages, failures, refused = Counter(), 0, [], Counter()
    out = open(options.mutants_out, "w", encoding="utf-8") if options.mutants_out else None
    for name, record, check_payload in records:
        messages += 1
        try:
            expected = parts(record, schemas, check_payload)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            failures.append(f"{name}: not a message: {error!r}")
            continue
        used.update(schema for _, schema in expected)
        found = list(problems(record, expected, schemas))
        failures.extend(f"{name}: {p}" for p in found)
        if found or not (options.mutate or out):
            continue
        for path, schema_name in expected:
            file, _, fragment = schema_name.partition("#")
            schema = {"$ref": schemas.documents[file]["$id"] + (f"#{fragment}" if fragment else "")}
            for inner, change, changed in mutants(get(record, path), schema, "", schemas):
                mutant = put(record, path, changed)
                if next(problems(mutant, expected, schemas), None) is None:
                    failures.append(f"{name}: {schema_name}: {change} {path_words(path + inner)} was not refused")
                refused[schema_name] += 1
                if out and "body" in mutant:
                    line = {"from": name, "schema": schema_name, "path": path_words(path + inner), "change": change,
                            "body": mutant["body"]}
                    out.write(json.dumps(line) + "\n")
    if out:
        out.close()

    if options.mutate:
        for schema_name in used:
            if not refused[schema_name]:
                failures.append(f"{schema_name}: no mutant was made, so it proves nothing")
    if not options.quiet:
        for schema_name, count in sorted(used.items()):
            print(f"  {count:5} {schema_name}" + (f"  ({refused[schema_name]} mutants)" if options.mutate else ""))
    for failure in failures[:50]:
        print(failure, file=sys.stderr)
    if failures:
        print(f"{len(failures)} failures in {messages} messages", file=sys.stderr)
        sys.exit(1)
    print(f"{messages} messages hold against {len(used)} schemas"
          + (f"; all of {sum(refused.values())} mutants are refused" if options.mutate else ""))


if __name__ == "__main__":
    main()
