"""The base class of optimizers: parameter groups and state."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from typing import Any

from tenfold import _core
from tenfold._core import Tensor
from tenfold.autograd import enable_grad, no_grad
from tenfold.nn.modules._hooks import HookHandle, Hooks

__all__ = ["Optimizer"]

Parameters = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]


class Optimizer:
    """Parameters in groups, each group with its options, and what the method remembers of each parameter.

    ``params`` are tensors, pairs of names and tensors, or dictionaries with ``"params"`` and options of that group,
    which stand before ``defaults``. A subclass defines ``_update``.
    """

    # What a state holds as numbers: PyTorch's states have tensors in their place.
    _numbers: tuple[str, ...] = ("step",)
    param_groups: list[dict[str, Any]]
    state: dict[Tensor, dict[str, Any]]

    def __init__(self, params: Parameters, defaults: dict[str, Any]) -> None:
        if isinstance(params, Tensor):
            raise TypeError(f"{type(self).__name__}: params should be an iterable of tensors or dicts; got a tensor")
        self.defaults = defaults
        self.state = {}
        self.param_groups = []
        groups: list[Any] = list(params)
        if not groups:
            raise ValueError(f"{type(self).__name__}: optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _check(self, group: dict[str, Any]) -> None:
        """Raises where an option of a group is out of its range."""

    def _update(self, group: dict[str, Any], params: list[Tensor], grads: list[Tensor]) -> None:
        """Changes the parameters of a group that have gradients."""
        raise NotImplementedError(f"{type(self).__name__}: _update is missing")

    def _counted(self, params: list[Tensor], names: Iterable[str]) -> list[dict[str, Any]]:
        """The states of parameters, one step on; what is missing of ``names`` begins as zeros."""
        states = self._states(params, names)
        for state in states:
            state["step"] = state.get("step", 0) + 1
        return states

    def _states(self, params: list[Tensor], names: Iterable[str]) -> list[dict[str, Any]]:
        """The states of parameters; what is missing of ``names`` begins as zeros."""
        states = []
        for param in params:
            state = self.state.setdefault(param, {})
            for name in names:
                if name not in state:
                    state[name] = _core.zeros_like(param)
            states.append(state)
        return states

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Adds parameters with options of their own, for instance layers that are trained from now on."""
        operation = type(self).__name__
        if not isinstance(param_group, dict):
            raise TypeError(f"{operation}: a parameter group must be a dict; got {type(param_group).__name__}")
        group = dict(param_group)
        params = group["params"]
        if isinstance(params, set):
            raise TypeError(f"{operation}: parameters need an order, and a set has none. Hint: give a list")
        entries: list[Any] = [params] if isinstance(params, Tensor) else list(params)
        named = [entry for entry in entries if isinstance(entry, tuple)]
        if named:
            if len(named) != len(entries):
                raise ValueError(f"{operation}: either all parameters of a group have names or none")
            group["param_names"] = [name for name, _ in named]
            entries = [tensor for _, tensor in named]
        known = {id(param) for other in self.param_groups for param in other["params"]}
        for param in entries:
            if not isinstance(param, Tensor):
                raise TypeError(f"{operation}: can optimize tensors only; got {type(param).__name__}")
            if not param.is_leaf:
                raise ValueError(f"{operation}: can't optimize a non-leaf tensor")
            if id(param) in known:
                raise ValueError(f"{operation}: a parameter appears twice. Hint: shared parameters belong to one group")
            known.add(id(param))
        group["params"] = entries
        for name, default in self.defaults.items():
            group.setdefault(name, default)
        self._check(group)
        self.param_groups.append(group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients of all parameters, or fills them with zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                grad = param.grad
                if grad is None:
                    continue
                if set_to_none:
                    param.grad = None
                elif grad.requires_grad:
                    param.grad = grad.detach() * 0
                else:
                    grad.zero_()

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Changes the parameters by their gradients; those without one stay.

        ``closure`` computes the loss and its gradients first; its result is returned.
        """
        closure = self._before_step(closure)
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with no_grad():
            for group in self.param_groups:
                params = [param for param in group["params"] if param.grad is not None]
                if params:
                    self._update(group, params, [param.grad for param in params])
        self._after_step(closure)
        return loss

    # --- Hooks

    def _hooks_of(self, kind: str) -> Hooks:
        hooks: dict[str, Hooks] = self.__dict__.setdefault("_hooks", {})
        return hooks.setdefault(kind, Hooks())

    def _before_step(self, closure: Any) -> Any:
        """Calls the hooks; gives the closure, which they may have replaced."""
        if "_hooks" not in self.__dict__:
            return closure
        for hook in list(self._hooks_of("step_pre").values()):
            changed = hook.function(self, () if closure is None else (closure,), {})
            if changed is not None:
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        "register_step_pre_hook: a hook returns None or a pair of args and kwargs; "
                        f"got {type(changed).__name__}"
                    )
                args, kwargs = changed
                closure = args[0] if args else kwargs.get("closure")
        return closure

    def _after_step(self, closure: Any) -> None:
        if "_hooks" in self.__dict__:
            for hook in list(self._hooks_of("step_post").values()):
                hook.function(self, () if closure is None else (closure,), {})

    def register_step_pre_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Calls ``hook(optimizer, args, kwargs)`` before each step; a pair that it returns replaces the arguments.

        >>> import tenfold as tf
        >>> optimizer = tf.optim.SGD([tf.zeros(1, requires_grad=True)])
        >>> with optimizer.register_step_pre_hook(lambda optimizer, args, kwargs: print("step")):
        ...     optimizer.step()
        step
        """
        return self._hooks_of("step_pre").register(hook)

    def register_step_post_hook(self, hook: Callable[..., Any]) -> HookHandle:
        """Calls ``hook(optimizer, args, kwargs)`` after each step."""
        return self._hooks_of("step_post").register(hook)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Calls ``hook(optimizer)`` before ``state_dict()``."""
        return self._hooks_of("state_dict_pre").register(hook, prepend)

    def register_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Calls ``hook(optimizer, state_dict)`` with the finished state; what it returns (unless None) replaces it."""
        return self._hooks_of("state_dict").register(hook, prepend)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Calls ``hook(optimizer, state_dict)`` before a state is loaded; what it returns (unless None) replaces it."""
        return self._hooks_of("load_pre").register(hook, prepend)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any], prepend: bool = False) -> HookHandle:
        """Calls ``hook(optimizer)`` after a state was loaded."""
        return self._hooks_of("load").register(hook, prepend)

    def state_dict(self) -> dict[str, Any]:
        """State and groups, with numbers (in the order of the groups) in the place of parameters; PyTorch's format."""
        for hook in list(self._hooks_of("state_dict_pre").values()):
            hook.function(self)
        numbers = {id(param): number for number, param in enumerate(self._all_params())}
        groups = []
        for group in self.param_groups:
            packed = {name: value for name, value in group.items() if name != "params"}
            packed["params"] = [numbers[id(param)] for param in group["params"]]
            groups.append(packed)
        state = {
            numbers[id(param)]: {
                name: _core.tensor(float(value)) if name in self._numbers else value for name, value in values.items()
            }
            for param, values in self.state.items()
        }
        found: dict[str, Any] = {"state": state, "param_groups": groups}
        for hook in list(self._hooks_of("state_dict").values()):
            changed = hook.function(self, found)
            found = found if changed is None else changed
        return found

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Goes on from a state; groups must have as many parameters as they had. The state is copied."""
        for hook in list(self._hooks_of("load_pre").values()):
            changed = hook.function(self, state_dict)
            state_dict = state_dict if changed is None else changed
        groups = state_dict["param_groups"]
        if len(groups) != len(self.param_groups):
            raise ValueError(
                "load_state_dict: loaded state dict has a different number of parameter groups; "
                f"got {len(groups)} for {len(self.param_groups)}"
            )
        sizes = [
            (len(saved["params"]), len(own["params"])) for saved, own in zip(groups, self.param_groups, strict=True)
        ]
        if any(saved != own for saved, own in sizes):
            raise ValueError(
                "load_state_dict: loaded state dict contains a parameter group that doesn't match the size of "
                f"the optimizer's group; got (loaded, own) sizes {sizes}"
            )
        by_number = dict(zip(chain.from_iterable(group["params"] for group in groups), self._all_params(), strict=True))
        self.state = {
            by_number[number]: {name: self._restored(name, value, by_number[number]) for name, value in saved.items()}
            for number, saved in state_dict["state"].items()
            if number in by_number
        }
        self.param_groups = [
            {**{name: value for name, value in saved.items() if name != "params"}, "params": own["params"]}
            for saved, own in zip(groups, self.param_groups, strict=True)
        ]
        for hook in list(self._hooks_of("load").values()):
            hook.function(self)

    def _restored(self, name: str, value: Any, param: Tensor) -> Any:
        """A saved value as the state holds it: a tensor copied into the parameter's dtype, a count as a number."""
        if name == "step":
            return int(value)
        if name in self._numbers:
            return float(value)
        if not isinstance(value, Tensor):
            return value
        return value.detach().to(param.dtype if param.dtype.is_floating_point else value.dtype, copy=True)

    def _all_params(self) -> Iterable[Tensor]:
        return chain.from_iterable(group["params"] for group in self.param_groups)

    def __getstate__(self) -> dict[str, Any]:
        # Tensors hash by identity, which another process does not know: state in pairs.
        own = {name: value for name, value in self.__dict__.items() if name != "state"}
        return {**own, "state": list(self.state.items())}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, state=dict(state["state"]))

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for number, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {number}")
            lines += [f"    {name}: {group[name]}" for name in sorted(group) if name != "params"]
        return "\n".join([*lines, ")"])
