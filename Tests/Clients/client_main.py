# SPDX-License-Identifier: Apache-2.0
"""How the clients are driven: one JSON object a line on standard input, one JSON object a line on standard output."""
import json
import sys


def say(value):
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def describe(error):
    """An exception as a client saw it: the class with its bases, and what oslo.messaging's RemoteError carries."""
    return {
        "class": type(error).__name__,
        "module": type(error).__module__,
        "bases": [f"{c.__module__}.{c.__name__}" for c in type(error).__mro__[1:]],
        "message": str(error),
        "exc_type": getattr(error, "exc_type", None),
        "value": getattr(error, "value", None),
    }


def serve(perform, commands=None):
    """Performs commands until the input ends. The first line of output says that the client is connected."""
    say({"ready": True})
    for line in commands if commands is not None else sys.stdin:
        if not line.strip():
            continue
        command = json.loads(line)
        try:
            answer = perform(command)
        except Exception as error:  # the failure of a command is its result
            answer = {"error": describe(error)}
        if "id" in command:
            answer["id"] = command["id"]
        say(answer)
