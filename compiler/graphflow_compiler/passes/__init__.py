"""The passes, one to a file: each a function of its file's name, with a golden file of that name in the tests.

A pass is a pure function on frozen data. It may expect that what it is given is valid, and must leave what it
gives valid; `verify` says what valid means, and runs after each. A pass never imports another.
"""
