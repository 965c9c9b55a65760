"""Layers, losses, initialisers and optimizers beside PyTorch.

`cases.py` draws the cases, `scripts/record_fixtures.py` runs them in PyTorch and writes what came out,
`test_parity.py` replays the records here. A record holds everything: its case, inputs, state and results.
"""
