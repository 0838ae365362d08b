"""Arithmetic that people write: read as Python's grammar, worked out by a few rules, and nothing else."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Final

from engine.node import UserError

Number = int | float | bool

#: Characters of an expression, and bits of a whole number: what fits an input of any node fits these.
LONGEST: Final = 2000
WIDEST: Final = 256

BINARY: Final[dict[type[ast.operator], Callable[[Number, Number], Number]]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.LShift: lambda a, b: _whole(a) << _few(b),
    ast.RShift: lambda a, b: _whole(a) >> _few(b),
    ast.BitAnd: lambda a, b: _whole(a) & _whole(b),
    ast.BitOr: lambda a, b: _whole(a) | _whole(b),
    ast.BitXor: lambda a, b: _whole(a) ^ _whole(b),
}
UNARY: Final[dict[type[ast.unaryop], Callable[[Number], Number]]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
    ast.Invert: lambda a: ~_whole(a),
}
COMPARISONS: Final[dict[type[ast.cmpop], Callable[[Number, Number], bool]]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
FUNCTIONS: Final[dict[str, Callable[..., Number]]] = {
    "abs": abs, "min": min, "max": max, "round": round, "int": int, "float": float, "bool": bool,
    "sum": lambda *each: sum(each),
    **{
        name: getattr(math, name)
        for name in (
            "floor", "ceil", "trunc", "sqrt", "exp", "log", "log2", "log10", "sin", "cos", "tan", "asin",
            "acos", "atan", "atan2", "hypot", "degrees", "radians", "gcd", "fmod", "copysign",
        )
    },
    "clamp": lambda value, low, high: max(low, min(value, high)),
    "sign": lambda value: (value > 0) - (value < 0),
}  # fmt: skip
CONSTANTS: Final = {"pi": math.pi, "e": math.e, "tau": math.tau, "True": True, "False": False}


def evaluate(expression: str, values: Mapping[str, Number]) -> Number:
    """The number that an expression gives, names standing for values.

    Raises:
        UserError: it is none, names something that is not there, or cannot be worked out.
    """
    if len(expression) > LONGEST:
        raise UserError(f"expression: is longer than {LONGEST} characters")
    try:
        tree = ast.parse(expression.strip() or " ", mode="eval")
        return _value(tree.body, {**CONSTANTS, **values})
    except (SyntaxError, RecursionError, MemoryError) as error:
        raise UserError(f"expression: {expression.strip()[:60]!r} cannot be read") from error
    except ZeroDivisionError as error:
        raise UserError(f"expression: {expression.strip()[:60]!r} divides by zero") from error
    except (ValueError, TypeError, OverflowError) as error:
        raise UserError(f"expression: {expression.strip()[:60]!r}: {error}") from error


def _value(node: ast.expr, names: Mapping[str, Number]) -> Number:
    match node:
        case ast.Constant(value=bool() | int() | float() as number):
            return number
        case ast.Name(id=name) if name in names:
            return names[name]
        case ast.Name(id=name):
            there = ", ".join(each for each in names if each not in CONSTANTS) or "nothing"
            raise UserError(f"expression: {name} has no value; there is {there}")
        case ast.BinOp(left, op, right):
            result = (
                BINARY[type(op)](_value(left, names), _value(right, names)) if type(op) in BINARY else None
            )
            if result is not None:
                return _bounded(result)
        case ast.UnaryOp(op, operand):
            return UNARY[type(op)](_value(operand, names))
        case ast.BoolOp(op, operands):
            both = isinstance(op, ast.And)
            value: Number = both
            for each in operands:
                value = _value(each, names)
                if bool(value) != both:
                    break
            return value
        case ast.Compare(left, ops, rights) if all(type(op) in COMPARISONS for op in ops):
            numbers = [_value(left, names), *(_value(each, names) for each in rights)]
            return all(
                COMPARISONS[type(op)](a, b) for op, a, b in zip(ops, numbers, numbers[1:], strict=False)
            )
        case ast.IfExp(test, body, other):
            return _value(body if _value(test, names) else other, names)
        case ast.Call(ast.Name(id=name), args, []) if name in FUNCTIONS:
            return _bounded(FUNCTIONS[name](*(_value(each, names) for each in args)))
        case ast.Call(ast.Name(id=name)):
            raise UserError(
                f"expression: there is no function {name}; there are {', '.join(sorted(FUNCTIONS))}"
            )
    raise UserError(f"expression: {ast.unparse(node)[:60]!r} is no arithmetic")


def _bounded(number: Number) -> Number:
    if isinstance(number, int) and number.bit_length() > WIDEST:
        raise UserError(f"expression: a number in it has more than {WIDEST} bits")
    return number


def _power(base: Number, exponent: Number) -> Number:
    if isinstance(base, int) and isinstance(exponent, int) and exponent > 0:
        bits = max(base.bit_length(), 1) * exponent
        if abs(base) > 1 and bits > 4 * WIDEST:
            raise UserError(f"expression: a number in it has more than {WIDEST} bits")
    result = base**exponent
    if isinstance(result, complex):
        raise UserError("expression: a root of a negative number")
    return result


def _whole(number: Number) -> int:
    if int(number) != number:
        raise UserError(f"expression: {number} is no whole number, and bits are taken of those only")
    return int(number)


def _few(number: Number) -> int:
    places = _whole(number)
    if not 0 <= places <= WIDEST:
        raise UserError(f"expression: cannot shift by {places} places")
    return places


BINARY[ast.Pow] = FUNCTIONS["pow"] = _power
