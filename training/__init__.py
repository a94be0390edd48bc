"""How the bundled model nano is made: its data, its tokenizer, its training."""
