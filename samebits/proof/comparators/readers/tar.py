"""Tar archives: time stamps, owners and the order of members do not count; modes and links do."""

import io
import tarfile

from samebits.proof.comparators.reading import Budget, UnreadableError
from samebits.proof.comparators.values import Archive, File

# Of who made the archive and when; and what is compared in another way.
NOT_COUNTED = {"mtime", "atime", "ctime", "uid", "gid", "uname", "gname", "path", "linkpath", "size"}


def read(content: bytes, name: str, budget: Budget) -> Archive:
    """The members, with their kinds and modes."""
    files: dict[str, File] = {}
    with tarfile.open(fileobj=io.BytesIO(content), mode="r:") as archive:
        for member in archive:
            if member.name in files:
                raise UnreadableError(f"two members of the name {member.name}")
            budget.take(member.size if member.isfile() else 0)
            file = archive.extractfile(member) if member.isfile() else None
            about = {"kind": member.type, "mode": oct(member.mode), "link": member.linkname}
            about |= {key: value for key, value in member.pax_headers.items() if key not in NOT_COUNTED}
            if member.ischr() or member.isblk():
                about["device"] = f"{member.devmajor}, {member.devminor}"
            files[member.name] = File(member.name, file.read() if file else b"", about)
            if file and len(files[member.name].content) != member.size:
                raise UnreadableError(f"{member.name} is cut off")
        if content[archive.offset :].strip(b"\0"):  # where a header is broken, tarfile takes it for the end
            raise UnreadableError("it holds other bytes after its last member")
    return Archive(files)
