"""A copy of the keys of a range, by what a Watch tells."""

from checks import holds
from nanokv.v1 import entry_pb2, kv_pb2


class Mirror:
    """Fails the step when something is told twice, or out of order."""

    def __init__(self):
        self.entries: dict[str, entry_pb2.Entry] = {}
        self.resume_version = 0
        self.last_version = 0

    def take(self, reply: kv_pb2.WatchResponse) -> None:
        for entry in reply.snapshot_entries:
            holds(f"{entry.key} is in the snapshot twice", entry.key not in self.entries)
            self.entries[entry.key] = entry
        for event in reply.events:
            entry = event.entry
            last, self.last_version = self.last_version, entry.version
            holds(f"{entry.version} comes after {last}", entry.version > last)
            if event.type == kv_pb2.EVENT_TYPE_PUT:
                self.entries[entry.key] = entry
            else:
                self.entries.pop(entry.key, None)
        self.resume_version = reply.resume_version
