# SPDX-License-Identifier: Apache-2.0
"""The chaos suite: the real worker, a real RabbitMQ and a real libvirt, and faults of every kind between them.

outside.py   what `make chaos` starts: builds, goes into namespaces of its own, clears up
inside.py    runs the scenarios in turn and prints the table
scene.py     one run of a scenario: its broker, hypervisor, worker and witnesses
casts.py     what the API sends            ledger.py    what was told, as the broker has it
hosts.py     two hosts, a worker on each   moves.py     guests that move between them
lives.py     guests through all operations replies.py   what calls were answered
operations.py what is known of each operation beforehand
servers.py   what can be done to broker and libvirt
plants.py    violations that must be reported (--self-test), planted_lives.py and planted_moves.py among them
witnesses.py what is on the host           audit.py     what must be so at the end of every run
rest.py      what must be so of a guest of which nothing is asked
audit_lives.py what must be so of guests that lived through operations
audit_moves.py what must be so of guests that moved between two hosts
proxy.py     a network that can be cut     scenarios/   the faults
"""
