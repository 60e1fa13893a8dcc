# SPDX-License-Identifier: Apache-2.0
"""oslo.messaging as its users set it up. The global cfg.CONF is used: 18.3 reads its tracing options from nowhere else."""
import logging
import os
import sys
import tempfile
import warnings

warnings.simplefilter("ignore")
from oslo_config import cfg  # noqa: E402
import oslo_messaging  # noqa: E402


def configure(durable=False, call_timeout=60, options=()):
    """Reads a configuration of these options ("section.key=value"), through a file, as an operator would."""
    sections = {"oslo_messaging_rabbit": {"amqp_durable_queues": str(durable).lower(), "rabbit_retry_interval": "1"}}
    sections["DEFAULT"] = {"rpc_response_timeout": str(call_timeout), "control_exchange": "nova"}
    for option in options:
        key, value = option.split("=", 1)
        section, name = key.split(".", 1)
        sections.setdefault(section, {})[name] = value
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
    with tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False) as f:
        for section, values in sections.items():
            f.write(f"[{section}]\n" + "".join(f"{k} = {v}\n" for k, v in values.items()))
    try:
        cfg.CONF(["--config-file", f.name], project="compute-worker-tests", prog="client")
    finally:
        os.unlink(f.name)
    return cfg.CONF


__all__ = ["cfg", "configure", "oslo_messaging"]
