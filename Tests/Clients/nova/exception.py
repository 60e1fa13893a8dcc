# SPDX-License-Identifier: Apache-2.0
"""Exception classes under nova's names, as far as a compute worker's failures name them."""


class NovaException(Exception):
    template = "An unknown exception occurred."
    code = 500

    def __init__(self, message=None, **kwargs):
        self.kwargs = dict(kwargs)
        self.kwargs.setdefault("code", self.code)
        super().__init__(message if message is not None else self.template % kwargs)


class Invalid(NovaException):
    template = "Unacceptable parameters."
    code = 400


class NotFound(NovaException):
    template = "Resource could not be found."
    code = 404


class InstanceNotFound(NotFound):
    template = "Instance %(instance_id)s could not be found."


class ImageNotFound(NotFound):
    template = "Image %(image_id)s could not be found."


class InstanceInvalidState(Invalid):
    template = "Instance %(instance_uuid)s in %(attr)s %(state)s. Cannot %(method)s while the instance is in this state."


class UnexpectedTaskStateError(NovaException):
    template = "unexpected task state: expecting %(expected)s but the actual state is %(actual)s"
