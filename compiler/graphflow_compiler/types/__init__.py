"""How two declared types relate: what the compiler checks along every edge, for those who do not run mypy.

Types are annotations as `typing.get_type_hints(..., include_extras=True)` gives them. `relate` answers in three words:

>>> from collections.abc import Sequence
>>> relate(list[int], Sequence[float]).verdict
<Verdict.YES: 'yes'>
>>> relate(list[int], list[str])
Relation(verdict=<Verdict.NO: 'no'>, reason='list[int] is not list[str]: int is not str')
>>> relate(UNKNOWN, str)
Relation(verdict=<Verdict.UNCHECKED: 'unchecked'>, reason='? is not annotated')

Where this differs from mypy, it is because an edge hands a value over once, and a compile error for something that
works is worse than a check too few:

- **Containers are covariant**, also `list`, `dict` and `set`: `list[int]` flows into `list[float]`. mypy refuses that,
  since the receiver could put a float into the sender's list; but along an edge the sender has no more use for it.
  Classes of the user's own are as variant as their type variables say; an invariant one must fit both ways.
- **Unknown is not wrong.** `Any`, no annotation, unresolved names, the length of `tuple[int, ...]` and the keys of a
  plain dict give `UNCHECKED`, and the plan shows them so. A definite mismatch elsewhere in the same type still wins.
- **Records are read by key**: a TypedDict or a fan-out flows into `dict[str, V]` when every field is a `V`.
- **Protocols are checked by the names of their members** and by the types of those that are data, not by the
  signatures of their methods.
"""

from graphflow_compiler.types.model import UNKNOWN as UNKNOWN
from graphflow_compiler.types.model import Field as Field
from graphflow_compiler.types.model import Record as Record
from graphflow_compiler.types.model import Relation as Relation
from graphflow_compiler.types.model import Unknown as Unknown
from graphflow_compiler.types.model import Verdict as Verdict
from graphflow_compiler.types.parts import awaited as awaited
from graphflow_compiler.types.parts import element_of as element_of
from graphflow_compiler.types.parts import field_type as field_type
from graphflow_compiler.types.parts import iterated as iterated
from graphflow_compiler.types.parts import iterated_sync as iterated_sync
from graphflow_compiler.types.parts import may_be_awaitable as may_be_awaitable
from graphflow_compiler.types.parts import yielded as yielded
from graphflow_compiler.types.parts import yielded_sync as yielded_sync
from graphflow_compiler.types.records import record_of as record_of
from graphflow_compiler.types.relate import relate as relate
from graphflow_compiler.types.shapes import substitute as substitute
from graphflow_compiler.types.shapes import union as union
from graphflow_compiler.types.show import show as show
from graphflow_compiler.types.solve import solve as solve
