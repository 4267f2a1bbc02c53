"""The browser refreshes itself: what is added to a page, and the channel that reports saves to it."""
