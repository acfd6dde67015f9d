"""Bytes ⇄ values, pure: no sockets, no clock, no state.

Two invariants hold in every module here and are tested as such:

* ``decode`` of any bytes whatsoever returns a value or raises ``DecodeError``, nothing else;
* ``decode(encode(x)) == x`` for every value that can be written. Lengths and checksums kept in a header
  are what was received; ``encode`` works them out anew.
"""
