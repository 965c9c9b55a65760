# Written by `cargo run -p xtask -- stubs` from the operation table and the bindings' sources: change those.
import builtins
import os
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol, Self, TypeAlias

class _Array(Protocol):
    @property
    def __array_interface__(self) -> builtins.dict[str, Any]: ...

# Within classes a method may have the name of a type.
_Dtype: TypeAlias = dtype
_DtypeArgument: TypeAlias = dtype | builtins.str | builtins.type[Any] | Any
_Number: TypeAlias = builtins.complex | Tensor
_Argument: TypeAlias = Tensor | builtins.complex | _Array
_Integers: TypeAlias = builtins.int | Sequence[builtins.int]
_Path: TypeAlias = builtins.str | os.PathLike[builtins.str]

__version__: builtins.str

class ShapeError(ValueError, RuntimeError):
    """Shapes do not fit the operation."""

class DTypeError(TypeError, RuntimeError):
    """Dtypes do not fit the operation."""

class Explanation:
    """What computing a tensor would run; printed, a list of kernels with what was fused into each."""
    def __len__(self) -> builtins.int: ...
    def __repr__(self) -> builtins.str: ...
    @property
    def kernels(self) -> builtins.list[builtins.str]:
        """The kernels in the order in which they run, a line each: the core and the operations that share its kernel,
        what is stored, bytes and floating-point operations, and why others stay apart.
        """

class Generator:
    """A sequence of random numbers of its own (Philox 4×32-10)."""
    def __new__(cls, device: Any = None) -> Self: ...
    def get_state(self) -> Tensor:
        """The state, to go on from later."""
    def initial_seed(self) -> builtins.int:
        """The seed of the sequence."""
    def manual_seed(self, seed: builtins.int) -> Self:
        """Begins the sequence of a seed; returns the generator."""
    def seed(self) -> builtins.int:
        """Begins a sequence that nobody can foretell; returns its seed."""
    def set_state(self, new_state: Tensor) -> Self:
        """Goes on from a state; returns the generator."""

class RemovableHandle:
    """What `register_hook` returns: `remove()` takes the hook away again."""
    def remove(self) -> None:
        """Takes the hook away."""

class Tensor:
    """An n-dimensional array of numbers of one dtype, with gradients."""
    @property
    def T(self) -> Tensor:
        """A matrix transposed (array API: exactly two axes)."""
    def __abs__(self) -> Tensor: ...
    def __add__(self, other: _Argument, /) -> Tensor: ...
    def __and__(self, other: _Argument, /) -> Tensor: ...
    def __array__(self, dtype: Any = None, *, copy: builtins.bool | None = None) -> Any:
        """NumPy's conversion; a copy where another dtype is asked for or `copy=True`."""
    def __array_namespace__(self, *, api_version: builtins.str | None = None) -> Any:
        """The package, as the array API standard's namespace."""
    __array_priority__: ClassVar[builtins.float]
    def __bool__(self) -> builtins.bool: ...
    @classmethod
    def __class_getitem__(cls, _item: Any, /) -> builtins.type[Any]: ...
    def __complex__(self) -> builtins.complex: ...
    def __contains__(self, value: _Argument, /) -> builtins.bool:
        """True where some element equals `value`."""
    def __copy__(self) -> Any:
        """Another tensor over the same elements, as `copy.copy` makes it; a tensor of its own for a subclass."""
    def __deepcopy__(self, memo: builtins.dict[Any, Any], /) -> Any:
        """A tensor of its own with the same elements, gradient and attributes, as `copy.deepcopy` makes it."""
    def __delitem__(self, _key: Any, /) -> None: ...
    def __dlpack__(self, *, stream: Any = None, max_version: builtins.tuple[builtins.int, builtins.int] | None = None, dl_device: builtins.tuple[builtins.int, builtins.int] | None = None, copy: builtins.bool | None = None) -> Any:
        """The elements as a DLPack capsule, without a copy and read-only (a writable copy with `copy=True`).

        The capsule is versioned where the consumer says by `max_version` that it takes DLPack 1.0.
        """
    def __dlpack_device__(self) -> builtins.tuple[builtins.int, builtins.int]:
        """DLPack's name of the device: (1, 0), the CPU."""
    def __eq__(self, other: Any, /) -> Tensor: ...  # type: ignore[override]
    def __float__(self) -> builtins.float: ...
    def __floordiv__(self, other: _Argument, /) -> Tensor: ...
    def __format__(self, format_spec: builtins.str, /) -> Any:
        """A tensor with one element is formatted as its number."""
    def __ge__(self, other: Any, /) -> Tensor: ...
    def __getitem__(self, key: Any, /) -> Tensor:
        """The elements that integers, slices, None, ..., masks and index tensors name. Without masks and index tensors the
        result is a view.
        """
    def __gt__(self, other: Any, /) -> Tensor: ...
    def __hash__(self) -> builtins.int:
        """The object's identity: a tensor can be a key, and `==` compares elements."""
    def __iadd__(self, other: _Argument, /) -> Self: ...
    def __iand__(self, other: _Argument, /) -> Self: ...
    def __ifloordiv__(self, other: _Argument, /) -> Self: ...
    def __ilshift__(self, other: _Argument, /) -> Self: ...
    def __imatmul__(self, other: _Argument, /) -> Self: ...
    def __imod__(self, other: _Argument, /) -> Self: ...
    def __imul__(self, other: _Argument, /) -> Self: ...
    def __index__(self) -> builtins.int: ...
    def __int__(self) -> builtins.int: ...
    def __invert__(self) -> Tensor: ...
    def __ior__(self, other: _Argument, /) -> Self: ...
    def __ipow__(self, other: _Argument, /) -> Self: ...
    def __irshift__(self, other: _Argument, /) -> Self: ...
    def __isub__(self, other: _Argument, /) -> Self: ...
    def __iter__(self) -> Any:
        """Iterates over the first axis."""
    def __itruediv__(self, other: _Argument, /) -> Self: ...
    def __ixor__(self, other: _Argument, /) -> Self: ...
    def __le__(self, other: Any, /) -> Tensor: ...
    def __len__(self) -> builtins.int: ...
    def __lshift__(self, other: _Argument, /) -> Tensor: ...
    def __lt__(self, other: Any, /) -> Tensor: ...
    def __matmul__(self, other: _Argument, /) -> Tensor: ...
    def __mod__(self, other: _Argument, /) -> Tensor: ...
    def __mul__(self, other: _Argument, /) -> Tensor: ...
    def __ne__(self, other: Any, /) -> Tensor: ...  # type: ignore[override]
    def __neg__(self) -> Tensor: ...
    def __new__(cls, data: Any, /) -> Self:
        """A copy of a tensor's value in an object of its own."""
    def __or__(self, other: _Argument, /) -> Tensor: ...
    def __pos__(self) -> Tensor: ...
    def __pow__(self, other: _Argument, /) -> Tensor: ...
    def __radd__(self, other: _Argument, /) -> Tensor: ...
    def __rand__(self, other: _Argument, /) -> Tensor: ...
    def __reduce_ex__(self, _protocol: Any, /) -> builtins.tuple[Any, ...]:
        """Pickled as class, bytes, shape, dtype and whether it requires a gradient; a result comes back as a leaf."""
    def __repr__(self) -> builtins.str: ...
    def __rfloordiv__(self, other: _Argument, /) -> Tensor: ...
    def __rlshift__(self, other: _Argument, /) -> Tensor: ...
    def __rmatmul__(self, other: _Argument, /) -> Tensor: ...
    def __rmod__(self, other: _Argument, /) -> Tensor: ...
    def __rmul__(self, other: _Argument, /) -> Tensor: ...
    def __ror__(self, other: _Argument, /) -> Tensor: ...
    def __rpow__(self, other: _Argument, /) -> Tensor: ...
    def __rrshift__(self, other: _Argument, /) -> Tensor: ...
    def __rshift__(self, other: _Argument, /) -> Tensor: ...
    def __rsub__(self, other: _Argument, /) -> Tensor: ...
    def __rtruediv__(self, other: _Argument, /) -> Tensor: ...
    def __rxor__(self, other: _Argument, /) -> Tensor: ...
    def __setitem__(self, key: Any, value: Any, /) -> None:
        """Writes to the elements that the key names; `value` broadcasts to them and is converted to the tensor's dtype."""
    def __sub__(self, other: _Argument, /) -> Tensor: ...
    def __truediv__(self, other: _Argument, /) -> Tensor: ...
    def __xor__(self, other: _Argument, /) -> Tensor: ...
    def _extents(self, dim: builtins.int | None = None, axis: builtins.int | None = None) -> Any:
        """The extents as a tuple, or one of them."""
    @property
    def _version(self) -> builtins.int:
        """How often the value was changed in place."""
    def abs(self) -> Tensor:
        """The magnitude. The smallest signed integer wraps to itself."""
    def abs_(self) -> Self:
        """In place: see the method without `_`."""
    def absolute(self) -> Tensor:
        """The same as `abs`."""
    def absolute_(self) -> Self:
        """In place: see the method without `_`."""
    def acos(self) -> Tensor:
        """The inverse cosine, in radians."""
    def acos_(self) -> Self:
        """In place: see the method without `_`."""
    def acosh(self) -> Tensor:
        """The inverse hyperbolic cosine."""
    def acosh_(self) -> Self:
        """In place: see the method without `_`."""
    def add(self, other: _Argument, *, alpha: _Number | None = None) -> Tensor:
        """The sum of `self` and `alpha` times `other`."""
    def add_(self, other: _Argument, *, alpha: _Number | None = None) -> Self:
        """In place: see the method without `_`."""
    def addcdiv(self, tensor1: _Argument, tensor2: _Argument, *, value: _Number | None = None) -> Tensor:
        """With `value · tensor1 / tensor2` added."""
    def addcdiv_(self, tensor1: _Argument, tensor2: _Argument, *, value: _Number | None = None) -> Self:
        """In place: see `addcdiv`."""
    def addcmul(self, tensor1: _Argument, tensor2: _Argument, *, value: _Number | None = None) -> Tensor:
        """With `value · tensor1 · tensor2` added."""
    def addcmul_(self, tensor1: _Argument, tensor2: _Argument, *, value: _Number | None = None) -> Self:
        """In place: see `addcmul`."""
    def all(self, dim: _Integers | None = None, keepdim: builtins.bool = False, *, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
        """True where all elements over axes are true."""
    def allclose(self, other: _Argument, rtol: builtins.float = 1e-5, atol: builtins.float = 1e-8, equal_nan: builtins.bool = False) -> builtins.bool:
        """True if all elements are equal up to `atol + rtol * |other|`."""
    def amax(self, dim: _Integers | None = None, keepdim: builtins.bool = False, *, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
        """The largest element over axes; equal largest elements share the gradient."""
    def amin(self, dim: _Integers | None = None, keepdim: builtins.bool = False, *, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
        """The smallest element over axes; equal smallest elements share the gradient."""
    def angle(self) -> Tensor:
        """The angle in the complex plane: 0 or π for real numbers, NaN for NaN."""
    def angle_(self) -> Self:
        """In place: see the method without `_`."""
    def any(self, dim: _Integers | None = None, keepdim: builtins.bool = False, *, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
        """True where any element over axes is true."""
    def arccos(self) -> Tensor:
        """The same as `acos`."""
    def arccos_(self) -> Self:
        """In place: see the method without `_`."""
    def arccosh(self) -> Tensor:
        """The same as `acosh`."""
    def arccosh_(self) -> Self:
        """In place: see the method without `_`."""
    def arcsin(self) -> Tensor:
        """The same as `asin`."""
    def arcsin_(self) -> Self:
        """In place: see the method without `_`."""
    def arcsinh(self) -> Tensor:
        """The same as `asinh`."""
    def arcsinh_(self) -> Self:
        """In place: see the method without `_`."""
    def arctan(self) -> Tensor:
        """The same as `atan`."""
    def arctan2(self, x: _Argument) -> Tensor:
        """The same as `atan2`."""
    def arctan2_(self, x: _Argument) -> Self:
        """In place: see the method without `_`."""
    def arctan_(self) -> Self:
        """In place: see the method without `_`."""
    def arctanh(self) -> Tensor:
        """The same as `atanh`."""
    def arctanh_(self) -> Self:
        """In place: see the method without `_`."""
    def argmax(self, dim: builtins.int | None = None, keepdim: builtins.bool = False, *, axis: builtins.int | None = None, keepdims: builtins.bool | None = None) -> Tensor:
        """The index of the first largest element: along `dim`, or in row-major order."""
    def argmin(self, dim: builtins.int | None = None, keepdim: builtins.bool = False, *, axis: builtins.int | None = None, keepdims: builtins.bool | None = None) -> Tensor:
        """The index of the first smallest element: along `dim`, or in row-major order."""
    def argsort(self, dim: builtins.int = -1, descending: builtins.bool = False, stable: builtins.bool = False) -> Tensor:
        """The indices that sort an axis. Always stable."""
    def as_strided(self, size: _Integers, stride: _Integers, storage_offset: builtins.int | None = None) -> Tensor:
        """Any strides over the base's elements."""
    def asin(self) -> Tensor:
        """The inverse sine, in radians."""
    def asin_(self) -> Self:
        """In place: see the method without `_`."""
    def asinh(self) -> Tensor:
        """The inverse hyperbolic sine."""
    def asinh_(self) -> Self:
        """In place: see the method without `_`."""
    def atan(self) -> Tensor:
        """The inverse tangent, in radians."""
    def atan2(self, x: _Argument) -> Tensor:
        """The angle of the point (`x`, `y`), in radians from −π to π; the first argument is `y`."""
    def atan2_(self, x: _Argument) -> Self:
        """In place: see the method without `_`."""
    def atan_(self) -> Self:
        """In place: see the method without `_`."""
    def atanh(self) -> Tensor:
        """The inverse hyperbolic tangent."""
    def atanh_(self) -> Self:
        """In place: see the method without `_`."""
    def backward(self, gradient: Tensor | None = None, retain_graph: builtins.bool | None = None, create_graph: builtins.bool = False) -> None:
        """Computes the gradients of the tensor at the leaves it depends on, and adds them to their `.grad`.

        `gradient` weights the elements (needed unless there is only one). The graph is freed unless `retain_graph`;
        with `create_graph` the gradients can be differentiated again.
        """
    def bernoulli(self, p: builtins.float | None = None, *, generator: Generator | None = None) -> Tensor:
        """1 with the probability that each element gives, or with probability `p`, else 0; in the dtype."""
    def bernoulli_(self, p: builtins.float = 0.5, *, generator: Generator | None = None) -> Self:
        """In place: 1 with probability `p`, else 0."""
    def bfloat16(self) -> Self:
        """In bfloat16."""
    def bincount(self, weights: _Argument | None = None, minlength: builtins.int = 0) -> Tensor:
        """How often each number from 0 to the largest is in a vector of integers, or the sum of its `weights`; at least
        `minlength` bins.
        """
    def bitwise_and(self, y: _Argument) -> Tensor:
        """Bitwise and; logical and of bool."""
    def bitwise_and_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def bitwise_invert(self) -> Tensor:
        """Bitwise complement; logical not of bool."""
    def bitwise_invert_(self) -> Self:
        """In place: see the method without `_`."""
    def bitwise_left_shift(self, y: _Argument) -> Tensor:
        """`x` shifted left by `y` bits; 0 where the amount is negative or too wide."""
    def bitwise_left_shift_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def bitwise_not(self) -> Tensor:
        """The same as `bitwise_invert`."""
    def bitwise_not_(self) -> Self:
        """In place: see the method without `_`."""
    def bitwise_or(self, y: _Argument) -> Tensor:
        """Bitwise or; logical or of bool."""
    def bitwise_or_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def bitwise_right_shift(self, y: _Argument) -> Tensor:
        """`x` shifted right by `y` bits, keeping the sign; the sign alone where the amount is negative or too wide."""
    def bitwise_right_shift_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def bitwise_xor(self, y: _Argument) -> Tensor:
        """Bitwise exclusive or; logical exclusive or of bool."""
    def bitwise_xor_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def bmm(self, mat2: _Argument) -> Tensor:
        """The products of two batches of matrices."""
    def bool(self) -> Self:
        """In bool: true where not zero."""
    def byte(self) -> Self:
        """In uint8."""
    def cbrt(self) -> Tensor:
        """The cube root."""
    def cbrt_(self) -> Self:
        """In place: see the method without `_`."""
    def cdouble(self) -> Self:
        """In complex128."""
    def ceil(self) -> Tensor:
        """The smallest whole number that is not smaller."""
    def ceil_(self) -> Self:
        """In place: see the method without `_`."""
    def cfloat(self) -> Self:
        """In complex64."""
    def char(self) -> Self:
        """In int8."""
    def chunk(self, chunks: builtins.int, dim: builtins.int = 0) -> builtins.tuple[Any, ...]:
        """At most `chunks` views of equal length along an axis."""
    def clamp(self, min: _Argument | None = None, max: _Argument | None = None) -> Tensor:
        """The elements limited to `min` and `max`: numbers or tensors."""
    def clamp_(self, min: _Argument | None = None, max: _Argument | None = None) -> Self:
        """In place: see `clamp`."""
    def clip(self, min: _Argument | None = None, max: _Argument | None = None) -> Tensor:
        """The same as `clamp`."""
    def clone(self) -> Tensor:
        """A copy; gradients flow through it."""
    def conj(self) -> Tensor:
        """The complex conjugate; the number itself where it is real."""
    def conj_(self) -> Self:
        """In place: see the method without `_`."""
    def contiguous(self) -> Self:
        """The tensor itself where its elements lie densely in row-major order, else a copy of which this holds."""
    def copy_(self, src: _Argument, non_blocking: builtins.bool = False) -> Self:
        """Takes the elements of `src`, broadcast to this shape and converted to this dtype.

        The copy is always complete when the call returns, `non_blocking` or not.
        """
    def copysign(self, y: _Argument) -> Tensor:
        """The magnitude of `x` with the sign of `y`, of −0 too; a NaN, whose sign may be the processor's choice, is positive."""
    def copysign_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def cos(self) -> Tensor:
        """The cosine of an angle in radians."""
    def cos_(self) -> Self:
        """In place: see the method without `_`."""
    def cosh(self) -> Tensor:
        """The hyperbolic cosine."""
    def cosh_(self) -> Self:
        """In place: see the method without `_`."""
    def count_nonzero(self, dim: _Integers | None = None, keepdim: builtins.bool = False, *, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
        """How many elements over axes are not zero."""
    def cpu(self) -> Self:
        """The tensor itself: it is there already."""
    def cummax(self, dim: builtins.int) -> Any:
        """Running maxima along an axis, and their indices."""
    def cummin(self, dim: builtins.int) -> Any:
        """Running minima along an axis, and their indices."""
    def cumprod(self, dim: builtins.int | None = None, *, dtype: _DtypeArgument | None = None, axis: builtins.int | None = None) -> Tensor:
        """Running products along an axis."""
    def cumsum(self, dim: builtins.int | None = None, *, dtype: _DtypeArgument | None = None, axis: builtins.int | None = None) -> Tensor:
        """Running sums along an axis."""
    @property
    def data(self) -> Tensor:
        """The same elements without gradient; changing one changes the other."""
    @data.setter
    def data(self, value: Tensor) -> None: ...
    def deg2rad(self) -> Tensor:
        """An angle in radians from one in degrees."""
    def deg2rad_(self) -> Self:
        """In place: see the method without `_`."""
    def det(self) -> Tensor:
        """The determinants of square matrices."""
    def detach(self) -> Tensor:
        """The same elements without gradient; changing one changes the other."""
    @property
    def device(self) -> builtins.str:
        """The name of the device that holds the elements."""
    def diag(self, diagonal: builtins.int = 0) -> Tensor:
        """The diagonal of a matrix, or a matrix with this diagonal."""
    def diagonal(self, offset: builtins.int = 0, dim1: builtins.int = 0, dim2: builtins.int = 1) -> Tensor:
        """The diagonal of two axes, as a new last axis."""
    def diff(self, n: builtins.int = 1, dim: builtins.int = -1) -> Tensor:
        """Differences of neighbours along an axis, `n` times."""
    def digamma(self) -> Tensor:
        """The derivative of `lgamma`."""
    def digamma_(self) -> Self:
        """In place: see the method without `_`."""
    def dim(self) -> builtins.int:
        """The number of axes."""
    def div(self, other: _Argument, *, rounding_mode: builtins.str | None = None) -> Tensor:
        """The same as `divide`."""
    def div_(self, other: _Argument, *, rounding_mode: builtins.str | None = None) -> Self:
        """In place: see the method without `_`."""
    def divide(self, other: _Argument, *, rounding_mode: builtins.str | None = None) -> Tensor:
        """The quotient; rounded with `rounding_mode` "trunc" or "floor"."""
    def divide_(self, other: _Argument, *, rounding_mode: builtins.str | None = None) -> Self:
        """In place: see the method without `_`."""
    def dot(self, other: _Argument) -> Tensor:
        """The inner product of two vectors."""
    def double(self) -> Self:
        """In float64."""
    @property
    def dtype(self) -> _Dtype:
        """The dtype of the elements."""
    def element_size(self) -> builtins.int:
        """Bytes an element."""
    def eq(self, y: _Argument) -> Tensor:
        """The same as `equal`."""
    def eq_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def equal(self, other: _Argument) -> builtins.bool:
        """True if both have the same shape and equal elements; NaN equals nothing. (The function `equal` compares element by
        element, as `eq` does.)
        """
    def erf(self) -> Tensor:
        """The error function."""
    def erf_(self) -> Self:
        """In place: see the method without `_`."""
    def erfc(self) -> Tensor:
        """One minus the error function, accurate where that is small."""
    def erfc_(self) -> Self:
        """In place: see the method without `_`."""
    def erfinv(self) -> Tensor:
        """The inverse of the error function; ±∞ at ±1, NaN beyond."""
    def erfinv_(self) -> Self:
        """In place: see the method without `_`."""
    def exp(self) -> Tensor:
        """e to the power `x`."""
    def exp2(self) -> Tensor:
        """2 to the power `x`."""
    def exp2_(self) -> Self:
        """In place: see the method without `_`."""
    def exp_(self) -> Self:
        """In place: see the method without `_`."""
    def expand(self, *sizes: Any) -> Tensor:
        """Repeated along axes of extent 1 without a copy; −1 keeps an extent."""
    def expand_as(self, other: Tensor) -> Tensor:
        """Expanded to the shape of another tensor."""
    def expit(self) -> Tensor:
        """The same as `sigmoid`."""
    def expit_(self) -> Self:
        """In place: see the method without `_`."""
    def explain(self) -> Explanation:
        """What computing the tensor would run, without running it: everything that this thread has recorded and somebody
        still holds.
        """
    def expm1(self) -> Tensor:
        """e to the power `x`, minus 1, accurate near 0."""
    def expm1_(self) -> Self:
        """In place: see the method without `_`."""
    def fill_(self, value: _Number) -> Self:
        """In place: a number everywhere."""
    def fix(self) -> Tensor:
        """The same as `trunc`."""
    def fix_(self) -> Self:
        """In place: see the method without `_`."""
    def flatten(self, start_dim: builtins.int = 0, end_dim: builtins.int = -1) -> Tensor:
        """Axes `start_dim` to `end_dim` as one."""
    def flip(self, *dims: Any) -> Tensor:
        """Reversed along axes: a copy."""
    def float(self) -> Self:
        """In float32."""
    def floor(self) -> Tensor:
        """The largest whole number that is not larger."""
    def floor_(self) -> Self:
        """In place: see the method without `_`."""
    def floor_divide(self, y: _Argument) -> Tensor:
        """The quotient rounded down to a whole number. For integers x // 0 is 0."""
    def floor_divide_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def fmax(self, y: _Argument) -> Tensor:
        """The larger of two numbers; the other one where one is NaN."""
    def fmax_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def fmin(self, y: _Argument) -> Tensor:
        """The smaller of two numbers; the other one where one is NaN."""
    def fmin_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def fmod(self, y: _Argument) -> Tensor:
        """The remainder of division rounded towards zero, with the sign of `x`. For integers fmod(x, 0) is 0."""
    def fmod_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def frac(self) -> Tensor:
        """The part behind the point, with the sign of `x`."""
    def frac_(self) -> Self:
        """In place: see the method without `_`."""
    def gather(self, dim: builtins.int, index: _Argument) -> Tensor:
        """`out[i][j] = self[index[i][j]][j]` for `dim=0`, and so on."""
    def ge(self, y: _Argument) -> Tensor:
        """The same as `greater_equal`."""
    def ge_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    @property
    def grad(self) -> Tensor | None:
        """The accumulated gradient, or None."""
    @grad.setter
    def grad(self, value: Tensor | None) -> None: ...
    @property
    def grad_fn(self) -> builtins.str | None:
        """The name of the operation that made the tensor, or None for a leaf."""
    def greater(self, y: _Argument) -> Tensor:
        """True where `x` is larger than `y`."""
    def greater_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def greater_equal(self, y: _Argument) -> Tensor:
        """True where `x` is at least `y`."""
    def greater_equal_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def gt(self, y: _Argument) -> Tensor:
        """The same as `greater`."""
    def gt_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def half(self) -> Self:
        """In float16."""
    def heaviside(self, y: _Argument) -> Tensor:
        """0 for negative numbers, 1 for positive ones, `y` at 0."""
    def heaviside_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def hypot(self, y: _Argument) -> Tensor:
        """The length `sqrt(x² + y²)`, without overflow on the way."""
    def hypot_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def i0(self) -> Tensor:
        """The modified Bessel function of the first kind and order 0."""
    def i0_(self) -> Self:
        """In place: see the method without `_`."""
    def i1(self) -> Tensor:
        """The modified Bessel function of the first kind and order 1."""
    def i1_(self) -> Self:
        """In place: see the method without `_`."""
    @property
    def imag(self) -> Tensor:
        """The imaginary part."""
    def index_add(self, dim: builtins.int, index: _Argument, source: _Argument, *, alpha: _Number | None = None) -> Tensor:
        """With `alpha` times the slices of `source` added to the places of an axis that `index` names."""
    def index_add_(self, dim: builtins.int, index: _Argument, source: _Argument, *, alpha: _Number | None = None) -> Self:
        """In place: see `index_add`."""
    def index_copy(self, dim: builtins.int, index: _Argument, source: _Argument) -> Tensor:
        """With the slices of `source` written to the places of an axis that `index` names."""
    def index_copy_(self, dim: builtins.int, index: _Argument, source: _Argument) -> Self:
        """In place: see `index_copy`."""
    def index_fill(self, dim: builtins.int, index: _Argument, value: _Number) -> Tensor:
        """With a number written to the places of an axis that `index` names."""
    def index_fill_(self, dim: builtins.int, index: _Argument, value: _Number) -> Self:
        """In place: see `index_fill`."""
    def index_put(self, indices: Any, values: _Argument, accumulate: builtins.bool = False) -> Tensor:
        """With `values` written to the elements that a tuple of tensors names: one for each of the first axes, integers or
        masks, as between brackets. `values` broadcasts to them. With `accumulate` it is added, as often as an element is
        named; else the last of several writes stays.
        """
    def index_put_(self, indices: Any, values: _Argument, accumulate: builtins.bool = False) -> Self:
        """In place: see `index_put`."""
    def index_select(self, dim: builtins.int, index: _Argument) -> Tensor:
        """The places of an axis that a vector of integers names."""
    def int(self) -> Self:
        """In int32."""
    def inverse(self) -> Tensor:
        """The inverse of square matrices; of a singular one not finite."""
    def is_complex(self) -> builtins.bool:
        """True for complex dtypes."""
    def is_contiguous(self) -> builtins.bool:
        """True where the elements lie densely in row-major order."""
    def is_floating_point(self) -> builtins.bool:
        """True for real floating-point dtypes."""
    @property
    def is_leaf(self) -> builtins.bool:
        """True for a tensor that no operation with gradients made."""
    def isclose(self, other: _Argument, rtol: builtins.float = 1e-5, atol: builtins.float = 1e-8, equal_nan: builtins.bool = False) -> Tensor:
        """True where both are equal up to `atol + rtol * |other|`."""
    def isfinite(self) -> Tensor:
        """True where the number is neither infinite nor NaN."""
    def isfinite_(self) -> Self:
        """In place: see the method without `_`."""
    def isinf(self) -> Tensor:
        """True where the number is infinite (a complex one: either part)."""
    def isinf_(self) -> Self:
        """In place: see the method without `_`."""
    def isnan(self) -> Tensor:
        """True where the number is NaN (a complex one: either part)."""
    def isnan_(self) -> Self:
        """In place: see the method without `_`."""
    def isneginf(self) -> Tensor:
        """True where the number is negative infinity."""
    def isneginf_(self) -> Self:
        """In place: see the method without `_`."""
    def isposinf(self) -> Tensor:
        """True where the number is positive infinity."""
    def isposinf_(self) -> Self:
        """In place: see the method without `_`."""
    def item(self) -> Any:
        """The only element, as a Python number."""
    @property
    def itemsize(self) -> builtins.int:
        """Bytes an element."""
    def kthvalue(self, k: builtins.int, dim: builtins.int = -1, keepdim: builtins.bool = False) -> Any:
        """The `k`-th smallest element along an axis, and its index."""
    def le(self, y: _Argument) -> Tensor:
        """The same as `less_equal`."""
    def le_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def lerp(self, y: _Argument, weight: _Argument) -> Tensor:
        """`x + weight * (y - x)`, from the end that is nearer."""
    def lerp_(self, y: _Argument, weight: _Argument) -> Self:
        """In place: see the method without `_`."""
    def less(self, y: _Argument) -> Tensor:
        """True where `x` is smaller than `y`."""
    def less_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def less_equal(self, y: _Argument) -> Tensor:
        """True where `x` is at most `y`."""
    def less_equal_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def lgamma(self) -> Tensor:
        """The logarithm of the magnitude of the gamma function."""
    def lgamma_(self) -> Self:
        """In place: see the method without `_`."""
    def log(self) -> Tensor:
        """The natural logarithm."""
    def log10(self) -> Tensor:
        """The logarithm to base 10."""
    def log10_(self) -> Self:
        """In place: see the method without `_`."""
    def log1p(self) -> Tensor:
        """The natural logarithm of 1 + `x`, accurate near 0."""
    def log1p_(self) -> Self:
        """In place: see the method without `_`."""
    def log2(self) -> Tensor:
        """The logarithm to base 2."""
    def log2_(self) -> Self:
        """In place: see the method without `_`."""
    def log_(self) -> Self:
        """In place: see the method without `_`."""
    def log_sigmoid(self) -> Tensor:
        """The logarithm of the logistic function, without overflow."""
    def log_sigmoid_(self) -> Self:
        """In place: see the method without `_`."""
    def log_softmax(self, dim: builtins.int, dtype: _DtypeArgument | None = None) -> Tensor:
        """`x − log Σ exp(x)` along `dim`; converted to `dtype` first, where given."""
    def logaddexp(self, y: _Argument) -> Tensor:
        """`log(exp(x) + exp(y))` without overflow."""
    def logaddexp2(self, y: _Argument) -> Tensor:
        """`log2(exp2(x) + exp2(y))` without overflow."""
    def logaddexp2_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def logaddexp_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def logcumsumexp(self, dim: builtins.int) -> Tensor:
        """Running logarithms of sums of exponentials along an axis."""
    def logical_and(self, y: _Argument) -> Tensor:
        """True where both are true (not zero)."""
    def logical_and_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def logical_not(self) -> Tensor:
        """True where `x` is false (zero)."""
    def logical_not_(self) -> Self:
        """In place: see the method without `_`."""
    def logical_or(self, y: _Argument) -> Tensor:
        """True where one is true (not zero)."""
    def logical_or_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def logical_xor(self, y: _Argument) -> Tensor:
        """True where exactly one is true (not zero)."""
    def logical_xor_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def logsumexp(self, dim: _Integers | None = None, keepdim: builtins.bool = False, *, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
        """The logarithm of the sum of exponentials over axes, without overflow."""
    def long(self) -> Self:
        """In int64."""
    def lt(self, y: _Argument) -> Tensor:
        """The same as `less`."""
    def lt_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    @property
    def mT(self) -> Tensor:
        """Matrices transposed: the last two axes exchanged."""
    def masked_fill(self, mask: _Argument, value: _Argument) -> Tensor:
        """With `value` where the mask is true."""
    def masked_fill_(self, mask: _Argument, value: _Argument) -> Self:
        """In place: see `masked_fill`."""
    def masked_scatter(self, mask: _Argument, source: _Argument) -> Tensor:
        """With the elements of `source` in turn where the mask is true."""
    def masked_select(self, mask: _Argument) -> Tensor:
        """The elements where the mask is true, as a vector."""
    def matmul(self, other: _Argument) -> Tensor:
        """The matrix product over the last two axes; batch axes broadcast."""
    def max(self, dim: Any = None, keepdim: builtins.bool = False, *, axis: builtins.int | None = None, keepdims: builtins.bool | None = None) -> Any:
        """The largest element; along `dim` the largest ones and their indices; with a tensor the element-wise maximum."""
    def maximum(self, y: _Argument) -> Tensor:
        """The larger of two numbers; NaN if either is NaN."""
    def maximum_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def mean(self, dim: _Integers | None = None, keepdim: builtins.bool = False, *, dtype: _DtypeArgument | None = None, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
        """The mean over axes; needs a floating or complex dtype."""
    def median(self, dim: builtins.int | None = None, keepdim: builtins.bool = False) -> Any:
        """The lower median: of all elements, or along an axis with its index."""
    def min(self, dim: Any = None, keepdim: builtins.bool = False, *, axis: builtins.int | None = None, keepdims: builtins.bool | None = None) -> Any:
        """The smallest element; along `dim` the smallest ones and their indices; with a tensor the element-wise minimum."""
    def minimum(self, y: _Argument) -> Tensor:
        """The smaller of two numbers; NaN if either is NaN."""
    def minimum_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def mm(self, mat2: _Argument) -> Tensor:
        """The product of two matrices."""
    def movedim(self, source: _Integers, destination: _Integers) -> Tensor:
        """Axes moved to other places."""
    def mul(self, y: _Argument) -> Tensor:
        """The same as `multiply`."""
    def mul_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def multinomial(self, num_samples: builtins.int, replacement: builtins.bool = False, *, generator: Generator | None = None) -> Tensor:
        """Indices drawn with the probabilities that each row gives, or in proportion to them."""
    def multiply(self, y: _Argument) -> Tensor:
        """The product `x * y`. On bool the logical and."""
    def multiply_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def mv(self, vec: _Argument) -> Tensor:
        """The product of a matrix and a vector."""
    def nan_to_num(self, nan: builtins.float = 0.0, posinf: builtins.float | None = None, neginf: builtins.float | None = None) -> Tensor:
        """NaN and infinities replaced by numbers."""
    def narrow(self, dim: builtins.int, start: builtins.int, length: builtins.int) -> Tensor:
        """`length` elements along an axis from `start`."""
    @property
    def nbytes(self) -> builtins.int:
        """Bytes of all elements."""
    @property
    def ndim(self) -> builtins.int:
        """The number of axes."""
    def ndimension(self) -> builtins.int:
        """The number of axes."""
    def ndtr(self) -> Tensor:
        """The probability of a smaller number in the standard normal distribution; 0 instead of a subnormal float32."""
    def ndtr_(self) -> Self:
        """In place: see the method without `_`."""
    def ne(self, y: _Argument) -> Tensor:
        """The same as `not_equal`."""
    def ne_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def neg(self) -> Tensor:
        """The same as `negative`."""
    def neg_(self) -> Self:
        """In place: see the method without `_`."""
    def negative(self) -> Tensor:
        """The number with its sign changed."""
    def negative_(self) -> Self:
        """In place: see the method without `_`."""
    def nelement(self) -> builtins.int:
        """The number of elements."""
    def new_full(self, size: _Integers, fill_value: _Number, *, dtype: _DtypeArgument | None = None, requires_grad: builtins.bool = False) -> Self:
        """A number everywhere, in this dtype."""
    def new_ones(self, *size: Any, dtype: _DtypeArgument | None = None, requires_grad: builtins.bool = False) -> Self:
        """Ones in this dtype."""
    def new_tensor(self, data: Any, *, dtype: _DtypeArgument | None = None, requires_grad: builtins.bool = False) -> Self:
        """A tensor of these numbers in this dtype."""
    def new_zeros(self, *size: Any, dtype: _DtypeArgument | None = None, requires_grad: builtins.bool = False) -> Self:
        """Zeros in this dtype."""
    def nextafter(self, y: _Argument) -> Tensor:
        """The next representable number after `x` in the direction of `y`."""
    def nextafter_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def nonzero(self, *, as_tuple: builtins.bool = False) -> Any:
        """The indices of the elements that are not zero, a row each; a tuple of vectors with `as_tuple`."""
    def norm(self, p: Any = None, dim: _Integers | None = None, keepdim: builtins.bool = False, dtype: _DtypeArgument | None = None) -> Tensor:
        """The p-norm over axes (of all elements by default)."""
    def normal_(self, mean: builtins.float = 0.0, std: builtins.float = 1.0, *, generator: Generator | None = None) -> Self:
        """In place: normal random numbers."""
    def normal_pdf(self) -> Tensor:
        """The density of the standard normal distribution; 0 instead of a subnormal float32."""
    def normal_pdf_(self) -> Self:
        """In place: see the method without `_`."""
    def not_equal(self, y: _Argument) -> Tensor:
        """True where `x` differs from `y`; NaN differs from everything."""
    def not_equal_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def numel(self) -> builtins.int:
        """The number of elements."""
    def numpy(self) -> Any:
        """A NumPy array of the elements: read-only, without a copy."""
    def outer(self, vec2: _Argument) -> Tensor:
        """The products of all pairs of two vectors' elements."""
    def permute(self, *dims: Any) -> Tensor:
        """Axes in a new order."""
    def positive(self) -> Tensor:
        """The number itself."""
    def positive_(self) -> Self:
        """In place: see the method without `_`."""
    def pow(self, y: _Argument) -> Tensor:
        """`x` to the power `y`. A negative power of an integer is truncated."""
    def pow_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def power(self, y: _Argument) -> Tensor:
        """The same as `pow`."""
    def power_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def prod(self, dim: _Integers | None = None, keepdim: builtins.bool = False, *, dtype: _DtypeArgument | None = None, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
        """The product over axes; int64 for integers and bool unless `dtype` says otherwise."""
    def quantile(self, q: _Argument, dim: builtins.int | None = None, keepdim: builtins.bool = False, *, interpolation: builtins.str = "linear") -> Tensor:
        """The quantiles `q` (a number or a vector, from 0 to 1) along `dim`, or of all elements; NaN where any is NaN."""
    def rad2deg(self) -> Tensor:
        """An angle in degrees from one in radians."""
    def rad2deg_(self) -> Self:
        """In place: see the method without `_`."""
    @property
    def real(self) -> Tensor:
        """The real part; a real tensor itself."""
    def reciprocal(self) -> Tensor:
        """One divided by the number."""
    def reciprocal_(self) -> Self:
        """In place: see the method without `_`."""
    def register_hook(self, hook: Any) -> RemovableHandle:
        """Calls `hook(gradient)` when the gradient of this tensor is computed; what it returns (unless None) replaces it."""
    def relu(self) -> Tensor:
        """The larger of the number and 0; NaN stays NaN. The gradient at 0 is 0."""
    def relu_(self) -> Self:
        """In place: see the method without `_`."""
    def remainder(self, y: _Argument) -> Tensor:
        """The remainder of floor division, with the sign of `y`. For integers x % 0 is 0."""
    def remainder_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def repeat(self, *repeats: Any) -> Tensor:
        """Repeated as a whole along the axes (new ones in front)."""
    def repeat_interleave(self, repeats: Any = None, dim: builtins.int | None = None, *, output_size: builtins.int | None = None) -> Tensor:
        """Each element, or slice along `dim`, repeated `repeats` times: a number or one each. Without `repeats` the elements
        themselves say how often each index is repeated.
        """
    @property
    def requires_grad(self) -> builtins.bool:
        """True where gradients flow through the tensor."""
    @requires_grad.setter
    def requires_grad(self, value: builtins.bool) -> None: ...
    def requires_grad_(self, requires_grad: builtins.bool = True) -> Self:
        """Lets gradients flow to the tensor, or not; it must be a leaf."""
    def reshape(self, *shape: Any) -> Tensor:
        """The elements under another shape; one extent may be −1. A view where that needs no copy."""
    def reshape_as(self, other: Tensor) -> Tensor:
        """A view under the shape of another tensor, or a copy."""
    def retain_grad(self) -> None:
        """Keeps the gradient of a tensor that is not a leaf in `.grad`."""
    def roll(self, shifts: _Integers, dims: _Integers | None = None) -> Tensor:
        """Elements moved along axes, around the end to the beginning."""
    def round(self, *, decimals: builtins.int = 0) -> Tensor:
        """The nearest whole number, or multiple of 10^−decimals; halves go to the even one."""
    def round_(self, *, decimals: builtins.int = 0) -> Self:
        """In place: see `round`."""
    def rsqrt(self) -> Tensor:
        """One divided by the square root."""
    def rsqrt_(self) -> Self:
        """In place: see the method without `_`."""
    def scatter(self, dim: builtins.int, index: _Argument, src: _Argument, *, reduce: builtins.str | None = None) -> Tensor:
        """With the elements of `src` (or a number) written where `index` points along `dim`."""
    def scatter_(self, dim: builtins.int, index: _Argument, src: _Argument, *, reduce: builtins.str | None = None) -> Self:
        """In place: see `scatter`."""
    def scatter_add(self, dim: builtins.int, index: _Argument, src: _Argument) -> Tensor:
        """With the elements of `src` added where `index` points along `dim`."""
    def scatter_add_(self, dim: builtins.int, index: _Argument, src: _Argument) -> Self:
        """In place: see `scatter_add`."""
    def select(self, dim: builtins.int, index: builtins.int) -> Tensor:
        """Without an axis, at an index along it."""
    def sgn(self) -> Tensor:
        """The same as `sign`."""
    def sgn_(self) -> Self:
        """In place: see the method without `_`."""
    @property
    def shape(self) -> builtins.tuple[Any, ...]:
        """Extents along the axes, as a tuple."""
    def short(self) -> Self:
        """In int16."""
    def sigmoid(self) -> Tensor:
        """The logistic function 1 / (1 + exp(−x))."""
    def sigmoid_(self) -> Self:
        """In place: see the method without `_`."""
    def sign(self) -> Tensor:
        """−1, 0 (also for −0) or 1 by the sign; x / |x| for a complex number; NaN stays NaN."""
    def sign_(self) -> Self:
        """In place: see the method without `_`."""
    def signbit(self) -> Tensor:
        """True where the sign bit is set, of −0 and NaN too (of a computed NaN the processor's choice); negative integers."""
    def signbit_(self) -> Self:
        """In place: see the method without `_`."""
    def silu(self) -> Tensor:
        """The number times its logistic function (swish)."""
    def silu_(self) -> Self:
        """In place: see the method without `_`."""
    def sin(self) -> Tensor:
        """The sine of an angle in radians."""
    def sin_(self) -> Self:
        """In place: see the method without `_`."""
    def sinc(self) -> Tensor:
        """sin(πx) / (πx), and 1 at 0."""
    def sinc_(self) -> Self:
        """In place: see the method without `_`."""
    def sinh(self) -> Tensor:
        """The hyperbolic sine."""
    def sinh_(self) -> Self:
        """In place: see the method without `_`."""
    @property
    def size(self) -> Any:
        """The number of elements, which can also be called: `x.size()` is the shape, `x.size(0)` an extent of it."""
    def softmax(self, dim: builtins.int, dtype: _DtypeArgument | None = None) -> Tensor:
        """`exp(x) / Σ exp(x)` along `dim`; converted to `dtype` first, where given."""
    def sort(self, dim: builtins.int = -1, descending: builtins.bool = False, stable: builtins.bool = False) -> Any:
        """The elements in ascending order along an axis, and the indices that sort it. Always stable."""
    def split(self, split_size_or_sections: _Integers, dim: builtins.int = 0) -> builtins.tuple[Any, ...]:
        """Views of `split_size_or_sections` elements each along an axis (the last may be shorter), or of the given sizes."""
    def sqrt(self) -> Tensor:
        """The square root, correctly rounded."""
    def sqrt_(self) -> Self:
        """In place: see the method without `_`."""
    def square(self) -> Tensor:
        """The square `x * x`."""
    def square_(self) -> Self:
        """In place: see the method without `_`."""
    def squeeze(self, dim: _Integers | None = None) -> Tensor:
        """Without axes of extent 1: all of them, or the given ones among them."""
    def std(self, dim: _Integers | None = None, unbiased: builtins.bool | None = None, keepdim: builtins.bool = False, *, correction: builtins.float | None = None, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
        """The standard deviation over axes: the root of `var`."""
    def storage_offset(self) -> builtins.int:
        """The place of the first element in the base's elements."""
    def stride(self, dim: builtins.int | None = None) -> Any:
        """Strides in elements; along `dim` alone, where it is given."""
    def sub(self, other: _Argument, *, alpha: _Number | None = None) -> Tensor:
        """The same as `subtract`."""
    def sub_(self, other: _Argument, *, alpha: _Number | None = None) -> Self:
        """In place: see the method without `_`."""
    def subtract(self, other: _Argument, *, alpha: _Number | None = None) -> Tensor:
        """The difference of `self` and `alpha` times `other`."""
    def subtract_(self, other: _Argument, *, alpha: _Number | None = None) -> Self:
        """In place: see the method without `_`."""
    def sum(self, dim: _Integers | None = None, keepdim: builtins.bool = False, *, dtype: _DtypeArgument | None = None, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
        """The sum over axes; int64 for integers and bool unless `dtype` says otherwise."""
    def swapaxes(self, axis0: builtins.int, axis1: builtins.int) -> Tensor:
        """Two axes exchanged."""
    def swapdims(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """Two axes exchanged."""
    def t(self) -> Tensor:
        """A matrix transposed; a tensor with fewer axes as it is."""
    def take(self, index: _Argument) -> Tensor:
        """The elements of the flattened tensor that integers name."""
    def take_along_dim(self, indices: _Argument, dim: builtins.int | None = None) -> Tensor:
        """The elements of each row that integers along `dim` name."""
    def tan(self) -> Tensor:
        """The tangent of an angle in radians."""
    def tan_(self) -> Self:
        """In place: see the method without `_`."""
    def tanh(self) -> Tensor:
        """The hyperbolic tangent."""
    def tanh_(self) -> Self:
        """In place: see the method without `_`."""
    def tile(self, *dims: Any) -> Tensor:
        """Repeated as a whole along the last axes."""
    def to(self, *args: Any, dtype: _DtypeArgument | None = None, device: Any = None, non_blocking: builtins.bool = False, copy: builtins.bool = False) -> Self:
        """In another dtype, or the tensor itself: `x.to(tf.float64)`, `x.to(other)`, `x.to("cpu")`."""
    def to_device(self, device: Any, /, *, stream: Any = None) -> Self:
        """The array API's move between devices: there is only "cpu"."""
    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers; a number for a 0-dimensional tensor."""
    def topk(self, k: builtins.int, dim: builtins.int = -1, largest: builtins.bool = True, sorted: builtins.bool = True) -> Any:
        """The `k` largest (or smallest) elements along an axis in order, and their indices."""
    def trace(self) -> Tensor:
        """The sum of the diagonal of a matrix."""
    def transpose(self, dim0: builtins.int, dim1: builtins.int) -> Tensor:
        """Two axes exchanged."""
    def trigamma(self) -> Tensor:
        """The derivative of `digamma`."""
    def trigamma_(self) -> Self:
        """In place: see the method without `_`."""
    def tril(self, diagonal: builtins.int = 0) -> Tensor:
        """Elements on and below diagonal `diagonal`, zeros above."""
    def triu(self, diagonal: builtins.int = 0) -> Tensor:
        """Elements on and above diagonal `diagonal`, zeros below."""
    def true_divide(self, other: _Argument) -> Tensor:
        """The same as `divide`, without rounding."""
    def trunc(self) -> Tensor:
        """The whole number next to `x` in the direction of zero."""
    def trunc_(self) -> Self:
        """In place: see the method without `_`."""
    def type_as(self, other: Tensor) -> Self:
        """In the dtype of another tensor."""
    def unbind(self, dim: builtins.int = 0) -> builtins.tuple[Any, ...]:
        """The elements along an axis, one tensor (view) each."""
    def unflatten(self, dim: builtins.int, sizes: _Integers) -> Tensor:
        """One axis as several, of extents `sizes` (one may be −1)."""
    def unfold(self, dimension: builtins.int, size: builtins.int, step: builtins.int) -> Tensor:
        """All windows of `size` along an axis in steps of `step`, as a new last axis."""
    def uniform_(self, from_: builtins.float = 0.0, to: builtins.float = 1.0, *, generator: Generator | None = None) -> Self:
        """In place: uniform random numbers from `from` to `to`."""
    def unique(self, sorted: builtins.bool = True, return_inverse: builtins.bool = False, return_counts: builtins.bool = False, dim: builtins.int | None = None) -> Any:
        """The distinct elements, or slices along `dim`, in ascending order; where asked for, which of them each element is,
        and how often each is there.
        """
    def unique_consecutive(self, return_inverse: builtins.bool = False, return_counts: builtins.bool = False, dim: builtins.int | None = None) -> Any:
        """The elements, or slices along `dim`, without those that equal the one before; where asked for, which of them each
        element is, and how often each is repeated.
        """
    def unsqueeze(self, dim: builtins.int) -> Tensor:
        """A new axis of extent 1."""
    def var(self, dim: _Integers | None = None, unbiased: builtins.bool | None = None, keepdim: builtins.bool = False, *, correction: builtins.float | None = None, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
        """The variance over axes, divided by count − `correction` (1 unless given; 0 for `unbiased=False`)."""
    def view(self, *shape: Any) -> Tensor:
        """A view under another shape (one extent may be −1); an error where that needs a copy."""
    def view_as(self, other: Tensor) -> Tensor:
        """A view under the shape of another tensor."""
    def where(self, condition: Tensor, other: _Argument) -> Tensor:
        """`self` where the condition holds, else `other`."""
    def xlogy(self, y: _Argument) -> Tensor:
        """`x * log(y)`, and 0 where `x` is 0 (but NaN where `y` is NaN)."""
    def xlogy_(self, y: _Argument) -> Self:
        """In place: see the method without `_`."""
    def zero_(self) -> Self:
        """In place: zeros everywhere."""

class _Checkpoint:
    """A region whose saved values are computed again in backward: `with` it, the first run records. `recompute(tensors)` runs
    it again with the values that the tensors had.
    """
    def __enter__(self) -> None: ...
    def __exit__(self, *_error: Any) -> None: ...
    def __new__(cls, recompute: Any, tensors: Sequence[Tensor], check: builtins.bool, /) -> Self: ...

class _Level:
    """One `vmap`: active from its making until `leave`."""
    def __new__(cls, extent: builtins.int, randomness: builtins.str, /) -> Self:
        """Begins a level of `extent` samples, where random numbers are an "error", "different" for each or the "same"."""
    def batched(self, tensor: Tensor, dim: builtins.int) -> Tensor:
        """The tensor of one sample, of which `dim` counts the samples."""
    @property
    def extent(self) -> builtins.int:
        """How many samples there are."""
    def leave(self) -> None:
        """Ends the level."""
    def maps(self, tensor: Tensor) -> builtins.bool:
        """True for a tensor that has a value for each sample of this level."""
    @property
    def randomness(self) -> builtins.str:
        """What random numbers are."""
    def unbatched(self, tensor: Tensor, dim: builtins.int) -> Tensor:
        """The tensor of all samples, of which a new `dim` counts them."""

class _Levels:
    """The active levels of a thread."""

class dtype:
    """The type of a tensor's elements, such as `tenfold.float32`."""
    def __reduce__(self) -> builtins.str:
        """Pickled as its name in the package, so that the same object comes back."""
    def __repr__(self) -> builtins.str: ...
    @property
    def is_complex(self) -> builtins.bool:
        """True for complex dtypes."""
    @property
    def is_floating_point(self) -> builtins.bool:
        """True for real floating-point dtypes."""
    @property
    def is_signed(self) -> builtins.bool:
        """True for dtypes that hold negative numbers."""
    @property
    def itemsize(self) -> builtins.int:
        """Bytes an element."""
    @property
    def name(self) -> builtins.str:
        """The name, such as `"float32"`."""
    def to_complex(self) -> _Dtype:
        """The complex dtype whose parts can hold this one's values."""
    def to_real(self) -> _Dtype:
        """The real dtype of a complex dtype's parts; itself for any other."""

bool: _Dtype
int8: _Dtype
int16: _Dtype
int32: _Dtype
int64: _Dtype
uint8: _Dtype
uint16: _Dtype
uint32: _Dtype
uint64: _Dtype
float16: _Dtype
bfloat16: _Dtype
float32: _Dtype
float64: _Dtype
complex64: _Dtype
complex128: _Dtype

# A submodule.
class _init:
    @staticmethod
    def _calculate_fan_in_and_fan_out(tensor: Tensor) -> builtins.tuple[builtins.int, builtins.int]:
        """Inputs and outputs of one element of a weight: (fan in, fan out)."""
    @staticmethod
    def calculate_gain(nonlinearity: builtins.str, param: builtins.float | None = None) -> builtins.float:
        """By what the standard deviation of weights before a nonlinearity is scaled."""
    @staticmethod
    def constant_(tensor: Tensor, val: builtins.float) -> Tensor:
        """`val` everywhere."""
    @staticmethod
    def dirac_(tensor: Tensor, groups: builtins.int = 1) -> Tensor:
        """A convolution weight that hands on its input channels, in each of `groups`."""
    @staticmethod
    def eye_(tensor: Tensor) -> Tensor:
        """Ones on the diagonal of a matrix, zeros elsewhere."""
    @staticmethod
    def kaiming_normal_(tensor: Tensor, a: builtins.float = 0.0, mode: builtins.str = "fan_in", nonlinearity: builtins.str = "leaky_relu", generator: Generator | None = None) -> Tensor:
        """Normal with variance `gain**2 / fan`; `a` is the slope of `leaky_relu`."""
    @staticmethod
    def kaiming_uniform_(tensor: Tensor, a: builtins.float = 0.0, mode: builtins.str = "fan_in", nonlinearity: builtins.str = "leaky_relu", generator: Generator | None = None) -> Tensor:
        """Uniform with variance `gain**2 / fan`; `a` is the slope of `leaky_relu`."""
    @staticmethod
    def normal_(tensor: Tensor, mean: builtins.float = 0.0, std: builtins.float = 1.0, generator: Generator | None = None) -> Tensor:
        """Normal with that mean and standard deviation."""
    @staticmethod
    def ones_(tensor: Tensor) -> Tensor:
        """Ones."""
    @staticmethod
    def orthogonal_(tensor: Tensor, gain: builtins.float = 1.0, generator: Generator | None = None) -> Tensor:
        """Orthogonal rows or columns of length `gain`."""
    @staticmethod
    def sparse_(tensor: Tensor, sparsity: builtins.float, std: builtins.float = 0.01, generator: Generator | None = None) -> Tensor:
        """Normal numbers, of which the share `sparsity` of each column is 0."""
    @staticmethod
    def trunc_normal_(tensor: Tensor, mean: builtins.float = 0.0, std: builtins.float = 1.0, a: builtins.float = -2.0, b: builtins.float = 2.0, generator: Generator | None = None) -> Tensor:
        """Normal with that mean and standard deviation, but only from `a` to `b`."""
    @staticmethod
    def uniform_(tensor: Tensor, a: builtins.float = 0.0, b: builtins.float = 1.0, generator: Generator | None = None) -> Tensor:
        """Uniform from `a` to `b`."""
    @staticmethod
    def xavier_normal_(tensor: Tensor, gain: builtins.float = 1.0, generator: Generator | None = None) -> Tensor:
        """Normal with variance `2 * gain**2 / (fan_in + fan_out)`."""
    @staticmethod
    def xavier_uniform_(tensor: Tensor, gain: builtins.float = 1.0, generator: Generator | None = None) -> Tensor:
        """Uniform with variance `2 * gain**2 / (fan_in + fan_out)`."""
    @staticmethod
    def zeros_(tensor: Tensor) -> Tensor:
        """Zeros."""

# A submodule.
class _matrix:
    @staticmethod
    def householder_product(x: _Argument, scales: _Argument) -> Tensor:
        """The first columns of the product of reflections."""
    @staticmethod
    def matrix_exp(x: _Argument) -> Tensor:
        """The exponential of square matrices."""
    @staticmethod
    def reflections(x: _Argument) -> builtins.tuple[Tensor, Tensor]:
        """The QR decomposition as Householder reflections: R with the vectors below its diagonal, and the scales."""
    @staticmethod
    def solve(a: _Argument, b: _Argument) -> Tensor:
        """X with A X = B."""

# A submodule.
class _optim:
    @staticmethod
    def adadelta_step(params: Sequence[Tensor], grads: Sequence[Tensor], square_avgs: Sequence[Tensor], acc_deltas: Sequence[Tensor], *, lr: builtins.float, rho: builtins.float, eps: builtins.float, weight_decay: builtins.float, maximize: builtins.bool) -> None:
        """One step of Adadelta: changes parameters and state in place."""
    @staticmethod
    def adafactor_step(param: Tensor, grad: Tensor, states: Sequence[Tensor], step: builtins.int, *, lr: builtins.float, beta2_decay: builtins.float, eps1: builtins.float | None, eps2: builtins.float, d: builtins.float, weight_decay: builtins.float, maximize: builtins.bool) -> None:
        """One step of Adafactor on one parameter, in place: with two states (of rows and columns) or with one."""
    @staticmethod
    def adagrad_step(params: Sequence[Tensor], grads: Sequence[Tensor], state_sums: Sequence[Tensor], steps: Sequence[builtins.int], *, lr: builtins.float, lr_decay: builtins.float = 0.0, weight_decay: builtins.float = 0.0, eps: builtins.float = 1e-10, maximize: builtins.bool = False) -> None:
        """One step of Adagrad: changes parameters and sums in place. `steps` are the numbers of this step, from 1."""
    @staticmethod
    def adam_step(params: Sequence[Tensor], grads: Sequence[Tensor], exp_avgs: Sequence[Tensor], exp_avg_sqs: Sequence[Tensor], max_exp_avg_sqs: Sequence[Tensor], steps: Sequence[builtins.int], *, lr: builtins.float, beta1: builtins.float = 0.9, beta2: builtins.float = 0.999, eps: builtins.float = 1e-8, weight_decay: builtins.float = 0.0, decoupled_weight_decay: builtins.bool = False, maximize: builtins.bool = False) -> None:
        """One step of Adam (AdamW where the weight decay is decoupled): changes parameters and state in place.
        `max_exp_avg_sqs` is empty without AMSGrad. `steps` are the numbers of this step, from 1.
        """
    @staticmethod
    def adamax_step(params: Sequence[Tensor], grads: Sequence[Tensor], exp_avgs: Sequence[Tensor], exp_infs: Sequence[Tensor], steps: Sequence[builtins.int], *, lr: builtins.float, beta1: builtins.float, beta2: builtins.float, eps: builtins.float, weight_decay: builtins.float, maximize: builtins.bool) -> None:
        """One step of Adamax: changes parameters and state in place. `steps` are the numbers of this step, from 1."""
    @staticmethod
    def asgd_step(params: Sequence[Tensor], grads: Sequence[Tensor], axs: Sequence[Tensor], etas: Sequence[builtins.float], mus: Sequence[builtins.float], steps: Sequence[builtins.int], *, lr: builtins.float, lambd: builtins.float, alpha: builtins.float, t0: builtins.float, weight_decay: builtins.float, maximize: builtins.bool) -> builtins.list[builtins.tuple[builtins.float, builtins.float]]:
        """One step of averaged SGD: changes parameters and averages in place and returns the new pairs of eta and mu."""
    @staticmethod
    def lion_step(params: Sequence[Tensor], grads: Sequence[Tensor], exp_avgs: Sequence[Tensor], *, lr: builtins.float, beta1: builtins.float, beta2: builtins.float, weight_decay: builtins.float, maximize: builtins.bool) -> None:
        """One step of Lion: changes parameters and averages in place."""
    @staticmethod
    def muon_step(params: Sequence[Tensor], grads: Sequence[Tensor], momentum_buffers: Sequence[Tensor], length_factors: Sequence[builtins.float], *, lr: builtins.float, weight_decay: builtins.float, momentum: builtins.float, nesterov: builtins.bool, ns_coefficients: builtins.tuple[builtins.float, builtins.float, builtins.float], eps: builtins.float, ns_steps: builtins.int) -> None:
        """One step of Muon: changes parameters and averages in place. `length_factors` come from the shapes of the parameters."""
    @staticmethod
    def nadam_step(params: Sequence[Tensor], grads: Sequence[Tensor], exp_avgs: Sequence[Tensor], exp_avg_sqs: Sequence[Tensor], mu_products: Sequence[builtins.float], steps: Sequence[builtins.int], *, lr: builtins.float, beta1: builtins.float, beta2: builtins.float, eps: builtins.float, weight_decay: builtins.float, momentum_decay: builtins.float, decoupled_weight_decay: builtins.bool, maximize: builtins.bool) -> builtins.list[builtins.float]:
        """One step of NAdam: changes parameters and state in place and returns the new products of momenta."""
    @staticmethod
    def radam_step(params: Sequence[Tensor], grads: Sequence[Tensor], exp_avgs: Sequence[Tensor], exp_avg_sqs: Sequence[Tensor], steps: Sequence[builtins.int], *, lr: builtins.float, beta1: builtins.float, beta2: builtins.float, eps: builtins.float, weight_decay: builtins.float, decoupled_weight_decay: builtins.bool, maximize: builtins.bool) -> None:
        """One step of RAdam: changes parameters and state in place. `steps` are the numbers of this step, from 1."""
    @staticmethod
    def rmsprop_step(params: Sequence[Tensor], grads: Sequence[Tensor], square_avgs: Sequence[Tensor], grad_avgs: Sequence[Tensor], momentum_buffers: Sequence[Tensor], *, lr: builtins.float, alpha: builtins.float = 0.99, eps: builtins.float = 1e-8, weight_decay: builtins.float = 0.0, momentum: builtins.float = 0.0, maximize: builtins.bool = False) -> None:
        """One step of RMSprop: changes parameters and state in place. `grad_avgs` is empty unless centered,
        `momentum_buffers` without momentum.
        """
    @staticmethod
    def rprop_step(params: Sequence[Tensor], grads: Sequence[Tensor], prevs: Sequence[Tensor], step_sizes: Sequence[Tensor], *, etaminus: builtins.float, etaplus: builtins.float, step_size_min: builtins.float, step_size_max: builtins.float, maximize: builtins.bool) -> None:
        """One step of Rprop: changes parameters and state in place."""
    @staticmethod
    def sgd_step(params: Sequence[Tensor], grads: Sequence[Tensor], momentum_buffers: Sequence[Tensor | None], *, lr: builtins.float, momentum: builtins.float = 0.0, dampening: builtins.float = 0.0, weight_decay: builtins.float = 0.0, nesterov: builtins.bool = False, maximize: builtins.bool = False) -> builtins.list[Tensor | None]:
        """One step of SGD: changes parameters and momentum buffers in place and returns the buffers. None begins a new one,
        and is returned without momentum.
        """

# A submodule.
class _profile:
    @staticmethod
    def start() -> None:
        """Starts recording kernels; what was recorded before is forgotten."""
    @staticmethod
    def stop() -> builtins.list[builtins.tuple[builtins.str, builtins.int, builtins.int, builtins.int, builtins.int, builtins.int, builtins.str | None]]:
        """Stops recording. For each kernel that ran: name, start and duration in nanoseconds, bytes, floating-point operations,
        thread, and the line that recorded its first operation.
        """

# A submodule.
class _safetensors:
    @staticmethod
    def load(data: builtins.bytes) -> builtins.dict[Any, Any]:
        """The tensors in the bytes of a file by name."""
    @staticmethod
    def load_file(filename: _Path) -> builtins.dict[Any, Any]:
        """The tensors of a file by name."""
    @staticmethod
    def load_metadata(filename: _Path) -> builtins.dict[builtins.str, builtins.str]:
        """The texts of a file by name."""
    @staticmethod
    def save(tensors: builtins.dict[builtins.str, Tensor], metadata: builtins.dict[builtins.str, builtins.str] | None = None) -> builtins.bytes:
        """The bytes of a file with tensors by name, and texts by name."""
    @staticmethod
    def save_file(tensors: builtins.dict[builtins.str, Tensor], filename: _Path, metadata: builtins.dict[builtins.str, builtins.str] | None = None) -> None:
        """Writes tensors by name, and texts by name, to a file: the old one stays until the new one is whole."""

# A submodule.
class nn_functional:
    @staticmethod
    def _pack_padded_sequence(input: _Argument, lengths: _Integers, batch_first: builtins.bool) -> builtins.tuple[Tensor, builtins.list[builtins.int]]:
        """The rows of padded sequences, and the number of them at each step; lengths must not grow."""
    @staticmethod
    def _pad_packed_sequence(data: _Argument, batch_sizes: _Integers, batch_first: builtins.bool, padding_value: _Number, total_length: builtins.int | None) -> builtins.tuple[Tensor, builtins.list[builtins.int]]:
        """Sequences filled up to one length, and their lengths."""
    @staticmethod
    def adaptive_avg_pool1d(input: _Argument, output_size: Any) -> Tensor:
        """Averages over windows that divide the spatial axes into `output_size` parts (None: as they are)."""
    @staticmethod
    def adaptive_avg_pool2d(input: _Argument, output_size: Any) -> Tensor:
        """Averages over windows that divide the spatial axes into `output_size` parts (None: as they are)."""
    @staticmethod
    def adaptive_avg_pool3d(input: _Argument, output_size: Any) -> Tensor:
        """Averages over windows that divide the spatial axes into `output_size` parts (None: as they are)."""
    @staticmethod
    def adaptive_max_pool1d(input: _Argument, output_size: Any, return_indices: builtins.bool = False) -> Any:
        """The largest element of windows that divide the spatial axes into `output_size` parts."""
    @staticmethod
    def adaptive_max_pool1d_with_indices(input: _Argument, output_size: Any, return_indices: builtins.bool = False) -> Any:
        """The largest element of windows that divide the spatial axes into `output_size` parts, and where it is
        within the flattened spatial axes.
        """
    @staticmethod
    def adaptive_max_pool2d(input: _Argument, output_size: Any, return_indices: builtins.bool = False) -> Any:
        """The largest element of windows that divide the spatial axes into `output_size` parts."""
    @staticmethod
    def adaptive_max_pool2d_with_indices(input: _Argument, output_size: Any, return_indices: builtins.bool = False) -> Any:
        """The largest element of windows that divide the spatial axes into `output_size` parts, and where it is
        within the flattened spatial axes.
        """
    @staticmethod
    def adaptive_max_pool3d(input: _Argument, output_size: Any, return_indices: builtins.bool = False) -> Any:
        """The largest element of windows that divide the spatial axes into `output_size` parts."""
    @staticmethod
    def adaptive_max_pool3d_with_indices(input: _Argument, output_size: Any, return_indices: builtins.bool = False) -> Any:
        """The largest element of windows that divide the spatial axes into `output_size` parts, and where it is
        within the flattened spatial axes.
        """
    @staticmethod
    def affine_grid(theta: _Argument, size: _Integers, align_corners: builtins.bool | None = None) -> Tensor:
        """The grid at which `grid_sample` applies the affine map `theta` `(N, 2, 3)` to images of `size` `(N, C, H, W)`; also
        `(N, 3, 4)` for volumes.
        """
    @staticmethod
    def alpha_dropout(input: Tensor, p: builtins.float = 0.5, training: builtins.bool = False, inplace: builtins.bool = False) -> Tensor:
        """Dropout that keeps the mean and variance of what selu gives."""
    @staticmethod
    def avg_pool1d(input: _Argument, kernel_size: _Integers, stride: _Integers | None = None, padding: _Integers = ..., ceil_mode: builtins.bool = False, count_include_pad: builtins.bool = True, divisor_override: builtins.int | None = None) -> Tensor:
        """The average of each window of `(N, C, ...)` or `(C, ...)`. Padding counts in the divisor unless
        `count_include_pad` is false; `divisor_override` replaces it.
        """
    @staticmethod
    def avg_pool2d(input: _Argument, kernel_size: _Integers, stride: _Integers | None = None, padding: _Integers = ..., ceil_mode: builtins.bool = False, count_include_pad: builtins.bool = True, divisor_override: builtins.int | None = None) -> Tensor:
        """The average of each window of `(N, C, ...)` or `(C, ...)`. Padding counts in the divisor unless
        `count_include_pad` is false; `divisor_override` replaces it.
        """
    @staticmethod
    def avg_pool3d(input: _Argument, kernel_size: _Integers, stride: _Integers | None = None, padding: _Integers = ..., ceil_mode: builtins.bool = False, count_include_pad: builtins.bool = True, divisor_override: builtins.int | None = None) -> Tensor:
        """The average of each window of `(N, C, ...)` or `(C, ...)`. Padding counts in the divisor unless
        `count_include_pad` is false; `divisor_override` replaces it.
        """
    @staticmethod
    def batch_norm(input: _Argument, running_mean: Tensor | None, running_var: Tensor | None, weight: _Argument | None = None, bias: _Argument | None = None, training: builtins.bool = False, momentum: builtins.float = 0.1, eps: builtins.float = 1e-5) -> Tensor:
        """Each channel of `(N, C, ...)` with mean 0 and variance 1, times `weight` plus `bias`: by the statistics of the batch in
        training (the running ones are updated in place), else by the running ones.
        """
    @staticmethod
    def bilinear(input1: _Argument, input2: _Argument, weight: _Argument, bias: _Argument | None = None) -> Tensor:
        """`input1_i * weight_kij * input2_j` summed over i and j, plus `bias_k`."""
    @staticmethod
    def binary_cross_entropy(input: _Argument, target: _Argument, weight: _Argument | None = None, size_average: builtins.bool | None = None, reduce: builtins.bool | None = None, reduction: builtins.str = "mean") -> Tensor:
        """`-(t * log(x) + (1 - t) * log(1 - x))` for probabilities x."""
    @staticmethod
    def binary_cross_entropy_with_logits(input: _Argument, target: _Argument, weight: _Argument | None = None, size_average: builtins.bool | None = None, reduce: builtins.bool | None = None, reduction: builtins.str = "mean", pos_weight: _Argument | None = None) -> Tensor:
        """The binary cross-entropy of `sigmoid(input)`; `pos_weight` weights the positive targets."""
    @staticmethod
    def celu(input: Tensor, alpha: builtins.float = 1.0, inplace: builtins.bool = False) -> Tensor:
        """`x` where positive, else `alpha * (exp(x / alpha) - 1)`."""
    @staticmethod
    def celu_(input: Tensor, alpha: builtins.float = 1.0) -> Tensor:
        """`x` where positive, else `alpha * (exp(x / alpha) - 1)`.

        In place.
        """
    @staticmethod
    def channel_shuffle(input: _Argument, groups: builtins.int) -> Tensor:
        """`(N, C, ...)` with the channels of `groups` groups dealt out in turn."""
    @staticmethod
    def conv1d(input: _Argument, weight: _Argument, bias: _Argument | None = None, stride: _Integers = ..., padding: Any = ..., dilation: _Integers = ..., groups: builtins.int = 1) -> Tensor:
        """The cross-correlation of `(N, C, ...)` or `(C, ...)` with a weight `(O, C/groups, ...)`, plus `bias` (O).
        `padding` is numbers, `'same'` or `'valid'`.
        """
    @staticmethod
    def conv2d(input: _Argument, weight: _Argument, bias: _Argument | None = None, stride: _Integers = ..., padding: Any = ..., dilation: _Integers = ..., groups: builtins.int = 1) -> Tensor:
        """The cross-correlation of `(N, C, ...)` or `(C, ...)` with a weight `(O, C/groups, ...)`, plus `bias` (O).
        `padding` is numbers, `'same'` or `'valid'`.
        """
    @staticmethod
    def conv3d(input: _Argument, weight: _Argument, bias: _Argument | None = None, stride: _Integers = ..., padding: Any = ..., dilation: _Integers = ..., groups: builtins.int = 1) -> Tensor:
        """The cross-correlation of `(N, C, ...)` or `(C, ...)` with a weight `(O, C/groups, ...)`, plus `bias` (O).
        `padding` is numbers, `'same'` or `'valid'`.
        """
    @staticmethod
    def conv_tbc(input: _Argument, weight: _Argument, bias: _Argument, pad: builtins.int = 0) -> Tensor:
        """The cross-correlation of series `(T, N, C)` with a weight `(K, C, O)`, plus `bias` (O), with `pad` zeros before and
        after: `(T', N, O)`.
        """
    @staticmethod
    def conv_transpose1d(input: _Argument, weight: _Argument, bias: _Argument | None = None, stride: _Integers = ..., padding: _Integers = ..., output_padding: _Integers = ..., groups: builtins.int = 1, dilation: _Integers = ...) -> Tensor:
        """The transposed convolution of `(N, C, ...)` or `(C, ...)` with a weight `(C, O/groups, ...)`, plus `bias`
        (O).
        """
    @staticmethod
    def conv_transpose2d(input: _Argument, weight: _Argument, bias: _Argument | None = None, stride: _Integers = ..., padding: _Integers = ..., output_padding: _Integers = ..., groups: builtins.int = 1, dilation: _Integers = ...) -> Tensor:
        """The transposed convolution of `(N, C, ...)` or `(C, ...)` with a weight `(C, O/groups, ...)`, plus `bias`
        (O).
        """
    @staticmethod
    def conv_transpose3d(input: _Argument, weight: _Argument, bias: _Argument | None = None, stride: _Integers = ..., padding: _Integers = ..., output_padding: _Integers = ..., groups: builtins.int = 1, dilation: _Integers = ...) -> Tensor:
        """The transposed convolution of `(N, C, ...)` or `(C, ...)` with a weight `(C, O/groups, ...)`, plus `bias`
        (O).
        """
    @staticmethod
    def cosine_embedding_loss(input1: _Argument, input2: _Argument, target: _Argument, margin: builtins.float = 0.0, size_average: builtins.bool | None = None, reduce: builtins.bool | None = None, reduction: builtins.str = "mean") -> Tensor:
        """`1 - cos(input1, input2)` where the target is 1, `max(0, cos(input1, input2) - margin)` where it is -1."""
    @staticmethod
    def cosine_similarity(x1: _Argument, x2: _Argument, dim: builtins.int = 1, eps: builtins.float = 1e-8) -> Tensor:
        """The cosine of the angle between vectors along `dim`."""
    @staticmethod
    def cross_entropy(input: _Argument, target: _Argument, weight: _Argument | None = None, size_average: builtins.bool | None = None, ignore_index: builtins.int = -100, reduce: builtins.bool | None = None, reduction: builtins.str = "mean", label_smoothing: builtins.float = 0.0) -> Tensor:
        """The cross-entropy of class scores `(C)`, `(N, C)` or `(N, C, ...)` with class numbers, or with probabilities in the shape
        of the scores.
        """
    @staticmethod
    def ctc_loss(log_probs: _Argument, targets: _Argument, input_lengths: Any, target_lengths: Any, blank: builtins.int = 0, reduction: builtins.str = "mean", zero_infinity: builtins.bool = False) -> Tensor:
        """Connectionist temporal classification: minus the logarithm of the probability of the targets `(N, S)` (or all in one
        row), given log-probabilities `(T, N, C)` or `(T, C)`.
        """
    @staticmethod
    def dropout(input: Tensor, p: builtins.float = 0.5, training: builtins.bool = True, inplace: builtins.bool = False) -> Tensor:
        """In training each element is 0 with probability `p`, and the others are scaled by `1 / (1 - p)`."""
    @staticmethod
    def dropout1d(input: Tensor, p: builtins.float = 0.5, training: builtins.bool = True, inplace: builtins.bool = False) -> Tensor:
        """Dropout of whole channels of `(N, C, L)` or `(C, L)`."""
    @staticmethod
    def dropout2d(input: Tensor, p: builtins.float = 0.5, training: builtins.bool = True, inplace: builtins.bool = False) -> Tensor:
        """Dropout of whole channels of `(N, C, H, W)`; three axes count as `(N, C, L)`, as in torch."""
    @staticmethod
    def dropout3d(input: Tensor, p: builtins.float = 0.5, training: builtins.bool = True, inplace: builtins.bool = False) -> Tensor:
        """Dropout of whole channels of `(N, C, D, H, W)` or `(C, D, H, W)`."""
    @staticmethod
    def elu(input: Tensor, alpha: builtins.float = 1.0, inplace: builtins.bool = False) -> Tensor:
        """`x` where positive, else `alpha * (exp(x) - 1)`."""
    @staticmethod
    def elu_(input: Tensor, alpha: builtins.float = 1.0) -> Tensor:
        """`x` where positive, else `alpha * (exp(x) - 1)`.

        In place.
        """
    @staticmethod
    def embedding(input: _Argument, weight: Tensor, padding_idx: builtins.int | None = None, max_norm: builtins.float | None = None, norm_type: builtins.float = 2.0, scale_grad_by_freq: builtins.bool = False, sparse: builtins.bool = False) -> Tensor:
        """The rows of `weight` `(V, D)` at `input` (integers): `(..., D)`. The row `padding_idx` gets no gradient.

        With `max_norm` the rows asked for that are longer (in the `norm_type`-norm) are shortened to it first, in place.
        `scale_grad_by_freq` divides the gradient of a row by how often it was asked for.
        """
    @staticmethod
    def embedding_bag(input: _Argument, weight: Tensor, offsets: _Argument | None = None, max_norm: builtins.float | None = None, norm_type: builtins.float = 2.0, scale_grad_by_freq: builtins.bool = False, mode: builtins.str = "mean", sparse: builtins.bool = False, per_sample_weights: _Argument | None = None, include_last_offset: builtins.bool = False, padding_idx: builtins.int | None = None) -> Tensor:
        """Bags of rows of `weight` `(V, D)`, each reduced to one: `(bags, D)`.

        `input` is `(bags, length)`, or one list of indices where `offsets` says where each bag begins (with
        `include_last_offset` the last one says where all end). `mode` is `'sum'`, `'mean'` or `'max'`; `per_sample_weights`
        are factors for a sum. The row `padding_idx` belongs to no bag. An empty bag gives zeros.
        """
    @staticmethod
    def feature_alpha_dropout(input: Tensor, p: builtins.float = 0.5, training: builtins.bool = False, inplace: builtins.bool = False) -> Tensor:
        """Alpha dropout of whole channels of `(N, C, ...)`."""
    @staticmethod
    def fold(input: _Argument, output_size: _Integers, kernel_size: _Integers, dilation: _Integers = ..., padding: _Integers = ..., stride: _Integers = ...) -> Tensor:
        """The sum of windows given as columns `(N, C * kernel_h * kernel_w, windows)`, batch optional: an image of
        `output_size`.
        """
    @staticmethod
    def fractional_max_pool2d(input: _Argument, kernel_size: _Integers, output_size: _Integers | None = None, output_ratio: Any = None, return_indices: builtins.bool = False, _random_samples: _Argument | None = None) -> Any:
        """The largest element of each of `output_size` windows at random places (or of as many as `output_ratio`
        times the extents); with `return_indices` also where it is within the flattened spatial axes.
        """
    @staticmethod
    def fractional_max_pool2d_with_indices(input: _Argument, kernel_size: _Integers, output_size: _Integers | None = None, output_ratio: Any = None, return_indices: builtins.bool = False, _random_samples: _Argument | None = None) -> Any:
        """The largest element of each of `output_size` windows at random places (or of as many as `output_ratio`
        times the extents), and where it is within the flattened spatial axes.
        """
    @staticmethod
    def fractional_max_pool3d(input: _Argument, kernel_size: _Integers, output_size: _Integers | None = None, output_ratio: Any = None, return_indices: builtins.bool = False, _random_samples: _Argument | None = None) -> Any:
        """The largest element of each of `output_size` windows at random places (or of as many as `output_ratio`
        times the extents); with `return_indices` also where it is within the flattened spatial axes.
        """
    @staticmethod
    def fractional_max_pool3d_with_indices(input: _Argument, kernel_size: _Integers, output_size: _Integers | None = None, output_ratio: Any = None, return_indices: builtins.bool = False, _random_samples: _Argument | None = None) -> Any:
        """The largest element of each of `output_size` windows at random places (or of as many as `output_ratio`
        times the extents), and where it is within the flattened spatial axes.
        """
    @staticmethod
    def gaussian_nll_loss(input: _Argument, target: _Argument, var: _Argument, full: builtins.bool = False, eps: builtins.float = 1e-6, reduction: builtins.str = "mean") -> Tensor:
        """`0.5 * (log(v) + (x - t)**2 / v)` with the variance v (a tensor or a number) held at `eps` at least; `full` adds the
        constant.
        """
    @staticmethod
    def gelu(input: _Argument, approximate: builtins.str = "none") -> Tensor:
        """The Gaussian error linear unit: `x * Phi(x)`, or with `approximate='tanh'` its approximation by tanh."""
    @staticmethod
    def glu(input: _Argument, dim: builtins.int = -1) -> Tensor:
        """The first half along `dim`, times the logistic function of the second half."""
    @staticmethod
    def grid_sample(input: _Argument, grid: _Argument, mode: builtins.str = "bilinear", padding_mode: builtins.str = "zeros", align_corners: builtins.bool | None = None) -> Tensor:
        """The image `(N, C, H, W)` (or `(N, C, D, H, W)`) at the positions `grid` `(N, ..., 2)` (or 3): x, y (and z) from -1 to
        1. `mode` is `'bilinear'`, `'nearest'` or `'bicubic'`, `padding_mode` `'zeros'`, `'border'` or `'reflection'`.
        """
    @staticmethod
    def group_norm(input: _Argument, num_groups: builtins.int, weight: _Argument | None = None, bias: _Argument | None = None, eps: builtins.float = 1e-5) -> Tensor:
        """Mean 0 and variance 1 over each of `num_groups` groups of channels of `(N, C, ...)`, times `weight` plus `bias`."""
    @staticmethod
    def gru(input: _Argument, hx: _Argument | None, params: Sequence[_Argument], has_biases: builtins.bool = True, num_layers: builtins.int = 1, dropout: builtins.float = 0.0, train: builtins.bool = False, bidirectional: builtins.bool = False, batch_first: builtins.bool = False, batch_sizes: _Integers | None = None) -> builtins.tuple[Tensor, Tensor]:
        """Layers of gated recurrent units.

        `input` is `(T, N, F)`, `(N, T, F)` where `batch_first`, or with `batch_sizes` the rows of a packed sequence;
        `hx` `(layers * directions, N, H)` begins as zeros. `params` are the weights by layer and direction: `W_ih`,
        `W_hh` and, with `has_biases`, `b_ih`, `b_hh`. Gives the states at all steps and the last ones.
        """
    @staticmethod
    def gru_cell(input: _Argument, hx: _Argument, w_ih: _Argument, w_hh: _Argument, b_ih: _Argument | None = None, b_hh: _Argument | None = None) -> Tensor:
        """One step of the cell: `(N, F)` with the state `(N, H)`, or both without N, gives the new state."""
    @staticmethod
    def gumbel_softmax(logits: _Argument, tau: builtins.float = 1.0, hard: builtins.bool = False, eps: builtins.float = 1e-10, dim: builtins.int = -1) -> Tensor:
        """A draw of a class along `dim`, relaxed by Gumbel's distribution and softmax at temperature `tau`; with `hard` exactly
        1 at the class. `eps` has no effect, as in torch.
        """
    @staticmethod
    def hardshrink(input: _Argument, lambd: builtins.float = 0.5) -> Tensor:
        """0 where |x| is at most `lambd`, else x."""
    @staticmethod
    def hardsigmoid(input: Tensor, inplace: builtins.bool = False) -> Tensor:
        """`relu6(x + 3) / 6`."""
    @staticmethod
    def hardsigmoid_(input: Tensor) -> Tensor:
        """`relu6(x + 3) / 6`.

        In place.
        """
    @staticmethod
    def hardswish(input: Tensor, inplace: builtins.bool = False) -> Tensor:
        """`x * relu6(x + 3) / 6`."""
    @staticmethod
    def hardswish_(input: Tensor) -> Tensor:
        """`x * relu6(x + 3) / 6`.

        In place.
        """
    @staticmethod
    def hardtanh(input: Tensor, min_val: builtins.float = -1.0, max_val: builtins.float = 1.0, inplace: builtins.bool = False) -> Tensor:
        """The number, held between two bounds."""
    @staticmethod
    def hardtanh_(input: Tensor, min_val: builtins.float = -1.0, max_val: builtins.float = 1.0) -> Tensor:
        """The number, held between two bounds.

        In place.
        """
    @staticmethod
    def hinge_embedding_loss(input: _Argument, target: _Argument, margin: builtins.float = 1.0, size_average: builtins.bool | None = None, reduce: builtins.bool | None = None, reduction: builtins.str = "mean") -> Tensor:
        """The number where the target is 1, `max(0, margin - x)` where it is -1."""
    @staticmethod
    def huber_loss(input: _Argument, target: _Argument, reduction: builtins.str = "mean", delta: builtins.float = 1.0, weight: _Argument | None = None) -> Tensor:
        """`0.5 * d**2` where the absolute difference d is at most `delta`, else `delta * (d - 0.5 * delta)`."""
    @staticmethod
    def instance_norm(input: _Argument, running_mean: Tensor | None = None, running_var: Tensor | None = None, weight: _Argument | None = None, bias: _Argument | None = None, use_input_stats: builtins.bool = True, momentum: builtins.float = 0.1, eps: builtins.float = 1e-5) -> Tensor:
        """Mean 0 and variance 1 over the spatial axes of each sample and channel of `(N, C, ...)`, times `weight` plus `bias`; or
        by running statistics, where `use_input_stats` is false. The running ones are updated in place.
        """
    @staticmethod
    def interpolate(input: _Argument, size: _Integers | None = None, scale_factor: Any = None, mode: builtins.str = "nearest", align_corners: builtins.bool | None = None, recompute_scale_factor: builtins.bool | None = None, antialias: builtins.bool = False) -> Tensor:
        """Resizes the spatial axes of `(N, C, ...)` to `size` or by `scale_factor`. `mode` is `'nearest'`, `'nearest-exact'`,
        `'linear'`, `'bilinear'`, `'bicubic'`, `'trilinear'` or `'area'`.
        """
    @staticmethod
    def kl_div(input: _Argument, target: _Argument, size_average: builtins.bool | None = None, reduce: builtins.bool | None = None, reduction: builtins.str = "mean", log_target: builtins.bool = False) -> Tensor:
        """The Kullback-Leibler divergence of log-probabilities `input` from `target`. `reduction='batchmean'` divides the sum by
        the batch size, as the definition does.
        """
    @staticmethod
    def l1_loss(input: _Argument, target: _Argument, size_average: builtins.bool | None = None, reduce: builtins.bool | None = None, reduction: builtins.str = "mean", weight: _Argument | None = None) -> Tensor:
        """The absolute differences, reduced (`'mean'`, `'sum'` or `'none'`)."""
    @staticmethod
    def layer_norm(input: _Argument, normalized_shape: _Integers, weight: _Argument | None = None, bias: _Argument | None = None, eps: builtins.float = 1e-5) -> Tensor:
        """Mean 0 and variance 1 over the trailing axes `normalized_shape`, times `weight` plus `bias`."""
    @staticmethod
    def leaky_relu(input: Tensor, negative_slope: builtins.float = 0.01, inplace: builtins.bool = False) -> Tensor:
        """`x` where positive, else `negative_slope * x`."""
    @staticmethod
    def leaky_relu_(input: Tensor, negative_slope: builtins.float = 0.01) -> Tensor:
        """`x` where positive, else `negative_slope * x`.

        In place.
        """
    @staticmethod
    def linear(input: _Argument, weight: _Argument, bias: _Argument | None = None) -> Tensor:
        """`input @ weight.T + bias`: `(..., in)` with a weight `(out, in)` gives `(..., out)`."""
    @staticmethod
    def linear_cross_entropy(input: _Argument, linear_weight: _Argument, target: _Argument, *, linear_bias: _Argument | None = None, weight: _Argument | None = None, reduction: builtins.str = "mean", ignore_index: builtins.int | None = None, label_smoothing: builtins.float = 0.0, options: Any = None) -> Tensor:
        """The cross-entropy of the scores that a linear layer gives: an input `(..., in)` with a weight `(C, out..., in)`.
        `options` (of the chunks that PyTorch computes in) are not offered.
        """
    @staticmethod
    def local_response_norm(input: _Argument, size: builtins.int, alpha: builtins.float = 1e-4, beta: builtins.float = 0.75, k: builtins.float = 1.0) -> Tensor:
        """`x / (k + alpha * m)**beta` with m the mean of squares over `size` neighbouring channels of `(N, C, ...)`."""
    @staticmethod
    def log_softmax(input: _Argument, dim: builtins.int | None = None, *, dtype: _DtypeArgument | None = None) -> Tensor:
        """`x - log(sum(exp(x)))` along `dim`; converted to `dtype` first, where given."""
    @staticmethod
    def logsigmoid(input: _Argument) -> Tensor:
        """The logarithm of the logistic function."""
    @staticmethod
    def lp_pool1d(input: _Argument, norm_type: builtins.float, kernel_size: _Integers, stride: _Integers | None = None, ceil_mode: builtins.bool = False) -> Tensor:
        """The `norm_type`-th root of the sum of powers over each window of `(N, C, ...)` or `(C, ...)`."""
    @staticmethod
    def lp_pool2d(input: _Argument, norm_type: builtins.float, kernel_size: _Integers, stride: _Integers | None = None, ceil_mode: builtins.bool = False) -> Tensor:
        """The `norm_type`-th root of the sum of powers over each window of `(N, C, ...)` or `(C, ...)`."""
    @staticmethod
    def lp_pool3d(input: _Argument, norm_type: builtins.float, kernel_size: _Integers, stride: _Integers | None = None, ceil_mode: builtins.bool = False) -> Tensor:
        """The `norm_type`-th root of the sum of powers over each window of `(N, C, ...)` or `(C, ...)`."""
    @staticmethod
    def lstm(input: _Argument, hx: Sequence[_Argument] | None, params: Sequence[_Argument], has_biases: builtins.bool = True, num_layers: builtins.int = 1, dropout: builtins.float = 0.0, train: builtins.bool = False, bidirectional: builtins.bool = False, batch_first: builtins.bool = False, batch_sizes: _Integers | None = None) -> Any:
        """Layers of long short-term memory.

        As `gru`, with a pair of states and cells as `hx`; with projections, `params` has a `W_hr` a layer and direction too.
        Gives the states at all steps, the last ones and the last cells.
        """
    @staticmethod
    def lstm_cell(input: _Argument, hx: Sequence[_Argument], w_ih: _Argument, w_hh: _Argument, b_ih: _Argument | None = None, b_hh: _Argument | None = None) -> Any:
        """One step of an LSTM: `(N, F)` with a pair of state and cell `(N, H)`, or all without N, gives the new pair."""
    @staticmethod
    def margin_ranking_loss(input1: _Argument, input2: _Argument, target: _Argument, margin: builtins.float = 0.0, size_average: builtins.bool | None = None, reduce: builtins.bool | None = None, reduction: builtins.str = "mean") -> Tensor:
        """`max(0, margin - target * (input1 - input2))`."""
    @staticmethod
    def max_pool1d(input: _Argument, kernel_size: _Integers, stride: _Integers | None = None, padding: _Integers = ..., dilation: _Integers = ..., ceil_mode: builtins.bool = False, return_indices: builtins.bool = False) -> Any:
        """The largest element of each window of `(N, C, ...)` or `(C, ...)`; with `return_indices` also where it
        is within the flattened spatial axes.
        """
    @staticmethod
    def max_pool1d_with_indices(input: _Argument, kernel_size: _Integers, stride: _Integers | None = None, padding: _Integers = ..., dilation: _Integers = ..., ceil_mode: builtins.bool = False, return_indices: builtins.bool = False) -> Any:
        """The largest element of each window of `(N, C, ...)` or `(C, ...)`, and where it is within the flattened
        spatial axes.
        """
    @staticmethod
    def max_pool2d(input: _Argument, kernel_size: _Integers, stride: _Integers | None = None, padding: _Integers = ..., dilation: _Integers = ..., ceil_mode: builtins.bool = False, return_indices: builtins.bool = False) -> Any:
        """The largest element of each window of `(N, C, ...)` or `(C, ...)`; with `return_indices` also where it
        is within the flattened spatial axes.
        """
    @staticmethod
    def max_pool2d_with_indices(input: _Argument, kernel_size: _Integers, stride: _Integers | None = None, padding: _Integers = ..., dilation: _Integers = ..., ceil_mode: builtins.bool = False, return_indices: builtins.bool = False) -> Any:
        """The largest element of each window of `(N, C, ...)` or `(C, ...)`, and where it is within the flattened
        spatial axes.
        """
    @staticmethod
    def max_pool3d(input: _Argument, kernel_size: _Integers, stride: _Integers | None = None, padding: _Integers = ..., dilation: _Integers = ..., ceil_mode: builtins.bool = False, return_indices: builtins.bool = False) -> Any:
        """The largest element of each window of `(N, C, ...)` or `(C, ...)`; with `return_indices` also where it
        is within the flattened spatial axes.
        """
    @staticmethod
    def max_pool3d_with_indices(input: _Argument, kernel_size: _Integers, stride: _Integers | None = None, padding: _Integers = ..., dilation: _Integers = ..., ceil_mode: builtins.bool = False, return_indices: builtins.bool = False) -> Any:
        """The largest element of each window of `(N, C, ...)` or `(C, ...)`, and where it is within the flattened
        spatial axes.
        """
    @staticmethod
    def max_unpool1d(input: _Argument, indices: _Argument, kernel_size: _Integers, stride: _Integers | None = None, padding: _Integers = ..., output_size: _Integers | None = None) -> Tensor:
        """Zeros with the elements of `(N, C, ...)` or `(C, ...)` at the indices that max pooling of the same
        settings gave.
        """
    @staticmethod
    def max_unpool2d(input: _Argument, indices: _Argument, kernel_size: _Integers, stride: _Integers | None = None, padding: _Integers = ..., output_size: _Integers | None = None) -> Tensor:
        """Zeros with the elements of `(N, C, ...)` or `(C, ...)` at the indices that max pooling of the same
        settings gave.
        """
    @staticmethod
    def max_unpool3d(input: _Argument, indices: _Argument, kernel_size: _Integers, stride: _Integers | None = None, padding: _Integers = ..., output_size: _Integers | None = None) -> Tensor:
        """Zeros with the elements of `(N, C, ...)` or `(C, ...)` at the indices that max pooling of the same
        settings gave.
        """
    @staticmethod
    def mish(input: Tensor, inplace: builtins.bool = False) -> Tensor:
        """`x * tanh(softplus(x))`."""
    @staticmethod
    def mish_(input: Tensor) -> Tensor:
        """`x * tanh(softplus(x))`.

        In place.
        """
    @staticmethod
    def mse_loss(input: _Argument, target: _Argument, size_average: builtins.bool | None = None, reduce: builtins.bool | None = None, reduction: builtins.str = "mean", weight: _Argument | None = None) -> Tensor:
        """The squared differences, reduced (`'mean'`, `'sum'` or `'none'`)."""
    @staticmethod
    def multi_head_attention_forward(query: _Argument, key: _Argument, value: _Argument, embed_dim_to_check: builtins.int, num_heads: builtins.int, in_proj_weight: _Argument | None, in_proj_bias: _Argument | None, bias_k: _Argument | None, bias_v: _Argument | None, add_zero_attn: builtins.bool, dropout_p: builtins.float, out_proj_weight: _Argument, out_proj_bias: _Argument | None, training: builtins.bool = True, key_padding_mask: _Argument | None = None, need_weights: builtins.bool = True, attn_mask: _Argument | None = None, use_separate_proj_weight: builtins.bool = False, q_proj_weight: _Argument | None = None, k_proj_weight: _Argument | None = None, v_proj_weight: _Argument | None = None, static_k: _Argument | None = None, static_v: _Argument | None = None, average_attn_weights: builtins.bool = True, is_causal: builtins.bool = False) -> Any:
        """Attention of several heads over projections of `query` `(L, N, E)`, `key` `(S, N, K)` and `value` `(S, N, V)`, or all
        without N: the output `(L, N, E)` and, with `need_weights`, the weights `(N, L, S)` (`(N, heads, L, S)` where they are not
        averaged), else None.

        See `nn.MultiheadAttention`. `static_k` and `static_v` are not offered.
        """
    @staticmethod
    def multi_margin_loss(input: _Argument, target: _Argument, p: builtins.int = 1, margin: builtins.float = 1.0, weight: _Argument | None = None, size_average: builtins.bool | None = None, reduce: builtins.bool | None = None, reduction: builtins.str = "mean") -> Tensor:
        """The mean over the other classes of `max(0, margin - x[t] + x[i]) ** p`, times the weight of the target class."""
    @staticmethod
    def multilabel_margin_loss(input: _Argument, target: _Argument, size_average: builtins.bool | None = None, reduce: builtins.bool | None = None, reduction: builtins.str = "mean") -> Tensor:
        """The sum of `max(0, 1 - x[t] + x[i])` over the target classes t (up to the first -1) and the other classes i,
        divided by the number of classes.
        """
    @staticmethod
    def multilabel_soft_margin_loss(input: _Argument, target: _Argument, weight: _Argument | None = None, size_average: builtins.bool | None = None, reduce: builtins.bool | None = None, reduction: builtins.str = "mean") -> Tensor:
        """The mean over classes of the binary cross-entropies of `sigmoid(input)`, times `weight`."""
    @staticmethod
    def nll_loss(input: _Argument, target: _Argument, weight: _Argument | None = None, size_average: builtins.bool | None = None, ignore_index: builtins.int = -100, reduce: builtins.bool | None = None, reduction: builtins.str = "mean") -> Tensor:
        """The negative of the log-probability of each target class."""
    @staticmethod
    def normalize(input: _Argument, p: builtins.float = 2.0, dim: builtins.int = 1, eps: builtins.float = 1e-12, out: Any = None) -> Tensor:
        """x over its length along `dim`, which counts as `eps` at least."""
    @staticmethod
    def one_hot(tensor: _Argument, num_classes: builtins.int = -1) -> Tensor:
        """1 at each class of `tensor` (integers), 0 elsewhere: int64 `(..., num_classes)`. -1: one more than the largest."""
    @staticmethod
    def pad(input: _Argument, pad: _Integers, mode: builtins.str = "constant", value: _Number | None = None) -> Tensor:
        """Elements added before and after the last axes: `pad` counts from the last one, `(left, right, top, bottom, ...)`;
        negative numbers crop. `mode` is `'constant'` (with `value`), `'reflect'`, `'replicate'` or `'circular'`.
        """
    @staticmethod
    def pairwise_distance(x1: _Argument, x2: _Argument, p: builtins.float = 2.0, eps: builtins.float = 1e-6, keepdim: builtins.bool = False) -> Tensor:
        """The p-norm of `x1 - x2 + eps` along the last axis."""
    @staticmethod
    def pdist(input: _Argument, p: builtins.float = 2.0) -> Tensor:
        """The p-norms of the differences of all pairs of rows of `(N, D)`."""
    @staticmethod
    def pixel_shuffle(input: _Argument, upscale_factor: builtins.int) -> Tensor:
        """`(..., C * r * r, H, W)` to `(..., C, H * r, W * r)`: each element's channel says where in a block of pixels it goes."""
    @staticmethod
    def pixel_unshuffle(input: _Argument, downscale_factor: builtins.int) -> Tensor:
        """`(..., C, H * r, W * r)` to `(..., C * r * r, H, W)`: the reverse of `pixel_shuffle`."""
    @staticmethod
    def poisson_nll_loss(input: _Argument, target: _Argument, log_input: builtins.bool = True, full: builtins.bool = False, size_average: builtins.bool | None = None, eps: builtins.float = 1e-8, reduce: builtins.bool | None = None, reduction: builtins.str = "mean") -> Tensor:
        """`exp(x) - t * x` for logarithms of rates x, `x - t * log(x + eps)` without `log_input`; `full` adds Stirling's
        approximation of log(t!).
        """
    @staticmethod
    def prelu(input: _Argument, weight: _Argument) -> Tensor:
        """`x` where positive, else `weight * x`, with one weight for all or one a channel (axis 1)."""
    @staticmethod
    def relu(input: Tensor, inplace: builtins.bool = False) -> Tensor:
        """The larger of the number and 0."""
    @staticmethod
    def relu6(input: Tensor, inplace: builtins.bool = False) -> Tensor:
        """The number, held between 0 and 6."""
    @staticmethod
    def relu6_(input: Tensor) -> Tensor:
        """The number, held between 0 and 6.

        In place.
        """
    @staticmethod
    def relu_(input: Tensor) -> Tensor:
        """The larger of the number and 0.

        In place.
        """
    @staticmethod
    def rms_norm(input: _Argument, normalized_shape: _Integers, weight: _Argument | None = None, eps: builtins.float | None = None) -> Tensor:
        """Mean square 1 over the trailing axes `normalized_shape`, times `weight`."""
    @staticmethod
    def rnn_relu(input: _Argument, hx: _Argument | None, params: Sequence[_Argument], has_biases: builtins.bool = True, num_layers: builtins.int = 1, dropout: builtins.float = 0.0, train: builtins.bool = False, bidirectional: builtins.bool = False, batch_first: builtins.bool = False, batch_sizes: _Integers | None = None) -> builtins.tuple[Tensor, Tensor]:
        """Layers of a recurrent network with relu.

        `input` is `(T, N, F)`, `(N, T, F)` where `batch_first`, or with `batch_sizes` the rows of a packed sequence;
        `hx` `(layers * directions, N, H)` begins as zeros. `params` are the weights by layer and direction: `W_ih`,
        `W_hh` and, with `has_biases`, `b_ih`, `b_hh`. Gives the states at all steps and the last ones.
        """
    @staticmethod
    def rnn_relu_cell(input: _Argument, hx: _Argument, w_ih: _Argument, w_hh: _Argument, b_ih: _Argument | None = None, b_hh: _Argument | None = None) -> Tensor:
        """One step of the cell: `(N, F)` with the state `(N, H)`, or both without N, gives the new state."""
    @staticmethod
    def rnn_tanh(input: _Argument, hx: _Argument | None, params: Sequence[_Argument], has_biases: builtins.bool = True, num_layers: builtins.int = 1, dropout: builtins.float = 0.0, train: builtins.bool = False, bidirectional: builtins.bool = False, batch_first: builtins.bool = False, batch_sizes: _Integers | None = None) -> builtins.tuple[Tensor, Tensor]:
        """Layers of a recurrent network with tanh.

        `input` is `(T, N, F)`, `(N, T, F)` where `batch_first`, or with `batch_sizes` the rows of a packed sequence;
        `hx` `(layers * directions, N, H)` begins as zeros. `params` are the weights by layer and direction: `W_ih`,
        `W_hh` and, with `has_biases`, `b_ih`, `b_hh`. Gives the states at all steps and the last ones.
        """
    @staticmethod
    def rnn_tanh_cell(input: _Argument, hx: _Argument, w_ih: _Argument, w_hh: _Argument, b_ih: _Argument | None = None, b_hh: _Argument | None = None) -> Tensor:
        """One step of the cell: `(N, F)` with the state `(N, H)`, or both without N, gives the new state."""
    @staticmethod
    def rotary_embedding(x: _Argument, positions: _Argument | None = None, base: builtins.float = 10000.0, interleaved: builtins.bool = False) -> Tensor:
        """`x` `(..., L, D)` with each pair of features turned by an angle that grows with the position (Su et al. 2021).

        Pair i turns by `position * base ** (-2 * i / D)`; a pair is features i and i + D/2, or 2i and 2i + 1 where `interleaved`.
        `positions` (integers) broadcast to `(..., L)`; by default they count from 0.
        """
    @staticmethod
    def rrelu(input: Tensor, lower: builtins.float = 0.125, upper: builtins.float = 0.333_333_333_333_333_3, training: builtins.bool = False, inplace: builtins.bool = False) -> Tensor:
        """`x` where positive, else x times a slope: drawn between `lower` and `upper` in training, else their mean."""
    @staticmethod
    def rrelu_(input: Tensor, lower: builtins.float = 0.125, upper: builtins.float = 0.333_333_333_333_333_3, training: builtins.bool = False) -> Tensor:
        """As `rrelu`, in place."""
    @staticmethod
    def scaled_dot_product_attention(query: _Argument, key: _Argument, value: _Argument, attn_mask: _Argument | None = None, dropout_p: builtins.float = 0.0, is_causal: builtins.bool = False, scale: builtins.float | None = None, enable_gqa: builtins.bool = False) -> Tensor:
        """`softmax(query @ key.mT * scale + attn_mask) @ value`: `(..., L, D)`, `(..., S, D)` and `(..., S, V)` give `(..., L, V)`.

        `attn_mask` broadcasts to `(..., L, S)`: bool (true where a key may be looked at) or added to the scores. `is_causal` lets
        query i look at keys 0 to i. `scale` is `1 / sqrt(D)` by default. With `enable_gqa` each head of keys and values (axis -3)
        serves several heads of queries. `dropout_p` acts whenever it is not 0. A query that may look at nothing gives zeros.
        """
    @staticmethod
    def selu(input: Tensor, inplace: builtins.bool = False) -> Tensor:
        """ELU scaled so that mean and variance are kept."""
    @staticmethod
    def selu_(input: Tensor) -> Tensor:
        """ELU scaled so that mean and variance are kept.

        In place.
        """
    @staticmethod
    def sigmoid(input: _Argument) -> Tensor:
        """The logistic function."""
    @staticmethod
    def silu(input: Tensor, inplace: builtins.bool = False) -> Tensor:
        """`x * sigmoid(x)`."""
    @staticmethod
    def silu_(input: Tensor) -> Tensor:
        """`x * sigmoid(x)`.

        In place.
        """
    @staticmethod
    def sinusoidal_positions(length: builtins.int, dim: builtins.int, base: builtins.float = 10000.0, dtype: _DtypeArgument | None = None) -> Tensor:
        """The sinusoidal encoding of positions 0 to `length - 1`: `(length, dim)`, with sines in even and cosines in odd columns
        (Vaswani et al. 2017).
        """
    @staticmethod
    def smooth_l1_loss(input: _Argument, target: _Argument, size_average: builtins.bool | None = None, reduce: builtins.bool | None = None, reduction: builtins.str = "mean", beta: builtins.float = 1.0, weight: _Argument | None = None) -> Tensor:
        """`0.5 * d**2 / beta` where the absolute difference d is below `beta`, else `d - 0.5 * beta`."""
    @staticmethod
    def soft_margin_loss(input: _Argument, target: _Argument, size_average: builtins.bool | None = None, reduce: builtins.bool | None = None, reduction: builtins.str = "mean") -> Tensor:
        """`log(1 + exp(-target * x))` for targets 1 and -1, without overflow."""
    @staticmethod
    def softmax(input: _Argument, dim: builtins.int | None = None, *, dtype: _DtypeArgument | None = None) -> Tensor:
        """`exp(x) / sum(exp(x))` along `dim`; converted to `dtype` first, where given."""
    @staticmethod
    def softmin(input: _Argument, dim: builtins.int | None = None, *, dtype: _DtypeArgument | None = None) -> Tensor:
        """Softmax of the negated input along `dim`."""
    @staticmethod
    def softplus(input: _Argument, beta: builtins.float = 1.0, threshold: builtins.float = 20.0) -> Tensor:
        """`log(1 + exp(beta * x)) / beta`; x itself where `beta * x` exceeds `threshold`."""
    @staticmethod
    def softshrink(input: _Argument, lambd: builtins.float = 0.5) -> Tensor:
        """x moved towards 0 by `lambd`; 0 where |x| is at most `lambd`."""
    @staticmethod
    def softsign(input: _Argument) -> Tensor:
        """`x / (1 + |x|)`."""
    @staticmethod
    def tanh(input: _Argument) -> Tensor:
        """The hyperbolic tangent."""
    @staticmethod
    def tanhshrink(input: _Argument) -> Tensor:
        """`x - tanh(x)`."""
    @staticmethod
    def threshold(input: Tensor, threshold: builtins.float, value: builtins.float, inplace: builtins.bool = False) -> Tensor:
        """x where it exceeds `threshold`, else `value`."""
    @staticmethod
    def threshold_(input: Tensor, threshold: builtins.float, value: builtins.float) -> Tensor:
        """x where it exceeds `threshold`, else `value`, in place."""
    @staticmethod
    def triplet_margin_loss(anchor: _Argument, positive: _Argument, negative: _Argument, margin: builtins.float = 1.0, p: builtins.float = 2.0, eps: builtins.float = 1e-6, swap: builtins.bool = False, size_average: builtins.bool | None = None, reduce: builtins.bool | None = None, reduction: builtins.str = "mean") -> Tensor:
        """`max(0, margin + d(anchor, positive) - d(anchor, negative))` for p-norms d over the last axis; with `swap` the
        distance of the two examples stands for the second one where it is shorter.
        """
    @staticmethod
    def triplet_margin_with_distance_loss(anchor: Tensor, positive: Tensor, negative: Tensor, *, distance_function: Any = None, margin: builtins.float = 1.0, swap: builtins.bool = False, reduction: builtins.str = "mean") -> Tensor:
        """The triplet loss with the distances that `distance_function` gives (by default the 2-norm of the difference)."""
    @staticmethod
    def unfold(input: _Argument, kernel_size: _Integers, dilation: _Integers = ..., padding: _Integers = ..., stride: _Integers = ...) -> Tensor:
        """The windows of `(N, C, H, W)` or `(C, H, W)` as columns: `(N, C * kernel_h * kernel_w, windows)`."""

def _alias(tensor: Tensor) -> Tensor:
    """The same tensor at a place of its own in the record of gradients, to differentiate with respect to."""

def _allow_bfloat16_products(allowed: builtins.bool, /) -> None:
    """Permits matrix products of float32 to round their operands to bfloat16, or takes it back. See
    `tenfold.set_float32_matmul_precision`.
    """

def _autocast_dtype() -> _Dtype | None:
    """The dtype of products on this thread, where one is set."""

def _depend_on_others(tensors: Sequence[Tensor], own: Sequence[Tensor]) -> builtins.bool:
    """True where some of the tensors depend on a leaf other than those of `own`."""

def _grad(outputs: Sequence[Tensor], inputs: Sequence[Tensor], grad_outputs: Sequence[Tensor | None], retain_graph: builtins.bool, create_graph: builtins.bool) -> builtins.list[Tensor | None]:
    """The gradients of `outputs` at `inputs`, in order; None at an input that they do not depend on."""

def _int_mm(input: Tensor, mat2: Tensor, /) -> Tensor:
    """The product of int8, summed in int32."""

def _level_of(tensors: Sequence[Tensor]) -> _Level | None:
    """The outermost level that some of the tensors have a value for each sample of."""

def _levels() -> _Levels:
    """The active levels of this thread."""

def _operation_table() -> builtins.list[Any]:
    """The operation table, a dict a row: what documentation and tests are made from."""

def _rebuild_tensor(of_class: builtins.type[Any], data: builtins.bytes, shape: Sequence[builtins.int], dtype: _DtypeArgument, requires_grad: builtins.bool, /) -> Any:
    """Makes a pickled tensor again."""

def _record_function(name: builtins.str, inputs: Sequence[Tensor], outputs: Sequence[Tensor], differentiable: Sequence[builtins.bool], saved: Sequence[Tensor], backward: Any) -> builtins.list[Tensor]:
    """Gives `outputs` a gradient edge to `inputs` whose derivative is `backward(saved, gradients, needs)`.

    `saved` are tensors that the derivative gets back; the edge holds them, and frees them with its other values.
    Outputs where `differentiable` is false stay without an edge.
    """

def _result_type(dtypes: Sequence[_DtypeArgument], numbers: Sequence[_Number]) -> _Dtype:
    """The dtype that dtypes and numbers meet in."""

def _set_autocast(dtype: _DtypeArgument | None, /) -> _Dtype | None:
    """Sets the dtype of products on this thread, or none; returns the one before. See `tenfold.autocast`."""

def _set_grad_enabled(on: builtins.bool) -> builtins.bool:
    """Records gradients on this thread or not; returns the state before."""

def _set_levels(levels: _Levels) -> _Levels:
    """Sets the active levels of this thread, to compute something again as it was computed first; returns those before."""

def abs(x: _Argument, /) -> Tensor:
    """The magnitude. The smallest signed integer wraps to itself."""

def absolute(x: _Argument, /) -> Tensor:
    """The same as `abs`."""

def acos(x: _Argument, /) -> Tensor:
    """The inverse cosine, in radians."""

def acosh(x: _Argument, /) -> Tensor:
    """The inverse hyperbolic cosine."""

def add(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The sum `x + y`. On bool the logical or."""

def all(x: Tensor, /, dim: _Integers | None = None, keepdim: builtins.bool = False, *, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
    """True where all elements over axes are true."""

def angle(x: _Argument, /) -> Tensor:
    """The angle in the complex plane: 0 or π for real numbers, NaN for NaN."""

def any(x: Tensor, /, dim: _Integers | None = None, keepdim: builtins.bool = False, *, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
    """True where any element over axes is true."""

def arange(start: _Number, /, stop: _Number | None = None, step: _Number | None = None, *, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """`start, start + step, …` before `stop`. With one bound it counts from 0."""

def arccos(x: _Argument, /) -> Tensor:
    """The same as `acos`."""

def arccosh(x: _Argument, /) -> Tensor:
    """The same as `acosh`."""

def arcsin(x: _Argument, /) -> Tensor:
    """The same as `asin`."""

def arcsinh(x: _Argument, /) -> Tensor:
    """The same as `asinh`."""

def arctan(x: _Argument, /) -> Tensor:
    """The same as `atan`."""

def arctan2(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The same as `atan2`."""

def arctanh(x: _Argument, /) -> Tensor:
    """The same as `atanh`."""

def argmax(x: Tensor, /, dim: builtins.int | None = None, keepdim: builtins.bool = False, *, axis: builtins.int | None = None, keepdims: builtins.bool | None = None) -> Tensor:
    """The index of the first largest element along an axis, or in row-major order."""

def argmin(x: Tensor, /, dim: builtins.int | None = None, keepdim: builtins.bool = False, *, axis: builtins.int | None = None, keepdims: builtins.bool | None = None) -> Tensor:
    """The index of the first smallest element along an axis, or in row-major order."""

def argsort(x: Tensor, /, dim: builtins.int | None = None, descending: builtins.bool = False, *, axis: builtins.int | None = None, stable: builtins.bool = True) -> Tensor:
    """The indices that put an axis in order. Always stable; NaN last."""

def as_tensor(data: Any, dtype: _DtypeArgument | None = None, device: Any = None) -> Tensor:
    """As `asarray`."""

def asarray(obj: Any, /, *, dtype: _DtypeArgument | None = None, device: Any = None, copy: builtins.bool | None = None) -> Tensor:
    """The array API's conversion: a tensor as it is, other objects as a tensor. Copies only where it must, unless `copy`
    says otherwise.
    """

def asin(x: _Argument, /) -> Tensor:
    """The inverse sine, in radians."""

def asinh(x: _Argument, /) -> Tensor:
    """The inverse hyperbolic sine."""

def astype(x: Tensor, dtype: _DtypeArgument, /, *, copy: builtins.bool = True, device: Any = None) -> Tensor:
    """In another dtype; a copy unless `copy` is False and the dtype is the same."""

def atan(x: _Argument, /) -> Tensor:
    """The inverse tangent, in radians."""

def atan2(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The angle of the point (`x`, `y`), in radians from −π to π; the first argument is `y`."""

def atanh(x: _Argument, /) -> Tensor:
    """The inverse hyperbolic tangent."""

def bitwise_and(x1: _Argument, x2: _Argument, /) -> Tensor:
    """Bitwise and; logical and of bool."""

def bitwise_invert(x: _Argument, /) -> Tensor:
    """Bitwise complement; logical not of bool."""

def bitwise_left_shift(x1: _Argument, x2: _Argument, /) -> Tensor:
    """`x` shifted left by `y` bits; 0 where the amount is negative or too wide."""

def bitwise_not(x: _Argument, /) -> Tensor:
    """The same as `bitwise_invert`."""

def bitwise_or(x1: _Argument, x2: _Argument, /) -> Tensor:
    """Bitwise or; logical or of bool."""

def bitwise_right_shift(x1: _Argument, x2: _Argument, /) -> Tensor:
    """`x` shifted right by `y` bits, keeping the sign; the sign alone where the amount is negative or too wide."""

def bitwise_xor(x1: _Argument, x2: _Argument, /) -> Tensor:
    """Bitwise exclusive or; logical exclusive or of bool."""

def broadcast_arrays(*arrays: Any) -> builtins.list[Tensor]:
    """All tensors broadcast to their common shape: views."""

def broadcast_to(x: Tensor, /, shape: _Integers) -> Tensor:
    """Repeated along axes of extent 1 to a shape, without a copy."""

def cat(tensors: Sequence[_Argument], dim: builtins.int = 0) -> Tensor:
    """Tensors joined along an axis that they have."""

def cbrt(x: _Argument, /) -> Tensor:
    """The cube root."""

def ceil(x: _Argument, /) -> Tensor:
    """The smallest whole number that is not smaller."""

def clip(x: Tensor, /, min: _Argument | None = None, max: _Argument | None = None) -> Tensor:
    """The elements limited to `min` and `max`: numbers or tensors."""

def concat(arrays: Sequence[_Argument], /, axis: builtins.int | None = 0, *, dim: builtins.int | None = None) -> Tensor:
    """Tensors joined along an axis that they have; flattened first where `axis` is None."""

def conj(x: _Argument, /) -> Tensor:
    """The complex conjugate; the number itself where it is real."""

def copysign(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The magnitude of `x` with the sign of `y`, of −0 too; a NaN, whose sign may be the processor's choice, is positive."""

def cos(x: _Argument, /) -> Tensor:
    """The cosine of an angle in radians."""

def cosh(x: _Argument, /) -> Tensor:
    """The hyperbolic cosine."""

def count_nonzero(x: Tensor, /, dim: _Integers | None = None, keepdim: builtins.bool = False, *, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
    """How many elements over axes are not zero."""

def cumulative_prod(x: Tensor, /, *, axis: builtins.int | None = None, dtype: _DtypeArgument | None = None, include_initial: builtins.bool = False) -> Tensor:
    """Running products along an axis; with `include_initial` they begin with 1."""

def cumulative_sum(x: Tensor, /, *, axis: builtins.int | None = None, dtype: _DtypeArgument | None = None, include_initial: builtins.bool = False) -> Tensor:
    """Running sums along an axis; with `include_initial` they begin with 0."""

def deg2rad(x: _Argument, /) -> Tensor:
    """An angle in radians from one in degrees."""

def diff(x: Tensor, /, *, axis: builtins.int = -1, n: builtins.int = 1, prepend: _Argument | None = None, append: _Argument | None = None) -> Tensor:
    """Differences of neighbours along an axis, `n` times."""

def digamma(x: _Argument, /) -> Tensor:
    """The derivative of `lgamma`."""

def div(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The same as `divide`."""

def divide(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The true quotient `x / y`; integers give floating point."""

def einsum(equation: builtins.str, *operands: Any) -> Tensor:
    """Sums of products by Einstein's convention: `einsum("ij,jk->ik", a, b)`."""

def empty(shape: _Integers, *sizes: Any, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """A tensor of a shape whose elements are not specified (here: zeros)."""

def empty_cache() -> None:
    """Gives memory that is cached for later tensors back to the system."""

def empty_like(x: Tensor, /, *, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """The same in the shape (and, unless given, the dtype) of `x`."""

def eq(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The same as `equal`."""

def equal(x1: _Argument, x2: _Argument, /) -> Tensor:
    """True where `x` equals `y`; NaN equals nothing."""

def erf(x: _Argument, /) -> Tensor:
    """The error function."""

def erfc(x: _Argument, /) -> Tensor:
    """One minus the error function, accurate where that is small."""

def erfinv(x: _Argument, /) -> Tensor:
    """The inverse of the error function; ±∞ at ±1, NaN beyond."""

def exp(x: _Argument, /) -> Tensor:
    """e to the power `x`."""

def exp2(x: _Argument, /) -> Tensor:
    """2 to the power `x`."""

def expand_dims(x: Tensor, /, axis: builtins.int = 0) -> Tensor:
    """A new axis of extent 1."""

def expit(x: _Argument, /) -> Tensor:
    """The same as `sigmoid`."""

def expm1(x: _Argument, /) -> Tensor:
    """e to the power `x`, minus 1, accurate near 0."""

def eye(n_rows: builtins.int, n_cols: builtins.int | None = None, /, *, k: builtins.int = 0, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """Ones on diagonal `k` of a matrix, zeros elsewhere."""

def fix(x: _Argument, /) -> Tensor:
    """The same as `trunc`."""

def flip(x: Tensor, /, dims: _Integers | None = None, *, axis: _Integers | None = None) -> Tensor:
    """Reversed along axes (all of them by default)."""

def floor(x: _Argument, /) -> Tensor:
    """The largest whole number that is not larger."""

def floor_divide(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The quotient rounded down to a whole number. For integers x // 0 is 0."""

def fmax(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The larger of two numbers; the other one where one is NaN."""

def fmin(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The smaller of two numbers; the other one where one is NaN."""

def fmod(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The remainder of division rounded towards zero, with the sign of `x`. For integers fmod(x, 0) is 0."""

def frac(x: _Argument, /) -> Tensor:
    """The part behind the point, with the sign of `x`."""

def from_dlpack(x: Any, /, *, device: Any = None, copy: builtins.bool | None = None) -> Tensor:
    """A tensor over the memory of an object with `__dlpack__`, without a copy unless `copy=True`.

    The memory is never written: in-place operations give the tensor memory of its own.
    """

def from_numpy(ndarray: Any, /) -> Tensor:
    """A tensor over the memory of a NumPy array (or anything with a buffer), without a copy. The tensor's operations never
    write there; in-place operations give the tensor memory of its own.
    """

def frombuffer(buffer: Any, *, dtype: _DtypeArgument, count: builtins.int = -1, offset: builtins.int = 0, requires_grad: builtins.bool = False) -> Tensor:
    """A vector of `count` elements (all by default) from byte `offset` on, of bytes or anything with a contiguous buffer,
    whatever its own format. Like `from_numpy` without a copy, but for bool, float16, bfloat16 and complex dtypes.
    """

def full(shape: _Integers, fill_value: _Number, *, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """`fill_value` everywhere. Its own dtype is the default: bool, int64, float32 or complex64."""

def full_like(x: Tensor, /, fill_value: _Number, *, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """`fill_value` everywhere, in the shape and (unless given) the dtype of `x`."""

def ge(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The same as `greater_equal`."""

def get_convolution() -> builtins.str:
    """How convolutions are computed: "auto" or "direct"."""

def get_debug() -> builtins.int:
    """How much is printed of what runs, 0 to 5."""

def get_num_threads() -> builtins.int:
    """The number of threads that kernels use."""

def get_rng_state() -> Tensor:
    """The state of this thread's sequence."""

def greater(x1: _Argument, x2: _Argument, /) -> Tensor:
    """True where `x` is larger than `y`."""

def greater_equal(x1: _Argument, x2: _Argument, /) -> Tensor:
    """True where `x` is at least `y`."""

def gt(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The same as `greater`."""

def heaviside(x1: _Argument, x2: _Argument, /) -> Tensor:
    """0 for negative numbers, 1 for positive ones, `y` at 0."""

def hypot(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The length `sqrt(x² + y²)`, without overflow on the way."""

def i0(x: _Argument, /) -> Tensor:
    """The modified Bessel function of the first kind and order 0."""

def i1(x: _Argument, /) -> Tensor:
    """The modified Bessel function of the first kind and order 1."""

def imag(x: _Argument, /) -> Tensor:
    """The imaginary part; 0 for real numbers."""

def initial_seed() -> builtins.int:
    """The seed of this thread's sequence."""

def is_checked() -> builtins.bool:
    """True where each kernel is held against the reference interpreter."""

def is_eager() -> builtins.bool:
    """True where each operation runs when it is called; false where it is recorded and runs at a look."""

def is_fused() -> builtins.bool:
    """True where operations share kernels."""

def is_grad_enabled() -> builtins.bool:
    """True where operations of this thread record gradients."""

def isfinite(x: _Argument, /) -> Tensor:
    """True where the number is neither infinite nor NaN."""

def isinf(x: _Argument, /) -> Tensor:
    """True where the number is infinite (a complex one: either part)."""

def isnan(x: _Argument, /) -> Tensor:
    """True where the number is NaN (a complex one: either part)."""

def isneginf(x: _Argument, /) -> Tensor:
    """True where the number is negative infinity."""

def isposinf(x: _Argument, /) -> Tensor:
    """True where the number is positive infinity."""

def le(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The same as `less_equal`."""

def lerp(x: _Argument, y: _Argument, weight: _Argument, /) -> Tensor:
    """`x + weight * (y - x)`, from the end that is nearer."""

def less(x1: _Argument, x2: _Argument, /) -> Tensor:
    """True where `x` is smaller than `y`."""

def less_equal(x1: _Argument, x2: _Argument, /) -> Tensor:
    """True where `x` is at most `y`."""

def lgamma(x: _Argument, /) -> Tensor:
    """The logarithm of the magnitude of the gamma function."""

def linspace(start: _Number, stop: _Number, /, num: builtins.int, *, dtype: _DtypeArgument | None = None, device: Any = None, endpoint: builtins.bool = True, requires_grad: builtins.bool = False) -> Tensor:
    """`num` numbers from `start` to `stop` in equal steps; the last one is `stop` if `endpoint`."""

def log(x: _Argument, /) -> Tensor:
    """The natural logarithm."""

def log10(x: _Argument, /) -> Tensor:
    """The logarithm to base 10."""

def log1p(x: _Argument, /) -> Tensor:
    """The natural logarithm of 1 + `x`, accurate near 0."""

def log2(x: _Argument, /) -> Tensor:
    """The logarithm to base 2."""

def log_sigmoid(x: _Argument, /) -> Tensor:
    """The logarithm of the logistic function, without overflow."""

def logaddexp(x1: _Argument, x2: _Argument, /) -> Tensor:
    """`log(exp(x) + exp(y))` without overflow."""

def logaddexp2(x1: _Argument, x2: _Argument, /) -> Tensor:
    """`log2(exp2(x) + exp2(y))` without overflow."""

def logical_and(x1: _Argument, x2: _Argument, /) -> Tensor:
    """True where both are true (not zero)."""

def logical_not(x: _Argument, /) -> Tensor:
    """True where `x` is false (zero)."""

def logical_or(x1: _Argument, x2: _Argument, /) -> Tensor:
    """True where one is true (not zero)."""

def logical_xor(x1: _Argument, x2: _Argument, /) -> Tensor:
    """True where exactly one is true (not zero)."""

def lt(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The same as `less`."""

def manual_seed(seed: builtins.int) -> None:
    """Begins the sequence of a seed for this thread."""

def matmul(x1: Tensor, x2: Tensor, /) -> Tensor:
    """The matrix product over the last two axes; batch axes broadcast."""

def matrix_transpose(x: Tensor, /) -> Tensor:
    """Matrices transposed: the last two axes exchanged."""

def max(x: Tensor, /, dim: Any = None, keepdim: builtins.bool = False, *, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Any:
    """The largest element over `axis` (NaN if any is NaN); with `dim` as the method: the values and their indices, or with
    a tensor the element-wise maximum.
    """

def maximum(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The larger of two numbers; NaN if either is NaN."""

def mean(x: Tensor, /, dim: _Integers | None = None, keepdim: builtins.bool = False, *, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Tensor:
    """The mean over axes."""

def memory_allocated() -> builtins.int:
    """Bytes that live tensors take."""

def memory_cached() -> builtins.int:
    """Bytes that are kept for later tensors."""

def meshgrid(*arrays: Any, indexing: builtins.str = "xy") -> builtins.list[Tensor]:
    """Coordinates from vectors: `indexing` "xy" (the first two axes exchanged) or "ij"."""

def min(x: Tensor, /, dim: Any = None, keepdim: builtins.bool = False, *, axis: _Integers | None = None, keepdims: builtins.bool | None = None) -> Any:
    """The smallest element over `axis` (NaN if any is NaN); with `dim` as the method: the values and their indices, or with
    a tensor the element-wise minimum.
    """

def minimum(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The smaller of two numbers; NaN if either is NaN."""

def moveaxis(x: Tensor, source: _Integers, destination: _Integers, /) -> Tensor:
    """Axes moved to other places."""

def mul(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The same as `multiply`."""

def multiply(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The product `x * y`. On bool the logical and."""

def ndtr(x: _Argument, /) -> Tensor:
    """The probability of a smaller number in the standard normal distribution; 0 instead of a subnormal float32."""

def ne(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The same as `not_equal`."""

def neg(x: _Argument, /) -> Tensor:
    """The same as `negative`."""

def negative(x: _Argument, /) -> Tensor:
    """The number with its sign changed."""

def nextafter(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The next representable number after `x` in the direction of `y`."""

def nonzero(x: Tensor, /) -> builtins.tuple[Any, ...]:
    """The indices of the elements that are not zero: a vector an axis."""

def normal(mean: builtins.float = 0.0, std: builtins.float = 1.0, size: _Integers | None = None, *, generator: Generator | None = None, dtype: _DtypeArgument | None = None, requires_grad: builtins.bool = False) -> Tensor:
    """Normal random numbers with the given mean and standard deviation."""

def normal_pdf(x: _Argument, /) -> Tensor:
    """The density of the standard normal distribution; 0 instead of a subnormal float32."""

def not_equal(x1: _Argument, x2: _Argument, /) -> Tensor:
    """True where `x` differs from `y`; NaN differs from everything."""

def ones(shape: _Integers, *sizes: Any, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """Ones of a shape, given as a tuple or extent by extent."""

def ones_like(x: Tensor, /, *, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """The same in the shape (and, unless given, the dtype) of `x`."""

def permute_dims(x: Tensor, /, axes: _Integers) -> Tensor:
    """Axes in a new order."""

def positive(x: _Argument, /) -> Tensor:
    """The number itself."""

def pow(x1: _Argument, x2: _Argument, /) -> Tensor:
    """`x` to the power `y`. A negative power of an integer is truncated."""

def power(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The same as `pow`."""

def prod(x: Tensor, /, dim: _Integers | None = None, keepdim: builtins.bool = False, *, axis: _Integers | None = None, dtype: _DtypeArgument | None = None, keepdims: builtins.bool | None = None) -> Tensor:
    """The product over axes, in int64 (uint64) for integers unless `dtype` says otherwise."""

def rad2deg(x: _Argument, /) -> Tensor:
    """An angle in degrees from one in radians."""

def rand(*size: Any, generator: Generator | None = None, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """Uniform random numbers in [0, 1)."""

def rand_like(input: Tensor, *, generator: Generator | None = None, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """The same in the shape (and, unless given, the dtype) of a tensor."""

def randint(*bounds: Any, size: _Integers | None = None, generator: Generator | None = None, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """Random whole numbers from `low` (0 unless given) to `high`, which is not among them: `randint(low, high, size)`."""

def randn(*size: Any, generator: Generator | None = None, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """Normal random numbers with mean 0 and variance 1."""

def randn_like(input: Tensor, *, generator: Generator | None = None, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """The same in the shape (and, unless given, the dtype) of a tensor."""

def randperm(n: builtins.int, *, generator: Generator | None = None, dtype: _DtypeArgument | None = None, device: Any = None) -> Tensor:
    """The whole numbers from 0 to n − 1 in random order."""

def real(x: _Argument, /) -> Tensor:
    """The real part."""

def reciprocal(x: _Argument, /) -> Tensor:
    """One divided by the number."""

def relu(x: _Argument, /) -> Tensor:
    """The larger of the number and 0; NaN stays NaN. The gradient at 0 is 0."""

def remainder(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The remainder of floor division, with the sign of `y`. For integers x % 0 is 0."""

def repeat(x: Tensor, repeats: Any, /, *, axis: builtins.int | None = None) -> Tensor:
    """Each element (or slice along an axis) repeated: the same number of times, or each its own."""

def reshape(x: Tensor, /, shape: _Integers, *, copy: builtins.bool | None = None) -> Tensor:
    """The elements under another shape. `copy` forces a copy (True) or forbids it (False)."""

def roll(x: Tensor, /, shift: _Integers | None = None, dims: _Integers | None = None, *, axis: _Integers | None = None, shifts: _Integers | None = None) -> Tensor:
    """Elements moved along axes, around the end to the beginning."""

def round(x: _Argument, /) -> Tensor:
    """The nearest whole number; halves go to the even one."""

def rsqrt(x: _Argument, /) -> Tensor:
    """One divided by the square root."""

def searchsorted(x1: _Argument, x2: _Argument, /, *, side: builtins.str = "left", sorter: _Argument | None = None) -> Tensor:
    """Where each element of `x2` would have to be inserted into the sorted vector `x1`."""

def set_backend(name: builtins.str) -> None:
    """What runs kernels: "cpu", or "reference" (slow and exact). Switch of the environment: TENFOLD_DEVICE."""

def set_checked(on: builtins.bool) -> None:
    """Holds each kernel against the reference interpreter (slow). Switch of the environment: TENFOLD_CHECK."""

def set_convolution(algorithm: builtins.str) -> None:
    """Chooses how convolutions are computed: "auto" takes Winograd's tiles in float32 for many channels and filters of two to
    five elements along both axes or the last one (longer ones with a stride of half or a third of their length, or less),
    which is up to several times as fast and rounds about ten times as coarsely; "direct" computes all by their definition.
    Switch of the environment: TENFOLD_CONV.
    """

def set_debug(level: builtins.int) -> None:
    """Prints what runs on standard error: 0 nothing, 1 a line a kernel, 2 what was fused and why not, 3 expressions too, 5 the
    recorded graph too. Switch of the environment: TENFOLD_DEBUG.
    """

def set_eager(on: builtins.bool) -> None:
    """Runs each operation when it is called, or records and runs at a look. Switch of the environment: TENFOLD_EAGER."""

def set_fused(on: builtins.bool) -> None:
    """Lets operations share kernels, or runs one kernel an operation. Switch of the environment: TENFOLD_FUSE."""

def set_num_threads(threads: builtins.int) -> None:
    """Sets the number of threads that kernels use. Switch of the environment: TENFOLD_THREADS."""

def set_printoptions(precision: builtins.int | None = None, threshold: builtins.float | None = None, edgeitems: builtins.int | None = None, linewidth: builtins.float | None = None, profile: builtins.str | None = None, sci_mode: builtins.bool | None = None) -> None:
    """Sets how tensors are written; what is not given stays, except that `sci_mode` returns to None (where needed).

    `precision` is the number of digits behind the point, `threshold` the number of elements from which on a tensor is
    summarized, `edgeitems` how many are shown at either end then, `linewidth` the length of a line. `profile` is
    `"default"`, `"short"` or `"full"`.
    """

def set_rng_state(new_state: Tensor) -> None:
    """Goes on with this thread's sequence from a state."""

def set_simd(tier: builtins.str) -> None:
    """Chooses the SIMD tier. Switch of the environment: TENFOLD_SIMD."""

def sgn(x: _Argument, /) -> Tensor:
    """The same as `sign`."""

def sigmoid(x: _Argument, /) -> Tensor:
    """The logistic function 1 / (1 + exp(−x))."""

def sign(x: _Argument, /) -> Tensor:
    """−1, 0 (also for −0) or 1 by the sign; x / |x| for a complex number; NaN stays NaN."""

def signbit(x: _Argument, /) -> Tensor:
    """True where the sign bit is set, of −0 and NaN too (of a computed NaN the processor's choice); negative integers."""

def silu(x: _Argument, /) -> Tensor:
    """The number times its logistic function (swish)."""

def simd() -> builtins.str:
    """The SIMD tier that kernels use: "portable", "avx2" or "avx512"."""

def sin(x: _Argument, /) -> Tensor:
    """The sine of an angle in radians."""

def sinc(x: _Argument, /) -> Tensor:
    """sin(πx) / (πx), and 1 at 0."""

def sinh(x: _Argument, /) -> Tensor:
    """The hyperbolic sine."""

def sort(x: Tensor, /, dim: builtins.int | None = None, descending: builtins.bool = False, *, axis: builtins.int | None = None, stable: builtins.bool = True) -> Any:
    """The elements in order along an axis; with `dim` as the method: also the indices. Always stable; NaN last."""

def sqrt(x: _Argument, /) -> Tensor:
    """The square root, correctly rounded."""

def square(x: _Argument, /) -> Tensor:
    """The square `x * x`."""

def squeeze(x: Tensor, /, axis: _Integers | None = None, *, dim: _Integers | None = None) -> Tensor:
    """Without these axes, which must have extent 1; with `dim` as the method, which leaves other extents as they are."""

def stack(arrays: Sequence[_Argument], /, dim: builtins.int | None = None, *, axis: builtins.int | None = None) -> Tensor:
    """Tensors of one shape joined along a new axis."""

def std(x: Tensor, /, *, axis: _Integers | None = None, correction: builtins.float = 0.0, keepdims: builtins.bool = False) -> Tensor:
    """The standard deviation over axes: the root of `var`."""

def sub(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The same as `subtract`."""

def subtract(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The difference `x - y`."""

def sum(x: Tensor, /, dim: _Integers | None = None, keepdim: builtins.bool = False, *, axis: _Integers | None = None, dtype: _DtypeArgument | None = None, keepdims: builtins.bool | None = None) -> Tensor:
    """The sum over axes, in int64 (uint64) for integers unless `dtype` says otherwise."""

def synchronize() -> None:
    """Runs everything that this thread has recorded. Nobody needs this but a stopwatch."""

def take(x: Tensor, indices: _Argument, /, *, axis: builtins.int | None = None) -> Tensor:
    """The slices of an axis that a vector of integers names."""

def take_along_axis(x: Tensor, indices: _Argument, /, *, axis: builtins.int = -1) -> Tensor:
    """The elements of each row that integers along an axis name."""

def tan(x: _Argument, /) -> Tensor:
    """The tangent of an angle in radians."""

def tanh(x: _Argument, /) -> Tensor:
    """The hyperbolic tangent."""

def tensor(data: Any, *, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """A tensor of the given numbers: nested sequences, NumPy arrays, tensors. Always copies.

    Integers give int64, floats float32, unless `dtype` says otherwise.
    """

def tensordot(x1: Tensor, x2: Tensor, /, dims: Any = None, *, axes: Any = None) -> Tensor:
    """Sums of products over pairs of axes: the last `axes` of `x1` with the first of `x2`, or two sequences of axes."""

def tile(x: Tensor, repetitions: _Integers, /) -> Tensor:
    """Repeated as a whole along the last axes."""

def trigamma(x: _Argument, /) -> Tensor:
    """The derivative of `digamma`."""

def tril(x: Tensor, /, diagonal: builtins.int | None = None, *, k: builtins.int | None = None) -> Tensor:
    """Elements on and below a diagonal of matrices, zeros above."""

def triu(x: Tensor, /, diagonal: builtins.int | None = None, *, k: builtins.int | None = None) -> Tensor:
    """Elements on and above a diagonal of matrices, zeros below."""

def true_divide(x1: _Argument, x2: _Argument, /) -> Tensor:
    """The same as `divide`."""

def trunc(x: _Argument, /) -> Tensor:
    """The whole number next to `x` in the direction of zero."""

def unstack(x: Tensor, /, *, axis: builtins.int = 0) -> builtins.tuple[Any, ...]:
    """The elements along an axis, one tensor (view) each."""

def var(x: Tensor, /, *, axis: _Integers | None = None, correction: builtins.float = 0.0, keepdims: builtins.bool = False) -> Tensor:
    """The variance over axes, divided by count − `correction`."""

def vecdot(x1: Tensor, x2: Tensor, /, *, axis: builtins.int = -1) -> Tensor:
    """Inner products along an axis (the first operand conjugated); other axes broadcast."""

def where(condition: _Argument, x: _Argument, y: _Argument, /) -> Tensor:
    """`x` where the condition holds, else `y`."""

def xlogy(x1: _Argument, x2: _Argument, /) -> Tensor:
    """`x * log(y)`, and 0 where `x` is 0 (but NaN where `y` is NaN)."""

def zeros(shape: _Integers, *sizes: Any, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """Zeros of a shape, given as a tuple or extent by extent."""

def zeros_like(x: Tensor, /, *, dtype: _DtypeArgument | None = None, device: Any = None, requires_grad: builtins.bool = False) -> Tensor:
    """The same in the shape (and, unless given, the dtype) of `x`."""
