"""Randomness that depends on what is drawn, not on when: any epoch, product or process can be drawn again alone."""

import hashlib


def derive_seed(*parts: int | str) -> int:
    """Hash the parts to a 32-bit seed, for example `derive_seed(seed, "augment", epoch, index)`."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little")
