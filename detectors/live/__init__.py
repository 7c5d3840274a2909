"""Detectors that are taught from a stream of frames and answer it: which frames to learn from, fits, alarms.

- `selection` takes distinct, sharp frames out of a stream.
- `model` fits all methods on them, with thresholds by folds over these frames, and answers a frame.
- `alarm` makes an alarm of several answers and counts false ones.
- `answering` and `fitting` are two processes: the second works at low priority, so that the first goes on answering
  while somebody else's methods are fitted. `wire` is what they say to each other.
- `service` is the way to them for a process that never imports torch.

Frames stay in the memory of these processes; nothing of them is written to a disk or enters a cache.
"""
