"""Zip archives: time stamps, compression and the order of members do not count; npz and torch files are such."""

import io
import zipfile
from typing import Any

from samebits.proof.comparators.readers import torch
from samebits.proof.comparators.reading import Budget, UnreadableError
from samebits.proof.comparators.values import Archive, File


def read(content: bytes, name: str, budget: Budget) -> Any:
    """The members, with their modes."""
    files: dict[str, File] = {}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.infolist()
        if min((member.header_offset for member in members), default=0):
            raise UnreadableError("it holds other bytes before the archive")
        for member in members:
            if member.filename in files:
                raise UnreadableError(f"two members of the name {member.filename}")
            budget.take(member.file_size)
            mode = member.external_attr >> 16 if member.create_system == 3 else 0
            about: dict[str, Any] = {"mode": oct(mode)} if mode else {}
            if member.comment:
                about["comment"] = member.comment
            with archive.open(member) as file:  # checks the size and the CRC
                files[member.filename] = File(member.filename, file.read(member.file_size + 1), about)
            if len(files[member.filename].content) != member.file_size:
                raise UnreadableError(f"{member.filename} has another size than it says")
        about = {"comment": archive.comment} if archive.comment else {}
    return torch.typed(Archive(files, about))
