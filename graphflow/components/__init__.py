"""The parts that chains are usually made of: prompts, models, parsers, retrievers and tools.

`messages`, `template`, `search` and `signature` know nothing of graphs; `prompt`, `chat_model`, `parsers`,
`retriever` and `tool` make nodes of them.
"""
