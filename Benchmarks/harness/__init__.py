# SPDX-License-Identifier: Apache-2.0
"""What the rows of run.py are built from."""
