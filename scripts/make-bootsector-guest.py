#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes a raw disk of 1 MiB whose boot sector is the whole guest.

usage: make-bootsector-guest.py OUT

Each second it writes «boot-sector-guest: alive» to COM1 and halts in between. It runs in real mode only, so it also
runs under a KVM without hardware virtualisation; and it has no ACPI, so it ignores the power button. To a non-maskable
interrupt it answers with «!».
"""
import os
import sys

MESSAGE = b"boot-sector-guest: alive\r\n\0"
ORIGIN = 0x7C00
COM1 = 0x3F8
TICKS_PER_LINE = 18  # BIOS ticks, 18.2 a second


class Assembler:
    """Just enough of 8086: bytes, labels and short jumps, with the message's address put in at the end."""

    def __init__(self):
        self.code = bytearray()
        self.labels = {}

    def emit(self, *values):
        self.code += bytes(values)

    def label(self, name):
        self.labels[name] = len(self.code)

    def jump_back(self, opcode, name):
        offset = self.labels[name] - (len(self.code) + 2)
        self.emit(opcode, offset & 0xFF)


def boot_sector():
    a = Assembler()
    a.emit(0x31, 0xC0)  # xor ax, ax
    a.emit(0x8E, 0xD8)  # mov ds, ax
    a.emit(0x8E, 0xD0)  # mov ss, ax
    a.emit(0xBC, ORIGIN & 0xFF, ORIGIN >> 8)  # mov sp, 7c00h
    a.emit(0xC7, 0x06, 0x08, 0x00, 0, 0)  # mov word [0008h], interrupt: the vector of the NMI
    vector_at = len(a.code) - 2
    a.emit(0xC7, 0x06, 0x0A, 0x00, 0, 0)  # mov word [000Ah], 0: its segment
    a.emit(0xFC, 0xFB)  # cld; sti
    a.label("line")
    a.emit(0xBE, 0, 0)  # mov si, message
    address_at = len(a.code) - 2
    a.label("character")
    a.emit(0xAC)  # lodsb
    a.emit(0x84, 0xC0)  # test al, al
    a.emit(0x74, 0x06)  # jz over the output and the jump back
    a.emit(0xBA, COM1 & 0xFF, COM1 >> 8)  # mov dx, COM1
    a.emit(0xEE)  # out dx, al
    a.jump_back(0xEB, "character")
    a.emit(0xB9, TICKS_PER_LINE, 0)  # mov cx, ticks
    a.label("tick")
    a.emit(0xF4)  # hlt until the next interrupt
    a.jump_back(0xE2, "tick")  # loop
    a.jump_back(0xEB, "line")
    a.label("interrupt")
    a.emit(0x50, 0x52)  # push ax; push dx
    a.emit(0xBA, COM1 & 0xFF, COM1 >> 8)  # mov dx, COM1
    a.emit(0xB0, ord("!"), 0xEE)  # mov al, '!'; out dx, al
    a.emit(0x5A, 0x58, 0xCF)  # pop dx; pop ax; iret
    a.code[vector_at:vector_at + 2] = (ORIGIN + a.labels["interrupt"]).to_bytes(2, "little")
    a.code[address_at:address_at + 2] = (ORIGIN + len(a.code)).to_bytes(2, "little")
    sector = bytes(a.code) + MESSAGE
    return sector.ljust(510, b"\0") + b"\x55\xaa"


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    out = sys.argv[1]
    os.makedirs(os.path.dirname(os.path.abspath(out)), exist_ok=True)
    partial = f"{out}.{os.getpid()}"
    with open(partial, "wb") as disk:
        disk.write(boot_sector().ljust(1 << 20, b"\0"))
    os.replace(partial, out)


if __name__ == "__main__":
    main()
