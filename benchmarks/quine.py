"""A ZIP whose only file is that very ZIP: opening what one finds in it never comes to an end.

The idea is Russ Cox's ("Zip Files All The Way Down", 2010); the program here is our own. Deflate is
a language of two instructions: *store*, what comes next is text; and *copy*, say again what was
said last. Written in it, with the text in brackets, the whole file is

    prefix  S [prefix S]  C  S [C S C S]  C  S [C T]  C  T [E suffix]  E  suffix

The prefix, which is the ZIP's header, and the suffix, its list of files, are no part of the
program. S stores as many bytes as C copies, and the first three texts are all as long as that.
T stores as many as E, the last instruction, copies. What each of them says in turn is the file:

    S: prefix S     S: C S C S     S: C T     T: E suffix
    C: prefix S     C: C S C S     C: C T     E: E suffix

For the texts to be as long as each other, S and T begin with blocks that say nothing.

The ZIP also holds the CRC-32 of the file in it, so its own, in four places. A CRC is affine:
flipping a bit in all four flips the same bits of the result, whatever the other bits are. So the
value that results in itself solves 32 linear equations of 32 bits.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping

NAME = b"quine.zip"
PREFIX_BYTES = 30 + len(NAME)
SUFFIX_BYTES = 46 + len(NAME) + 22
DEFLATE = 8
VERSION = 20  # of ZIP: the first with Deflate
NEW_YEAR_1980 = 1 << 5 | 1  # the earliest date that a ZIP can hold

# Of instructions that copy as much as these do; Deflate writes longer numbers in more bits.
COPY_BYTES = 8
LAST_COPY_BYTES = 4

EMPTY = b"\x00\x00\xff\xff"  # the rest of a stored block of no bytes, after three bits and padding
NOTHING_IN_5 = b"\x00" + EMPTY
NOTHING_IN_6 = b"\x02\x00" + EMPTY  # with a compressed block of no bytes before it


def quine() -> bytes:
    """The archive; there is only one."""
    return _archive(_fixed_point(lambda crc: zlib.crc32(_archive(crc))))


def _archive(crc: int) -> bytes:
    """The archive that unpacks to itself, saying that this is its checksum."""
    packed = len(_program(bytes(PREFIX_BYTES), bytes(SUFFIX_BYTES)))
    directory = PREFIX_BYTES + packed
    sizes = (crc, packed, directory + SUFFIX_BYTES)
    facts = struct.pack("<5H3L2H", VERSION, 0, DEFLATE, 0, NEW_YEAR_1980, *sizes, len(NAME), 0)
    prefix = b"PK\x03\x04" + facts + NAME
    entry = b"PK\x01\x02" + struct.pack("<H", VERSION) + facts + bytes(14) + NAME
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 1, 1, len(entry), directory, 0)
    return prefix + _program(prefix, entry + end) + entry + end


def _program(prefix: bytes, suffix: bytes) -> bytes:
    """What says, in Deflate, the prefix, itself and the suffix."""
    text = 2 * (len(prefix) - COPY_BYTES)  # so that [prefix S] is as long as [C S C S]
    last_text = LAST_COPY_BYTES + len(suffix)
    c = _copy(text)
    s = _filled(_store(text), text - len(prefix))
    t = _filled(_store(last_text), text - COPY_BYTES)
    e = _copy(last_text, last=True)
    return b"".join((s, prefix, s, c, s, c, s, c, s, c, s, c, t, c, t, e, suffix, e))


def _store(length: int) -> bytes:
    """The head of a stored block; its text follows."""
    return struct.pack("<BHH", 0, length, length ^ 0xFFFF)


def _copy(length: int, *, last: bool = False) -> bytes:
    """A compressed block that says the last `length` bytes again: at least 11, at most 114."""
    # RFC 1951, 3.2.5 and 3.2.6: the fixed codes, of 7 bits for such a length, 5 for the distance
    # and 7 for the end of the block.
    size, size_rest = _symbol(length - 3, leading=3)
    back, back_rest = _symbol(length - 1, leading=2)
    bits = f"{last:b}10" + f"{size + 1:07b}{size_rest}" + f"{back:05b}{back_rest}" + "0000000"
    # The next block must start with a byte, and only a stored one before it sees to that.
    return _packed(bits) if last else _packed(bits + "000") + EMPTY


def _symbol(number: int, *, leading: int) -> tuple[int, str]:
    """The symbol for a number's length and leading bits, and its other bits, lowest first."""
    rest = number.bit_length() - leading
    return (rest << leading - 1) + (number >> rest), f"{number:b}"[leading:][::-1]


def _packed(bits: str) -> bytes:
    """Bytes are filled from their lowest bit."""
    return int(bits[::-1], 2).to_bytes(-(-len(bits) // 8), "little")


def _filled(head: bytes, size: int) -> bytes:
    """The head of a block, and before it blocks that say nothing, to this many bytes in all."""
    gap = size - len(head)
    sixes = gap % 5
    return NOTHING_IN_6 * sixes + NOTHING_IN_5 * (gap // 5 - sixes) + head


def _fixed_point(affine: Callable[[int], int]) -> int:
    """The one value of 32 bits that this function gives back."""
    constant = affine(0)
    rows = dict[int, int]()
    for bit in (1 << number for number in range(32)):
        # What setting this bit changes in `affine(value) ^ value`, and beside it the bit.
        row = _reduced((affine(bit) ^ constant ^ bit) << 32 | bit, rows)
        rows[row.bit_length()] = row
    return _reduced(constant << 32, rows)


def _reduced(row: int, rows: Mapping[int, int]) -> int:
    """The row less those rows that take away its highest bits, found by their lengths."""
    while (length := row.bit_length()) in rows:
        row ^= rows[length]
    return row
