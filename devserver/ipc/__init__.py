"""Between Master, Manager and Workers: the messages, and the channels that carry them."""
