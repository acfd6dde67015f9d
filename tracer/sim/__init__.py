"""A simulated internet: scenario files, the pure function packet → replies, and its two attachments.

``channel`` attaches it in memory, ``tun`` to a TUN device of the Linux kernel.
"""
