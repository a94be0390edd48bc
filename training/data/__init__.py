"""The generated conversations that teach nano all it can do.

`words` and `phrases` hold what is drawn from (and keep a tenth back for evaluation),
`catalogue` what tools do and `relations` what documents say, `tools`, `documents` and
`records` draw from them, `skills` are the conversations, `mix` their shares and their
token ids. Most phrasings are text, in `texts/`.
"""

from training.data.mix import Stage, encode, encode_batch, make, sample
from training.data.talk import Example

__all__ = ["Example", "Stage", "encode", "encode_batch", "make", "sample"]
