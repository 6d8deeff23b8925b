"""Plants a fault in a package that is already imported: the functions that it changes get new code."""

import gc
import inspect
from collections.abc import Iterator
from types import CodeType, FunctionType


def swap(file: str, before: str, after: str) -> bool:
    """Give each function of `file` the code that it has in the text `after`; whether that could be done.

    What a function has done before, at import, stays done: a fault that shows only there is not planted.
    """
    olds, news = (list(_functions(compile(text, file, "exec"))) for text in (before, after))
    if [old.co_qualname for old in olds] != [new.co_qualname for new in news]:
        return False
    changed = {old: new for old, new in zip(olds, news, strict=True) if old != new}
    gc.unfreeze()  # tests/conftest.py froze what was collected, and frozen objects are not found
    found = [each for each in gc.get_objects() if isinstance(each, FunctionType) and each.__code__.co_filename == file]
    swapped = [each for each in found if each.__code__ in changed]
    for function in swapped:
        function.__code__ = changed[function.__code__]
    return bool(swapped)


def _functions(code: CodeType) -> Iterator[CodeType]:
    """The functions and methods of a module, without those inside them."""
    for each in code.co_consts:
        if isinstance(each, CodeType):
            if each.co_flags & inspect.CO_OPTIMIZED:
                yield each
            else:
                yield from _functions(each)
