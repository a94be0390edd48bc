"""The generated conversations that teach nano all it can do.

`words` and `phrases` hold what is drawn from (and keep a tenth back for evaluation),
`tools` and `documents` the two worlds, `skills` the conversations, `mix` their shares
and their token ids.
"""

from training.data.mix import Stage, encode, encode_batch, make, sample
from training.data.skills import Example

__all__ = ["Example", "Stage", "encode", "encode_batch", "make", "sample"]
