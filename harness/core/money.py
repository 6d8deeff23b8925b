"""Money in the ledger: whole micro-dollars, always rounded against us."""

from decimal import ROUND_CEILING, Decimal

_MICRO = Decimal(1_000_000)


def to_micro(usd: Decimal) -> int:
    """Micro-dollars, rounded up: the ledger never knows less than was paid."""
    return int((usd * _MICRO).to_integral_value(rounding=ROUND_CEILING))


def to_usd(microusd: int) -> Decimal:
    return Decimal(microusd) / _MICRO


def in_words(microusd: int) -> str:
    """`$0.07`, `$12.40`; four digits below a cent."""
    usd = to_usd(microusd)
    return f"${usd:.4f}" if 0 < usd < Decimal("0.01") else f"${usd:,.2f}"
