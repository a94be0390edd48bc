"""The operations of the model: one name, one signature each.

``reference`` says in plain torch what each computes, and is what runs on a CPU. Code
above this package takes its operations from here and never asks which it got.
"""

from dsagent.kernels import reference as ops

__all__ = ["ops"]
