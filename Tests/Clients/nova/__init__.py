# SPDX-License-Identifier: Apache-2.0
"""Stands in for the package of that name, so that a client that allows nova.exception has the classes to rebuild."""
