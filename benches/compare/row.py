"""What a row is: a goal, how it is measured, and what it came to."""

from dataclasses import dataclass, field

from loads import cpu_us, rate


@dataclass
class Plan:
    """How long it may take."""

    rounds: int = 5
    seconds: float = 1.5
    keys: int = 10_000_000
    expiring: int = 1_000_000
    idle: int = 10_000
    soak_seconds: int = 60


@dataclass(frozen=True)
class Source:
    """What a row was measured of, when, and for how long; what was kept before
    this was noted says nothing."""

    commit: str | None = None
    date: str | None = None
    rounds: int | None = None
    seconds: float | None = None


@dataclass
class Result:
    """What a row came to."""

    value: float | None
    detail: str
    curve: list = field(default_factory=list)
    bars: dict = field(default_factory=dict)
    source: Source = Source()


@dataclass
class Row:
    """A goal, and how it is measured."""

    name: str
    what: str
    measure: object
    goal: float | None = None
    beyond: float | None = None
    less: bool = False
    unit: str = ""
    quick: bool = True

    def reached(self, value):
        if self.goal is None:
            return ""
        meets = (lambda bound: value <= bound) if self.less else (lambda bound: value >= bound)
        return "beyond" if meets(self.beyond) else "yes" if meets(self.goal) else "no"


def told(name, samples):
    return f"{name} {rate(samples) / 1e3:,.1f} k/s ({cpu_us(samples):.2f} us)"


def compared(samples, ours="nanokv"):
    """The medians of all, and the spread of the ratio to each other one."""
    texts = [told(name, some) for name, some in samples.items()]
    for name, some in samples.items():
        if name != ours:
            ratios = [a.rate / b.rate for a, b in zip(samples[ours], some)]
            texts.append(f"to {name} {min(ratios):.2f}-{max(ratios):.2f}")
    return "; ".join(texts)


def bars(samples):
    return {name: [rate(some), cpu_us(some)] for name, some in samples.items()}
