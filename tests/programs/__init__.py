"""Random programs over tensors, run in every mode of the engine and compared bit for bit.

A program is a list of statements as data (``language``). ``writer`` makes one from a seed, with what the files of
``families`` contribute; ``running`` runs it under a variant's switches and takes down everything that can be observed;
``comparing`` says where two runs differ; ``shrinking`` makes a failing program small. ``python tests/programs --help``
runs them at length.
"""
