"""The one patience with a store that does not answer."""

from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from muniment.errors import StoreUnavailable

# On top of the client's own attempts: a prefix that S3 is still splitting answers SlowDown for some seconds.
retry_store = retry(
    retry=retry_if_exception_type(StoreUnavailable),
    stop=stop_after_attempt(4),
    wait=wait_exponential_jitter(multiplier=0.5, max=20),
    reraise=True,
)
"""For what may be done again as a whole: a read, a conditional write that knows its own first try."""
