# SPDX-License-Identifier: Apache-2.0
"""Rebuilds the exceptions of failed calls as a caller of either era does.

usage: rebuild_failures.py FILE

Each line of FILE is {"era": "flat"|"enveloped", "body": BODY}, BODY the text of a reply as it stands on the wire. For
each, one line comes out: the class, its bases, what the caller reads, and the class's own text made of its keywords.
"""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from oslo_setup import oslo_messaging  # noqa: E402,F401
from oslo_messaging._drivers import common  # noqa: E402
from nova import exception as today  # noqa: E402
from nova import folsom  # noqa: E402

# A Folsom caller builds nothing of another module, Python's own classes included.
FOLSOM_MODULES = {"nova.exception": folsom, "nova.openstack.common.exception": folsom}


def failure_of(body):
    frame = json.loads(body)
    if "oslo.message" in frame:
        frame = json.loads(frame["oslo.message"])
    return json.loads(frame["failure"]), frame["failure"]


def text_of(klass, keywords):
    """The class's own text; None for a class that has none. A keyword that it lacks or that does not fit is an error."""
    template = getattr(klass, "template", None)
    return None if template is None else template % keywords


def rebuild_folsom(failure):
    """Class by its name in an allowed module, called with the keywords alone; anything else stays a remote error."""
    module = FOLSOM_MODULES.get(failure["module"])
    if module is None:
        return {"class": "RemoteError", "exc_type": failure["class"], "message": failure["message"], "text": None}
    klass = getattr(module, failure["class"])
    error = klass(**failure["kwargs"])
    return {"class": klass.__name__, "message": failure["message"], "text": str(error),
            "code": error.kwargs["code"], "own_code": klass.code}


def rebuild_today(failure, text):
    error = common.deserialize_remote_exception(text, ["nova.exception"])
    if isinstance(error, oslo_messaging.RemoteError):
        return {"class": "RemoteError", "exc_type": error.exc_type, "message": error.value, "text": None}
    known = getattr(today, failure["class"], None)
    answer = {"class": type(error).__name__.removesuffix("_Remote"), "message": str(error).split("\n")[0],
              "text": text_of(known, failure["kwargs"])}
    if known is not None:
        answer |= {"code": error.kwargs["code"], "own_code": known.code}
        assert isinstance(error, known), error
    return answer


for line in open(sys.argv[1]):
    sent = json.loads(line)
    failure, text = failure_of(sent["body"])
    try:
        answer = rebuild_folsom(failure) if sent["era"] == "flat" else rebuild_today(failure, text)
    except Exception as error:  # what doesn't fit is the result
        answer = {"class": "none: " + repr(error), "message": "", "text": None}
    print(json.dumps(answer))
