"""The messages between Master, Manager and Workers, and the channels that carry them."""
