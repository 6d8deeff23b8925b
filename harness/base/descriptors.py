"""Hands contents to a program by descriptors: what stands in arguments can be read by everybody on this machine."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def passed_as_descriptors(
    argv: Sequence[str], contents: Sequence[tuple[str, bytes]]
) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """`argv` with numbers of descriptors in place of the words of `contents`, each of which is in it at most
    once; and the descriptors, to be passed on.

    What bubblewrap is to do goes by a descriptor too: everybody on this machine, and the session in its /proc/1, could
    read the paths of the user's folders in its arguments.
    """
    opened: list[int] = []
    try:
        words = list(argv)
        for word, content in contents:
            if word in words:
                words[words.index(word)] = str(_in_memory(content, opened))
        if os.path.basename(words[0]) == "bwrap" and "--" in words:  # noqa: PTH119  for each start of a session
            end = words.index("--")
            told = os.fsencode("\0".join((*words[1:end], "")))
            words = [words[0], "--args", str(_in_memory(told, opened)), *words[end:]]
        yield words, tuple(opened)
    finally:
        for number in opened:
            os.close(number)


def _in_memory(content: bytes, opened: list[int]) -> int:
    number = os.memfd_create("harness")
    opened.append(number)
    os.write(number, content)
    os.lseek(number, 0, os.SEEK_SET)
    return number
