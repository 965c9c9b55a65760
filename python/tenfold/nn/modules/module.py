"""The base class of layers and models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar

from tenfold import _core
from tenfold._core import Tensor
from tenfold.autograd import no_grad
from tenfold.nn.modules._hooks import AllModules, HookHandle, Hooks, call_with_hooks
from tenfold.nn.modules._registration import (
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
)
from tenfold.nn.modules._state import EXTRA_STATE, IncompatibleKeys, compare, did_you_mean, failure
from tenfold.nn.parameter import Buffer, Parameter, UninitializedBuffer

# The hooks of every module are found here, as in PyTorch, and not in `nn`.
__all__ = ["Module"]
_REGISTRATIONS = (
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
)

_T = TypeVar("_T")
_NO_HOOKS = Hooks()
_MEMBERS = ("_parameters", "_buffers", "_modules")


class Module:
    """A layer or a model: parameters, buffers and other modules, with a ``forward``.

    A subclass calls ``super().__init__()`` first; what it assigns then is found by kind: a :class:`Parameter` is
    trained, a module is a part, and ``register_buffer`` keeps tensors that are saved and moved but not trained.

    >>> import tenfold as tf
    >>> from tenfold import nn
    >>> class Scale(nn.Module):
    ...     def __init__(self, size):
    ...         super().__init__()
    ...         self.factor = nn.Parameter(tf.ones(size))
    ...
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> scale = Scale(3)
    >>> scale(tf.tensor([1.0, 2.0, 3.0])).tolist()
    [1.0, 2.0, 3.0]
    >>> list(scale.state_dict())
    ['factor']
    """

    training: bool
    _parameters: dict[str, Parameter | None]
    _buffers: dict[str, Tensor | None]
    _modules: dict[str, Module | None]

    def __init__(self) -> None:
        # Not through __setattr__, which needs the dictionaries.
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _non_persistent_buffers_set=set(),
            _modules={},
            _forward_pre_hooks=Hooks(),
            _forward_hooks=Hooks(),
            # Hooks of other kinds, by kind; most modules have none.
            _more_hooks={},
        )

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What a call computes; each subclass defines its own."""
        raise NotImplementedError(f'Module [{type(self).__name__}] is missing the required "forward" function')

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._forward_hooks or self._forward_pre_hooks or self._more_hooks or AllModules.any():
            return call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    # --- Members

    def __getattr__(self, name: str) -> Any:
        own = self.__dict__
        for members in _MEMBERS:
            if members in own and name in own[members]:
                return own[members][name]
        hint = "" if "_parameters" in own else ". Hint: call super().__init__() first"
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'{hint}", name=name, obj=self)

    def __setattr__(self, name: str, value: Any) -> None:
        own = self.__dict__
        if "_parameters" not in own:
            if isinstance(value, Parameter | Module):
                raise AttributeError(
                    f"{type(self).__name__}: cannot assign {name!r} before Module.__init__() call. "
                    "Hint: call super().__init__() first"
                )
            object.__setattr__(self, name, value)
        elif isinstance(value, Parameter):
            self._forget(name)
            self.register_parameter(name, value)
        elif isinstance(value, Module):
            self._forget(name)
            self.register_module(name, value)
        elif isinstance(value, Buffer | UninitializedBuffer):
            self._forget(name)
            self.register_buffer(name, value, value.persistent)
        elif name in own["_parameters"]:
            if value is not None:
                raise TypeError(
                    f"{type(self).__name__}: cannot assign '{_type_name(value)}' as parameter '{name}' "
                    "(tenfold.nn.Parameter or None expected)"
                )
            own["_parameters"][name] = None
        elif name in own["_modules"]:
            if value is not None:
                raise TypeError(
                    f"{type(self).__name__}: cannot assign '{_type_name(value)}' as child module '{name}' "
                    "(tenfold.nn.Module or None expected)"
                )
            own["_modules"][name] = None
        elif name in own["_buffers"]:
            if value is not None and not isinstance(value, Tensor):
                raise TypeError(
                    f"{type(self).__name__}: cannot assign '{_type_name(value)}' as buffer '{name}' "
                    "(tenfold.Tensor or None expected)"
                )
            own["_buffers"][name] = value
        else:
            object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        if not self._forget(name):
            object.__delattr__(self, name)

    def _forget(self, name: str) -> bool:
        """Removes the attribute, whatever it is; False if there was none among members and plain attributes."""
        own = self.__dict__
        found = False
        for members in (own, *(own[members] for members in _MEMBERS)):
            if name in members:
                del members[name]
                found = True
        own["_non_persistent_buffers_set"].discard(name)
        return found

    def __dir__(self) -> list[str]:
        own = self.__dict__
        return sorted({*super().__dir__(), *(name for members in _MEMBERS for name in own.get(members, ()))})

    def _check_new_name(self, operation: str, name: str, members: str) -> None:
        if "_parameters" not in self.__dict__:
            raise AttributeError(f"{operation}: called before Module.__init__(). Hint: call super().__init__() first")
        if not isinstance(name, str):
            raise TypeError(f"{operation}: the name should be a string; got {type(name).__name__}")
        if "." in name:
            raise KeyError(f"{operation}: the name can't contain '.'; got {name!r}")
        if not name:
            raise KeyError(f"{operation}: the name can't be empty")
        if hasattr(self, name) and name not in self.__dict__[members]:
            raise KeyError(f"{operation}: attribute '{name}' already exists")

    def register_parameter(self, name: str, param: Parameter | None) -> None:
        """Adds a parameter; None keeps the name for one that may come later."""
        self._check_new_name("register_parameter", name, "_parameters")
        if param is not None and not isinstance(param, Parameter):
            raise TypeError(
                f"register_parameter: cannot assign '{_type_name(param)}' to parameter '{name}' "
                "(tenfold.nn.Parameter or None required)"
            )
        if param is not None and not param.is_leaf:
            raise ValueError(
                f"register_parameter: cannot assign a non-leaf tensor to parameter '{name}'. "
                "Hint: compute from parameters in forward()"
            )
        self._parameters[name] = param

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Adds a tensor that belongs to the state but is not trained; in ``state_dict()`` only if ``persistent``."""
        self._check_new_name("register_buffer", name, "_buffers")
        if tensor is not None and not isinstance(tensor, Tensor):
            raise TypeError(
                f"register_buffer: cannot assign '{_type_name(tensor)}' to buffer '{name}' "
                "(tenfold.Tensor or None required)"
            )
        self._buffers[name] = tensor
        not_saved: set[str] = self.__dict__["_non_persistent_buffers_set"]
        (not_saved.discard if persistent else not_saved.add)(name)

    def register_module(self, name: str, module: Module | None) -> None:
        """Adds a part under a name; None keeps the name for one that may come later."""
        self._check_new_name("register_module", name, "_modules")
        if module is not None and not isinstance(module, Module):
            raise TypeError(f"register_module: {_type_name(module)} is not a Module subclass")
        self._modules[name] = module

    add_module = register_module

    def get_submodule(self, target: str) -> Module:
        """The module at a path of names such as ``"encoder.0"``; the module itself for ``""``."""
        module = self
        for name in target.split(".") if target else ():
            found = module._modules.get(name)
            if found is None:
                hint = did_you_mean(name, (key for key, part in module._modules.items() if part is not None))
                raise AttributeError(f"get_submodule: {type(module).__name__} has no module '{name}'.{hint}")
            module = found
        return module

    def set_submodule(self, target: str, module: Module, strict: bool = False) -> None:
        """Puts a module at a path of names such as ``"encoder.0"``; with ``strict`` one must be there already.

        >>> from tenfold import nn
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU())
        >>> model.set_submodule("1", nn.Tanh())
        >>> model[1]
        Tanh()
        """
        if not target:
            raise ValueError("set_submodule: cannot set the module itself; got an empty path")
        if not isinstance(module, Module):
            raise ValueError(f"set_submodule: needs a module; got {_type_name(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and parent._modules.get(name) is None:
            raise AttributeError(f"set_submodule: {type(parent).__name__} has no module '{name}'")
        if parent._modules.get(name) is None and hasattr(parent, name):
            raise AttributeError(f"set_submodule: '{name}' of {type(parent).__name__} is no module")
        parent._modules[name] = module

    def get_parameter(self, target: str) -> Parameter:
        """The parameter at a path of names such as ``"encoder.0.weight"``."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        found = module._parameters.get(name)
        if found is None:
            hint = did_you_mean(name, module._parameters)
            raise AttributeError(f"get_parameter: {type(module).__name__} has no parameter '{name}'.{hint}")
        return found

    def get_buffer(self, target: str) -> Tensor:
        """The buffer at a path of names such as ``"1.running_mean"``."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        found = module._buffers.get(name)
        if found is None:
            hint = did_you_mean(name, module._buffers)
            raise AttributeError(f"get_buffer: {type(module).__name__} has no buffer '{name}'.{hint}")
        return found

    # --- Walks

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """The module itself and all below with their paths; each once, unless ``remove_duplicate=False``."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                yield from module.named_modules(memo, f"{prefix}.{name}" if prefix else name, remove_duplicate)

    def _named_members(
        self, members: Callable[[Module], Iterable[tuple[str, _T | None]]], prefix: str, recurse: bool, once: bool
    ) -> Iterator[tuple[str, _T]]:
        seen: set[int] = set()
        modules = self.named_modules(prefix=prefix, remove_duplicate=once) if recurse else [(prefix, self)]
        for path, module in modules:
            for name, member in members(module):
                if member is None or id(member) in seen:
                    continue
                if once:
                    seen.add(id(member))
                yield f"{path}.{name}" if path else name, member

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Parameters with their paths, those of the parts too (unless ``recurse=False``); a shared one once."""
        return self._named_members(lambda module: module._parameters.items(), prefix, recurse, remove_duplicate)

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Buffers with their paths, those of the parts too (unless ``recurse=False``); a shared one once."""
        return self._named_members(lambda module: module._buffers.items(), prefix, recurse, remove_duplicate)

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """The direct parts with their names, each once."""
        seen: set[int] = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """The parameters, those of the parts too (unless ``recurse=False``): what an optimizer is given."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """The buffers, those of the parts too (unless ``recurse=False``)."""
        return (buffer for _, buffer in self.named_buffers(recurse=recurse))

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """The module itself and all below; each once, unless ``remove_duplicate=False``."""
        return (module for _, module in self.named_modules(remove_duplicate=remove_duplicate))

    def children(self) -> Iterator[Module]:
        """The direct parts, each once."""
        return (module for _, module in self.named_children())

    def apply(self, fn: Callable[[Module], None]) -> Self:
        """Calls ``fn`` with each module, parts first; for instance to initialise weights."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    # --- State

    def state_dict(
        self, *, destination: dict[str, Any] | None = None, prefix: str = "", keep_vars: bool = False
    ) -> dict[str, Any]:
        """Parameters and persistent buffers by path.

        The tensors are views: they change as training goes on (``clone()`` them to keep a moment), and carry no
        gradient unless ``keep_vars``.
        """
        state: dict[str, Any] = {} if destination is None else destination
        for hook in list(self._hooks_of("state_dict_pre").values()):
            hook.function(self, prefix, keep_vars)
        self._save_to_state_dict(state, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(destination=state, prefix=f"{prefix}{name}.", keep_vars=keep_vars)
        for hook in list(self._hooks_of("state_dict").values()):
            if hook.function(self, state, prefix, {}) is not None:
                raise RuntimeError("register_state_dict_post_hook: a hook changes the state in place and returns None")
        return state

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        """Adds what belongs to this module alone."""
        not_saved: set[str] = self.__dict__["_non_persistent_buffers_set"]
        saved = (item for item in self._buffers.items() if item[0] not in not_saved)
        for name, value in (*self._parameters.items(), *saved):
            if value is not None:
                destination[prefix + name] = value if keep_vars else value.detach()
        if type(self).get_extra_state is not Module.get_extra_state:
            destination[prefix + EXTRA_STATE] = self.get_extra_state()

    def get_extra_state(self) -> Any:
        """What a subclass wants to save beside parameters and buffers, under "_extra_state"."""
        raise RuntimeError(f"get_extra_state: {type(self).__name__} does not define it")

    def set_extra_state(self, state: Any) -> None:  # noqa: ARG002
        """Takes what ``get_extra_state`` gave."""
        raise RuntimeError(f"set_extra_state: {type(self).__name__} does not define it")

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> IncompatibleKeys:
        """Copies the values of ``state_dict`` into parameters and buffers of the same paths, converting dtypes.

        Keys must match exactly if ``strict``, shapes always: otherwise RuntimeError, and nothing is changed. With
        ``assign`` the tensors take the places of the module's own, with their dtypes. Returns the keys that the
        module misses and those that it does not know.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"load_state_dict: expected state_dict to be dict-like; got {type(state_dict).__name__}")
        state = dict(state_dict)
        complaints = self._call_load_pre_hooks(state, strict)
        keys, mismatches = compare(self, state)
        mismatches += complaints
        after = [(module, hook) for module in self.modules() for hook in module._hooks_of("load").values()]
        # A hook may still forgive keys; shapes must fit in any case.
        message = failure(self, keys, mismatches, strict and not after)
        if message:
            raise RuntimeError(message)
        self._take(state, assign)
        for module, hook in reversed(after):
            if hook.function(module, keys) is not None:
                raise RuntimeError(
                    "register_load_state_dict_post_hook: a hook changes the keys in place and returns None"
                )
        if message := failure(self, keys, [], strict):
            raise RuntimeError(message)
        return keys

    def _call_load_pre_hooks(self, state: dict[str, Any], strict: bool) -> list[str]:
        """Lets the hooks of all parts change the state; gives what they have to complain of."""
        complaints: list[str] = []
        for path, module in self.named_modules():
            prefix = f"{path}." if path else ""
            module._complete_state(state, prefix)
            for hook in list(module._hooks_of("load_pre").values()):
                hook.function(module, state, prefix, {}, strict, [], [], complaints)
        return complaints

    def _complete_state(self, state: dict[str, Any], prefix: str) -> None:
        """Adds what older states lack, in place."""

    def _take(self, state: Mapping[str, Any], assign: bool) -> None:
        """Copies the values of a state that fits, or puts them in the places of the module's own."""
        with no_grad():
            for key, mine in self.state_dict(keep_vars=True).items():
                if key not in state:
                    continue
                path, _, name = key.rpartition(".")
                value = state[key]
                if name == EXTRA_STATE:
                    self.get_submodule(path).set_extra_state(value)
                elif not assign:
                    mine.copy_(value)
                else:
                    if isinstance(mine, Parameter) and not isinstance(value, Parameter):
                        value = Parameter(value, mine.requires_grad)
                    setattr(self.get_submodule(path), name, value)

    # --- Modes and conversions

    def train(self, mode: bool = True) -> Self:
        """Puts the module and its parts into training mode (dropout drops, batch norm measures), or out of it."""
        if not isinstance(mode, bool):
            raise ValueError(f"train: training mode is expected to be boolean; got {mode!r}")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self) -> Self:
        """Puts the module and its parts into evaluation mode."""
        return self.train(False)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Lets gradients flow to all parameters, or freezes them."""
        for parameter in self.parameters():
            parameter.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients of all parameters, or fills them with zeros."""
        for parameter in self.parameters():
            if set_to_none or parameter.grad is None:
                parameter.grad = None
            elif parameter.grad.requires_grad:
                parameter.grad = _core.zeros_like(parameter.grad)
            else:
                parameter.grad.zero_()

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """Replaces the values of parameters, gradients and buffers by ``fn`` of them; the parameters stay the same."""
        for module in self.modules() if recurse else [self]:
            for parameter in module._parameters.values():
                if parameter is not None:
                    gradient = parameter.grad
                    with no_grad():
                        parameter.data = fn(parameter.data)
                        if gradient is not None:
                            parameter.grad = fn(gradient)
            for name, buffer in module._buffers.items():
                if isinstance(buffer, UninitializedBuffer):
                    buffer.data = fn(buffer.data)
                elif buffer is not None:
                    module._buffers[name] = fn(buffer)
        return self

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Moves or converts in place: ``to(device)``, ``to(dtype)``, ``to(device, dtype)`` or ``to(tensor)``.

        A dtype must be floating-point or complex, and converts only tensors that are; integers stay.
        """
        device, dtype = _to_arguments(*args, **kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(f"to: Module.to only accepts floating point or complex dtypes; got {dtype}")

        def convert(tensor: Tensor) -> Tensor:
            if device is not None:
                tensor = tensor.to(device)
            return tensor.to(dtype) if dtype is not None and _is_inexact(tensor) else tensor

        return self._apply(convert)

    def to_empty(self, *, device: Any, recurse: bool = True) -> Self:
        """Gives parameters and buffers (with ``recurse`` of all parts too) new memory; its values are arbitrary."""
        return self._apply(lambda tensor: _core.empty_like(tensor, device=device), recurse)

    def cpu(self) -> Self:
        """Moves parameters and buffers to the CPU."""
        return self.to("cpu")

    def type(self, dst_type: Any) -> Self:
        """Converts all parameters and buffers to a dtype, integers too."""
        return self._apply(lambda tensor: tensor.to(dst_type))

    def float(self) -> Self:
        """Converts floating-point parameters and buffers to float32."""
        return self._to_float(_core.float32)

    def double(self) -> Self:
        """Converts floating-point parameters and buffers to float64."""
        return self._to_float(_core.float64)

    def half(self) -> Self:
        """Converts floating-point parameters and buffers to float16."""
        return self._to_float(_core.float16)

    def bfloat16(self) -> Self:
        """Converts floating-point parameters and buffers to bfloat16."""
        return self._to_float(_core.bfloat16)

    def _to_float(self, dtype: Any) -> Self:
        return self._apply(lambda tensor: tensor.to(dtype) if tensor.dtype.is_floating_point else tensor)

    # --- Hooks

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> HookHandle:
        """Calls ``hook(module, args)`` before each forward; what it returns (unless None) replaces the arguments.

        With ``with_kwargs`` it is ``hook(module, args, kwargs)``, returning a pair.
        """
        hooks: Hooks = self.__dict__["_forward_pre_hooks"]
        return hooks.register(hook, prepend, with_kwargs)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> HookHandle:
        """Calls ``hook(module, args, output)`` after each forward; what it returns (unless None) replaces the output.

        With ``with_kwargs`` it is ``hook(module, args, kwargs, output)``.
        """
        hooks: Hooks = self.__dict__["_forward_hooks"]
        return hooks.register(hook, prepend, with_kwargs, always_call)

    def register_full_backward_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Calls ``hook(module, grad_output)`` when the gradients of the module's results are known.

        A tuple that it returns replaces them.
        """
        return self._more_hooks.setdefault("backward_pre", Hooks()).register(hook, prepend)

    def register_full_backward_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Calls ``hook(module, grad_input, grad_output)`` when the gradients of the module's arguments are known.

        A tuple that it returns replaces ``grad_input``. Both are tuples, with None for what is no tensor or has no
        gradient.

        >>> import tenfold as tf
        >>> from tenfold import nn
        >>> layer = nn.Tanh()
        >>> handle = layer.register_full_backward_hook(lambda module, grad_input, grad_output: (grad_input[0] * 2,))
        >>> x = tf.zeros(1, requires_grad=True)
        >>> layer(x).backward()
        >>> x.grad
        tensor([2.])
        """
        return self._more_hooks.setdefault("backward", Hooks()).register(hook, prepend)

    def register_backward_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """PyTorch's deprecated form is not offered: NotImplementedError."""
        raise NotImplementedError("register_backward_hook: is not offered. Hint: use register_full_backward_hook")

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Calls ``hook(module, prefix, keep_vars)`` before ``state_dict()`` looks at the module."""
        return self._more_hooks.setdefault("state_dict_pre", Hooks()).register(hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Calls ``hook(module, state_dict, prefix, local_metadata)`` with the finished state, which it may change."""
        return self._more_hooks.setdefault("state_dict", Hooks()).register(hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Calls ``hook`` before a state is loaded, with a copy of the state that it may change.

        Its arguments are ``(module, state_dict, prefix, local_metadata, strict, missing_keys, unexpected_keys,
        error_msgs)``; what it appends to ``error_msgs`` becomes part of the error.
        """
        return self._more_hooks.setdefault("load_pre", Hooks()).register(hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Calls ``hook(module, incompatible_keys)`` after a state was loaded; it may change the two lists of keys."""
        return self._more_hooks.setdefault("load", Hooks()).register(hook)

    def _hooks_of(self, kind: str) -> Hooks:
        return self._more_hooks.get(kind) or _NO_HOOKS

    def _register_load_state_dict_pre_hook(self, hook: Callable[..., Any], with_module: bool = False) -> HookHandle:
        if with_module:
            return self.register_load_state_dict_pre_hook(hook)
        return self.register_load_state_dict_pre_hook(lambda _module, *arguments: hook(*arguments))

    # --- Text

    def _get_name(self) -> str:
        return type(self).__name__

    def extra_repr(self) -> str:
        """What stands between the parentheses of the module's text; a subclass gives its own."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        parts = [f"({name}): {_indented(repr(module))}" for name, module in self._modules.items()]
        if not parts and len(lines) <= 1:
            return f"{self._get_name()}({extra})"
        body = "\n  ".join(lines + parts)
        return f"{self._get_name()}(\n  {body}\n)"


def _indented(text: str) -> str:
    return text.replace("\n", "\n  ")


def _type_name(value: object) -> str:
    return type(value).__name__


def _is_inexact(tensor: Tensor) -> bool:
    return tensor.dtype.is_floating_point or tensor.dtype.is_complex


def _to_arguments(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
    """Device and dtype out of the arguments of ``to``."""
    given = {name: kwargs.pop(name, None) for name in ("device", "dtype", "tensor")}
    non_blocking, memory_format = kwargs.pop("non_blocking", False), kwargs.pop("memory_format", None)
    if kwargs:
        raise TypeError(f"to: got an unexpected keyword argument '{next(iter(kwargs))}'")
    if memory_format is not None:
        raise NotImplementedError("to: memory_format is not offered")
    if not isinstance(non_blocking, bool):
        raise TypeError(f"to: non_blocking should be a bool; got {non_blocking!r}")
    for value in args:
        if isinstance(value, bool):  # the position of non_blocking, which changes nothing here
            continue
        kind = "tensor" if isinstance(value, Tensor) else "dtype" if isinstance(value, _core.dtype) else "device"
        if given[kind] is not None:
            raise TypeError(f"to: {kind} is given twice")
        given[kind] = value
    if given["tensor"] is not None:
        return given["tensor"].device, given["tensor"].dtype
    return given["device"], given["dtype"]
