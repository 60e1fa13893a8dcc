# SPDX-License-Identifier: Apache-2.0
"""The classes of nova.exception whose names, texts or codes were others in 2012; the rest are as in exception.py."""
from nova.exception import *  # noqa: F401,F403
from nova import exception as today

NovaException = today.NovaException
# What came later.
del FlavorDiskSmallerThanImage  # noqa: F821


class ImageTooLarge(NovaException):
    template = "Image is larger than instance type allows"


class ComputeResourcesUnavailable(NovaException):
    template = "Insufficient compute resources."


class UnexpectedTaskStateError(NovaException):
    template = "unexpected task state: expecting %(expected)s but the actual state is %(actual)s"


class ConsoleNotFoundForInstance(NotFound):
    template = "Console for instance %(instance_uuid)s could not be found."
