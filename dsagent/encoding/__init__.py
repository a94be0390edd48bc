"""The chat format: messages to token ids, and the model's tokens back to messages.

Rendering, parsing and constraining are three readings of one format, so they live
together. Nothing here imports torch or knows an engine.
"""
