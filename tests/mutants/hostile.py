"""Objects that are no answer, and functions that raise: what a student's code may hand to a checker.

HOSTILE are factories, so that importing this module has no effect; RAISERS are to be called.
"""

# ruff: noqa: B016, N818, PIE807
# Deliberately bad code: raising None, exceptions named for what they do, a lambda of None.

from __future__ import annotations

import collections
import decimal
import fractions
import itertools
import math
import types
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["HOSTILE", "RAISERS"]


class OnlyArrayRaises:
    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("no array here")


class ArrayExits:
    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise SystemExit(3)


class ArrayReturnsItself:
    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return self


class ArrayOfWrongShape:
    shape = (7, 5)
    dtype = np.dtype(float)
    ndim = 2

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        return np.zeros(3)


class EqRaises:
    __hash__ = None  # type: ignore[assignment]

    def __eq__(self, other: object) -> bool:
        raise ValueError("not comparable")

    def __ne__(self, other: object) -> bool:
        raise ValueError("not comparable")


class EqEverything:
    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


class NeverComparable:
    def __lt__(self, other: object) -> bool:
        raise ZeroDivisionError

    __gt__ = __le__ = __ge__ = __lt__


class Ufunc:
    def __array_ufunc__(self, *args: Any, **kwargs: Any) -> Any:
        raise BaseException("ufunc")


class UfuncNone:
    __array_ufunc__ = None


class Function:
    def __array_function__(self, *args: Any, **kwargs: Any) -> Any:
        raise KeyError("function")


class ArrayInterface:
    @property
    def __array_interface__(self) -> Any:
        raise MemoryError


class BadArrayInterface:
    __array_interface__ = {"shape": (-1,), "typestr": "<f8", "version": 3}  # noqa: RUF012


class AttributesRaise:
    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError(name)


class AttributesMissing:
    def __getattr__(self, name: str) -> Any:
        raise LookupError(name)


class EveryAttribute:
    def __getattr__(self, name: str) -> Any:
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self


class ClassLies:
    @property
    def __class__(self) -> type:
        return np.ndarray

    @__class__.setter
    def __class__(self, value: type) -> None:
        raise TypeError


class ClassRaises:
    @property
    def __class__(self) -> type:
        raise SystemExit

    @__class__.setter
    def __class__(self, value: type) -> None:
        raise TypeError


class ClaimsTuple:
    @property
    def __class__(self) -> type:
        return tuple

    @__class__.setter
    def __class__(self, value: type) -> None:
        raise TypeError


class ReprRaises:
    def __repr__(self) -> str:
        raise RuntimeError("no repr")

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        raise RuntimeError("no format")


class ReprNotText:
    def __repr__(self) -> str:
        return 7  # type: ignore[return-value]


class ReprHuge:
    def __repr__(self) -> str:
        return "<script>alert(1)</script>" + "x" * 2_000_000


class LenRaises:
    def __len__(self) -> int:
        raise OSError("len")

    def __getitem__(self, i: Any) -> Any:
        raise OSError("item")


class LenNegative:
    def __len__(self) -> int:
        return -1

    def __iter__(self) -> Any:
        return iter(())


class LenHuge:
    def __len__(self) -> int:
        return 2**62

    def __getitem__(self, i: Any) -> Any:
        return 0.0


class IterRaises:
    def __iter__(self) -> Any:
        raise StopIteration


class IterForever:
    def __iter__(self) -> Any:
        return itertools.repeat(np.zeros(3))

    def __len__(self) -> int:
        return 3


class NextExits:
    def __iter__(self) -> Any:
        return self

    def __next__(self) -> Any:
        raise SystemExit(0)


class BoolRaises:
    def __bool__(self) -> bool:
        raise GeneratorExit


class HashRaises:
    def __hash__(self) -> int:
        raise RuntimeError("hash")


class FloatRaises:
    def __float__(self) -> float:
        raise ArithmeticError("float")

    __int__ = __index__ = __complex__ = __float__  # type: ignore[assignment]


class DelRaises:
    def __del__(self) -> None:
        self.done = True


class CopyRaises:
    def __copy__(self) -> Any:
        raise RuntimeError("copy")

    def __deepcopy__(self, memo: Any) -> Any:
        raise SystemExit("deepcopy")

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise RuntimeError("reduce")


class MetaRaises(type):
    def __instancecheck__(cls, instance: Any) -> bool:
        raise RuntimeError("isinstance")

    def __subclasscheck__(cls, subclass: Any) -> bool:
        raise RuntimeError("issubclass")

    def __repr__(cls) -> str:
        raise RuntimeError("repr of a class")

    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__module__"):
            raise RuntimeError(name)
        return super().__getattribute__(name)


class MetaHostile(metaclass=MetaRaises):
    pass


class NameIsMarkup:
    pass


NameIsMarkup.__name__ = NameIsMarkup.__qualname__ = "<img src=x onerror=alert(1)>"


class TupleSubclass(tuple):
    __slots__ = ()

    def __len__(self) -> int:
        raise RuntimeError("len of a tuple")

    def __iter__(self) -> Any:
        raise RuntimeError("iter of a tuple")

    def __getitem__(self, i: Any) -> Any:
        raise RuntimeError("item of a tuple")


class ListSubclass(list):
    def __len__(self) -> int:
        return 3

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    __hash__ = None  # type: ignore[assignment]


class FloatSubclass(float):
    def __add__(self, other: Any) -> Any:
        raise RuntimeError("add")

    __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __abs__ = __float__ = __add__  # type: ignore


class StrSubclass(str):
    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError("str")

    __repr__ = __format__ = __str__  # type: ignore[assignment]


class DictSubclass(dict):
    def __iter__(self) -> Any:
        raise RuntimeError("iter")

    def keys(self) -> Any:
        raise RuntimeError("keys")

    items = values = keys


class ShapeLies(np.ndarray):
    @property
    def shape(self) -> Any:
        return (7, 5)


class ShapeRaises(np.ndarray):
    @property
    def shape(self) -> Any:
        raise RuntimeError("shape")

    @property
    def dtype(self) -> Any:
        raise RuntimeError("dtype")


class AlwaysEqual(np.ndarray):
    def __sub__(self, other: Any) -> Any:
        return np.zeros_like(np.asarray(other))

    __rsub__ = __sub__

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        return np.zeros(np.broadcast_shapes(*(np.shape(np.asarray(i)) for i in inputs)), dtype=bool)

    def __array_function__(self, *args: Any, **kwargs: Any) -> Any:
        return True


class FinalizeRaises(np.ndarray):
    def __array_finalize__(self, obj: Any) -> None:
        if obj is not None and obj.size == 7:
            raise RuntimeError("finalize")


def _view(kind: Any, shape: tuple[int, ...] = (7, 5)) -> Any:
    return np.zeros(shape).view(kind)


def _self_list() -> Any:
    a: list[Any] = [1.0]
    a.append(a)
    return a


def _self_dict() -> Any:
    d: dict[str, Any] = {}
    d["d"] = d
    return d


def _self_object_array() -> Any:
    a = np.empty(3, dtype=object)
    a[:] = 0.0
    a[1] = a
    return a


def _deep(kind: Any, depth: int) -> Any:
    nested: Any = 1.0
    for _ in range(depth):
        nested = kind([nested])
    return nested


def _object_array_of(thing: Any, shape: tuple[int, ...] = (7, 5)) -> Any:
    a = np.empty(shape, dtype=object)
    for index in np.ndindex(*shape):
        a[index] = thing
    return a


def _infinite() -> Any:
    while True:
        yield np.zeros((7, 5))


def _raising_generator() -> Any:
    yield np.zeros((7, 5))
    raise SystemExit("inside the generator")


def _patched() -> Any:
    a = np.zeros((7, 5))
    a.flags.writeable = False
    return a


def _chararray() -> Any:
    with warnings.catch_warnings():  # NumPy 2.5 deprecates the class; an answer may still be one
        warnings.simplefilter("ignore", DeprecationWarning)
        return np.zeros((2, 2), "S1").view(np.char.chararray)


def _unaligned() -> Any:
    return np.frombuffer(bytes(7 * 5 * 8 + 1), dtype=np.uint8)[1:].view(np.float64).reshape(7, 5)


HOSTILE: tuple[tuple[str, Callable[[], object]], ...] = (
    ("none", lambda: None),
    ("not-implemented", lambda: NotImplemented),
    ("ellipsis", lambda: ...),
    ("true", lambda: True),
    ("zero", lambda: 0),
    ("float", lambda: 1.5),
    ("nan", lambda: math.nan),
    ("inf", lambda: -math.inf),
    ("complex", lambda: 1 + 2j),
    ("huge-int", lambda: 10**5000),
    ("decimal", lambda: decimal.Decimal("sNaN")),
    ("fraction", lambda: fractions.Fraction(1, 3)),
    ("empty-string", lambda: ""),
    ("string", lambda: "dx, dw, db"),
    ("three-letters", lambda: "abc"),
    ("markup", lambda: "</script><script>alert(1)</script>"),
    ("surrogate", lambda: "\ud800"),
    ("control-characters", lambda: "\x00\x1b[2J\u202e"),
    ("bytes", lambda: b"\x00\xff"),
    ("bytearray", lambda: bytearray(280)),
    ("memoryview", lambda: memoryview(bytearray(16))),
    ("empty-tuple", lambda: ()),
    ("empty-list", lambda: []),
    ("empty-dict", dict),
    ("set", lambda: {1, 2, 3}),
    ("frozenset", lambda: frozenset((1.0, 2.0))),
    ("dict", lambda: {"dx": np.zeros((7, 5))}),
    ("deque", lambda: collections.deque([1, 2, 3])),
    ("range", lambda: range(3)),
    ("slice", lambda: slice(None)),
    ("ragged", lambda: [[1.0, 2.0], [3.0]]),
    ("ragged-arrays", lambda: [np.zeros(2), np.zeros((2, 2))]),
    ("tuple-of-nones", lambda: (None, None, None)),
    ("tuple-of-strings", lambda: ("dx", "dw", "db")),
    ("list-of-arrays", lambda: [np.zeros((7, 5)), np.zeros((5, 3)), np.zeros(3)]),
    ("nested-tuples", lambda: ((np.zeros(3),), (np.zeros(3),), (np.zeros(3),))),
    ("deep-tuple", lambda: _deep(tuple, 200)),
    ("very-deep-list", lambda: _deep(list, 5000)),
    ("self-list", _self_list),
    ("self-dict", _self_dict),
    ("self-object-array", _self_object_array),
    ("generator", lambda: (np.zeros(3) for _ in range(3))),
    ("infinite-generator", _infinite),
    ("raising-generator", _raising_generator),
    ("infinite-count", itertools.count),
    ("infinite-cycle", lambda: itertools.cycle([np.zeros(3)])),
    ("map", lambda: map(np.sqrt, [1.0, 2.0, 3.0])),
    ("iterator", lambda: iter([])),
    ("function", lambda: len),
    ("lambda", lambda: lambda: None),
    ("type", lambda: np.ndarray),
    ("module", lambda: np),
    ("new-module", lambda: types.ModuleType("hostile")),
    ("namespace", lambda: types.SimpleNamespace(shape=(7, 5), dtype=float)),
    ("code", lambda: _infinite.__code__),
    ("exception", lambda: ValueError("returned, not raised")),
    ("exception-class", lambda: KeyboardInterrupt),
    ("system-exit-instance", lambda: SystemExit(1)),
    ("numpy-scalar", lambda: np.float64(1.0)),
    ("numpy-bool", lambda: np.bool_(True)),
    ("longdouble", lambda: np.longdouble(1)),
    ("numpy-void", lambda: np.zeros(1, dtype=[("a", float)])[0]),
    ("nat", lambda: np.datetime64("NaT", "s")),
    ("dtype", lambda: np.dtype(float)),
    ("ufunc", lambda: np.exp),
    ("zero-d", lambda: np.array(1.0)),
    ("zero-d-object", lambda: np.array(None, dtype=object)),
    ("empty", lambda: np.zeros(0)),
    ("zero-rows", lambda: np.zeros((0, 5))),
    ("zero-columns", lambda: np.zeros((7, 0))),
    ("rank-32", lambda: np.zeros((1,) * 32)),
    ("rank-64", lambda: np.zeros((1,) * 64)),
    ("huge-broadcast", lambda: np.broadcast_to(np.float64(1), (10**9,))),
    ("huge-broadcast-2", lambda: np.broadcast_to(np.float64(1), (10**9, 10**6))),
    ("huge-broadcast-nan", lambda: np.broadcast_to(np.nan, (10**12,))),
    ("right-shape-broadcast", lambda: np.broadcast_to(0.0, (7, 5))),
    ("all-nan", lambda: np.full((7, 5), np.nan)),
    ("all-inf", lambda: np.full((7, 5), np.inf)),
    ("largest", lambda: np.full((7, 5), np.finfo(float).max)),
    ("smallest", lambda: np.full((7, 5), 5e-324)),
    ("negative-zero", lambda: np.full((7, 5), -0.0)),
    ("object-numbers", lambda: _object_array_of(1.0)),
    ("object-nones", lambda: _object_array_of(None)),
    ("object-hostile", lambda: _object_array_of(EqRaises())),
    ("object-repr", lambda: _object_array_of(ReprRaises())),
    ("object-arrays", lambda: _object_array_of(np.zeros(3), (3,))),
    ("strings", lambda: np.array([["a", "b"], ["c", "d"]])),
    ("bytes-array", lambda: np.array([b"a", b"b"])),
    ("structured", lambda: np.zeros((7, 5), dtype=[("x", float), ("y", int)])),
    ("recarray", lambda: np.rec.array([(1, 2.0)], dtype=[("a", int), ("b", float)])),
    ("void", lambda: np.zeros(3, dtype="V8")),
    ("datetimes", lambda: np.zeros((7, 5), dtype="datetime64[s]")),
    ("timedeltas", lambda: np.zeros((7, 5), dtype="timedelta64[ns]")),
    ("booleans", lambda: np.zeros((7, 5), dtype=bool)),
    ("int8", lambda: np.zeros((7, 5), dtype=np.int8)),
    ("uint64", lambda: np.full((7, 5), 2**64 - 1, dtype=np.uint64)),
    ("float16", lambda: np.ones((7, 5), dtype=np.float16)),
    ("longdoubles", lambda: np.ones((7, 5), dtype=np.longdouble)),
    ("complexes", lambda: np.full((7, 5), complex(np.nan, np.inf))),
    ("big-endian", lambda: np.ones((7, 5), dtype=">f8")),
    ("unaligned", _unaligned),
    ("read-only", _patched),
    ("negative-strides", lambda: np.zeros((7, 5))[::-1, ::-1]),
    ("overlapping", lambda: np.lib.stride_tricks.as_strided(np.zeros(8), (7, 5), (8, 0))),
    ("masked", lambda: np.ma.masked_all((7, 5))),
    ("masked-constant", lambda: np.ma.masked),
    ("matrix", lambda: np.zeros((7, 5)).view(np.matrix)),
    ("chararray", _chararray),
    ("shape-lies", lambda: _view(ShapeLies, (3,))),
    ("shape-raises", lambda: _view(ShapeRaises)),
    ("always-equal", lambda: _view(AlwaysEqual)),
    ("finalize-raises", lambda: _view(FinalizeRaises)),
    ("array-raises", OnlyArrayRaises),
    ("array-exits", ArrayExits),
    ("array-returns-itself", ArrayReturnsItself),
    ("array-of-wrong-shape", ArrayOfWrongShape),
    ("eq-raises", EqRaises),
    ("eq-everything", EqEverything),
    ("never-comparable", NeverComparable),
    ("ufunc-raises", Ufunc),
    ("ufunc-none", UfuncNone),
    ("array-function-raises", Function),
    ("array-interface-raises", ArrayInterface),
    ("array-interface-bad", BadArrayInterface),
    ("attributes-raise", AttributesRaise),
    ("attributes-missing", AttributesMissing),
    ("every-attribute", EveryAttribute),
    ("class-lies", ClassLies),
    ("class-raises", ClassRaises),
    ("claims-tuple", ClaimsTuple),
    ("repr-raises", ReprRaises),
    ("repr-not-text", ReprNotText),
    ("repr-huge", ReprHuge),
    ("len-raises", LenRaises),
    ("len-negative", LenNegative),
    ("len-huge", LenHuge),
    ("iter-raises", IterRaises),
    ("iter-forever", IterForever),
    ("next-exits", NextExits),
    ("bool-raises", BoolRaises),
    ("hash-raises", HashRaises),
    ("float-raises", FloatRaises),
    ("del", DelRaises),
    ("copy-raises", CopyRaises),
    ("meta", MetaHostile),
    ("meta-class", lambda: MetaHostile),
    ("name-is-markup", NameIsMarkup),
    ("tuple-subclass", lambda: TupleSubclass((np.zeros(3), np.zeros(3), np.zeros(3)))),
    ("list-subclass", lambda: ListSubclass([np.zeros(3)])),
    ("float-subclass", lambda: FloatSubclass(1.0)),
    ("str-subclass", lambda: StrSubclass("dx")),
    ("dict-subclass", lambda: DictSubclass(dx=1)),
    ("tuple-of-hostile", lambda: (AttributesRaise(), ReprRaises(), MetaHostile())),
    ("tuple-of-lying", lambda: (_view(ShapeLies, (3,)), ClassLies(), EqEverything())),
)


# --- functions that raise -----------------------------------------------------------------------------


class OwnBase(BaseException):
    """Not an Exception, so that `except Exception` does not see it."""


class StrRaises(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class StrExits(Exception):
    def __str__(self) -> str:
        raise SystemExit("text")


class StrNotText(Exception):
    def __str__(self) -> str:
        return None  # type: ignore[return-value]


class NeedsArguments(Exception):
    def __init__(self, first: Any, *, second: Any) -> None:
        self.first, self.second = first, second


class ArgsRaise(Exception):
    @property
    def args(self) -> Any:  # type: ignore[override]
        raise RuntimeError("args")


class TracebackRaises(Exception):
    def with_traceback(self, tb: Any) -> Any:
        raise RuntimeError("with_traceback")

    @property
    def __traceback__(self) -> Any:  # type: ignore[override]
        raise RuntimeError("traceback")


class HugeText(Exception):
    def __str__(self) -> str:
        return "<b>" + "x\n" * 1_000_000


class MetaException(type):
    def __getattribute__(cls, name: str) -> Any:
        if name in ("__name__", "__qualname__", "__module__"):
            raise RuntimeError(name)
        return super().__getattribute__(name)


class NamelessException(Exception, metaclass=MetaException):
    pass


def _raiser(make: Callable[[], BaseException]) -> Callable[..., object]:
    def raises(*args: Any, **kwargs: Any) -> object:
        raise make()

    return raises


def _recursion(*args: Any, **kwargs: Any) -> Any:
    return _recursion(*args, **kwargs)


def _mutual(*args: Any, **kwargs: Any) -> Any:
    try:
        return _mutual(*args)
    finally:
        kwargs.clear()


def _chained(*args: Any, **kwargs: Any) -> Any:
    error: Exception = ValueError("first")
    for i in range(50):
        outer = RuntimeError(i)
        outer.__cause__ = error
        error = outer
    raise error


def _circular(*args: Any, **kwargs: Any) -> Any:
    first, second = ValueError("first"), ValueError("second")
    first.__cause__, second.__cause__ = second, first
    raise first


def _raises_none(*args: Any, **kwargs: Any) -> Any:
    raise None  # type: ignore[misc]


def _bad_init(*args: Any, **kwargs: Any) -> Any:
    raise NeedsArguments  # type: ignore[call-arg]


def _warns(*args: Any, **kwargs: Any) -> Any:
    warnings.warn("a warning that asks to be an error", UserWarning, stacklevel=1)
    raise RuntimeWarning("raised, not warned")


def _errors_on_warnings(*args: Any, **kwargs: Any) -> Any:
    with warnings.catch_warnings(), np.errstate(all="warn"):
        warnings.simplefilter("error")
        return np.log(np.zeros(3))


def _floating_point(*args: Any, **kwargs: Any) -> Any:
    with np.errstate(all="raise"):
        return np.log(np.zeros(3))


def _allocates(*args: Any, **kwargs: Any) -> Any:
    return np.zeros(2**60)


def _unraisable_generator(*args: Any, **kwargs: Any) -> Any:
    return next(iter(()))


RAISERS: tuple[tuple[str, Callable[..., object]], ...] = (
    ("exception", _raiser(lambda: Exception("plain"))),
    ("empty", _raiser(Exception)),
    ("assertion", _raiser(AssertionError)),
    ("not-implemented", _raiser(NotImplementedError)),
    ("value-with-newlines", _raiser(lambda: ValueError("a\nb\n\x1b[31m<b>"))),
    ("value-with-surrogate", _raiser(lambda: ValueError("\ud800"))),
    ("key", _raiser(lambda: KeyError(("a", 1)))),
    ("unicode", _raiser(lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"))),
    ("syntax", _raiser(lambda: SyntaxError("odd", ("file", 1, 1, "text")))),
    ("os", _raiser(lambda: OSError(2, "No such file", "name"))),
    ("base", _raiser(lambda: BaseException("base"))),
    ("own-base", _raiser(lambda: OwnBase("own"))),
    ("system-exit", _raiser(SystemExit)),
    ("system-exit-zero", _raiser(lambda: SystemExit(0))),
    ("system-exit-text", _raiser(lambda: SystemExit("bye"))),
    ("generator-exit", _raiser(GeneratorExit)),
    ("stop-iteration", _raiser(lambda: StopIteration(3))),
    ("stop-async-iteration", _raiser(StopAsyncIteration)),
    ("memory", _raiser(MemoryError)),
    ("allocates", _allocates),
    ("recursion", _recursion),
    ("recursion-with-finally", _mutual),
    ("recursion-raised", _raiser(lambda: RecursionError("pretended"))),
    ("group", _raiser(lambda: ExceptionGroup("several", [ValueError(1), TypeError(2)]))),
    ("base-group", _raiser(lambda: BaseExceptionGroup("several", [SystemExit(1), ValueError(2)]))),
    ("str-raises", _raiser(StrRaises)),
    ("str-exits", _raiser(StrExits)),
    ("str-not-text", _raiser(StrNotText)),
    ("needs-arguments", _raiser(lambda: NeedsArguments(1, second=2))),
    ("bad-init", _bad_init),
    ("args-raise", _raiser(ArgsRaise)),
    ("traceback-raises", _raiser(TracebackRaises)),
    ("huge-text", _raiser(HugeText)),
    ("nameless", _raiser(NamelessException)),
    ("chained", _chained),
    ("circular-cause", _circular),
    ("raises-none", _raises_none),
    ("warning-raised", _warns),
    ("warnings-as-errors", _errors_on_warnings),
    ("floating-point", _floating_point),
    ("next-of-nothing", _unraisable_generator),
)
