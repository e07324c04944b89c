"""Seeds derived from what is drawn (seed, purpose, epoch, index), not from the order of the draws.

So the random numbers of one epoch or one product can be reproduced without drawing those before it, in any process.
"""

import hashlib


def derive_seed(*parts: int | str) -> int:
    """Return a 32-bit seed, a hash of the parts, for example `derive_seed(seed, "augment", epoch, index)`."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little")
