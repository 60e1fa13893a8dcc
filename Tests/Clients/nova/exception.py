# SPDX-License-Identifier: Apache-2.0
"""Exception classes under nova's names, as far as a compute worker's failures name them; folsom.py has those of 2012."""


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


class InstanceExists(NovaException):
    template = "Instance %(name)s already exists."


class ImageUnacceptable(Invalid):
    template = "Image %(image_id)s is unacceptable: %(reason)s"


class FlavorDiskSmallerThanImage(NovaException):
    template = ("Flavor's disk is too small for requested image. Flavor disk is %(flavor_size)i bytes, "
                "image is %(image_size)i bytes.")


class ServiceUnavailable(Invalid):
    template = "Service is unavailable at this time."


class ComputeResourcesUnavailable(ServiceUnavailable):
    template = "Insufficient compute resources: %(reason)s."


class InstanceInvalidState(Invalid):
    template = "Instance %(instance_uuid)s in %(attr)s %(state)s. Cannot %(method)s while the instance is in this state."


class InstanceTerminationFailure(Invalid):
    template = "Failed to terminate instance: %(reason)s"


class InstancePowerOnFailure(Invalid):
    template = "Failed to power on instance: %(reason)s"


class InstancePowerOffFailure(Invalid):
    template = "Failed to power off instance: %(reason)s"


class InstanceRebootFailure(Invalid):
    template = "Failed to reboot instance: %(reason)s"


class UnexpectedTaskStateError(NovaException):
    template = "Conflict updating instance %(instance_uuid)s. Expected: %(expected)s. Actual: %(actual)s"


class InstancePasswordSetFailed(NovaException):
    template = "Failed to set admin password on %(instance)s because %(reason)s"


class MigrationError(NovaException):
    template = "Migration error: %(reason)s"


class ConsoleTypeInvalid(Invalid):
    template = "Invalid console type %(console_type)s"


class DevicePathInUse(Invalid):
    code = 409
    template = "The supplied device path (%(path)s) is in use."


class InvalidDevicePath(Invalid):
    template = "The supplied device path (%(path)s) is invalid."


class VolumeNotFound(NotFound):
    template = "Volume %(volume_id)s could not be found."


class NetworkNotFound(NotFound):
    template = "Network %(network_id)s could not be found."


class FixedIpNotFoundForInstance(NotFound):
    template = "Instance %(instance_uuid)s has zero fixed ips."


class AggregateError(NovaException):
    template = "Aggregate %(aggregate_id)s: action '%(action)s' caused an error: %(reason)s."


class ConsoleNotAvailable(NotFound):
    template = "Guest does not have a console available."
